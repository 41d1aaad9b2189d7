"""The schemas of `conf/`: what keys there are, of what type; Hydra refuses anything else."""

from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from hydra.core.config_store import ConfigStore
from omegaconf import MISSING


class NoTests(Enum):
    """What a stage without a valid test line does; the paper's 0 ≥ 0 accepts."""

    accept = "accept"
    escalate = "escalate"


class ThetaChoice(Enum):
    """How θ is chosen: the θ with the best front (the paper's way), or one front over all θ."""

    best = "best"
    pooled = "pooled"


class Combinations(Enum):
    """How all combinations are logged: as MLflow runs and as a table, or as a table alone."""

    runs = "runs"
    table = "table"


@dataclass
class TaskConfig:
    _target_: str = MISSING


@dataclass
class ModelConfig:
    hub_id: str = MISSING
    tokenizer: str | None = None
    revision: str | None = None


@dataclass
class PromptsConfig:
    solution: str = "{prompt}"
    test: str = "{prompt}"
    completion: bool = True
    test_begins: str = ""
    stop: list[str] = field(default_factory=list)


@dataclass
class FamilyConfig:
    name: str = MISSING
    tokenizer: str | None = None  # for every model that names none of its own
    models: dict[str, ModelConfig] = field(default_factory=dict)
    max_new_tokens: int = 1024
    prompts: PromptsConfig = field(default_factory=PromptsConfig)


@dataclass
class DatasetConfig:
    name: str = MISSING
    format: str = MISSING
    path: str | None = None
    hub_id: str | None = None
    hub_config: str | None = None
    hub_split: str = "test"
    revision: str | None = None
    difficulty: str | None = None


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
    _target_: str = "cascade.generate.recorded.RecordedGenerator"
    path: str = MISSING
    format: str | None = None


@dataclass
class TransformersConfig(GeneratorConfig):
    _target_: str = "cascade.generate.huggingface.TransformersGenerator"
    batch_size: int = 256
    draws: int = 1
    temperature: float = 0.8
    top_p: float = 0.95
    dtype: str = "auto"
    device_map: str = "auto"
    seed: int = 0


@dataclass
class SandboxConfig:
    workers: int | None = None
    timeout_s: float = 0.5
    reference_timeout_s: float = 1.0
    memory_mb: int = 1024
    prelude: str = ""


@dataclass
class SearchConfig:
    k: list[int] = MISSING
    l: list[int] = MISSING  # noqa: E741 - the paper's own letter
    theta: list[float] = MISSING


@dataclass
class SplitConfig:
    validation_fraction: float = 0.3
    max_accuracy_gap: float = 0.05
    max_redraws: int = 1000
    validation_ids: str | None = None


@dataclass
class RuleConfig:
    no_tests: NoTests = NoTests.accept


@dataclass
class SelectConfig:
    theta: ThetaChoice = ThetaChoice.best


@dataclass
class TrackingConfig:
    uri: str | None = None
    combinations: Combinations = Combinations.runs


@dataclass
class PathsConfig:
    store: str = "store"
    mlruns: str = "mlruns"


@dataclass
class Config:
    task: TaskConfig = field(default_factory=TaskConfig)
    family: FamilyConfig = field(default_factory=FamilyConfig)
    dataset: DatasetConfig = field(default_factory=DatasetConfig)
    hardware: HardwareConfig = field(default_factory=HardwareConfig)
    generator: GeneratorConfig = field(default_factory=GeneratorConfig)
    sandbox: SandboxConfig = field(default_factory=SandboxConfig)
    search: SearchConfig = field(default_factory=SearchConfig)
    split: SplitConfig = field(default_factory=SplitConfig)
    rule: RuleConfig = field(default_factory=RuleConfig)
    select: SelectConfig = field(default_factory=SelectConfig)
    tracking: TrackingConfig = field(default_factory=TrackingConfig)
    paths: PathsConfig = field(default_factory=PathsConfig)
    seed: int = 0
    run_id: str | None = None


def register_schemas() -> None:
    """Make the schemas known to Hydra; `conf/config.yaml` begins with `base_config`."""
    store = ConfigStore.instance()
    store.store(name="base_config", node=Config)
    store.store(group="generator", name="base_recorded", node=RecordedConfig)
    store.store(group="generator", name="base_transformers", node=TransformersConfig)
