"""Optuna's own plots of a search, as PNG files."""

import math
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import optuna
from matplotlib.axes import Axes
from optuna.trial import FrozenTrial, TrialState

from cascade.report.drawing import save
from cascade.search import OBJECTIVES

INCHES = (9, 5.5)


def optuna_plots(study: optuna.Study, dearest_usd: float) -> Iterator[tuple[str, Callable[[Path], None]]]:
    """The plots by name, each as a function that writes it.

    Args:
        study: of `cascade.search.optuna_search`.
        dearest_usd: the reference cost of the hypervolume, US dollars per 1,000 queries.
    """
    plots = optuna.visualization.matplotlib
    reference = [math.log(dearest_usd), 0.0]
    # The hypervolume wants every point to be on the reference's side.
    inside = [
        t
        for t in study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
        if t.values[0] <= reference[0]
    ]

    def ln_usd(trial: FrozenTrial) -> float:
        return float(trial.values[0])

    def inaccuracy(trial: FrozenTrial) -> float:
        # Optuna asks what matters for low values.
        return 1.0 - float(trial.values[1])

    yield "pareto_front", _writer(lambda: plots.plot_pareto_front(study, target_names=OBJECTIVES))
    if len(inside) > 1:
        yield "hypervolume", _writer(lambda: plots.plot_hypervolume_history(study, reference))
        yield "importance_for_cost", _writer(lambda: _importances(study, ln_usd, OBJECTIVES[0]))
        yield "importance_for_accuracy", _writer(lambda: _importances(study, inaccuracy, OBJECTIVES[1]))


def _importances(study: optuna.Study, target: Callable[[FrozenTrial], float], name: str) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # it says that low values are meant, and they are
        return optuna.visualization.matplotlib.plot_param_importances(study, target=target, target_name=name)


def _writer(draw: Callable[[], Any]) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        before, backend = set(plt.get_fignums()), plt.get_backend()
        # Optuna draws with pyplot, which would look for a screen.
        plt.switch_backend("agg")
        try:
            with warnings.catch_warnings(), plt.rc_context({"text.parse_math": False}):
                warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
                drawn = draw()
            axes: Axes = drawn if isinstance(drawn, Axes) else drawn.flat[0]
            figure = axes.get_figure(root=True)
            assert figure is not None
            figure.set_size_inches(*INCHES)
            save(figure, path, dpi=120, bbox_inches="tight")
        finally:
            for number in set(plt.get_fignums()) - before:
                plt.close(number)
            plt.switch_backend(backend)

    return write
