"""How fast a model wrote a study's samples, from the timings that they came with: what its price rests on."""

from collections.abc import Sequence

from cascade.base import digest
from cascade.generate.interface import Measured
from cascade.generate.jobs import Job
from cascade.generate.sample_store import SampleStore


def measured_throughput(jobs: Sequence[Job], hardware: str, batch: str, store: SampleStore) -> Measured:
    """The throughput at full batch: measured once on these samples' own batches, then kept.

    Args:
        jobs: the study's samples of the model, all of them in the store.
        hardware: name of the hardware profile.
        batch: the setting of the batch's size.
        store: where the samples are, and where the measurement stays.
    """
    key = digest(hardware, batch, *(job.key for job in jobs))
    if (kept := store.measured(key)) is not None:
        return kept
    timings = store.timings(job.key for job in jobs)
    # While the batch is full; a study that is too small to fill one is priced by what it has.
    full = [timing for timing in timings if timing.full] or timings
    tokens = sum(timing.tokens for timing in full)
    seconds = 1000 * sum(timing.seconds for timing in full) / max(tokens, 1)
    measured = Measured(seconds, max(timing.rows for timing in full), timings[0].gpus)
    store.add_measured(key, measured)
    return measured
