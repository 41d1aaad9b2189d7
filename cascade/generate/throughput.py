"""How fast a model wrote a study's samples, from the timings that they came with: what its price rests on."""

from collections.abc import Mapping, Sequence

from cascade.base import digest
from cascade.generate.interface import Measured
from cascade.generate.sample_specs import SampleSpec
from cascade.generate.sample_store import SampleStore, Timing

BUSY, UNEVEN = 1.5, 2.0  # wall time over work, and the quartiles of the time per token: more is told
FEW_TOKENS = 32  # of a batch's timing
AGAIN = (
    "measure again on a quiet machine with task=profile, then task=select hardware=NAME takes the new prices "
    "(docs/cost-model.md)"
)


def measured_throughput(
    specs: Sequence[SampleSpec], hardware: str, batch: str, store: SampleStore
) -> Measured:
    """The throughput at full batch: measured once on these samples' own batches, then kept.

    Args:
        specs: the study's samples of the model, all of them in the store.
        hardware: name of the hardware profile.
        batch: the setting of the batch's size.
        store: where the samples are, and where the measurement stays.
    """
    key = digest(hardware, batch, *(spec.key for spec in specs))
    if (kept := store.measured(key)) is not None:
        return kept
    timings = store.timings(spec.key for spec in specs)
    # While the batch is full; a study that is too small to fill one is priced by what it has.
    full = [timing for timing in timings if timing.full] or timings
    tokens = sum(timing.tokens for timing in full)
    seconds = 1000 * sum(timing.seconds for timing in full) / max(tokens, 1)
    worked = sum(timing.seconds for timing in full if timing.passed is not None)
    passed = sum(timing.passed for timing in full if timing.passed is not None)
    measured = Measured(
        seconds,
        max(timing.rows for timing in full),
        timings[0].gpus,
        load=passed / worked if worked else 1.0,
        spread=_spread(full),
    )
    store.add_measured(key, measured)
    return measured


def _spread(timings: Sequence[Timing]) -> float:
    """The third quartile of the time per token over the first; batches of few tokens say little."""
    enough = sorted(one.seconds / one.tokens for one in timings if one.tokens >= FEW_TOKENS)
    if len(enough) < 4 or enough[len(enough) // 4] <= 0:
        return 1.0
    return enough[3 * len(enough) // 4] / enough[len(enough) // 4]


def price_warnings(models: Sequence[str], measured: Mapping[str, Measured]) -> list[str]:
    """What makes measured prices doubtful, a line each: a busy machine.

    Args:
        models: names from small to large.
        measured: by model name.
    """
    busy = [name for name in models if measured[name].load > BUSY or measured[name].spread > UNEVEN]
    if not busy:
        return []
    return [
        f"prices: the machine was busy with other work while {', '.join(busy)} wrote (the clock ran up to "
        f"{max(measured[name].load for name in busy):.1f} times as long as the model worked); prices rest on "
        f"the model's own time and may still be too high: {AGAIN}"
    ]
