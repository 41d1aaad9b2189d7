"""The recorded generator: samples that were generated elsewhere, read from files in any known format."""

import glob
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from cascade.base import DataError, collector_paused
from cascade.generate.family import Family
from cascade.generate.interface import SampleRequest, SampleSet
from cascade.generate.reader import TextKind, all_test_lines, read_program
from cascade.generate.recordings.counting import count_missing
from cascade.generate.recordings.grouping import group
from cascade.generate.recordings.importers import (
    bigcode,
    codet,
    evalplus_folder,
    livecodebench,
    lm_eval,
    neutral,
    paper_author,
    samples_jsonl,
)
from cascade.generate.recordings.importers.base import (
    ORDINAL,
    Importer,
    RecordedSample,
    is_pattern,
    record_files,
)
from cascade.generate.recordings.importers.neutral import write_recording
from cascade.generate.recordings.task_ids import TaskIds
from cascade.generate.recordings.unknown import MODEL, absent_model, nothing_there, one_format, unknown_format
from cascade.generate.sample import ModelSamples, SelfTest
from cascade.generate.thoughts import only_thoughts
from cascade.problems import Problem

__all__ = ["FORMATS", "RecordedGenerator", "load_recording", "write_recording"]

# Importers by `generator.format`, in the order in which a format is found out.
FORMATS: Mapping[str, Importer] = {
    "paper_author": paper_author,
    "codet": codet,
    "evalplus_folder": evalplus_folder,
    "bigcode": bigcode,
    "livecodebench": livecodebench,
    "lm_eval": lm_eval,
    "cascade": neutral,
    "samples_jsonl": samples_jsonl,
}


@dataclass(frozen=True)
class RecordedGenerator:
    """Gives samples that were recorded earlier.

    Attributes:
        path: a file, a folder, or a pattern in which ``{model}`` stands for each model's name.
        format: a key of `FORMATS`; None finds it out from the files.
        text: what the texts are; auto leaves it to the format.
    """

    path: str
    format: str | None = None
    text: TextKind = TextKind.auto

    def samples(self, request: SampleRequest) -> SampleSet:
        """The recorded samples; see `load_recording`."""
        with collector_paused():
            return load_recording(
                self.path,
                self.format,
                request.family,
                request.problems,
                request.draw_size,
                request.elsewhere,
                self.text,
            )

    def describe(self) -> str:
        """Where the samples come from, for the run's parameters."""
        return f"recorded: {self.path}"


def load_recording(
    path: str,
    format: str | None,
    family: Family,
    problems: Sequence[Problem],
    draw_size: int,
    elsewhere: frozenset[str] = frozenset(),
    text: TextKind = TextKind.auto,
) -> SampleSet:
    """Read the samples of a family's models on the problems.

    Args:
        path: a file, a folder, or a pattern in which ``{model}`` stands for each model's name.
        format: a key of `FORMATS`; None finds it out from the files.
        family: the models that must be there; others in the recording are ignored, with a note.
        problems: the problems that must be there.
        elsewhere: ids of problems that may be there and are ignored; there must be no others.
        text: what the texts are; auto leaves it to the format.
        draw_size: samples of a kind in a draw, at least the largest k; longer lists are cut.

    Returns:
        The samples in the family's and the problems' order; every problem has the same draws.

    Raises:
        DataError: one line that names the file, the record and the remedy: nothing there, an
            unknown format, a broken record, an unknown task id, a model or problem without
            samples, a sample twice, token counts neither recorded nor countable.
    """
    sources, others = _sources(path, family)
    importer = _importer(format, sources[0][0])
    by_model: dict[str, list[RecordedSample]] = {model.name: [] for model in family.models}
    tasks = [problem.task_id for problem in problems]
    known = TaskIds((*tasks, *elsewhere))
    by_id = {problem.task_id: problem for problem in problems}
    of_pairs = frozenset(problem.task_id for problem in problems if problem.pairs)
    positions: dict[str, list[RecordedSample]] = {}
    for item in _all(importer, sources):
        if item.model not in by_model:
            others.add(item.model)
        elif item.task_id.startswith(ORDINAL):
            positions.setdefault(item.model, []).append(item)
        elif (task := known.find(item.task_id)) in by_id:
            kind = item.text_kind if text is TextKind.auto else text
            same = task == item.task_id and kind is item.text_kind
            by_model[item.model].append(item if same else replace(item, task_id=task, text_kind=kind))
        elif task is None:
            raise item.place.error(
                f"unknown task id {item.task_id!r} (the data set's are {', '.join(tasks[:2])}, …); choose "
                "the dataset that was recorded"
            )
    for name, items in positions.items():
        by_model[name] += _by_position(items, tasks, elsewhere, path, text)
    found = others | {name for name, items in by_model.items() if items}
    notes: list[str] = []
    samples: dict[str, dict[str, ModelSamples]] = {}
    for model in family.models:
        if model.name not in found:
            raise absent_model(model.name, path, found)
        imported, counted = count_missing(by_model.pop(model.name), model, path, of_pairs)
        read = [_read(item, by_id[item.task_id], family) for item in imported]
        samples[model.name], of_model = group(model.name, read, tasks, draw_size, path)
        if counted:
            notes.append(
                f"{model.name}: tokens of {counted} samples are not recorded, counted with {model.tokenizer}"
            )
        notes.extend(of_model)
    if others:
        notes.append(f"{path}: models outside the family are ignored: {', '.join(sorted(others))}")
    return SampleSet(samples, tuple(notes))


def _by_position(
    items: list[RecordedSample],
    tasks: Sequence[str],
    elsewhere: frozenset[str],
    path: str,
    text: TextKind,
) -> list[RecordedSample]:
    """The samples of a recording that knows its problems only by their places in the data set."""
    places = {int(item.task_id.removeprefix(ORDINAL)) for item in items}
    if elsewhere or places != set(range(len(tasks))):
        raise DataError(
            f"{path}: says which problem a sample is for only by its place, and holds {len(places)} of them "
            f"where the data set has {len(tasks) + len(elsewhere)}; choose the dataset that was recorded, "
            "whole and without shards"
        )
    return [
        replace(
            item,
            task_id=tasks[int(item.task_id.removeprefix(ORDINAL))],
            text_kind=item.text_kind if text is TextKind.auto else text,
        )
        for item in items
    ]


def _read(item: RecordedSample, problem: Problem, family: Family) -> RecordedSample:
    """The sample with its program or test lines taken out of its text."""
    sample = item.sample
    if isinstance(sample, SelfTest):
        if item.text_kind is TextKind.program and not problem.pairs:
            return item
        lines = all_test_lines(sample.text, item.text_kind, pairs=problem.pairs).text
        return replace(item, sample=replace(sample, text=lines))
    cut = sample.cut or sample.tokens == family.max_new_tokens
    if item.text_kind is TextKind.program:
        return item if cut == sample.cut else replace(item, sample=replace(sample, cut=cut))
    program = read_program(sample.text, problem, item.text_kind, mend=family.prompts.mend)
    return replace(
        item,
        sample=replace(
            sample,
            text=program.text,
            completion=program.completion,
            cut=cut,
            only_thoughts=only_thoughts(sample.text),
            mends=program.mends,
        ),
    )


def _all(importer: Importer, sources: Sequence[tuple[Path, str | None]]) -> Iterator[RecordedSample]:
    for source, model in sources:
        yield from importer.read(source, model)


def _sources(path: str, family: Family) -> tuple[list[tuple[Path, str | None]], set[str]]:
    """Each file or folder with whose samples it holds (None: it says so itself), and other models' names."""
    if MODEL not in path:
        if not Path(path).exists() and not (is_pattern(Path(path)) and record_files(Path(path))):
            raise nothing_there(path)
        only = family.models[0].name if len(family.models) == 1 else None
        return [(Path(path), only)], set()
    sources: list[tuple[Path, str | None]] = []
    found = _matching(path)
    if not found:
        raise nothing_there(path)
    for model in family.models:
        if model.name not in found:
            raise absent_model(model.name, path, found)
        sources.append((Path(path.replace(MODEL, model.name)), model.name))
    return sources, found - {model.name for model in family.models}


def _matching(pattern: str) -> set[str]:
    """The names that stand for ``{model}`` in the paths that are there."""
    head, *rest = (_regex(part) for part in pattern.split(MODEL))
    name = re.compile(head + "([^/]+)" + r"\1".join(rest))
    paths = glob.glob("*".join(pattern.split(MODEL)))  # noqa: PTH207 - an absolute pattern, too
    return {match[1] for match in map(name.fullmatch, paths) if match is not None}


def _regex(part: str) -> str:
    """A part of a pattern with wildcards as a regular expression."""
    return re.sub(r"(\\\*)+|\\\?", lambda m: "[^/]" if m[0] == r"\?" else "[^/]*", re.escape(part))


def _importer(format: str | None, path: Path) -> Importer:
    if format is not None:
        if format not in FORMATS:
            raise DataError(f"generator.format={format}: must be one of {', '.join(FORMATS)}")
        return FORMATS[format]
    for importer in FORMATS.values():
        if importer.matches(path):
            one_format(path, FORMATS, importer)
            return importer
    raise unknown_format(path, FORMATS)
