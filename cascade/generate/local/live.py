"""Models on this machine for a service: whoever asks, and whenever, joins the rows that are in flight."""

import asyncio
import logging
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import torch

from cascade.base import CascadeError
from cascade.generate.family import Model
from cascade.generate.live import Asked, Ticket
from cascade.generate.local.batch import ContinuousBatch, GenerationRequest
from cascade.generate.local.loaded_model import (
    MOST_ROWS,
    ROWS_ON_A_CPU,
    LoadedModel,
    keeps_everything,
    rows_that_fit,
)
from cascade.generate.local.sample_reader import SampleReader
from cascade.generate.local.scheduler import SHRINK_AT, STEPS_BETWEEN_REPORTS, StepReport
from cascade.generate.reading import StoredSample
from cascade.generate.sample_specs import SampleSpec

log = logging.getLogger(__name__)

# A prompt's tokens where the memory is shared out, before anybody has asked.
EXPECTED_PROMPT = 1024


NOTHING = GenerationRequest((), 0, None)


@dataclass(eq=False)
class _Row:
    """One sample that is wanted.

    Attributes:
        spec, reader: what is wanted, and how it is read.
        ticket: told the tokens.
        loop, future: who waits for the sample.
        generation: what the model is asked; the tokenizer is the worker's thread's alone.
        ids: what is written.
        given_up: whether nobody waits for it any more.
    """

    spec: SampleSpec
    reader: SampleReader
    ticket: Ticket
    loop: asyncio.AbstractEventLoop
    future: "asyncio.Future[StoredSample]"
    generation: GenerationRequest = NOTHING
    ids: list[int] = field(default_factory=list)
    given_up: bool = False

    def end(self, ids: Sequence[int]) -> None:
        """It has all that is wanted."""
        try:
            sample = self.reader.read(self.spec, ids)
        except Exception as error:
            self.fail(error)
            return
        self.ticket.tokens = sample.tokens
        self._tell(lambda: self.future.set_result(sample))

    def fail(self, error: Exception) -> None:
        """It will not be written."""
        self._tell(lambda: self.future.set_exception(error))

    def _tell(self, tell: Callable[[], None]) -> None:
        def unless_cancelled() -> None:
            if not self.future.done():
                tell()

        try:
            self.loop.call_soon_threadsafe(unless_cancelled)
        except RuntimeError:  # whoever asked is gone, with its loop
            return


class LiveModel:
    """One loaded model, the rows that it writes and those that wait; used by its worker's thread alone."""

    def __init__(self, loaded: LoadedModel, sampling: tuple[float, float], most_rows: int) -> None:
        """An empty batch.

        Args:
            loaded: the model.
            sampling: temperature and top_p of the rows with a seed.
            most_rows: at a time.
        """
        self.loaded, self._sampling, self._most_rows = loaded, sampling, most_rows
        self._joinable = loaded.draft_model is None and keeps_everything(loaded.weights)
        self._waiting: deque[_Row] = deque()
        self._rows: dict[int, _Row] = {}  # by slot
        self._batch: ContinuousBatch | None = None
        self._queue: tuple[list[_Row], Iterator[StepReport]] | None = None

    def add(self, row: _Row) -> None:
        """Let a row wait for its turn."""
        try:
            row.generation = row.reader.generation(row.spec)
        except Exception as error:
            row.fail(error)
            return
        self._waiting.append(row)

    @property
    def busy(self) -> bool:
        """Whether there is anything to write."""
        return bool(self._waiting or self._rows or self._queue)

    def fail(self, error: Exception) -> None:
        """Nothing that is wanted can be written."""
        rows = [*self._rows.values(), *self._waiting, *(self._queue[0] if self._queue else ())]
        self._rows, self._batch, self._queue = {}, None, None
        self._waiting.clear()
        for row in rows:
            row.fail(error)

    def step(self) -> None:
        """Write a few tokens of every row.

        Raises:
            CascadeError: the memory does not hold a single row.
        """
        try:
            if self._joinable:
                self._write()
            else:
                self._write_queue()
        except torch.OutOfMemoryError:
            # Again from their beginnings, fewer at a time.
            self._waiting.extendleft(self._rows.values())
            for row in self._rows.values():
                row.ids.clear()
            n, self._rows, self._batch = len(self._rows), {}, None
            self._most_rows = max(1, n // 2)
            if n <= 1:
                raise CascadeError("too little memory for one prompt") from None

    def _write(self) -> None:
        rows = self._admit()
        if not self._rows:
            return
        news = rows.advance(STEPS_BETWEEN_REPORTS)
        for slot, row in list(self._rows.items()):
            before = len(row.ids)
            row.ids += news[slot]
            ends, limit = self.loaded.ends, row.generation.limit
            end = next((i for i in range(before, len(row.ids)) if row.ids[i] in ends), len(row.ids))
            over = end < len(row.ids) or end >= limit
            del row.ids[min(end, limit) :]
            row.ticket.tokens = len(row.ids)
            if over or row.reader.is_done(row.spec, row.ids):
                rows.release(slot)
                del self._rows[slot]
                row.end(row.ids)

    def _admit(self) -> ContinuousBatch:
        """Rows that nobody waits for go, others join, and the batch gets their number of slots."""
        if self._batch is None:
            self._batch = ContinuousBatch(self.loaded.weights, 1, self._sampling)
        batch = self._batch
        for slot, row in list(self._rows.items()):
            if row.given_up:
                batch.release(slot)
                del self._rows[slot]
        joining: list[_Row] = []
        while self._waiting and len(self._rows) + len(joining) < self._most_rows:
            if not (row := self._waiting.popleft()).given_up:
                joining.append(row)
        wanted = len(self._rows) + len(joining)
        if not wanted:
            return batch
        if self._rows:
            batch.drop_unused_columns()
        if wanted > batch.slots or batch.slots - wanted >= SHRINK_AT * batch.slots:
            old = batch.resize(wanted)
            self._rows = {new: self._rows[slot] for new, slot in enumerate(old)}
        if joining:
            batch.make_room(max(len(row.generation.ids) for row in joining) - 1)
            self._rows |= (joined := dict(zip(batch.free, joining, strict=False)))
            batch.admit({slot: row.generation for slot, row in joined.items()})
        return batch

    def _write_queue(self) -> None:
        """All that waits, then what came meanwhile: the rows of some models cannot be replaced one by one."""
        if self._queue is None:
            rows = [row for row in self._waiting if not row.given_up]
            self._waiting.clear()
            if not rows:
                return
            rows.sort(key=lambda row: len(row.generation.ids), reverse=True)

            def done(positions: Sequence[int], written: Sequence[list[int]]) -> list[bool]:
                for position, ids in zip(positions, written, strict=True):
                    rows[position].ticket.tokens = len(ids)
                return [
                    rows[i].given_up or rows[i].reader.is_done(rows[i].spec, ids)
                    for i, ids in zip(positions, written, strict=True)
                ]

            asked = [row.generation for row in rows]
            self._queue = rows, self.loaded.run_queue(asked, self._most_rows, "growing", self._sampling, done)
        rows, reports = self._queue
        report = next(reports, None)
        if report is None:
            self._queue = None
            return
        for position, ids, _ in report.ended:
            rows[position].end(ids)


class Worker(threading.Thread):
    """The thread that all models of a device take turns in."""

    def __init__(self) -> None:
        super().__init__(name="cascade-generation", daemon=True)
        self._models: list[LiveModel] = []
        self._new: list[tuple[LiveModel, _Row]] = []
        self._changed = threading.Condition()
        self._ended = False

    def submit(self, model: LiveModel, row: _Row) -> None:
        """Let a row join; from any thread."""
        with self._changed:
            if self._ended:
                raise CascadeError("the generator is closed")
            self._new.append((model, row))
            self._changed.notify()

    def end(self) -> None:
        """Stop after the step that is being written."""
        with self._changed:
            self._ended = True
            self._changed.notify()
        if self.is_alive() and threading.current_thread() is not self:
            self.join()

    def run(self) -> None:
        """Step after step while there is anything to write."""
        while True:
            with self._changed:
                while not (self._new or self._ended or any(model.busy for model in self._models)):
                    self._changed.wait()
                new, self._new = self._new, []
                ended = self._ended
            for model, row in new:
                model.add(row)
                if model not in self._models:
                    self._models.append(model)
            if ended:
                for model in self._models:
                    model.fail(CascadeError("the generator is closed"))
                return
            for model in self._models:
                try:
                    model.step()
                except Exception as error:
                    log.warning("%s", error, exc_info=not isinstance(error, CascadeError))
                    model.fail(error)


class LocalMember:
    """A member whose model is loaded here; see `cascade.generate.live.Member`."""

    def __init__(
        self, model: Model, asked: Asked, loaded: LoadedModel, worker: Worker, batch_size: int | None
    ) -> None:
        self.model, self.asked = model, asked
        self._loaded, self._worker = loaded, worker
        limit = batch_size or (MOST_ROWS if loaded.weights.device.type == "cuda" else ROWS_ON_A_CPU)
        fit = rows_that_fit(loaded.weights, EXPECTED_PROMPT + asked.family.max_new_tokens)
        sampling = asked.sampling.temperature, asked.sampling.top_p
        self._live = LiveModel(loaded, sampling, min(limit, fit))
        self._readers: dict[int, SampleReader] = {}

    async def write(self, spec: SampleSpec, lines: int, ticket: Ticket) -> StoredSample:
        """One sample, in the batch of all that is asked meanwhile."""
        if lines not in self._readers:
            self._readers[lines] = SampleReader(self._loaded, self.asked.request((), 0, lines))
        reader = self._readers[lines]
        loop = asyncio.get_running_loop()
        row = _Row(spec, reader, ticket, loop, loop.create_future())
        self._worker.submit(self._live, row)
        try:
            return await row.future
        finally:
            row.given_up = True

    async def check(self) -> str:
        """Says where the weights are; they were loaded."""
        return f"{self.model.name}: loaded on {self._loaded.device_name}"

    async def close(self) -> None:
        """End the thread; other members of it are ended too."""
        await asyncio.to_thread(self._worker.end)
