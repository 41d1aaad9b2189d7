"""The words that settings of `conf/` choose between; what each of them means stands beside it."""

from enum import Enum


class NoTests(Enum):
    """What a stage without a valid test line does; the paper's 0 ≥ 0 accepts."""

    accept = "accept"
    escalate = "escalate"


class Combinations(Enum):
    """How all combinations are logged: as MLflow runs and as a table, or as a table alone."""

    runs = "runs"
    table = "table"


class Require(Enum):
    """What isolation the sandbox must have: any, or one that hides files, network and other processes."""

    any = "any"
    confined = "confined"


class Container(Enum):
    """What the sandbox's servers are started in."""

    none = "none"
    bubblewrap = "bubblewrap"
    podman = "podman"
    docker = "docker"


class AllowedPlans(Enum):
    """Which plans may be chosen.

    All; those whose k falls; of these the ones whose stages grow where k > 1; or what splits of the
    validation side say.
    """

    all = "all"
    falling_k = "falling_k"
    growing = "growing"
    nested = "nested"


class AccuracyOf(Enum):
    """By what accuracy plans are chosen: that on the validation side, or shrunk to what stages believe."""

    validation = "validation"
    shrunk = "shrunk"


class PromiseOf(Enum):
    """What accuracy a choice promises: that by which a plan is chosen, or that less the front's optimism."""

    validation = "validation"
    corrected = "corrected"


class SavingMembers(Enum):
    """Which plans the paper's mean saving is averaged over."""

    cascades = "cascades"
    front = "front"


class Lines(Enum):
    """What a test line is: one assert statement, or every physical line that begins with assert."""

    statements = "statements"
    physical = "physical"


class Weights(Enum):
    """Which weights are timed: the family's own, or random ones of the same shape (no download)."""

    trained = "trained"
    random = "random"


class ReportOf(Enum):
    """What task=report is about: one study, or all of an experiment or of the MLflow store."""

    study = "study"
    experiment = "experiment"
    store = "store"


class Side(Enum):
    """Which of a plan file's problems are solved."""

    all = "all"
    validation = "validation"
    test = "test"
