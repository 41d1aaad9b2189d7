"""One table and one figure over all jobs of a sweep, from what they left in their folders."""

import sys
from pathlib import Path

from omegaconf import OmegaConf

from cascade.base import FAILED
from cascade.report.figures import overlay_figure
from cascade.report.terminal import sweep_table
from cascade.search import PLANS, Estimate, PlanFile

FIGURE = "fronts.png"


def summarise(folder: Path, since: float) -> int:
    """Print the table, draw the figure; wherever the jobs ran, their folders are here.

    Args:
        folder: of the sweep.
        since: when it started, in seconds since the epoch; what older jobs left there is ignored.

    Returns:
        How many jobs failed.
    """
    jobs = _jobs(folder, since)
    chosen = {name: plans for name, plans in jobs.items() if isinstance(plans, PlanFile)}
    # A task that chooses nothing (task=run) has nothing to compare.
    if jobs:
        print(f"\n{len(jobs)} jobs in {folder}\n\n{sweep_table(jobs)}\n")
    if chosen:
        proved = all(plan.test for plans in chosen.values() for plan in plans.front)
        fronts = {
            name: [estimate for plan in plans.front if (estimate := plan.test if proved else plan.validation)]
            for name, plans in chosen.items()
        }
        side = "test" if proved else "validation"
        groups: dict[str, list[list[Estimate]]] = {}
        for name, front in fronts.items():
            apart = ", ".join(part for part in name.split(", ") if not part.startswith("seed="))
            groups.setdefault(apart or "all seeds", []).append(front)
        overlay_figure(folder / FIGURE, f"chosen plans of {len(fronts)} jobs, {side} side", fronts, groups)
        print(f"all fronts in one figure: {folder / FIGURE}")
    return len(jobs) - len(chosen)


def _jobs(folder: Path, since: float) -> dict[str, PlanFile | str]:
    """By the settings that tell them apart, what the jobs left."""
    jobs: dict[str, PlanFile | str] = {}
    for path in sorted(folder.glob("**/.hydra/overrides.yaml"), key=_number):
        job = path.parent.parent
        name = ", ".join(str(override) for override in OmegaConf.load(path)) or job.name
        for left in (job / PLANS, job / FAILED):
            # A second of grace: not every file system counts finer.
            if left.exists() and left.stat().st_mtime >= since - 1:
                jobs[name] = PlanFile.load(left) if left.name == PLANS else left.read_text(encoding="utf-8")
    if len(jobs) < 2:
        return jobs
    common = set.intersection(*(set(name.split(", ")) for name in jobs))
    return {
        ", ".join(part for part in name.split(", ") if part not in common): left
        for name, left in jobs.items()
    }


def _number(path: Path) -> tuple[int, str]:
    name = path.parent.parent.name
    return int(name) if name.isdigit() else sys.maxsize, name
