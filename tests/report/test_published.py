"""What the paper printed, by the cells that a reader of it looks up."""

import pytest

from cascade.core.plans import Option
from cascade.report.published import Speed, published


def test_cells_of_one_study() -> None:
    paper = published("wizardcoder_python", "humaneval", "rtx3090")
    assert paper.accuracy == pytest.approx({"7B": 0.567, "13B": 0.646, "34B": 0.726})
    assert paper.usd_per_1m_tokens["34B"] == 23.34
    assert paper.speed["13B"] == Speed(gpus=4, hours=3.78, batch=24, usd=6.65)
    assert paper.saving == pytest.approx(0.174) and paper.curve_saving == pytest.approx(0.17)
    assert paper.solved[frozenset()] == 33 and paper.solved[frozenset({"7B", "13B", "34B"})] == 75
    assert paper.peak is not None and paper.peak.options == (Option(5, 4), Option(3, 4), Option(0, 0))
    assert (paper.peak.theta, paper.peak.accuracy) == pytest.approx((0.8, 0.767))


def test_dollars_are_of_the_papers_machine_alone() -> None:
    elsewhere = published("wizardcoder_python", "humaneval", "h100")
    assert elsewhere.accuracy["7B"] == pytest.approx(0.567) and elsewhere.solved
    assert not elsewhere.usd_per_1m_tokens and not elsewhere.speed
    assert elsewhere.saving is None and elsewhere.curve_saving is None and elsewhere.peak is None


def test_a_loss_is_a_loss() -> None:
    assert published("wizardcoder", "apps_intro", "rtx3090").saving == pytest.approx(-0.016)


@pytest.mark.parametrize("place", [("mini", "mini", "cpu"), ("codegen", "unknown", "rtx3090")])
def test_nothing_where_the_paper_has_nothing(place: tuple[str, str, str]) -> None:
    paper = published(*place)
    assert not paper.accuracy and not paper.speed and not paper.solved
    assert paper.saving is None and paper.peak is None


def test_prices_follow_from_hours_and_machines() -> None:
    """Table 2: dollars are machines times hours times one price, so a misread cell would stand out."""
    for family, models in (("wizardcoder_python", 3), ("wizardcoder", 3), ("codegen", 4)):
        speed = published(family, "humaneval", "rtx3090").speed
        assert len(speed) == models
        for cell in speed.values():
            assert cell.usd == pytest.approx(0.44 * cell.gpus * cell.hours, abs=0.01)
