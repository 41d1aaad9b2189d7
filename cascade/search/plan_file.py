"""The chosen plans of a study in a file, `plans.json`: written, and read again."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, is_dataclass
from pathlib import Path
from typing import Any

from cascade.base import DataError
from cascade.core import SKIP, Interval, Measured, Option, Plan
from cascade.search.calibration_report import ModelCalibration
from cascade.search.chosen_plans import Certificate, ChosenPlan, Estimate, Proof, Recommendation, Replacement
from cascade.search.expectations import StageExpectation
from cascade.search.provenance import Provenance
from cascade.search.wrong_after_all import WrongAfterAll

PLANS = "plans.json"


@dataclass(frozen=True)
class PlanFile:
    """The chosen plans of a study, as `plans.json` keeps them.

    Attributes:
        models: names of the family's models, from small to large.
        theta: the θ of the front; None where it was taken over all θ.
        hypervolume: of each θ's front on the validation side, by θ.
        front: the Pareto-optimal plans by rising cost.
        singular: the same among one-stage plans.
        constrained: the plan that meets select.budget_usd_per_1k and select.min_accuracy; None where
            neither was asked for.
        band: the front's band on the validation side: rows of US dollars per 1,000 queries, and the
            interval's low and high end of the best accuracy for at most that cost.
        validation_ids, test_ids: the split.
        selection: the settings by which plans were chosen.
        optimism: by how much the accuracies by which the front's cascades were chosen overestimate them, by
            cross-validation inside the validation side (`cascade.search.optimism`).
        singular_optimism: the same of the singular front.
        provenance: what the study was made from.
        proof: what the test side says of the front as a whole; None before the evaluation.
        recommended: the one plan to use; None before the evaluation.
        certificate: what was certified; None where nothing was asked for, and before the evaluation.
        calibration: each model's calibrator, where the probability of being right decides on acceptance.
    """

    models: tuple[str, ...]
    theta: float | None
    hypervolume: Mapping[float, float]
    front: tuple[ChosenPlan, ...]
    singular: tuple[ChosenPlan, ...]
    constrained: ChosenPlan | None
    band: tuple[tuple[float, float, float], ...]
    validation_ids: tuple[str, ...]
    test_ids: tuple[str, ...]
    selection: Mapping[str, Any]
    optimism: float
    provenance: Provenance
    proof: Proof | None = None
    recommended: Recommendation | None = None
    certificate: Certificate | None = None
    calibration: tuple[ModelCalibration, ...] = ()
    singular_optimism: float = 0.0

    def save(self, path: Path) -> None:
        """Write the file for people and programs to read."""
        content = {
            "recommended": self._recommended(),
            "certificate": self._certificate(),
            "study": self.provenance.to_json(),
            "selection": dict(self.selection),
            "models": list(self.models),
            "theta": self.theta,
            "optimism": self.optimism,
            "singular_optimism": self.singular_optimism,
            "proof": None if self.proof is None else asdict(self.proof),
            "hypervolume": {f"{theta:g}": volume for theta, volume in self.hypervolume.items()},
            "constrained": None if self.constrained is None else self._entry(self.constrained),
            "front": [self._entry(chosen) for chosen in self.front],
            "singular": [self._entry(chosen) for chosen in self.singular],
            "calibration": [model_calibration.to_json() for model_calibration in self.calibration],
            "band": [list(row) for row in self.band],
            "split": {"validation": list(self.validation_ids), "test": list(self.test_ids)},
        }
        path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")

    def _plan(self, plan: Plan) -> dict[str, Any]:
        *before, (last, end) = plan.stages
        stages = [self._stage(i, option, plan.theta_at(i)) for i, option in before]
        # The last stage always answers: it looks at a threshold only where it grows.
        stages.append(self._stage(last, end, plan.theta_at(last) if end.growing else None))
        theta = plan.theta if plan.uses_theta and not isinstance(plan.theta, tuple) else None
        return {"stages": stages, "theta": theta}

    def _recommended(self) -> dict[str, Any] | None:
        if (recommended := self.recommended) is None:
            return None
        return {
            "sentence": recommended.sentence,
            "plan": self._entry(recommended.chosen),
            "instead_of_the_largest_model": self._replacement(recommended.largest),
            "refuted": None if recommended.refuted is None else self._entry(recommended.refuted),
            "settings": dict(recommended.settings),
        }

    def _certificate(self) -> dict[str, Any] | None:
        if (certificate := self.certificate) is None:
            return None
        return {
            "sentence": certificate.sentence,
            "accuracy": certificate.accuracy,
            "usd_per_1k": certificate.usd_per_1k,
            "confidence": certificate.confidence,
            "n_problems": certificate.n_problems,
            "plans": [self._plan(plan) for plan in certificate.plans],
        }

    def _replacement(self, replacement: Replacement | None) -> dict[str, Any] | None:
        if replacement is None:
            return None
        return self._plan(replacement.plan) | {
            "accuracy": asdict(replacement.accuracy),
            "saving": asdict(replacement.saving),
        }

    def _stage(self, model: int, option: Option, theta: float | None) -> dict[str, Any]:
        stage = {"model": self.models[model], "k": option.k, "l": option.l, "theta": theta}
        return stage | ({"growing": True} if option.growing else {})

    def _entry(self, chosen: ChosenPlan) -> dict[str, Any]:
        entry = self._plan(chosen.plan)
        for name in ("validation", "test", "saving", "saving_interval", "on_front", "rounds", "promise"):
            value = getattr(chosen, name)
            entry[name] = asdict(value) if is_dataclass(value) else value  # type: ignore[arg-type]
        entry["replaces"] = self._replacement(chosen.replaces)
        entry["expected"] = [asdict(stage) for stage in chosen.expected]
        if chosen.wrong_after_all:
            entry["wrong_after_all"] = [asdict(stage) for stage in chosen.wrong_after_all]
        return entry

    @classmethod
    def load(cls, path: Path) -> "PlanFile":
        """Read what `save` wrote.

        Raises:
            DataError: the file is damaged.
        """
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            models = tuple(content["models"])
            constrained = content["constrained"]
            return cls(
                models,
                content["theta"],
                {float(theta): volume for theta, volume in content["hypervolume"].items()},
                tuple(_chosen(entry, models) for entry in content["front"]),
                tuple(_chosen(entry, models) for entry in content["singular"]),
                None if constrained is None else _chosen(constrained, models),
                tuple((cost, low, high) for cost, low, high in content["band"]),
                tuple(content["split"]["validation"]),
                tuple(content["split"]["test"]),
                content["selection"],
                content["optimism"],
                Provenance.from_json(content["study"]),
                None if content["proof"] is None else _proof(content["proof"]),
                _recommendation(content["recommended"], models),
                _certificate(content["certificate"], models),
                tuple(ModelCalibration.from_json(entry) for entry in content["calibration"]),
                content["singular_optimism"],
            )
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise DataError(f"{path}: not a plan file ({error!r}); run task=select again") from None


def _plan(entry: Mapping[str, Any], models: tuple[str, ...]) -> Plan:
    stages = {stage["model"]: stage for stage in entry["stages"]}
    if unknown := stages.keys() - set(models):
        raise ValueError(f"stages of models that the file does not list: {', '.join(sorted(unknown))}")
    options = tuple(
        Option(stages[m]["k"], stages[m]["l"], stages[m].get("growing", False)) if m in stages else SKIP
        for m in models
    )
    thetas = [stages[m]["theta"] if m in stages else None for m in models]
    if entry["theta"] is not None or all(theta is None for theta in thetas):
        return Plan(options, entry["theta"] or 0.0)
    return Plan(options, tuple(theta or 0.0 for theta in thetas))


def _chosen(entry: Mapping[str, Any], models: tuple[str, ...]) -> ChosenPlan:
    return ChosenPlan(
        plan=_plan(entry, models),
        validation=_estimate(entry["validation"]),
        on_front=entry["on_front"],
        rounds=entry["rounds"],
        test=None if entry["test"] is None else _estimate(entry["test"]),
        saving=entry["saving"],
        saving_interval=_interval(entry["saving_interval"]),
        replaces=_replacement(entry["replaces"], models),
        expected=tuple(_expectation(stage) for stage in entry["expected"]),
        promise=entry["promise"],
        wrong_after_all=tuple(WrongAfterAll(**stage) for stage in entry.get("wrong_after_all", ())),
    )


def _expectation(entry: Mapping[str, Any]) -> StageExpectation:
    scores = tuple((share, reached) for share, reached in entry["scores"])
    return StageExpectation(**(dict(entry) | {"scores": scores}))


def _estimate(entry: Mapping[str, Any]) -> Estimate:
    return Estimate(
        entry["usd_per_1k_queries"],
        entry["accuracy"],
        _interval(entry["usd_interval"]),
        _interval(entry["accuracy_interval"]),
    )


def _interval(entry: Mapping[str, float] | None) -> Interval | None:
    return None if entry is None else Interval(**entry)


def _replacement(entry: Mapping[str, Any] | None, models: tuple[str, ...]) -> Replacement | None:
    if entry is None:
        return None
    return Replacement(_plan(entry, models), _measured(entry["accuracy"]), _measured(entry["saving"]))


def _recommendation(entry: Mapping[str, Any] | None, models: tuple[str, ...]) -> Recommendation | None:
    if entry is None:
        return None
    return Recommendation(
        _chosen(entry["plan"], models),
        _replacement(entry["instead_of_the_largest_model"], models),
        None if entry["refuted"] is None else _chosen(entry["refuted"], models),
        entry["sentence"],
        entry["settings"],
    )


def _certificate(entry: Mapping[str, Any] | None, models: tuple[str, ...]) -> Certificate | None:
    if entry is None:
        return None
    plans = tuple(_plan(plan_entry, models) for plan_entry in entry["plans"])
    return Certificate(**(dict(entry) | {"plans": plans}))


def _proof(entry: Mapping[str, Any]) -> Proof:
    known: dict[str, Any] = {n: _measured(v) if isinstance(v, Mapping) else v for n, v in entry.items()}
    return Proof(**known)


def _measured(entry: Mapping[str, Any]) -> Measured:
    return Measured(entry["value"], Interval(**entry["interval"]))
