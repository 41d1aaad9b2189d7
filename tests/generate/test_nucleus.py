"""The sampler against the library's own warpers."""

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

# ruff: noqa: E402
from transformers import TemperatureLogitsWarper, TopPLogitsWarper

from cascade.generate.nucleus import NucleusSampler

DRAWS = 60_000


def _wanted(logits: "torch.Tensor", temperature: float, top_p: float) -> "torch.Tensor":
    warmed = TemperatureLogitsWarper(temperature)(None, logits)
    kept = TopPLogitsWarper(top_p)(None, warmed)
    return kept.softmax(-1)


@pytest.mark.parametrize("spread", [0.5, 2.0, 6.0], ids=["wide", "middling", "narrow"])
@pytest.mark.parametrize("top_p", [0.5, 0.95, 1.0])
def test_draws_follow_the_librarys_nucleus(spread: float, top_p: float) -> None:
    generator = torch.Generator().manual_seed(1)
    # 300 tokens: the nucleus of a wide row is larger than the first look, that of a narrow one smaller.
    logits = torch.randn(1, 300, generator=generator) * spread
    wanted = _wanted(logits, 0.8, top_p)[0]
    drawn = NucleusSampler(0.8, top_p, generator)(None, logits.expand(DRAWS, -1)).argmax(-1)
    shares = torch.bincount(drawn, minlength=300) / DRAWS
    assert shares[wanted == 0].sum() == 0
    # Four standard deviations of each share, and room for the tokens that are hardly ever drawn.
    error = 4 * (wanted * (1 - wanted) / DRAWS).sqrt() + 5 / DRAWS
    assert bool(((shares - wanted).abs() <= error).all())


def test_rows_are_drawn_apart_and_only_the_drawn_token_is_possible() -> None:
    generator = torch.Generator().manual_seed(2)
    logits = torch.full((3, 100), -torch.inf)
    logits[0, 7] = logits[1, 99] = 0.0
    logits[2] = 0.0  # as wide as can be
    scores = NucleusSampler(1.0, 0.9, generator)(None, logits)
    assert scores.argmax(-1)[:2].tolist() == [7, 99]
    assert (scores == 0).sum(-1).tolist() == [1, 1, 1]
    assert bool((scores[scores != 0] == -torch.inf).all())


def test_the_generator_decides() -> None:
    logits = torch.randn(50, 200, generator=torch.Generator().manual_seed(3))
    first, again, other = (
        NucleusSampler(0.8, 0.95, torch.Generator().manual_seed(seed))(None, logits).argmax(-1).tolist()
        for seed in (5, 5, 6)
    )
    assert first == again != other
