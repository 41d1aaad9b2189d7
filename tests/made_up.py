"""Stage tables of made-up models: larger ones are right more often and dearer."""

import numpy as np

from cascade.core.plans import Option, option_space
from cascade.core.stage_tables import StageTable

OPTIONS = option_space([-1, 0, 1, 3, 5, 10], [0, 2, 4])
THETAS = tuple(round(0.1 * i, 1) for i in range(11))


def made_up_tables(
    n_models: int, n_problems: int, options: tuple[Option, ...] = OPTIONS, thetas: tuple[float, ...] = THETAS
) -> list[StageTable]:
    """Tables with a seed of their own; acceptance falls with θ."""
    rng = np.random.default_rng(n_models)
    tables = []
    for i in range(n_models):
        accept = np.sort(rng.random((len(options), len(thetas), n_problems)), axis=1)[:, ::-1]
        correct = rng.random((len(options), n_problems)) * (0.5 + 0.5 * (i + 1) / n_models)
        usd = rng.random((len(options), n_problems)) * 1e-3 * 4**i
        none = np.zeros_like(usd)
        tables.append(
            StageTable(options, thetas, accept, accept * correct[:, None], correct, usd, none, none)
        )
    return tables
