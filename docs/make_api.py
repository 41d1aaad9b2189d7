"""Write docs/api.md from the public names' docstrings: `python docs/make_api.py`."""

import inspect
from pathlib import Path

import cascade

HEAD = """# API

For notebooks and scripts; `examples/study_in_a_notebook.py` uses it. Made from the docstrings by
`python docs/make_api.py`.
"""


def page() -> str:
    """The whole page."""
    parts = [HEAD]
    for name in cascade.PUBLIC:
        thing = getattr(cascade, name)
        parts.append(_entry(f"cascade.{name}", thing))
        for method, function in sorted(vars(thing).items()) if inspect.isclass(thing) else ():
            if inspect.isfunction(function) and not method.startswith("_"):
                parts.append(_entry(f"{name}.{method}", function))
    return "\n".join(parts)


def _entry(title: str, thing: object) -> str:
    arguments = ""
    if inspect.isfunction(thing):
        arguments = f"({', '.join(inspect.signature(thing).parameters)})"
    return f"## `{title}{arguments}`\n\n```text\n{inspect.getdoc(thing)}\n```\n"


if __name__ == "__main__":
    Path(__file__).with_name("api.md").write_text(page(), encoding="utf-8")
