"""Which data set, in which format, from where."""

from dataclasses import dataclass


@dataclass(frozen=True)
class DataSet:
    """A data set of problems, as `conf/dataset/*.yaml` names it.

    Attributes:
        name: how studies and tables call it, e.g. ``apps_intro``.
        format: what a record looks like: a key of `load.FORMATS`.
        path: local file, absolute (JSON list or JSON Lines, gzip or not; Parquet), or a folder with one
            folder a problem where the format is ``own``; None reads the Hugging Face hub.
        hub_id: the hub's data set, or a local folder that `datasets.load_dataset` reads.
        hub_config: its configuration; None where it has one only.
        hub_split: its split, in the notation of `load_dataset` (``train+test`` joins two).
        revision: its branch, tag or commit; None for the newest.
        difficulty: APPS and LiveCodeBench: keep the problems of this difficulty; None keeps all.
        after: LiveCodeBench only: keep the problems of contests on this day (``2025-01-31``) or later; None
            keeps all.
        tests: HumanEval+ and MBPP+: ``base`` judges by the data set's own tests that they extend; None
            by all.
        prove_on: HumanEval+ and MBPP+: ``plus`` chooses plans by the base tests and proves them by all; None
            chooses and proves by the same tests.
        self_tests: APPS, LiveCodeBench and problems of one's own, where they are over standard input:
            ``pairs`` poses them as programs and tests them by pairs of input and expected output,
            ``asserts`` as functions of the input, by assert lines.
        packages: modules that answers may import beyond the standard library.
    """

    name: str = "???"  # OmegaConf's mark for a value that every file must give
    format: str = "???"
    path: str | None = None
    hub_id: str | None = None
    hub_config: str | None = None
    hub_split: str = "test"
    revision: str | None = None
    difficulty: str | None = None
    after: str | None = None
    tests: str | None = None
    prove_on: str | None = None
    self_tests: str = "pairs"
    packages: tuple[str, ...] = ()
