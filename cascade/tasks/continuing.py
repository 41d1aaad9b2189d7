"""What a task that goes on from a run may change: what it can honour it takes, the rest it refuses."""

import json
import logging
import shlex
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from cascade import tracking
from cascade.base import CascadeError, ConfigError, digest, flat_settings, is_under, program
from cascade.config import Study
from cascade.core import Growing, Option, Throughput, option_space
from cascade.search import STAGE_TABLES, Executed, Provenance
from cascade.tasks.common import CONFIG, SOURCE, study_tags

if TYPE_CHECKING:
    from mlflow.entities import Run

log = logging.getLogger(__name__)

# What each task can take otherwise than the run that it goes on from; a study would come to the same.
SELECT_TAKES = ("select", "bootstrap", "saving", "search", "hardware")
EVALUATE_TAKES = ("bootstrap", "saving", "select.certify")
NAMED = 3  # differences that an error names
NOTHING = object()
_YAML = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # in C where PyYAML has it: ten times as fast


@dataclass(frozen=True)
class Difference:
    """A setting that is otherwise here than in the run that a task goes on from."""

    key: str
    there: object
    here: object

    @property
    def values(self) -> str:
        return f"({_shown(self.there)}, here {_shown(self.here)})"

    def __str__(self) -> str:
        return f"{self.key} {self.values}"


@dataclass(frozen=True)
class Source:
    """The run that a task goes on from.

    Attributes:
        run_id: its id.
        executed_id: of the run that executed the samples; the same, or the one that it went on from.
        config: its settings, by their dotted keys.
        changed: the settings that are otherwise here and that the task takes.
    """

    run_id: str
    executed_id: str
    config: Mapping[str, Any]
    changed: tuple[Difference, ...]

    def changes(self, *prefixes: str) -> bool:
        """Whether one of these settings is otherwise here."""
        return any(is_under(one.key, prefixes) for one in self.changed)


def find_source(
    study: Study, tracker: "tracking.Tracker", tags: Mapping[str, str], what: str, takes: tuple[str, ...]
) -> Source:
    """The run that is named, or the newest that this study's settings can go on from.

    Args:
        study: with the settings of this command.
        tracker: its store.
        tags: what the run must carry.
        what: how an error calls it.
        takes: the settings that may be otherwise.

    Raises:
        CascadeError: there is none; names the settings that differ and what to do.
    """
    if study.n_shards > 1:
        raise ConfigError("n_shards: only task=run takes a shard; leave shard and n_shards out")
    if study.run_id is not None:
        run = tracker.client.get_run(tracker.find(tags, study.run_id, what))
        return _said(run, _checked(study, tracker, run, takes))
    runs = tracker.find_all(tags, everywhere=False)
    # What none of these tasks takes otherwise is known without opening a run's files.
    fixed = {key: value for key, value in study_tags(study).items() if key != "cascade.hardware"}
    likely = [run for run in runs if all(run.data.tags.get(key) == value for key, value in fixed.items())]
    first: CascadeError | None = None
    for run in likely or runs[:1]:
        try:
            return _said(run, _checked(study, tracker, run, takes))
        except CascadeError as error:
            first = first or error
    if first is not None:
        raise first
    raise CascadeError(
        f"no run of {what} of {study.family.name} on {study.dataset.name} in {tracker.address}; "
        "run that task first"
    )


def _said(run: "Run", source: Source) -> Source:
    started = datetime.fromtimestamp(run.info.start_time / 1000, UTC)
    others = f"; otherwise here: {_listed(source.changed)}" if source.changed else ""
    log.info(
        "continues from run %s (%s, %s UTC)%s",
        source.run_id[:8],
        run.info.run_name,
        f"{started:%Y-%m-%d %H:%M}",
        others,
    )
    return source


def _checked(study: Study, tracker: "tracking.Tracker", run: "Run", takes: tuple[str, ...]) -> Source:
    """The run as a source.

    Raises:
        CascadeError: settings differ that the task cannot take.
    """
    run_id = str(run.info.run_id)
    with tempfile.TemporaryDirectory() as folder:
        text = tracker.fetch(run_id, CONFIG, Path(folder)).read_text(encoding="utf-8")
    there, here = (flat_settings(yaml.load(one, _YAML)) for one in (text, study.yaml))
    differ = [
        Difference(key, there.get(key, NOTHING), here.get(key, NOTHING))
        for key in {**there, **here}
        if there.get(key, NOTHING) != here.get(key, NOTHING)
    ]
    if refused := [one for one in differ if not is_under(one.key, takes)]:
        typed = tuple(word.partition("=")[0].lstrip("+~") for word in study.overrides)
        # What the command line says goes first.
        refused.sort(key=lambda one: not is_under(one.key, typed))
        raise CascadeError(_refusal(run, refused, takes))
    return Source(run_id, run.data.tags.get(SOURCE, run_id), there, tuple(differ))


def _refusal(run: "Run", refused: list[Difference], takes: tuple[str, ...]) -> str:
    run_id = str(run.info.run_id)[:8]
    belongs = [one for one in refused if is_under(one.key, SELECT_TAKES)] if takes != SELECT_TAKES else []
    if len(belongs) == len(refused):
        remedy = (
            "that belongs to task=select: run it with these settings first, then task=evaluate with the same"
        )
    else:
        remedy = (
            "run task=study (or task=run) with these settings, which takes from the store what it knows, or "
            f"repeat those of the run; its command was: {run.data.tags.get('cascade.command', 'not kept')}"
        )
    first, *rest = refused
    others = f"; also {_listed(rest)}" if rest else ""
    return f"{first.key} differs from run {run_id} {first.values}{others}: {remedy}"


def _listed(differences: "list[Difference] | tuple[Difference, ...]") -> str:
    more = len(differences) - NAMED
    return ", ".join(map(str, differences[:NAMED])) + (f" and {more} more" if more > 0 else "")


def _shown(value: object) -> str:
    if value is NOTHING:
        return "not set"
    text = (
        "null"
        if value is None
        else json.dumps(value, ensure_ascii=False)
        if isinstance(value, list)
        else str(value)
    )
    return text if len(text) <= 60 else f"{text[:60]}…"


def load_executed(tracker: "tracking.Tracker", run_id: str) -> Executed:
    """The stage tables that a run logged, as it used them."""
    with tempfile.TemporaryDirectory() as folder:
        return Executed.load(tracker.fetch(run_id, STAGE_TABLES, Path(folder)))


def as_settings_want(study: Study, executed: Executed, source: Source) -> Executed:
    """The executed tables in the study's search space and at its prices.

    Raises:
        CascadeError: names what was not executed, or why prices cannot be taken over.
    """
    _check_split(study, executed, source)
    if source.changes("search"):
        executed = _narrowed(study, executed, source)
    if source.changes("hardware"):
        executed = _repriced(study, executed, source)
    return replace(executed, provenance=made_by(study, executed.provenance))


def made_by(study: Study, provenance: Provenance) -> Provenance:
    """What a study was made from, with the hash of the settings of this command."""
    return replace(provenance, hashes={**provenance.hashes, "config": study.signature})


def _check_split(study: Study, executed: Executed, source: Source) -> None:
    """A list of ids is a file: what it names may have changed since."""
    if (path := study.split.validation_ids) is None:
        return
    try:
        lines = Path(path).read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise CascadeError(f"{path}: cannot be read ({error}); see split.validation_ids") from None
    used = {executed.task_ids[i] for i in executed.split.validation}
    if {line.strip() for line in lines if line.strip()} != used:
        raise CascadeError(
            f"split.validation_ids={path}: names other problems than those that run {source.run_id[:8]} "
            "validated on; run task=study with it"
        )


def _narrowed(study: Study, executed: Executed, source: Source) -> Executed:
    """The part of the executed tables that the search space asks for.

    Raises:
        CascadeError: it asks for what was not executed, or for draws of another size.
    """
    run_id, there = source.run_id[:8], source.config
    known_thetas = [float(theta) for theta in there["search.theta"]]
    if missing := [theta for theta in study.thetas if theta not in known_thetas]:
        raise _not_executed("search.theta", missing, known_thetas, run_id)
    known = option_space(there["search.k"], there["search.l"], Growing[there["search.growing"]])
    for key, of in (("search.k", _k), ("search.l", _l)):
        values = {of(option) for option in known}
        if unknown := sorted({of(option) for option in study.options} - values):
            raise _not_executed(key, unknown, sorted(values), run_id)
    if not set(study.options) <= set(known):
        raise CascadeError(
            f"search.growing: run {run_id} has none of these stages (search.growing="
            f"{there['search.growing']}); run task=study with the new space"
        )
    # A draw has as many samples as the largest k, and a live test as many lines as the largest l.
    sizes = [("search.k", "how many samples a draw has", _k)]
    if not there["generator._target_"].endswith("RecordedGenerator"):
        sizes.append(("search.l", "how long a test may be", _l))
    for key, sets, of in sizes:
        before, now = max(map(of, known)), max(map(of, study.options))
        if before != now:
            raise CascadeError(
                f"{key}: its largest value says {sets} ({before} in run {run_id}, here {now}); run "
                "task=study with it, which takes from the store what it knows"
            )
    executed = executed.narrowed(study.options, study.thetas)
    for model, table in zip(executed.models, executed.tables, strict=True):
        if not table.options:
            raise CascadeError(
                f"{model}: its samples allow none of the options in search.k and search.l; name others, or "
                "leave the model out of the family"
            )
    return executed


def _k(option: Option) -> int:
    return option.k


def _l(option: Option) -> int:
    return option.l


def _not_executed(key: str, missing: list[Any], known: list[Any], run_id: str) -> CascadeError:
    def named(values: list[Any]) -> str:
        return ", ".join(f"{value:g}" for value in values)

    return CascadeError(
        f"{key}: {named(missing)} was not executed in run {run_id}, which has {named(known)}; run task=study "
        "with the new space, which takes from the store what it knows"
    )


def _repriced(study: Study, executed: Executed, source: Source) -> Executed:
    """The executed tables at the study's prices; measured ones with what an hour costs here.

    Raises:
        CascadeError: the prices are to be measured, and nothing was.
    """
    old = executed.provenance.prices
    if study.prices is not None:
        prices = dict(zip(executed.models, study.prices, strict=True))
    elif source.config["hardware.measured"]:
        prices = {
            name: Throughput.measured(
                one.seconds_per_1k_tokens, one.gpus, study.hardware.usd_per_gpu_hour, one.batch
            )
            for name, one in old.items()
            if one.seconds_per_1k_tokens is not None
        }
    else:
        raise CascadeError(
            f"hardware={study.hardware.name}: is priced by what the generator measures, and run "
            f"{source.run_id[:8]} measured nothing (hardware={executed.provenance.hardware}); "
            "run task=study with it"
        )
    usd = {name: price.usd_per_1m_tokens for name, price in prices.items()}
    before = executed.provenance.usd_per_1m_tokens
    if usd == before:
        log.info("the same prices as in run %s", source.run_id[:8])
    else:
        log.info(
            "priced anew: %s $ per million tokens",
            ", ".join(f"{name} {before[name]:.3g} → {usd[name]:.3g}" for name in executed.models),
        )
    return executed.repriced(prices, study.hardware.name, {"prices": prices_digest(usd)})


def prices_digest(usd_per_1m_tokens: Mapping[str, float]) -> str:
    """What a family's prices are known by."""
    return digest(json.dumps(dict(usd_per_1m_tokens)))


def next_command(overrides: Sequence[str], task: str, run_id: str) -> str:
    """The command that goes on from a run with its settings."""
    kept = [word for word in overrides if word.partition("=")[0] not in ("task", "run_id", "hydra.run.dir")]
    return f"{program()} {shlex.join([f'task={task}', f'run_id={run_id}', *kept])}"
