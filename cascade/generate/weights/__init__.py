"""The weights that ship with the package."""

from pathlib import Path

#: One Hugging Face model folder for each size of family mini.
MINI = Path(__file__).parent / "mini"
