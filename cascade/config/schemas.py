"""The schemas of `conf/`: what keys there are, of what type; Hydra refuses anything else."""

from dataclasses import dataclass, field
from typing import Any

from hydra.core.config_store import ConfigStore
from omegaconf import MISSING, OmegaConf

from cascade.config.choices import (
    AccuracyOf,
    AllowedPlans,
    Combinations,
    Container,
    Lines,
    NoTests,
    PromiseOf,
    ReportOf,
    Require,
    SavingMembers,
    Side,
    Weights,
)
from cascade.core import CALIBRATED, RULES, ThetaChoice
from cascade.generate import TextKind
from cascade.problems import DataSet
from cascade.search import ExactSettings, OptunaSettings, Promise, SearchSettings
from cascade.serving import ServeSettings


@dataclass
class TaskConfig:
    _target_: str = MISSING


# Not `cascade.generate.Server` itself: OmegaConf keeps frozen parts of a dict's values read-only.
@dataclass
class ServerConfig:
    base_url: str | None = None
    api: str | None = None
    key_variable: str | None = None
    concurrency: int | None = None
    extra: dict[str, Any] = field(default_factory=dict)
    gpus: int | None = None


@dataclass
class ModelConfig:
    name: str | None = None  # in recordings, profiles and tables; the key where it is left out
    hub_id: str = MISSING
    tokenizer: str | None = None
    revision: str | None = None
    served_as: str | None = None
    quantization: dict[str, Any] | None = None
    draft_model: str | None = None
    architecture: dict[str, Any] | None = None
    gguf_file: str | None = None
    # Keys of PromptsConfig that are otherwise than the family's.
    prompts: dict[str, Any] = field(default_factory=dict)
    chat_template_kwargs: dict[str, Any] = field(default_factory=dict)
    max_reasoning_tokens: int = 0
    server: ServerConfig = field(default_factory=ServerConfig)


@dataclass
class StdinPromptsConfig:
    solution: str = ""
    test: str = ""
    test_begins: str = ""
    stop: list[str] = field(default_factory=list)


@dataclass
class PromptsConfig:
    solution: str = "{prompt}"
    test: str = "{prompt}"
    completion: bool = True
    test_begins: str = ""
    stop: list[str] = field(default_factory=list)
    chat: bool = False
    mend: bool = True
    # for programs that read standard input; what is left empty is a general template
    stdin: StdinPromptsConfig = field(default_factory=StdinPromptsConfig)


@dataclass
class FamilyConfig:
    name: str = MISSING
    tokenizer: str | None = None  # for every model that names none of its own
    models: dict[str, ModelConfig] = field(default_factory=dict)
    max_new_tokens: int = 1024
    prompts: PromptsConfig = field(default_factory=PromptsConfig)


@dataclass
class ThroughputConfig:
    gpus: int = 1
    seconds_per_1k_tokens: float | None = None
    usd_per_1m_tokens: float | None = None
    batch: int | None = None


@dataclass
class HardwareConfig:
    name: str = MISSING
    usd_per_gpu_hour: float = MISSING
    # whether the generator measures the throughput; then there is none here
    measured: bool = False
    # data set -> family -> model -> ThroughputConfig; OmegaConf types one level of a dict, so the
    # boundary checks the entries
    throughput: dict[str, Any] = field(default_factory=dict)


@dataclass
class GeneratorConfig:
    _target_: str = MISSING


@dataclass
class RecordedConfig(GeneratorConfig):
    """Samples of a recording; see `cascade.generate.RecordedGenerator`."""

    _target_: str = "cascade.generate.RecordedGenerator"
    path: str = MISSING
    format: str | None = None
    text: TextKind = TextKind.auto


@dataclass
class TransformersConfig(GeneratorConfig):
    """Models in this process; see `cascade.generate.TransformersGenerator`."""

    _target_: str = "cascade.generate.TransformersGenerator"
    batch_size: int | None = None
    draws: int = 1
    temperature: float = 0.8
    top_p: float = 0.95
    dtype: str = "auto"
    device_map: str = "auto"
    cache: str = "auto"
    seed: int = 0


@dataclass
class OpenAIConfig(GeneratorConfig):
    """Models behind an OpenAI-compatible server; see `cascade.generate.OpenAIGenerator`."""

    _target_: str = "cascade.generate.OpenAIGenerator"
    base_url: str = MISSING
    api: str = "completions"
    key_variable: str = "OPENAI_API_KEY"
    draws: int = 1
    temperature: float = 0.8
    top_p: float = 0.95
    seed: int = 0
    concurrency: int = 16
    samples_per_request: int = 1
    retries: int = 8
    timeout_s: float = 300.0
    count: str = "usage"


@dataclass
class EngineConfig(GeneratorConfig):
    """Servers that the study starts and ends itself; see `cascade.generate.EngineGenerator`."""

    _target_: str = "cascade.generate.EngineGenerator"
    command: list[str] = MISSING
    arguments: list[str] = field(default_factory=list)
    extra: dict[str, Any] = field(default_factory=dict)
    api: str = "completions"
    batch_size: int = 256
    draws: int = 1
    temperature: float = 0.8
    top_p: float = 0.95
    dtype: str = "auto"
    seed: int = 0
    start_timeout_s: float = 1800.0
    timeout_s: float = 900.0


@dataclass
class SandboxConfig:
    workers: int | None = None
    require: Require = Require.any
    container: Container = Container.none
    image: str = "docker.io/library/python:3.11-slim"
    timeout_s: float = 1.0
    reference_timeout_s: float = 1.0
    memory_mb: int = 1024
    proofs: bool = True
    prelude: str = ""


@dataclass
class EstimatorConfig:
    _target_: str = MISSING


@dataclass
class FirstKConfig(EstimatorConfig):
    _target_: str = "cascade.core.FirstK"


@dataclass
class ResampleConfig(EstimatorConfig):
    _target_: str = "cascade.core.Resample"
    n_subsets: int = 100
    seed: int = 0
    pool_draws: bool = True


@dataclass(frozen=True)
class SplitConfig:
    """How the problems are split; see `cascade.core.split`."""

    validation_fraction: float = 0.3
    max_accuracy_gap: float = 0.05
    max_redraws: int = 1000
    validation_ids: str | None = None


@dataclass
class RuleConfig:
    name: str = "paper"  # of `cascade.core.RULES`, or calibrated
    no_tests: NoTests = NoTests.accept
    lines: Lines = Lines.statements
    compare: list[str] | None = None  # null: every rule


@dataclass
class SelectConfig:
    theta: ThetaChoice = ThetaChoice.best
    plans: AllowedPlans = AllowedPlans.all
    accuracy: AccuracyOf = AccuracyOf.validation
    promise: PromiseOf = PromiseOf.validation
    budget_usd_per_1k: float | None = None
    min_accuracy: float | None = None
    confidence: float | None = None
    more_problems: str | None = None
    certify: Promise = field(default_factory=Promise)


@dataclass
class BootstrapConfig:
    replicates: int = 1000
    confidence: float = 0.95


@dataclass(frozen=True)
class ProfileConfig:
    """How a family's throughput is measured; see `cascade.generate.local.profile`."""

    weights: Weights = Weights.trained
    prompt_tokens: int = 192
    new_tokens: int = 256
    repeats: int = 3
    path: str | None = None

    @property
    def random_weights(self) -> bool:
        return self.weights is Weights.random


@dataclass(frozen=True)
class ReportConfig:
    """What task=report is about, and whether a study makes its page on its own.

    Attributes:
        of: what task=report is about.
        runs: ids of MLflow runs that it is about instead.
        page: whether task=study ends with its page.
    """

    of: ReportOf = ReportOf.study
    runs: list[str] = field(default_factory=list)
    page: bool = True


@dataclass(frozen=True)
class SolveConfig:
    """Problems through a plan; see `cascade.tasks.solve`.

    Attributes:
        plans: a plans.json or the output folder of a study; None for the newest study of family and data set.
        plan: name of the plan; None for the one that budget and accuracy choose, or the recommended one.
        budget_usd_per_1k, min_accuracy: what is wanted of the plan, as task=select has them.
        problems: JSON Lines with prompt and entry_point; None for the data set.
        side: which of the plan file's problems are solved.
        deadline_s, limit_usd: of one problem.
        concurrency: problems at a time.
        output: the file that the solutions are appended to.
    """

    plans: str | None = None
    plan: str | None = None
    budget_usd_per_1k: float | None = None
    min_accuracy: float | None = None
    problems: str | None = None
    side: Side = Side.all
    deadline_s: float | None = None
    limit_usd: float | None = None
    concurrency: int = 16
    output: str = "solutions.jsonl"


@dataclass
class TrackingConfig:
    uri: str | None = None
    combinations: Combinations = Combinations.runs


@dataclass
class PathsConfig:
    store: str = "store"
    mlruns: str = "mlruns"


@dataclass
class SavingConfig:
    window: float = 0.01
    members: SavingMembers = SavingMembers.cascades
    baseline_k1: bool = True


@dataclass
class Config:
    """The whole configuration, as `conf/config.yaml` composes it; docs/configuration.md has every key."""

    task: TaskConfig = field(default_factory=TaskConfig)
    family: FamilyConfig = field(default_factory=FamilyConfig)
    dataset: DataSet = field(default_factory=DataSet)
    hardware: HardwareConfig = field(default_factory=HardwareConfig)
    generator: GeneratorConfig = field(default_factory=GeneratorConfig)
    sandbox: SandboxConfig = field(default_factory=SandboxConfig)
    search: SearchSettings = field(default_factory=SearchSettings)
    split: SplitConfig = field(default_factory=SplitConfig)
    rule: RuleConfig = field(default_factory=RuleConfig)
    estimator: EstimatorConfig = field(default_factory=EstimatorConfig)
    select: SelectConfig = field(default_factory=SelectConfig)
    profile: ProfileConfig = field(default_factory=ProfileConfig)
    bootstrap: BootstrapConfig = field(default_factory=BootstrapConfig)
    saving: SavingConfig = field(default_factory=SavingConfig)
    report: ReportConfig = field(default_factory=ReportConfig)
    solve: SolveConfig = field(default_factory=SolveConfig)
    serve: ServeSettings = field(default_factory=ServeSettings)
    tracking: TrackingConfig = field(default_factory=TrackingConfig)
    paths: PathsConfig = field(default_factory=PathsConfig)
    seed: int = 0
    shard: int = 0
    n_shards: int = 1
    run_id: str | None = None


def register_schemas() -> None:
    """Make the schemas known to Hydra; `conf/config.yaml` begins with `base_config`."""
    store = ConfigStore.instance()
    config = OmegaConf.structured(Config)
    # What a study keeps is frozen, and OmegaConf would refuse to merge files into it.
    for group in ("dataset", "search", "split", "profile", "report", "solve", "serve"):
        OmegaConf.set_readonly(config[group], None)
    OmegaConf.set_readonly(config.select.certify, None)
    store.store(name="base_config", node=config)
    for rule in (*RULES, CALIBRATED):
        store.store(group="rule", name=rule, node=RuleConfig(name=rule))
    store.store(group="generator", name="base_recorded", node=RecordedConfig)
    store.store(group="generator", name="base_transformers", node=TransformersConfig)
    store.store(group="generator", name="base_openai", node=OpenAIConfig)
    store.store(group="generator", name="base_engine", node=EngineConfig)
    for name, schema in (("base_optuna", OptunaSettings), ("base_exact", ExactSettings)):
        node = OmegaConf.structured(schema)
        OmegaConf.set_readonly(node, None)
        store.store(group="search", name=name, node=node)
    store.store(group="estimator", name="base_first_k", node=FirstKConfig)
    store.store(group="estimator", name="base_resample", node=ResampleConfig)
