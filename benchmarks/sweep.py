"""What a sweep over seeds says: savings, the drop and the regret over all its studies.

    python -m benchmarks.sweep multirun/DAY/TIME …

One row for each folder of `python run.py -m seed=…`; every job in it left a plans.json. Intervals are
Student's over the studies: they tell how far the mean hangs on the split. All studies share one
recording, so another recording may lie outside.
"""

import sys
from pathlib import Path

import numpy as np

from cascade.core.bootstrap import mean_of_studies
from cascade.search.plan_file import PLANS, PlanFile

CONFIDENCE = 0.95


def mean_and_interval(values: np.ndarray) -> str:
    """Mean and interval of some shares, in percent."""
    mean = mean_of_studies(values, CONFIDENCE)
    return f"{100 * mean.value:.1f} ({100 * mean.interval.low:.1f} to {100 * mean.interval.high:.1f})"


def row(folder: Path) -> str:
    """One line of the table."""
    plans = [PlanFile.load(path) for path in sorted(folder.glob(f"*/{PLANS}"))]
    proofs = [own.proof for own in plans if own.proof is not None]
    if not proofs:
        sys.exit(f"{folder}: no evaluated {PLANS} below it; name the folder of a sweep")
    saving = np.array([p.mean_saving.value for p in proofs if p.mean_saving is not None])
    lost = np.array([p.drop.value for p in proofs])
    cells = [
        folder.name,
        str(len(proofs)),
        mean_and_interval(saving),
        f"{100 * saving.std(ddof=1):.1f}",
        f"{100 * saving.min():.0f} to {100 * saving.max():.0f}",
        mean_and_interval(lost),
        f"{100 * np.mean([own.optimism for own in plans]):.1f}",
        f"{100 * np.mean([p.regret for p in proofs]):.1f}",
        f"{np.mean([p.n_cascades for p in proofs]):.1f}",
    ]
    return f"| {' | '.join(cells)} |"


def main() -> None:
    """Print the table."""
    if len(sys.argv) < 2:
        sys.exit("which sweeps? python -m benchmarks.sweep FOLDER …")
    print(
        "| sweep | studies | mean saving (%) | sd | range | drop (points) | expected drop | regret (%) "
        "| cascade plans |\n| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |"
    )
    for folder in sys.argv[1:]:
        print(row(Path(folder)))


if __name__ == "__main__":
    main()
