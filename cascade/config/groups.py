"""The other groups whose values need more than a check: family, data set, generator and so on."""

import logging
from dataclasses import replace
from pathlib import Path
from typing import Any

import hydra.utils
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from cascade.base import ConfigError
from cascade.config import checks
from cascade.config.choices import AllowedPlans, ReportOf
from cascade.config.schemas import (
    EngineConfig,
    EstimatorConfig,
    FamilyConfig,
    GeneratorConfig,
    OpenAIConfig,
    ProfileConfig,
    PromptsConfig,
    ReportConfig,
    ResampleConfig,
    RuleConfig,
    SelectConfig,
    ServerConfig,
    SolveConfig,
    SplitConfig,
    TransformersConfig,
)
from cascade.core import RULES, Estimator, Growing, ThetaChoice, answered_by
from cascade.generate import Family, Generator, Model, PromptStyle, Server, StdinPrompts
from cascade.problems import EMBEDDED, DataSet
from cascade.search import Constraints, ExactSettings, OptunaSettings, Promise, SearchSettings
from cascade.serving import ServeSettings

log = logging.getLogger(__name__)

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
            draft_model=None if model.draft_model is None else _located(model.draft_model),
            architecture=model.architecture,
            gguf_file=model.gguf_file,
            prompts=None if not model.prompts else _own_prompts(config.prompts, model.prompts, key),
            chat_template_kwargs=model.chat_template_kwargs,
            max_reasoning_tokens=int(
                checks.at_least(model.max_reasoning_tokens, 0, f"family.models.{key}.max_reasoning_tokens")
            ),
            server=_server_of(model.server, f"family.models.{key}.server"),
        )
        for key, model in config.models.items()
    )
    names = [model.name for model in models]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise ConfigError(f"family.models: two models are named {twice[0]!r}; give one another name")
    return Family(
        config.name,
        models,
        _prompts_of(config.prompts, "family.prompts"),
        int(checks.at_least(config.max_new_tokens, 1, "family.max_new_tokens")),
    )


def _prompts_of(config: PromptsConfig, key: str) -> PromptStyle:
    return PromptStyle(
        checks.template(config.solution, f"{key}.solution"),
        checks.template(config.test, f"{key}.test"),
        config.completion,
        config.test_begins,
        tuple(config.stop),
        config.chat,
        config.mend,
        StdinPrompts(
            _general_or(config.stdin.solution, f"{key}.stdin.solution"),
            _general_or(config.stdin.test, f"{key}.stdin.test"),
            config.stdin.test_begins,
            tuple(config.stdin.stop),
        ),
    )


def _general_or(text: str, key: str) -> str:
    """A template of the family's own; empty where a general one takes its place."""
    return checks.template(text, key) if text else ""


def _own_prompts(family: PromptsConfig, overrides: dict[str, Any], member: str) -> PromptStyle:
    """The family's prompts with what one member says otherwise."""
    key = f"family.models.{member}.prompts"
    try:
        merged: Any = OmegaConf.to_object(OmegaConf.merge(OmegaConf.structured(family), overrides))
    except OmegaConfBaseException as error:
        raise ConfigError(f"{key}.{error.full_key}: {str(error).splitlines()[0]}") from None
    return _prompts_of(merged, key)


def _server_of(server: ServerConfig, key: str) -> Server:
    """Where one member is served."""
    if server.api is not None:
        checks.one_of(server.api, APIS, f"{key}.api")
    for name in ("concurrency", "gpus"):
        if (value := getattr(server, name)) is not None:
            checks.at_least(value, 1, f"{key}.{name}")
    return Server(**vars(server))


def _located(source: str) -> str:
    """A repository or folder as it is, or a folder of the installed package."""
    inside = source.removeprefix("package:")
    return source if inside == source else str(PACKAGE / inside)


def dataset_of(config: DataSet) -> DataSet:
    """The data set."""
    if config.path is None and config.hub_id is None and config.format not in EMBEDDED:
        raise ConfigError(f"dataset.path: the data set {config.name!r} has neither a path nor a hub_id")
    return replace(config, path=checks.path(config.path))


def generator_of(config: GeneratorConfig) -> Generator:
    """The generator."""
    if isinstance(config, TransformersConfig | OpenAIConfig | EngineConfig):
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
    if isinstance(config, EngineConfig):
        _check_engine(config)
    generator: Generator = hydra.utils.instantiate(config, _convert_="all")
    return generator


def _check_engine(config: EngineConfig) -> None:
    # What a command line must say, so that the server that we started is asked, and no other.
    for placeholder in ("{model}", "{name}", "{port}"):
        if not any(placeholder in argument for argument in config.command):
            raise ConfigError(f"generator.command: must hold {placeholder}; see conf/generator/vllm.yaml")
    checks.one_of(config.api, APIS, "generator.api")
    checks.at_least(config.batch_size, 1, "generator.batch_size")
    checks.positive(config.start_timeout_s, "generator.start_timeout_s")
    checks.positive(config.timeout_s, "generator.timeout_s")


def estimator_of(config: EstimatorConfig) -> Estimator:
    """The estimator."""
    if isinstance(config, ResampleConfig):
        checks.at_least(config.n_subsets, 2, "estimator.n_subsets")
        checks.at_least(config.seed, 0, "estimator.seed")
    estimator: Estimator = hydra.utils.instantiate(config)
    return estimator


def constraints_of(config: SelectConfig) -> Constraints:
    """What is wanted of one plan."""
    budget, least, confidence = config.budget_usd_per_1k, config.min_accuracy, config.confidence
    if confidence is not None and budget is None and least is None:
        raise ConfigError(
            f"select.confidence={confidence:g}: needs select.min_accuracy or select.budget_usd_per_1k; give "
            "one of them too, or leave it null"
        )
    return Constraints(
        None if budget is None else checks.positive(budget, "select.budget_usd_per_1k"),
        None if least is None else checks.fraction(least, "select.min_accuracy"),
        None if confidence is None else checks.between(confidence, "select.confidence"),
    )


def compared_rules(config: RuleConfig) -> tuple[str, ...]:
    """The plans' own rule, and those that the diagnostics judge beside it."""
    named = tuple(RULES) if config.compare is None else tuple(config.compare)
    each = (checks.one_of(name, tuple(RULES), "rule.compare") for name in named)
    return tuple(dict.fromkeys((answered_by(config.name), *each)))


def theta_choice_of(choice: ThetaChoice, space: SearchSettings) -> ThetaChoice:
    """How θ is chosen: by `select.theta`, unless the space has one θ a stage."""
    if choice.per_stage and not space.per_stage_theta:
        raise ConfigError(
            "select.theta=stage: the search space has one θ a plan; take search=per_stage_theta, or "
            "select.theta=best, near or pooled"
        )
    if space.per_stage_theta:
        if not choice.per_stage:
            log.info(
                "select.theta=%s is taken as select.theta=stage: with one θ a stage there is one front "
                "over all of them",
                choice.value,
            )
        return ThetaChoice.stage
    if isinstance(space, OptunaSettings | ExactSettings) and choice is not ThetaChoice.pooled:
        log.info(
            "select.theta=%s is taken as select.theta=pooled: a search that does not try all plans has one "
            "front over all θ",
            choice.value,
        )
        return ThetaChoice.pooled
    return choice


def allowed_of(config: SelectConfig, space: SearchSettings) -> AllowedPlans:
    """Which plans may be chosen; those that grow only where the space has them."""
    if config.plans is AllowedPlans.growing and space.growing is Growing.off:
        log.info(
            "select.plans=growing is taken as select.plans=falling_k: with search.growing=off none grows"
        )
        return AllowedPlans.falling_k
    return config.plans


def promise_of(config: Promise) -> Promise | None:
    """What plans are to be certified for; None for nothing."""
    if config.accuracy is None and config.usd_per_1k is None:
        return None
    if config.accuracy is not None:
        checks.between(config.accuracy, "select.certify.accuracy")
    if config.usd_per_1k is not None:
        checks.positive(config.usd_per_1k, "select.certify.usd_per_1k")
    checks.between(config.confidence, "select.certify.confidence")
    return config


def exact_of(config: SearchSettings, select: SelectConfig) -> bool:
    """Whether the exact front is searched without trying every plan."""
    if not isinstance(config, ExactSettings):
        return False
    if select.plans is AllowedPlans.nested:
        raise ConfigError(
            "select.plans=nested: search=exact finds one front, of all plans or of those whose k falls; take "
            "select.plans=all, falling_k or growing, or search=grid"
        )
    return True


def optuna_of(config: SearchSettings) -> OptunaSettings | None:
    """How Optuna searches; None where it does not."""
    if not isinstance(config, OptunaSettings):
        return None
    checks.at_least(config.trials, 1, "search.trials")
    checks.at_least(config.population, 2, "search.population")
    return config


def solve_of(config: SolveConfig) -> SolveConfig:
    """What task=solve does."""
    if config.plan is not None and (config.budget_usd_per_1k, config.min_accuracy) != (None, None):
        raise ConfigError(
            f"solve.plan={config.plan}: names a plan, and solve.budget_usd_per_1k and solve.min_accuracy "
            "choose one; leave one of them out"
        )
    if config.min_accuracy is not None:
        checks.fraction(config.min_accuracy, "solve.min_accuracy")
    for name in ("budget_usd_per_1k", "deadline_s", "limit_usd"):
        if (value := getattr(config, name)) is not None:
            checks.positive(value, f"solve.{name}")
    checks.at_least(config.concurrency, 1, "solve.concurrency")
    return replace(
        config,
        plans=checks.path(config.plans),
        problems=checks.path(config.problems),
        output=checks.path(config.output) or "",
    )


def serve_of(config: ServeSettings) -> ServeSettings:
    """What task=serve does."""
    for name in ("concurrency", "max_request_kb"):
        checks.at_least(getattr(config, name), 1, f"serve.{name}")
    for name in ("queue", "retries", "port"):
        checks.at_least(getattr(config, name), 0, f"serve.{name}")
    for name in ("deadline_s", "keep_alive_s", "drain_s"):
        if (value := getattr(config, name)) is not None:
            checks.positive(value, f"serve.{name}")
    checks.between(config.false_alarm_rate, "serve.false_alarm_rate")
    checks.fraction(config.shadow_share, "serve.shadow_share")
    return replace(
        config, plans=checks.path(config.plans), shadow_output=checks.path(config.shadow_output) or ""
    )


def shard_of(shard: int, n_shards: int) -> int:
    """The number of a shard among `n_shards`."""
    checks.at_least(n_shards, 1, "n_shards")
    if not 0 <= shard < n_shards:
        raise ConfigError(f"shard={shard}: must lie between 0 and n_shards - 1 = {n_shards - 1}")
    return shard


def split_of(config: SplitConfig) -> SplitConfig:
    """How the problems are split."""
    checks.fraction(config.validation_fraction, "split.validation_fraction")
    checks.fraction(config.max_accuracy_gap, "split.max_accuracy_gap")
    checks.at_least(config.max_redraws, 0, "split.max_redraws")
    return replace(config, validation_ids=checks.path(config.validation_ids))


def profile_of(config: ProfileConfig) -> ProfileConfig:
    """How a family's throughput is measured."""
    for name in ("prompt_tokens", "new_tokens", "repeats"):
        checks.at_least(getattr(config, name), 1, f"profile.{name}")
    return replace(config, path=checks.path(config.path))


def report_of(config: ReportConfig, run_id: str | None) -> ReportConfig:
    """What task=report is about."""
    if run_id is not None and (config.runs or config.of is not ReportOf.study):
        raise ConfigError(
            f"run_id={run_id}: names one study, and report.* names several; leave one of them out"
        )
    return config
