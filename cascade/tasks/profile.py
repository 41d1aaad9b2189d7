"""task=profile: how fast each model of a family writes on this machine, as a throughput profile."""

import json
import logging
import re
from datetime import date
from importlib.metadata import version
from pathlib import Path
from typing import Any

import yaml

from cascade.base import CascadeError, ConfigError, file_name
from cascade.config import ANY_DATASET, Study
from cascade.core import usd_per_1m_tokens
from cascade.generate import ModelProfile, TimedBatch, TransformersGenerator, profile_loaded, profile_random
from cascade.problems import load_problems
from cascade.report import table
from cascade.tasks.common import open_tracker, study_tags
from cascade.tracking import KIND

log = logging.getLogger(__name__)


def main(study: Study, output: Path) -> None:
    """Measure every model, write the profile, log it."""
    if not isinstance(study.generator, TransformersGenerator):
        raise ConfigError("task=profile measures this machine: choose generator=transformers")
    if drafted := [model.name for model in study.family.models if model.draft_model is not None]:
        raise ConfigError(
            f"family.models: {', '.join(drafted)}: has a draft model and writes one prompt at a time; "
            "task=profile times full batches. Leave it out, or let a run price it (hardware=cpu or gpu)"
        )
    tracker = open_tracker(study)
    weights = "random" if study.profile.random_weights else "trained"
    params = {
        "family": study.family.name,
        "hardware": study.hardware.name,
        "usd_per_gpu_hour": f"{study.hardware.usd_per_gpu_hour:g}",
        "weights": weights,
    }
    name = f"profile {study.family.name} {study.hardware.name}"
    dataset = ANY_DATASET if study.profile.random_weights else study.dataset.name
    path = (
        Path(study.profile.path)
        if study.profile.path
        else output / f"{file_name(study.hardware.name, 'hardware')}.yaml"
    )
    measured: dict[str, ModelProfile] = {}
    with tracker.run(name, study_tags(study) | {KIND: "profile"}, params) as run_id:
        for i, model in enumerate(study.family.models):
            profile = measured[model.name] = _measure(study, study.generator, i)
            # After each model: what is measured stays if a later one fails or is stopped.
            write_profile(path, study, dataset, measured)
            tracker.log_file(run_id, path)
            metrics = {
                f"tokens_per_second.{model.name}": 1000 / profile.seconds_per_1k_tokens,
                f"usd_per_1m_tokens.{model.name}": _usd(study, profile),
                f"batch.{model.name}": float(profile.batch),
                f"weight_limit_share.{model.name}": profile.weight_limit_share,
                f"memory_share.{model.name}": profile.memory_share,
            }
            tracker.log(run_id, metrics=metrics)
    print(_table(study, measured))
    log.info("%s: use it as hardware=%s hydra.searchpath=[…], or put it into conf/hardware/", path, path.stem)


def _measure(study: Study, generator: TransformersGenerator, index: int) -> ModelProfile:
    model, settings = study.family.models[index], study.profile
    setup = TimedBatch(
        requests=(),
        ends=frozenset(),
        done=lambda positions, _: [False] * len(positions),
        batch_size=generator.batch_size,
        cache=generator.cache,
        sampling=(generator.temperature, generator.top_p),
        repeats=settings.repeats,
    )
    if settings.random_weights:
        return profile_random(
            model, generator.dtype, generator.device_map, settings.prompt_tokens, settings.new_tokens, setup
        )
    return profile_loaded(
        model.name, *generator.timed_batch(model, study.family, load_problems(study.dataset), setup)
    )


def write_profile(path: Path, study: Study, dataset: str, measured: dict[str, ModelProfile]) -> None:
    """Write the profile, or add these models to the one that is there.

    Raises:
        CascadeError: what is there is no throughput profile.
    """
    throughput: dict[str, Any] = {}
    comments = ""
    if path.exists():
        text = path.read_text(encoding="utf-8")
        comments = "".join(line for line in text.splitlines(keepends=True) if line.startswith("#"))
        try:
            throughput = yaml.safe_load(text)["throughput"]
        except (yaml.YAMLError, KeyError, TypeError):
            raise CascadeError(
                f"{path}: not a throughput profile; name another file in profile.path"
            ) from None
    entry = throughput.setdefault(dataset, {}).setdefault(study.family.name, {})
    for model, profile in measured.items():
        entry[model] = {
            "gpus": profile.gpus,
            "seconds_per_1k_tokens": round(profile.seconds_per_1k_tokens, 6),
            "batch": profile.batch,
        }
    how = (
        f"random weights, {study.profile.prompt_tokens} + {study.profile.new_tokens} tokens"
        if study.profile.random_weights
        else f"prompts of {' '.join(study.dataset.name.split())}"
    )
    device = next(iter(measured.values())).device
    comment = (
        f"# {' '.join(study.family.name.split())}: measured by task=profile on {device}, {date.today()}, "
        f"torch {version('torch')}, transformers {version('transformers')}; {how}\n"
    )
    if comment not in comments:
        comments += comment
    lines = [
        comments + f"name: {_scalar(study.hardware.name)}",
        f"usd_per_gpu_hour: {study.hardware.usd_per_gpu_hour:g}",
        "throughput:",
    ]
    for data, families in throughput.items():
        lines.append(f"  {_scalar(data)}:")
        for family, models in families.items():
            lines.append(f"    {_scalar(family)}:")
            for model, numbers in models.items():
                inside = ", ".join(f"{key}: {json.dumps(value)}" for key, value in numbers.items())
                lines.append(f"      {_scalar(model)}: {{{inside}}}")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _scalar(name: str) -> str:
    """A name as YAML reads it back: in quotes where it would be something else, like a number, without."""
    return name if re.fullmatch(r"[\w.-]+", name) and yaml.safe_load(name) == name else json.dumps(name)


def _usd(study: Study, profile: ModelProfile) -> float:
    return usd_per_1m_tokens(profile.seconds_per_1k_tokens, profile.gpus, study.hardware.usd_per_gpu_hour)


def _table(study: Study, measured: dict[str, ModelProfile]) -> str:
    head = ["model", "GPUs", "h per 1M", "batch", "$ per 1M", "tokens/s", "of weight limit", "of memory"]
    rows = [
        [
            model,
            str(profile.gpus),
            f"{profile.seconds_per_1k_tokens * 1000 / 3600:.3f}",
            str(profile.batch),
            f"{_usd(study, profile):.3f}",
            f"{1000 / profile.seconds_per_1k_tokens:,.0f}",
            f"{profile.weight_limit_share:.0%}",
            f"{profile.memory_share:.0%}",
        ]
        for model, profile in measured.items()
    ]
    return table(head, rows)
