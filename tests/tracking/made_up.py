"""All combinations of a made-up family, as many as the paper's spaces have."""

import numpy as np

from cascade.artifacts import combinations_table
from cascade.plans import option_space
from cascade.search.grid import grid_search
from cascade.tables import StageTable
from cascade.tracking.bulk import Rows
from cascade.tracking.layout import combination_rows

OPTIONS = option_space([-1, 0, 1, 3, 5, 10], [0, 2, 4])
THETAS = tuple(round(0.1 * i, 1) for i in range(11))


def made_up_rows(n_models: int, seed: int = 0) -> tuple[Rows, tuple[str, ...]]:
    """9,009 runs for three models, 81,180 for four; and the models' names."""
    rng = np.random.default_rng(seed)
    tables = []
    for i in range(n_models):
        shape = (len(OPTIONS), len(THETAS), 40)
        accept = rng.random(shape)
        correct = rng.random((len(OPTIONS), 40)) * (0.5 + 0.5 * (i + 1) / n_models)
        usd = rng.random((len(OPTIONS), 40)) * 1e-3 * 4**i
        tables.append(StageTable(OPTIONS, THETAS, accept, accept * correct[:, None], correct, usd))
    models = tuple(f"{size}B" for size in (1, 7, 13, 34)[:n_models])
    frame = combinations_table(grid_search(tables), "validation")
    return combination_rows(frame, models, {"cascade.study": f"made-up-{n_models}"}), models
