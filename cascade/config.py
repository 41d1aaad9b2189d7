"""The configuration boundary: a composed configuration becomes a checked, frozen study.

Hydra merges YAML and command line into the schemas (`cascade.schemas`), which refuses unknown keys
and wrong types; `build_study` checks the values and hands on frozen objects. No DictConfig passes this line.
"""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import hydra.utils
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import InterpolationKeyError, MissingMandatoryValue, OmegaConfBaseException

from cascade.errors import ConfigError
from cascade.estimators import Estimator
from cascade.execute import Isolation, Limits
from cascade.family import Family, Model
from cascade.generate import Generator
from cascade.intent import Intent
from cascade.plans import Option, option_space
from cascade.pricing import Hardware, Throughput, usd_per_1m_tokens
from cascade.problems import EMBEDDED, DataSet
from cascade.prompts import PromptStyle
from cascade.schemas import (
    AllowedPlans,
    Combinations,
    Container,
    DatasetConfig,
    EstimatorConfig,
    FamilyConfig,
    GeneratorConfig,
    HardwareConfig,
    NoTests,
    OpenAIConfig,
    OptunaConfig,
    Require,
    ResampleConfig,
    SandboxConfig,
    SearchConfig,
    SelectConfig,
    ThetaChoice,
    ThroughputConfig,
    TransformersConfig,
    Weights,
)
from cascade.search.optuna_settings import OptunaSettings
from cascade.store import digest

PACKAGE = Path(__file__).parent
DTYPES = ("auto", "float32", "float16", "bfloat16")
CACHES = ("auto", "growing", "fixed")
ANY_DATASET = "any"  # in a hardware profile: for every data set that has no numbers of its own
APIS = ("completions", "chat")
COUNTS = ("usage", "tokenizer")


@dataclass(frozen=True)
class SplitSettings:
    """How the problems are split; see `cascade.split`."""

    validation_fraction: float
    max_accuracy_gap: float
    max_redraws: int
    validation_ids: Path | None


@dataclass(frozen=True)
class ProfileSettings:
    """How a family's throughput is measured; see `cascade.generate.profile`."""

    random_weights: bool
    prompt_tokens: int
    new_tokens: int
    repeats: int
    path: Path | None


@dataclass(frozen=True)
class Study:
    """One study, checked: family x dataset x hardware x seed and how to run it.

    Attributes:
        prices: the throughput and price of each of the family's models, in family order; None where
            the generator measures them.
        isolation: how untrusted code is kept apart.
        options: every option of a model (skipping aside).
        thetas: the grid of thresholds, ascending.
        rule: the rule that plans are run by, by its name in `cascade.rules`.
        compared_rules: the rules that the diagnostics judge side by side; the plans' own among them.
        accept_without_tests: whether a stage without a valid test line accepts.
        estimator: which of a draw's samples a stage takes.
        per_stage_theta: whether every stage has a θ of its own.
        optuna: how Optuna searches; None for the exhaustive grid.
        pooled: whether the front is taken over all θ.
        profile: how task=profile measures.
        shard, n_shards: task=run takes the problems whose position modulo n_shards is shard.
        allowed: which plans may be chosen.
        intent: what the user wants of one plan.
        replicates, confidence: of the bootstrap over problems, and its intervals.
        tracking_uri: of MLflow; None for the sqlite store under `mlruns`.
        combinations_as_runs: whether every combination becomes an MLflow run (and not a table alone).
        run_id: the MLflow run that `select` and `evaluate` go on from; None to look for it.
        yaml: the resolved configuration.
        signature: hash of all settings that the results depend on.
    """

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
    split: SplitSettings
    rule: str
    compared_rules: tuple[str, ...]
    accept_without_tests: bool
    estimator: Estimator
    per_stage_theta: bool
    optuna: OptunaSettings | None
    pooled: bool
    profile: ProfileSettings
    allowed: AllowedPlans
    intent: Intent
    replicates: int
    confidence: float
    tracking_uri: str | None
    combinations_as_runs: bool
    store: Path
    mlruns: Path
    shard: int
    n_shards: int
    seed: int
    run_id: str | None
    yaml: str
    signature: str


def build_study(cfg: DictConfig) -> Study:
    """Check a composed configuration and freeze it.

    Raises:
        ConfigError: names the key, its value and what is allowed.
    """
    try:
        OmegaConf.resolve(cfg)
        yaml = OmegaConf.to_yaml(cfg)
        signature = _signature(cfg)
        config: Any = OmegaConf.to_object(cfg)
    except MissingMandatoryValue as error:
        raise ConfigError(f"{error.full_key}: no value; {_remedy(str(error.full_key))}") from None
    except InterpolationKeyError as error:
        raise ConfigError(f"{error.full_key}: {str(error).splitlines()[0]}") from None
    family = _family(config.family)
    dataset = _dataset(config.dataset)
    hardware = _hardware(config.hardware)
    space: SearchConfig = config.search
    thetas = tuple(sorted(set(_each(space.theta, "search.theta", _fraction))))
    k = _each(space.k, "search.k", lambda v, key: _at_least(v, -1, key))
    l = _each(space.l, "search.l", lambda v, key: _at_least(v, 0, key))  # noqa: E741
    options = option_space(k, l)
    if not options:
        raise ConfigError(
            f"search.k={list(k)}, search.l={list(l)}: no option in them; k=0 stands alone, k>0 needs an l>0"
        )
    sandbox: SandboxConfig = config.sandbox
    return Study(
        family=family,
        dataset=dataset,
        hardware=hardware,
        prices=_prices(hardware, dataset, family),
        generator=_generator(config.generator),
        limits=Limits(
            timeout_s=_positive(sandbox.timeout_s, "sandbox.timeout_s"),
            reference_timeout_s=_positive(sandbox.reference_timeout_s, "sandbox.reference_timeout_s"),
            memory_mb=int(_at_least(sandbox.memory_mb, 64, "sandbox.memory_mb")),
            prelude=_python(sandbox.prelude, "sandbox.prelude"),
        ),
        isolation=Isolation(
            sandbox.require is Require.confined,
            None if sandbox.container is Container.none else sandbox.container.value,
            sandbox.image,
        ),
        workers=int(_at_least(sandbox.workers or os.cpu_count() or 1, 1, "sandbox.workers")),
        options=options,
        thetas=thetas,
        split=SplitSettings(
            _fraction(config.split.validation_fraction, "split.validation_fraction"),
            _fraction(config.split.max_accuracy_gap, "split.max_accuracy_gap"),
            int(_at_least(config.split.max_redraws, 0, "split.max_redraws")),
            _path(config.split.validation_ids),
        ),
        rule=config.rule.name.value,
        compared_rules=tuple(dict.fromkeys(r.value for r in (config.rule.name, *config.rule.compare))),
        accept_without_tests=config.rule.no_tests is NoTests.accept,
        estimator=_estimator(config.estimator),
        per_stage_theta=space.per_stage_theta,
        optuna=_optuna(space, config.seed) if isinstance(space, OptunaConfig) else None,
        pooled=config.select.theta is ThetaChoice.pooled,
        profile=ProfileSettings(
            config.profile.weights is Weights.random,
            int(_at_least(config.profile.prompt_tokens, 1, "profile.prompt_tokens")),
            int(_at_least(config.profile.new_tokens, 1, "profile.new_tokens")),
            int(_at_least(config.profile.repeats, 1, "profile.repeats")),
            _path(config.profile.path),
        ),
        shard=_shard(config.shard, config.n_shards),
        n_shards=config.n_shards,
        allowed=config.select.plans,
        intent=_intent(config.select),
        replicates=int(_at_least(config.bootstrap.replicates, 100, "bootstrap.replicates")),
        confidence=_between(config.bootstrap.confidence, "bootstrap.confidence"),
        tracking_uri=config.tracking.uri,
        combinations_as_runs=config.tracking.combinations is Combinations.runs,
        store=Path(config.paths.store).absolute(),
        mlruns=Path(config.paths.mlruns).absolute(),
        seed=int(_at_least(config.seed, 0, "seed")),
        run_id=config.run_id,
        yaml=yaml,
        signature=signature,
    )


def _signature(cfg: DictConfig) -> str:
    settings: Any = OmegaConf.to_container(cfg, enum_to_str=True)
    for where_and_how in ("task", "run_id", "paths", "tracking", "profile", "shard", "n_shards"):
        del settings[where_and_how]
    for how in ("workers", "require", "container", "image"):
        del settings["sandbox"][how]
    settings["search"].pop("storage", None)
    return digest(json.dumps(settings, sort_keys=True))


def _family(config: FamilyConfig) -> Family:
    if not config.models:
        raise ConfigError(f"family.models: the family {config.name!r} has no models; name at least one")
    models = tuple(
        Model(
            name=model.name or key,
            hub_id=_located(model.hub_id),
            tokenizer=_located(model.tokenizer or config.tokenizer or model.hub_id),
            revision=model.revision,
            key=key,
            served_as=model.served_as or _located(model.hub_id),
            quantization=model.quantization,
            assistant=None if model.assistant is None else _located(model.assistant),
            architecture=model.architecture,
        )
        for key, model in config.models.items()
    )
    names = [model.name for model in models]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise ConfigError(f"family.models: two models are named {twice[0]!r}; give one another name")
    return Family(
        config.name,
        models,
        PromptStyle(
            _template(config.prompts.solution, "family.prompts.solution"),
            _template(config.prompts.test, "family.prompts.test"),
            config.prompts.completion,
            config.prompts.test_begins,
            tuple(config.prompts.stop),
            config.prompts.chat,
        ),
        int(_at_least(config.max_new_tokens, 1, "family.max_new_tokens")),
    )


def _located(source: str) -> str:
    """A repository or folder as it is, or a folder of the installed package."""
    inside = source.removeprefix("package:")
    return source if inside == source else str(PACKAGE / inside)


def _dataset(config: DatasetConfig) -> DataSet:
    if config.path is None and config.hub_id is None and config.format not in EMBEDDED:
        raise ConfigError(f"dataset.path: the data set {config.name!r} has neither a path nor a hub_id")
    return DataSet(
        name=config.name,
        format=config.format,
        path=_path(config.path),
        hub_id=config.hub_id,
        hub_config=config.hub_config,
        hub_split=config.hub_split,
        revision=config.revision,
        difficulty=config.difficulty,
    )


def _hardware(config: HardwareConfig) -> Hardware:
    usd_per_gpu_hour = _positive(config.usd_per_gpu_hour, "hardware.usd_per_gpu_hour")
    if config.measured:
        if config.throughput:
            raise ConfigError(
                "hardware.measured=true: leave hardware.throughput out, or set measured to false"
            )
        return Hardware(config.name, usd_per_gpu_hour, None)
    throughput: dict[str, dict[str, dict[str, Throughput]]] = {}
    path = "hardware.throughput"
    for dataset, families in _mapping(config.throughput, path).items():
        for family, models in _mapping(families, f"{path}.{dataset}").items():
            for model, entry in _mapping(models, f"{path}.{dataset}.{family}").items():
                key = f"{path}.{dataset}.{family}.{model}"
                throughput.setdefault(dataset, {}).setdefault(family, {})[model] = _throughput(
                    _mapping(entry, key), usd_per_gpu_hour, key
                )
    return Hardware(config.name, usd_per_gpu_hour, throughput)


def _mapping(value: Any, key: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ConfigError(f"{key}={value!r}: must be a mapping (data set -> family -> model -> throughput)")
    return value


def _throughput(entry: dict[str, Any], usd_per_gpu_hour: float, key: str) -> Throughput:
    try:
        config: Any = OmegaConf.to_object(OmegaConf.merge(OmegaConf.structured(ThroughputConfig), entry))
    except OmegaConfBaseException as error:
        raise ConfigError(f"{key}.{error.full_key}: {str(error).splitlines()[0]}") from None
    gpus = int(_at_least(config.gpus, 1, f"{key}.gpus"))
    seconds, usd = config.seconds_per_1k_tokens, config.usd_per_1m_tokens
    if (seconds is None) == (usd is None):
        raise ConfigError(f"{key}: give either seconds_per_1k_tokens or usd_per_1m_tokens")
    if seconds is not None:
        usd = usd_per_1m_tokens(_positive(seconds, f"{key}.seconds_per_1k_tokens"), gpus, usd_per_gpu_hour)
    assert usd is not None
    return Throughput(gpus, seconds, _positive(usd, f"{key}.usd_per_1m_tokens"), config.batch)


def _prices(hardware: Hardware, dataset: DataSet, family: Family) -> tuple[Throughput, ...] | None:
    """The models' throughput on this data set; None where the generator measures it."""
    if hardware.throughput is None:
        return None
    found: Mapping[str, Any] = hardware.throughput
    path = "hardware.throughput"
    for name in (dataset.name, family.name):
        if name == dataset.name and name not in found and ANY_DATASET in found:
            name = ANY_DATASET
        if name not in found:
            raise ConfigError(
                f"{path}: the hardware profile {hardware.name!r} has no entry {name!r} (it has: "
                f"{', '.join(found) or 'none'}); add {path}.{name} or choose another hardware="
            )
        found, path = found[name], f"{path}.{name}"
    for model in family.models:
        if model.name not in found:
            raise ConfigError(
                f"{path}: the hardware profile {hardware.name!r} has no entry {model.name!r} (it has: "
                f"{', '.join(found)}); add {path}.{model.name}.seconds_per_1k_tokens or .usd_per_1m_tokens"
            )
    return tuple(found[model.name] for model in family.models)


def _generator(config: GeneratorConfig) -> Generator:
    if isinstance(config, TransformersConfig | OpenAIConfig):
        _at_least(config.draws, 0, "generator.draws")
        _positive(config.temperature, "generator.temperature")
        _fraction(_positive(config.top_p, "generator.top_p"), "generator.top_p")
    if isinstance(config, TransformersConfig):
        if config.batch_size is not None:
            _at_least(config.batch_size, 1, "generator.batch_size")
        _one_of(config.dtype, DTYPES, "generator.dtype")
        _one_of(config.cache, CACHES, "generator.cache")
    if isinstance(config, OpenAIConfig):
        _one_of(config.api, APIS, "generator.api")
        _one_of(config.count, COUNTS, "generator.count")
        _at_least(config.concurrency, 1, "generator.concurrency")
        _at_least(config.samples_per_request, 1, "generator.samples_per_request")
        _at_least(config.retries, 0, "generator.retries")
        _positive(config.timeout_s, "generator.timeout_s")
    generator: Generator = hydra.utils.instantiate(config)
    return generator


def _one_of(value: str, allowed: tuple[str, ...], key: str) -> str:
    if value not in allowed:
        raise ConfigError(f"{key}={value}: must be one of {', '.join(allowed)}")
    return value


def _shard(shard: int, n_shards: int) -> int:
    _at_least(n_shards, 1, "n_shards")
    if not 0 <= shard < n_shards:
        raise ConfigError(f"shard={shard}: must lie between 0 and n_shards - 1 = {n_shards - 1}")
    return shard


def _estimator(config: EstimatorConfig) -> Estimator:
    if isinstance(config, ResampleConfig):
        _at_least(config.n_subsets, 2, "estimator.n_subsets")
        _at_least(config.seed, 0, "estimator.seed")
    estimator: Estimator = hydra.utils.instantiate(config)
    return estimator


def _intent(config: SelectConfig) -> Intent:
    budget, least, confidence = config.budget_usd_per_1k, config.min_accuracy, config.confidence
    if confidence is not None and budget is None and least is None:
        raise ConfigError(
            f"select.confidence={confidence:g}: of what? give select.min_accuracy or "
            "select.budget_usd_per_1k too, or leave it null"
        )
    return Intent(
        None if budget is None else _positive(budget, "select.budget_usd_per_1k"),
        None if least is None else _fraction(least, "select.min_accuracy"),
        None if confidence is None else _between(confidence, "select.confidence"),
    )


def _optuna(config: OptunaConfig, seed: int) -> OptunaSettings:
    return OptunaSettings(
        sampler=config.sampler.value,
        n_trials=int(_at_least(config.trials, 1, "search.trials")),
        population=int(_at_least(config.population, 2, "search.population")),
        per_stage_theta=config.per_stage_theta,
        storage=config.storage,
        seed=seed,
    )


def _path(value: str | None) -> Path | None:
    return None if value is None else Path(value).expanduser().absolute()


def _each(values: list[Any], key: str, check: Any) -> tuple[Any, ...]:
    if not values:
        raise ConfigError(f"{key}: empty; give at least one value")
    return tuple(check(value, f"{key}[{i}]") for i, value in enumerate(values))


def _fraction(value: float, key: str) -> float:
    if not 0.0 <= value <= 1.0:
        raise ConfigError(f"{key}={value:g}: must lie between 0 and 1")
    return value


def _between(value: float, key: str) -> float:
    if not 0.0 < value < 1.0:
        raise ConfigError(f"{key}={value:g}: must lie between 0 and 1, and be neither")
    return value


def _positive(value: float, key: str) -> float:
    if not 0.0 < value < float("inf"):
        raise ConfigError(f"{key}={value:g}: must be a positive number")
    return value


def _template(text: str, key: str) -> str:
    if "{prompt}" not in text:
        raise ConfigError(f"{key}={text!r}: must hold {{prompt}}, where the problem's prompt goes")
    return text


def _python(source: str, key: str) -> str:
    try:
        compile(source, key, "exec")
    except (SyntaxError, ValueError) as error:
        raise ConfigError(f"{key}: not Python: {error}") from None
    return source


def _at_least(value: float, least: int, key: str) -> float:
    if value < least:
        raise ConfigError(f"{key}={value:g}: must be at least {least}")
    return value


def _remedy(key: str) -> str:
    if key == "generator.path":
        return "name the recording: generator.path=FILE-OR-FOLDER (docs/recordings.md)"
    return f"set {key}=… on the command line or in its YAML file"
