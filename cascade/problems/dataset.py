"""Which data set, in which format, from where."""

from dataclasses import dataclass


@dataclass(frozen=True)
class DataSet:
    """A data set of problems, as `conf/dataset/*.yaml` names it.

    Attributes:
        name: how studies and tables call it, e.g. ``apps_intro``.
        format: what a record looks like: ``humaneval``, ``mbpp`` or ``apps``.
        path: local file, absolute (JSON list or JSON Lines, gzip or not); None reads the Hugging Face hub.
        hub_id: the hub's data set, or a local folder that `datasets.load_dataset` reads.
        hub_config: its configuration; None where it has one only.
        hub_split: its split, in the notation of `load_dataset` (``train+test`` joins two).
        revision: its branch, tag or commit; None for the newest.
        difficulty: APPS only: keep the problems of this difficulty; None keeps all.
    """

    name: str = "???"  # OmegaConf's mark for a value that every file must give
    format: str = "???"
    path: str | None = None
    hub_id: str | None = None
    hub_config: str | None = None
    hub_split: str = "test"
    revision: str | None = None
    difficulty: str | None = None
