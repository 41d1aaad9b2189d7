"""One model's imported samples, put together problem by problem into equal draws."""

from collections.abc import Iterable, Sequence

from cascade.base import DataError
from cascade.generate.recordings.importers.base import Kind, RecordedSample
from cascade.generate.sample import Draw, ModelSamples, SelfTest, Solution

# Samples of one model: (task id, kind, draw or None for greedy) -> index -> sample.
Slots = dict[tuple[str, Kind, int | None], dict[int, RecordedSample]]

NAMED_IDS = 3


def group(
    model: str, imported: Iterable[RecordedSample], tasks: Sequence[str], draw_size: int, path: str
) -> tuple[dict[str, ModelSamples], list[str]]:
    """The model's samples by task id, and notes on what is missing or was ignored.

    Every problem gets the same draws, each of `draw_size` solutions and as many tests (or none).
    A recorded draw is first cut to the number that every problem has of either kind, then into
    consecutive draws of `draw_size`; what remains is ignored.

    Args:
        model: its name, for messages.
        imported: its samples, in any order.
        tasks: the ids of all problems, in order.
        draw_size: samples of a kind in a draw.
        path: the recording, for messages.

    Raises:
        DataError: a problem has no sample, a sample comes twice, greedy samples are there for some
            problems only, or nothing usable remains.
    """
    slots: Slots = {}
    for item in imported:
        slot = slots.setdefault((item.task_id, item.kind, item.draw), {})
        if item.index in slot and item.place != slot[item.index].place:
            there = slot[item.index].place
            same = there.source == item.place.source
            where = f"{there.unit} {there.number}" if same else str(there)
            raise item.place.error(f"repeats the sample in {where}; remove one of them")
        slot[item.index] = item
    found = {task for task, _, _ in slots}
    _complete(
        f"{path}: model {model} has no samples for", [task for task in tasks if task not in found], tasks
    )
    greedy_solutions = _greedy(slots, "solution", model, tasks, path)
    greedy_tests = _greedy(slots, "test", model, tasks, path) if greedy_solutions else {}
    drawn_tests = any(kind == "test" and draw is not None for _, kind, draw in slots)
    draws, notes = _draws(slots, tasks, draw_size, drawn_tests, model)
    if not greedy_solutions and not draws[tasks[0]]:
        largest = min(
            max(len(slot) for (of, kind, _), slot in slots.items() if of == task and kind == "solution")
            for task in tasks
        )
        raise DataError(
            f"{path}: model {model} has neither greedy solutions nor a draw of {draw_size}; its "
            f"largest draw has {largest}: choose a search.k whose largest is at most that, or record more"
        )
    samples = {
        task: ModelSamples(
            greedy=Draw(
                _solutions([greedy_solutions[task]]), _tests([greedy_tests[task]] if greedy_tests else [])
            )
            if greedy_solutions
            else None,
            draws=tuple(draws[task]),
        )
        for task in tasks
    }
    return samples, notes + _unavailable(model, samples[tasks[0]], draw_size)


def _greedy(
    slots: Slots, kind: Kind, model: str, tasks: Sequence[str], path: str
) -> dict[str, RecordedSample]:
    """The greedy samples of a kind by task: one for each problem, or none at all."""
    greedy: dict[str, RecordedSample] = {}
    for task in tasks:
        for item in slots.get((task, kind, None), {}).values():
            if task in greedy:
                raise item.place.error(f"a second greedy {kind} of {model} for {task}; remove one of them")
            greedy[task] = item
    if greedy:
        missing = [task for task in tasks if task not in greedy]
        _complete(f"{path}: model {model} has greedy {kind}s, but none for", missing, tasks)
    return greedy


def _complete(what: str, missing: Sequence[str], tasks: Sequence[str]) -> None:
    if missing:
        ids = ", ".join(missing[:NAMED_IDS]) + (", ..." if len(missing) > NAMED_IDS else "")
        raise DataError(
            f"{what} {len(missing)} of {len(tasks)} problems ({ids}); "
            "add their samples, or check that dataset is the one that was recorded"
        )


def _draws(
    slots: Slots, tasks: Sequence[str], draw_size: int, drawn_tests: bool, model: str
) -> tuple[dict[str, list[Draw]], list[str]]:
    draws: dict[str, list[Draw]] = {task: [] for task in tasks}
    kinds: tuple[Kind, ...] = ("solution", "test") if drawn_tests else ("solution",)
    uneven: list[str] = []
    leftover = 0
    for draw in sorted({draw for _, _, draw in slots if draw is not None}):
        sizes = {len(slots.get((task, kind, draw), {})) for task in tasks for kind in kinds}
        common = min(sizes)
        if len(sizes) > 1:
            uneven.append(f"{draw} ({common} to {max(sizes)})")
        leftover += common % draw_size
        for task in tasks:
            solutions = _ordered(slots, task, "solution", draw)
            tests = _ordered(slots, task, "test", draw) if drawn_tests else []
            for at in range(0, common - draw_size + 1, draw_size):
                block = slice(at, at + draw_size)
                draws[task].append(Draw(_solutions(solutions[block]), _tests(tests[block])))
    notes = []
    if uneven:
        both = " and ".join(f"{kind}s" for kind in kinds)
        notes.append(
            f"{model}: draws cut to the number of {both} that every problem has: draw {', '.join(uneven)}"
        )
    if leftover:
        each = f"a draw takes {draw_size} of each kind per problem"
        notes.append(f"{model}: {leftover} leftover samples are ignored: {each}")
    return draws, notes


def _ordered(slots: Slots, task: str, kind: Kind, draw: int) -> list[RecordedSample]:
    return [item for _, item in sorted(slots.get((task, kind, draw), {}).items())]


def _solutions(items: Iterable[RecordedSample]) -> tuple[Solution, ...]:
    return tuple(item.sample for item in items if isinstance(item.sample, Solution))


def _tests(items: Iterable[RecordedSample]) -> tuple[SelfTest, ...]:
    return tuple(item.sample for item in items if isinstance(item.sample, SelfTest))


def _unavailable(model: str, model_samples: ModelSamples, draw_size: int) -> list[str]:
    """One line for each kind of option that the samples (alike for every problem) do not allow."""
    notes = []
    if model_samples.greedy is None:
        notes.append(f"{model} has no greedy solutions: options with k = 0 and k = 1 are unavailable for it")
    greedy_tests = model_samples.greedy is not None and bool(model_samples.greedy.tests)
    drawn_tests = bool(model_samples.draws) and bool(model_samples.draws[0].tests)
    if not greedy_tests and not drawn_tests:
        return [*notes, f"{model} has no tests: every option with k > 0 is unavailable for it"]
    if model_samples.greedy is not None and not greedy_tests:
        notes.append(f"{model} has no greedy tests: options with k = 1 are unavailable for it")
    if not model_samples.draws:
        notes.append(f"{model} has no draw of {draw_size}: options with k > 1 are unavailable for it")
    elif not drawn_tests:
        notes.append(f"{model} has no sampled tests: options with k > 1 are unavailable for it")
    return notes
