"""The plans of a plan file by their names, and which of them meets a budget or an accuracy."""

import json
import re
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cascade.base import CascadeError, DataError, digest
from cascade.core import EXIT, Option, Plan, usd_per_1k_queries
from cascade.generate import Member
from cascade.search import PLANS, ChosenPlan, Estimate, PlanFile
from cascade.serving.cascade import Cascade
from cascade.serving.deciding import Decider, decider_of
from cascade.serving.verdicts import Sandbox

# What a request names instead of a plan to have one chosen.
ANY_PLAN = "cascade"


def plan_name(plan: Plan, models: Sequence[str]) -> str:
    """A name that says what the plan is and needs no quoting, e.g. ``small-5x4_large-greedy_t0.8``.

    One θ a stage stands behind each stage. Equal plans have equal names, whatever file they stand in.
    """

    def stage(index: int, option: Option) -> str:
        model = re.sub(r"[^A-Za-z0-9.]+", ".", models[index]).strip(".")
        many = f"{'upto' if option.growing else ''}{option.k}x{option.l}"
        return f"{model}-{'greedy' if option == EXIT else many}"

    if not isinstance(plan.theta, tuple):
        name = "_".join(stage(i, option) for i, option in plan.stages)
        return f"{name}_t{plan.theta:g}" if plan.uses_theta else name
    last = plan.stages[-1][0]
    return "_".join(
        stage(i, option) + (f"_t{plan.theta[i]:g}" if i != last or option.growing else "")
        for i, option in plan.stages
    )


def read_plan_file(path: Path) -> PlanFile:
    """A plan file, or the one in a study's output folder.

    Raises:
        DataError: no such file, or not a plan file.
    """
    if path.is_dir():
        path = path / PLANS
    if not path.is_file():
        raise DataError(f"{path}: no such file; name the plans.json of a finished study, or its folder")
    return PlanFile.load(path)


def parse_plan_file(text: str) -> PlanFile:
    """The same of a plan file's content.

    Raises:
        DataError: it is something else.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / PLANS
        path.write_text(text, encoding="utf-8")
        try:
            return PlanFile.load(path)
        except DataError as error:
            raise DataError(str(error).removeprefix(f"{path}: ")) from None


@dataclass(frozen=True)
class PlanBook:
    """A checked plan file.

    Attributes:
        file: the plans with what is known of them.
        by_name: every plan, by its name.
        aliases: other names: ``recommended``, ``constrained``, ``cheapest``, ``best``, and every plan in
            words.
        decider: the rule that its plans were chosen with.
        version: hash of the plans.
    """

    file: PlanFile
    by_name: Mapping[str, ChosenPlan]
    aliases: Mapping[str, str]
    decider: Decider
    version: str

    @classmethod
    def of(cls, file: PlanFile, where: str, models: Sequence[str], settings: Mapping[str, Any]) -> "PlanBook":
        """The plans of a file, checked.

        Args:
            file: the file's content.
            where: how an error calls it.
            models: names of the family at hand, from small to large.
            settings: what the plans are run with; `rule`, `no_tests` and `lines` are looked at.

        Raises:
            DataError: it is of another family, or not a file whose plans can be run.
        """
        if tuple(models) != file.models:
            raise DataError(
                f"{where}: its plans are of the models {', '.join(file.models)}, and the family has "
                f"{', '.join(models)}; choose its family ({file.provenance.family})"
            )
        if missing := [model for model in models if model not in file.provenance.prices]:
            raise DataError(f"{where}: no price for {missing[0]}; run task=select again")
        by_name: dict[str, ChosenPlan] = {}
        aliases: dict[str, str] = {}
        every = [*file.front, *file.singular, file.constrained]
        every += [None if file.recommended is None else file.recommended.chosen]
        for chosen in every:
            if chosen is not None:
                name, words = plan_name(chosen.plan, models), chosen.plan.describe(models)
                other = by_name.setdefault(name, chosen).plan.describe(models)
                if other != words:
                    raise DataError(
                        f"{where}: {other!r} and {words!r} would both be called {name}; rename a model"
                    )
                aliases[words] = name
        if not by_name:
            raise DataError(f"{where}: holds no plan; run task=select again")
        for alias, aliased in (
            ("cheapest", file.front[0] if file.front else None),
            ("best", file.front[-1] if file.front else None),
            ("constrained", file.constrained),
            ("recommended", None if file.recommended is None else file.recommended.chosen),
        ):
            if aliased is not None:
                aliases[alias] = plan_name(aliased.plan, models)
        version = digest(json.dumps([[name, repr(plan)] for name, plan in by_name.items()]))
        return cls(file, by_name, aliases, decider_of(settings, file.calibration), version)

    @property
    def test_lines(self) -> int:
        """After how many lines a member's tests end: the largest l of the study, or of its plans."""
        of_plans = max(option.l for chosen in self.by_name.values() for _, option in chosen.plan.stages)
        return int(max(of_plans, self.file.provenance.settings.get("test_lines", 0)))

    def cascade(self, name: str, members: Mapping[str, Member], sandbox: Sandbox) -> Cascade:
        """One of the plans, at work with some members and a sandbox."""
        return Cascade(
            self.by_name[name].plan,
            self.file.models,
            members,
            sandbox,
            self.decider,
            self.file.provenance.usd_per_1m_tokens,
        )

    @property
    def default(self) -> str:
        """The plan of requests that wish for nothing: the recommended one, else the front's best."""
        for alias in ("recommended", "constrained", "best"):
            if alias in self.aliases:
                return self.aliases[alias]
        return next(iter(self.by_name))

    def find(self, name: str) -> str | None:
        """The plan's own name for a name or an alias; None where there is no such plan."""
        return name if name in self.by_name else self.aliases.get(name)

    def choose(self, budget_usd_per_1k: float | None, min_accuracy: float | None) -> str:
        """The cheapest plan of a least accuracy, or the most accurate one in a budget.

        Accuracy is the validation side's estimate, as task=select has it: the test side is there to prove.
        Cost needs no references: it is what the stages are expected to cost over all problems of the study.

        Raises:
            CascadeError: no plan meets it; says how far they go.
        """
        if budget_usd_per_1k is None and min_accuracy is None:
            return self.default
        names = list(self.by_name)
        usd = {name: _usd(self.by_name[name]) for name in names}
        right = {name: self.by_name[name].validation.accuracy for name in names}
        meets = names
        if budget_usd_per_1k is not None:
            meets = [name for name in meets if usd[name] <= budget_usd_per_1k]
            if not meets:
                raise CascadeError(
                    f"budget_usd_per_1k={budget_usd_per_1k:g}: no plan is within the budget; the cheapest "
                    f"costs {min(usd.values()):.4g} $ per 1,000 queries"
                )
        if min_accuracy is not None:
            best = max(right[name] for name in meets)
            meets = [name for name in meets if right[name] >= min_accuracy]
            if not meets:
                within = "" if budget_usd_per_1k is None else " within the budget"
                raise CascadeError(
                    f"min_accuracy={min_accuracy:g}: no plan{within} reaches that accuracy; the best reaches "
                    f"{best:.4f}"
                )
            return min(meets, key=lambda name: (usd[name], -right[name]))
        return min(meets, key=lambda name: (-right[name], usd[name]))

    def promise(self, name: str) -> tuple[Estimate, str]:
        """What is known of a plan, and from which side: ``test`` once it was evaluated."""
        chosen = self.by_name[name]
        return (chosen.validation, "validation") if chosen.test is None else (chosen.test, "test")


def _usd(chosen: ChosenPlan) -> float:
    """US dollars per 1,000 queries, by all problems of the study where that was counted."""
    if not chosen.expected:
        return chosen.validation.usd_per_1k_queries
    return usd_per_1k_queries(sum(stage.reached * stage.usd for stage in chosen.expected))
