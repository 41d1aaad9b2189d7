"""Samples on disk: each is kept as soon as it is written and never written again.

What a long sample has so far is kept too, so that a process that is killed again and again still gets on.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from cascade.base import Claims, Log
from cascade.generate.interface import Measured
from cascade.generate.reading import StoredSample


@dataclass(frozen=True)
class Timing:
    """How long some samples took.

    Attributes:
        seconds: that the device worked since the samples before them.
        tokens: that count, generated in that time by all rows in flight.
        rows: that were in flight.
        full: whether these were as many as could be.
        gpus: devices that the model occupied.
        passed: wall time; None where it was not told apart.
    """

    seconds: float
    tokens: int
    rows: int
    full: bool
    gpus: int
    passed: float | None = None


class SampleStore:
    """Samples by key, with the timings that they came with, and the prices' measurements."""

    def __init__(self, folder: Path) -> None:
        """Open the store and read what is known; the folder need not exist."""
        self._log = Log(folder / "samples")
        self.claims = Claims(folder)
        self._samples: dict[str, StoredSample] = {}
        self._timings: dict[str, Timing] = {}
        self._measured: dict[str, Measured] = {}
        # By key, pieces of a sample's tokens by the position that they begin at.
        self._begun: dict[str, dict[int, list[int]]] = {}
        self.refresh()

    def refresh(self) -> None:
        """Read what others have written since."""
        for record in self._log.unread():
            if "begun" in record:
                for key, (start, ids) in record["begun"].items():
                    self._remember_begun(key, start, ids)
            elif "measured" in record:
                self._measured.setdefault(record["key"], Measured(**record["measured"]))
            else:
                timing = record["timing"]
                self._remember(
                    {key: _stored(entry) for key, entry in record["samples"].items()},
                    None if timing is None else Timing(**timing),
                )
        for key in self._samples.keys() & self._begun.keys():
            del self._begun[key]

    def get(self, key: str) -> StoredSample | None:
        """The sample that is known by a key."""
        return self._samples.get(key)

    def add(self, samples: Mapping[str, StoredSample], timing: Timing | None = None) -> None:
        """Keep some samples."""
        entries = {key: asdict(one) for key, one in samples.items()}
        self._log.append({"samples": entries, "timing": None if timing is None else asdict(timing)})
        self._remember(samples, timing)

    def begun(self, key: str) -> list[int]:
        """The token ids of a sample that was begun and is not finished; none for one that was not."""
        pieces, ids = self._begun.get(key, {}), list[int]()
        while (piece := pieces.get(len(ids))) is not None:
            ids += piece
        return ids

    def add_begun(self, begun: Mapping[str, tuple[int, Sequence[int]]]) -> None:
        """Keep what has been written of some samples: by key, where it begins, and token ids from there."""
        self._log.append({"begun": begun})
        for key, (start, ids) in begun.items():
            self._remember_begun(key, start, ids)

    def timings(self, keys: Iterable[str]) -> list[Timing]:
        """The timings that some samples came with, each once."""
        return list({id(timing): timing for key in keys if (timing := self._timings.get(key))}.values())

    def measured(self, key: str) -> Measured | None:
        """The measurement that is kept under a key; the first one stays."""
        return self._measured.get(key)

    def add_measured(self, key: str, measured: Measured) -> None:
        """Keep a measurement."""
        self._log.append({"key": key, "measured": asdict(measured)})
        self._measured.setdefault(key, measured)

    def close(self) -> None:
        """Close the segment that this process wrote, and give up its claims."""
        self._log.close()
        self.claims.close()

    def _remember_begun(self, key: str, start: int, ids: Sequence[int]) -> None:
        pieces = self._begun.setdefault(key, {})
        # Two processes may have gone on from the same place: the one that came further.
        if len(ids) > len(pieces.get(start, ())):
            pieces[start] = list(ids)

    def _remember(self, samples: Mapping[str, StoredSample], timing: Timing | None) -> None:
        for key, sample in samples.items():
            # Two processes may have written the same sample: the first that is read stays.
            if key not in self._samples:
                self._samples[key] = sample
                self._begun.pop(key, None)
                if timing is not None:
                    self._timings[key] = timing


def _stored(entry: Mapping[str, object]) -> StoredSample:
    fields = dict(entry)
    tokens_at = fields.pop("tokens_at")
    assert isinstance(tokens_at, dict)
    return StoredSample(**fields, tokens_at={int(at): n for at, n in tokens_at.items()})  # type: ignore[arg-type]
