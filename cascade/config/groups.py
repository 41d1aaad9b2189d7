"""The other groups whose values need more than a check: family, data set, generator and so on."""

from pathlib import Path

import hydra.utils

from cascade.base import ConfigError
from cascade.config import checks
from cascade.config.schemas import (
    DatasetConfig,
    EstimatorConfig,
    FamilyConfig,
    GeneratorConfig,
    OpenAIConfig,
    OptunaConfig,
    ResampleConfig,
    SelectConfig,
    TransformersConfig,
)
from cascade.core import Estimator
from cascade.generate import Family, Generator, Model, PromptStyle
from cascade.problems import EMBEDDED, DataSet
from cascade.search import Intent, OptunaSettings

PACKAGE = Path(__file__).parents[1]
DTYPES = ("auto", "float32", "float16", "bfloat16")
CACHES = ("auto", "growing", "fixed")
APIS = ("completions", "chat")
COUNTS = ("usage", "tokenizer")


def family_of(config: FamilyConfig) -> Family:
    """The family of models."""
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
            checks.template(config.prompts.solution, "family.prompts.solution"),
            checks.template(config.prompts.test, "family.prompts.test"),
            config.prompts.completion,
            config.prompts.test_begins,
            tuple(config.prompts.stop),
            config.prompts.chat,
        ),
        int(checks.at_least(config.max_new_tokens, 1, "family.max_new_tokens")),
    )


def _located(source: str) -> str:
    """A repository or folder as it is, or a folder of the installed package."""
    inside = source.removeprefix("package:")
    return source if inside == source else str(PACKAGE / inside)


def dataset_of(config: DatasetConfig) -> DataSet:
    """The data set."""
    if config.path is None and config.hub_id is None and config.format not in EMBEDDED:
        raise ConfigError(f"dataset.path: the data set {config.name!r} has neither a path nor a hub_id")
    return DataSet(
        name=config.name,
        format=config.format,
        path=checks.path(config.path),
        hub_id=config.hub_id,
        hub_config=config.hub_config,
        hub_split=config.hub_split,
        revision=config.revision,
        difficulty=config.difficulty,
    )


def generator_of(config: GeneratorConfig) -> Generator:
    """The generator."""
    if isinstance(config, TransformersConfig | OpenAIConfig):
        checks.at_least(config.draws, 0, "generator.draws")
        checks.positive(config.temperature, "generator.temperature")
        checks.fraction(checks.positive(config.top_p, "generator.top_p"), "generator.top_p")
    if isinstance(config, TransformersConfig):
        if config.batch_size is not None:
            checks.at_least(config.batch_size, 1, "generator.batch_size")
        checks.one_of(config.dtype, DTYPES, "generator.dtype")
        checks.one_of(config.cache, CACHES, "generator.cache")
    if isinstance(config, OpenAIConfig):
        checks.one_of(config.api, APIS, "generator.api")
        checks.one_of(config.count, COUNTS, "generator.count")
        checks.at_least(config.concurrency, 1, "generator.concurrency")
        checks.at_least(config.samples_per_request, 1, "generator.samples_per_request")
        checks.at_least(config.retries, 0, "generator.retries")
        checks.positive(config.timeout_s, "generator.timeout_s")
    generator: Generator = hydra.utils.instantiate(config)
    return generator


def estimator_of(config: EstimatorConfig) -> Estimator:
    """The estimator."""
    if isinstance(config, ResampleConfig):
        checks.at_least(config.n_subsets, 2, "estimator.n_subsets")
        checks.at_least(config.seed, 0, "estimator.seed")
    estimator: Estimator = hydra.utils.instantiate(config)
    return estimator


def intent_of(config: SelectConfig) -> Intent:
    """What is wanted of one plan."""
    budget, least, confidence = config.budget_usd_per_1k, config.min_accuracy, config.confidence
    if confidence is not None and budget is None and least is None:
        raise ConfigError(
            f"select.confidence={confidence:g}: of what? give select.min_accuracy or "
            "select.budget_usd_per_1k too, or leave it null"
        )
    return Intent(
        None if budget is None else checks.positive(budget, "select.budget_usd_per_1k"),
        None if least is None else checks.fraction(least, "select.min_accuracy"),
        None if confidence is None else checks.between(confidence, "select.confidence"),
    )


def optuna_of(config: OptunaConfig, seed: int) -> OptunaSettings:
    """How Optuna searches."""
    return OptunaSettings(
        sampler=config.sampler.value,
        n_trials=int(checks.at_least(config.trials, 1, "search.trials")),
        population=int(checks.at_least(config.population, 2, "search.population")),
        per_stage_theta=config.per_stage_theta,
        storage=config.storage,
        seed=seed,
    )


def shard_of(shard: int, n_shards: int) -> int:
    """The number of a shard among `n_shards`."""
    checks.at_least(n_shards, 1, "n_shards")
    if not 0 <= shard < n_shards:
        raise ConfigError(f"shard={shard}: must lie between 0 and n_shards - 1 = {n_shards - 1}")
    return shard
