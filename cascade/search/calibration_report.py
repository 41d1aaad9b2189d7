"""How well calibrated a model's probabilities are, on problems that they were not fitted on."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cascade.core import FEATURES, Bin, ByProbability, Floats, ModelRuns, probability_bins

Indices = NDArray[np.int64]


@dataclass(frozen=True)
class ModelCalibration:
    """One model's calibrator and what held-out problems say of it.

    Attributes:
        model: its name.
        n_problems: that it was fitted on: the validation side's.
        coefficients: of the logit, by name: the intercept, and `cascade.core.calibration.FEATURES`.
        held_out: the problems that judged it: the test side's, or the validation side's, each by a calibrator
            that was not fitted on it.
        n_held_out: how many those are.
        brier: mean squared distance between the probability and the truth (0 or 1); None where no answer of
            the model was tested.
        calibration_error: mean distance between probability and share of right answers, over the bins; None
            there too.
        bins: the reliability diagram.
    """

    model: str
    n_problems: int
    coefficients: Mapping[str, float]
    held_out: str
    n_held_out: int
    brier: float | None
    calibration_error: float | None
    bins: tuple[Bin, ...]

    def to_json(self) -> dict[str, Any]:
        """As a JSON object; `from_json` reads it."""
        return asdict(self)

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> "ModelCalibration":
        """Read what `to_json` wrote.

        Raises:
            KeyError, TypeError: it is something else.
        """
        return cls(**{**content, "bins": tuple(Bin(**entry) for entry in content["bins"])})


def calibration_reports(
    models: Sequence[str],
    calibration: Sequence[ByProbability],
    runs: Sequence[ModelRuns],
    problems: Indices,
    held_out: str,
) -> tuple[ModelCalibration, ...]:
    """Judge every model's probabilities, over all its testing options and rounds, equal problems equally.

    Args:
        models: names in family order.
        calibration, runs: one a model.
        problems: indices of the held-out problems.
        held_out: what they are, in words.
    """
    return tuple(
        _report(model, model_calibration, model_runs, problems, held_out)
        for model, model_calibration, model_runs in zip(models, calibration, runs, strict=True)
    )


def _report(
    model: str, calibration: ByProbability, runs: ModelRuns, problems: Indices, held_out: str
) -> ModelCalibration:
    parts: list[tuple[Floats, Floats, Floats]] = []
    for option, rounds in zip(runs.options, runs.rounds, strict=True):
        for round_runs in rounds if option.tests else ():
            seen = np.flatnonzero(np.isin(round_runs.problem, problems))
            right = round_runs.right[seen].astype(np.float64)
            parts.append((calibration.probability(round_runs)[seen], right, round_runs.weight[seen]))
    probability, truth, weight = (
        np.concatenate(columns) for columns in (zip(*parts, strict=True) if parts else [[np.zeros(0)]] * 3)
    )
    bins = probability_bins(probability, truth > 0, weight)
    total = weight.sum()
    first = calibration.calibrators[0]
    names = ("intercept", *FEATURES)
    return ModelCalibration(
        model,
        first.n_problems,
        dict(zip(names, first.coefficients.tolist(), strict=True)),
        held_out,
        len(problems),
        float(weight @ (probability - truth) ** 2 / total) if total else None,
        sum(one_bin.share * abs(one_bin.confidence - one_bin.right) for one_bin in bins) if bins else None,
        bins,
    )
