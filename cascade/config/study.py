"""The configuration boundary: a composed configuration becomes a checked, frozen study.

Hydra merges YAML and command line into the schemas (`cascade.config.schemas`), which refuses unknown keys
and wrong types; `build_study` checks the values and hands on frozen objects. No DictConfig passes this line.
"""

import json
import os
import shlex
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, cast

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import InterpolationKeyError, MissingMandatoryValue

from cascade.base import WHERE_AND_HOW, ConfigError, digest, mask_credentials, program
from cascade.config import checks
from cascade.config.choices import (
    AccuracyOf,
    AllowedPlans,
    Combinations,
    Container,
    Lines,
    NoTests,
    PromiseOf,
    Require,
    SavingMembers,
)
from cascade.config.groups import (
    allowed_of,
    compared_rules,
    constraints_of,
    dataset_of,
    estimator_of,
    exact_of,
    family_of,
    generator_of,
    optuna_of,
    profile_of,
    promise_of,
    report_of,
    serve_of,
    shard_of,
    solve_of,
    split_of,
    theta_choice_of,
)
from cascade.config.hardware import hardware_of, prices_of
from cascade.config.keys import refuse_unknown_keys
from cascade.config.schemas import Config, ProfileConfig, ReportConfig, SolveConfig, SplitConfig
from cascade.core import CALIBRATED, RULES, Estimator, Hardware, Option, ThetaChoice, Throughput, option_space
from cascade.execute import Isolation, Limits
from cascade.generate import Family, Generator
from cascade.problems import DataSet
from cascade.search import Constraints, OptunaSettings, Promise, SavingMeasure
from cascade.serving import ServeSettings


@dataclass(frozen=True)
class Study:
    """One study, checked: family x dataset x hardware x seed and how to run it.

    Attributes:
        task: the function that runs it, by its dotted path.
        prices: the throughput and price of each of the family's models, in family order; None where
            the generator measures them.
        isolation: how untrusted code is kept apart.
        options: every option of a model (skipping aside).
        thetas: the grid of thresholds, ascending.
        rule: the rule that plans are run by, by its name in `cascade.core.rules`; `calibrated` is the paper's
            answer, accepted by the probability that it is right.
        physical_lines: whether test lines are counted as the paper's author counts them.
        compared_rules: the rules that the diagnostics judge side by side; the plans' own among them.
        accept_without_tests: whether a stage without a valid test line accepts.
        estimator: which of a draw's samples a stage takes.
        optuna: how Optuna searches; None for the exhaustive grid.
        exact: whether the exact front is found by branch and bound instead of trying every plan.
        theta_choice: how θ is chosen, and whether every stage has its own.
        profile: how task=profile measures.
        shard, n_shards: task=run takes the problems whose position modulo n_shards is shard.
        allowed: which plans may be chosen.
        accuracy_of: by what accuracy plans are chosen.
        promise_of: what accuracy the chosen plans promise.
        constraints: what the user wants of one plan.
        more_problems: a file of problems that task=select takes beside those of the study; None for none.
        promise: what plans are to be certified for; None for nothing.
        replicates, confidence: of the bootstrap over problems, and its intervals.
        saving: how the paper's mean saving is taken.
        report: what task=report is about.
        solve, serve: what task=solve and task=serve do with a plan.
        tracking_uri: of MLflow; None for the sqlite store under `mlruns`.
        combinations_as_runs: whether every combination becomes an MLflow run (and not a table alone).
        run_id: the MLflow run that `select`, `evaluate` and `report` go on from; None to look for it.
        yaml: the resolved configuration.
        overrides: what the command line said, word by word.
        command: the command line that the configuration came from.
        signature: hash of all settings that the results depend on.
    """

    task: str
    family: Family
    dataset: DataSet
    hardware: Hardware
    prices: tuple[Throughput, ...] | None
    generator: Generator
    limits: Limits
    isolation: Isolation
    workers: int
    options: tuple[Option, ...]
    thetas: tuple[float, ...]
    split: SplitConfig
    rule: str
    physical_lines: bool
    compared_rules: tuple[str, ...]
    accept_without_tests: bool
    estimator: Estimator
    optuna: OptunaSettings | None
    exact: bool
    theta_choice: ThetaChoice
    profile: ProfileConfig
    allowed: AllowedPlans
    accuracy_of: AccuracyOf
    promise_of: PromiseOf
    constraints: Constraints
    more_problems: str | None
    promise: Promise | None
    replicates: int
    confidence: float
    report: ReportConfig
    solve: SolveConfig
    serve: ServeSettings
    saving: SavingMeasure
    tracking_uri: str | None
    combinations_as_runs: bool
    store: Path
    mlruns: Path
    shard: int
    n_shards: int
    seed: int
    run_id: str | None
    yaml: str
    overrides: tuple[str, ...]
    command: str
    signature: str

    @property
    def no_tests(self) -> str:
        """What a stage without a valid test line does, in the setting's word."""
        return "accept" if self.accept_without_tests else "escalate"

    @property
    def plan_settings(self) -> dict[str, Any]:
        """What plans are run with: plan files keep it, and task=solve and task=serve take it from there."""
        return {
            "rule": self.rule,
            "no_tests": self.no_tests,
            "lines": "physical" if self.physical_lines else "statements",
            "test_lines": max((option.l for option in self.options), default=0),
            "temperature": getattr(self.generator, "temperature", None),
            "top_p": getattr(self.generator, "top_p", None),
            "max_new_tokens": self.family.max_new_tokens,
            "prompts": asdict(self.family.prompts),
            "models": {model.name: model.settings for model in self.family.models},
            "timeout_s": self.limits.timeout_s,
            "prelude": self.limits.prelude,
        }


def build_study(cfg: DictConfig, overrides: Sequence[str] = ()) -> Study:
    """Check a composed configuration and freeze it.

    Args:
        cfg: the composed configuration.
        overrides: what the command line said.

    Raises:
        ConfigError: names the key, its value and what is allowed.
    """
    try:
        refuse_unknown_keys(cfg)
        OmegaConf.resolve(cfg)
        yaml = OmegaConf.to_yaml(cfg)
        signature = _signature(cfg)
        config = cast(Config, OmegaConf.to_object(cfg))
    except MissingMandatoryValue as error:
        raise ConfigError(f"{error.full_key}: no value; {_remedy(str(error.full_key))}") from None
    except InterpolationKeyError as error:
        raise ConfigError(f"{error.full_key}: {str(error).splitlines()[0]}") from None
    family = family_of(config.family)
    dataset = dataset_of(config.dataset)
    hardware = hardware_of(config.hardware)
    space = config.search
    thetas = tuple(sorted(set(checks.each(space.theta, "search.theta", checks.fraction))))
    k = checks.each(space.k, "search.k", lambda v, key: checks.at_least(v, -1, key))
    l = checks.each(space.l, "search.l", lambda v, key: checks.at_least(v, 0, key))  # noqa: E741
    options = option_space(k, l, space.growing)
    if not options:
        raise ConfigError(
            f"search.k={list(k)}, search.l={list(l)}: no option in them; k=0 stands alone, k>0 needs an l>0"
        )
    sandbox = config.sandbox
    return Study(
        task=config.task._target_,
        family=family,
        dataset=dataset,
        hardware=hardware,
        prices=prices_of(hardware, dataset, family),
        generator=generator_of(config.generator),
        limits=Limits(
            timeout_s=checks.positive(sandbox.timeout_s, "sandbox.timeout_s"),
            reference_timeout_s=checks.positive(sandbox.reference_timeout_s, "sandbox.reference_timeout_s"),
            memory_mb=int(checks.at_least(sandbox.memory_mb, 64, "sandbox.memory_mb")),
            prelude=checks.python(sandbox.prelude, "sandbox.prelude"),
            proofs=sandbox.proofs,
        ),
        isolation=Isolation(
            sandbox.require is Require.confined,
            None if sandbox.container is Container.none else sandbox.container.value,
            sandbox.image,
        ),
        workers=int(checks.at_least(sandbox.workers or os.cpu_count() or 1, 1, "sandbox.workers")),
        options=options,
        thetas=thetas,
        split=split_of(config.split),
        rule=checks.one_of(config.rule.name, (*RULES, CALIBRATED), "rule.name"),
        physical_lines=config.rule.lines is Lines.physical,
        compared_rules=compared_rules(config.rule),
        accept_without_tests=config.rule.no_tests is NoTests.accept,
        estimator=estimator_of(config.estimator),
        optuna=optuna_of(space),
        exact=exact_of(space, config.select),
        theta_choice=theta_choice_of(config.select.theta, space),
        profile=profile_of(config.profile),
        shard=shard_of(config.shard, config.n_shards),
        n_shards=config.n_shards,
        allowed=allowed_of(config.select, space),
        accuracy_of=config.select.accuracy,
        promise_of=config.select.promise,
        constraints=constraints_of(config.select),
        more_problems=checks.path(config.select.more_problems),
        promise=promise_of(config.select.certify),
        replicates=int(checks.at_least(config.bootstrap.replicates, 100, "bootstrap.replicates")),
        confidence=checks.between(config.bootstrap.confidence, "bootstrap.confidence"),
        saving=SavingMeasure(
            checks.fraction(config.saving.window, "saving.window"),
            whole_front=config.saving.members is SavingMembers.front,
            baseline_k1=config.saving.baseline_k1,
        ),
        report=report_of(config.report, config.run_id),
        solve=solve_of(config.solve),
        serve=serve_of(config.serve),
        tracking_uri=config.tracking.uri,
        combinations_as_runs=config.tracking.combinations is Combinations.runs,
        store=Path(config.paths.store).absolute(),
        mlruns=Path(config.paths.mlruns).absolute(),
        seed=int(checks.at_least(config.seed, 0, "seed")),
        run_id=config.run_id,
        yaml=mask_credentials(yaml),
        overrides=tuple(map(mask_credentials, overrides)),
        command=" ".join([program(), shlex.join(map(mask_credentials, overrides))]).strip(),
        signature=signature,
    )


def _signature(cfg: DictConfig) -> str:
    settings: Any = OmegaConf.to_container(cfg, enum_to_str=True)
    for key in WHERE_AND_HOW:
        group, _, name = key.partition(".")
        if name:
            settings[group].pop(name, None)
        else:
            settings.pop(group, None)
    return digest(json.dumps(settings, sort_keys=True))


def _remedy(key: str) -> str:
    if key == "generator.path":
        return "name the recording: generator.path=FILE-OR-FOLDER (docs/recordings.md)"
    return f"set {key}=… on the command line or in its YAML file"
