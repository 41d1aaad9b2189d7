"""Model cascading with self-testing for code generation: find and prove cost-efficient plans.

For notebooks and scripts (docs/api.md): `run` a study or `load_study` its folder; search, choose and
evaluate on arrays with `grid_search`, `select` and `plan_outcomes`. The names are loaded on
first use.
"""

from importlib import import_module

__version__ = "0.1.0"

# The public names and the rooms that they come from.
PUBLIC = {
    "run": "cascade.tasks.notebook",
    "load_study": "cascade.tasks.notebook",
    "compose": "cascade.tasks.notebook",
    "FinishedStudy": "cascade.tasks.notebook",
    "StageTable": "cascade.core",
    "Option": "cascade.core",
    "Plan": "cascade.core",
    "ThetaChoice": "cascade.core",
    "balanced_split": "cascade.core",
    "grid_search": "cascade.search",
    "GridResult": "cascade.search",
    "select": "cascade.search",
    "plan_outcomes": "cascade.search",
    "cost_accuracy_figure": "cascade.report",
    "CascadeError": "cascade.base",
}


def __getattr__(name: str) -> object:
    if name in PUBLIC:
        return getattr(import_module(PUBLIC[name]), name)
    raise AttributeError(f"module 'cascade' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *PUBLIC])
