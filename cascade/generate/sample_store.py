"""Samples on disk: each is kept as soon as it is written and never written again."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from cascade.base import Log
from cascade.generate.interface import Measured
from cascade.generate.reading import StoredSample


@dataclass(frozen=True)
class Timing:
    """How long some samples took.

    Attributes:
        seconds: wall time since the samples before them.
        tokens: that count, generated in that time by all rows in flight.
        rows: that were in flight.
        full: whether these were as many as could be.
        gpus: devices that the model occupied.
    """

    seconds: float
    tokens: int
    rows: int
    full: bool
    gpus: int


class SampleStore:
    """Samples by key, with the timings that they came with, and the prices' measurements."""

    def __init__(self, folder: Path) -> None:
        """Open the store and read what is known; the folder need not exist."""
        self._log = Log(folder / "samples")
        self._samples: dict[str, StoredSample] = {}
        self._timings: dict[str, Timing] = {}
        self._measured: dict[str, Measured] = {}
        for record in self._log:
            if "measured" in record:
                self._measured.setdefault(record["key"], Measured(**record["measured"]))
            else:
                timing = record["timing"]
                self._remember(
                    {key: _stored(entry) for key, entry in record["samples"].items()},
                    None if timing is None else Timing(**timing),
                )

    def get(self, key: str) -> StoredSample | None:
        """The sample that is known by a key."""
        return self._samples.get(key)

    def add(self, samples: Mapping[str, StoredSample], timing: Timing | None = None) -> None:
        """Keep some samples."""
        entries = {key: asdict(one) for key, one in samples.items()}
        self._log.append({"samples": entries, "timing": None if timing is None else asdict(timing)})
        self._remember(samples, timing)

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
        """Close the segment that this process wrote."""
        self._log.close()

    def _remember(self, samples: Mapping[str, StoredSample], timing: Timing | None) -> None:
        for key, one in samples.items():
            # Two processes may have written the same sample: the first that is read stays.
            if key not in self._samples:
                self._samples[key] = one
                if timing is not None:
                    self._timings[key] = timing


def _stored(entry: Mapping[str, object]) -> StoredSample:
    fields = dict(entry)
    tokens_at = fields.pop("tokens_at")
    assert isinstance(tokens_at, dict)
    return StoredSample(**fields, tokens_at={int(at): n for at, n in tokens_at.items()})  # type: ignore[arg-type]
