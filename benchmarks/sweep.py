"""What a sweep over seeds says: every measure over its studies, and paired differences to the first sweep.

    python -m benchmarks.sweep multirun/DAY/TIME …

One row for each folder of `python run.py -m seed=…`; every job in it left a plans.json. Intervals are
Student's over the studies: they tell how far the mean depends on the split. All studies share one
recording, so another recording may lie outside. A difference is paired by seed: only studies with the same
test problems are compared.
"""

import sys
from pathlib import Path

import numpy as np

from cascade.core.bootstrap import mean_of_studies
from cascade.search import PLANS, PlanFile, Proof
from cascade.search.measures import paired_difference

CONFIDENCE = 0.95
Values = np.ndarray[tuple[int], np.dtype[np.float64]]


def mean_and_interval(values: np.ndarray) -> str:
    """Mean and interval of some shares, in percent."""
    mean = mean_of_studies(values, CONFIDENCE)
    return f"{100 * mean.value:.1f} ({100 * mean.interval.low:.1f} to {100 * mean.interval.high:.1f})"


def studies(folder: Path) -> dict[tuple[str, ...], Proof]:
    """The proved plans of a sweep, by their test problems."""
    plans = [PlanFile.load(path) for path in sorted(folder.glob(f"*/{PLANS}"))]
    found = {plan_file.test_ids: plan_file.proof for plan_file in plans if plan_file.proof is not None}
    if not found:
        sys.exit(f"{folder}: no evaluated {PLANS} below it; name the folder of a sweep")
    return found


def values(proofs: list[Proof], name: str) -> Values:
    """One measure of every study; NaN where it has none."""
    found = [getattr(proof, name) for proof in proofs]
    return np.array([np.nan if v is None else getattr(v, "value", v) for v in found], dtype=float)


def row(folder: Path, first: dict[tuple[str, ...], Proof]) -> str:
    """One line of the table."""
    proof_of = studies(folder)
    proofs = list(proof_of.values())
    shared = [ids for ids in proof_of if ids in first]
    pairs = [proof_of[ids] for ids in shared], [first[ids] for ids in shared]

    def mean(name: str) -> str:
        known = values(proofs, name)
        return mean_and_interval(known[~np.isnan(known)]) if not np.isnan(known).all() else ""

    volume = mean_of_studies(values(proofs, "hypervolume"), CONFIDENCE).value
    against = ["", ""]
    if proof_of is not first and shared and proof_of != first:
        cheaper, n_cheaper = paired_difference(*(values(p, "saving_by_target") for p in pairs), CONFIDENCE)
        more, n_more = paired_difference(*(values(p, "hypervolume") for p in pairs), CONFIDENCE)
        half = (more.interval.high - more.interval.low) / 2
        against = [
            f"{100 * cheaper.value:+.1f} ({n_cheaper} of {len(shared)})",
            f"{more.value:+.3f} ± {half:.3f} ({n_more} of {len(shared)})",
        ]
    cells = [
        folder.name,
        str(len(proofs)),
        mean("saving_by_target"),
        against[0],
        mean("accuracy_by_target"),
        f"{volume:.3f}",
        against[1],
        mean("saving_at_equal_accuracy"),
        mean("generalization_gap"),
        f"{100 * np.mean(values(proofs, 'regret')):.1f}",
        mean("mean_saving_as_written"),
        mean("mean_saving_as_printed"),
    ]
    return f"| {' | '.join(cells)} |"


def main() -> None:
    """Print the table."""
    if len(sys.argv) < 2:
        sys.exit("which sweeps? python -m benchmarks.sweep FOLDER …")
    head = (
        *("sweep", "studies", "by target: cheaper (%)", "to the first", "by target: points", "hypervolume"),
        *("to the first", "at equal accuracy (%)", "gap (points)", "regret (%)"),
        *("mean saving, as written (%)", "as printed (%)"),
    )
    print(f"| {' | '.join(head)} |\n| --- |{' ---: |' * (len(head) - 1)}")
    first = studies(Path(sys.argv[1]))
    for folder in sys.argv[1:]:
        print(row(Path(folder), first))


if __name__ == "__main__":
    main()
