"""The hardware group: throughput profiles, and the price of each of a family's models."""

from collections.abc import Mapping
from typing import Any

from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from cascade.base import ConfigError
from cascade.config import checks
from cascade.config.schemas import HardwareConfig, ThroughputConfig
from cascade.core import Hardware, Throughput, usd_per_1m_tokens
from cascade.generate import Family
from cascade.problems import DataSet

ANY_DATASET = "any"  # in a hardware profile: for every data set that has no numbers of its own


def hardware_of(config: HardwareConfig) -> Hardware:
    """A hardware profile."""
    usd_per_gpu_hour = checks.positive(config.usd_per_gpu_hour, "hardware.usd_per_gpu_hour")
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
    gpus = int(checks.at_least(config.gpus, 1, f"{key}.gpus"))
    seconds, usd = config.seconds_per_1k_tokens, config.usd_per_1m_tokens
    if (seconds is None) == (usd is None):
        raise ConfigError(f"{key}: give either seconds_per_1k_tokens or usd_per_1m_tokens")
    if seconds is not None:
        usd = usd_per_1m_tokens(
            checks.positive(seconds, f"{key}.seconds_per_1k_tokens"), gpus, usd_per_gpu_hour
        )
    assert usd is not None
    return Throughput(gpus, seconds, checks.positive(usd, f"{key}.usd_per_1m_tokens"), config.batch)


def prices_of(hardware: Hardware, dataset: DataSet, family: Family) -> tuple[Throughput, ...] | None:
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
