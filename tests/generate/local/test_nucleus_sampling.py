"""The sampler against the library's own warpers."""

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

# ruff: noqa: E402
from transformers import TemperatureLogitsWarper, TopPLogitsWarper

from cascade.generate.local.nucleus_sampling import draw_tokens

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
    numbers = torch.rand(DRAWS, generator=generator)
    drawn = draw_tokens(logits.expand(DRAWS, -1), numbers, 0.8, top_p)
    shares = torch.bincount(drawn, minlength=300) / DRAWS
    assert shares[wanted == 0].sum() == 0
    # Four standard deviations of each share, and room for the tokens that are hardly ever drawn.
    error = 4 * (wanted * (1 - wanted) / DRAWS).sqrt() + 5 / DRAWS
    assert bool(((shares - wanted).abs() <= error).all())


def test_a_row_depends_on_its_own_logits_and_number_only() -> None:
    generator = torch.Generator().manual_seed(2)
    logits = torch.randn(40, 200, generator=generator) * torch.linspace(0.1, 8, 40)[:, None]
    numbers = torch.rand(40, generator=generator)
    together = draw_tokens(logits, numbers, 0.8, 0.95)
    alone = [draw_tokens(logits[i : i + 1], numbers[i : i + 1], 0.8, 0.95).item() for i in range(40)]
    assert together.tolist() == alone


def test_the_likeliest_come_first() -> None:
    logits = torch.log(torch.tensor([[0.1, 0.6, 0.3]]))
    numbers = torch.tensor([0.0, 0.59, 0.61, 0.89, 0.91, 0.999])
    drawn = draw_tokens(logits.expand(6, -1), numbers, 1.0, 1.0)
    assert drawn.tolist() == [1, 1, 2, 2, 0, 0]
    # Without the least likely, 0.6 and 0.3 share the numbers.
    assert draw_tokens(logits.expand(6, -1), numbers, 1.0, 0.85).tolist() == [1, 1, 1, 2, 2, 2]
