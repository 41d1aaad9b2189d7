"""Every reference solution passes its own test here, and few verdicts rest on the fallback."""

from pathlib import Path

import pytest

from benchmarks.references import judge

SHARED = Path(__file__).resolve().parents[2] / "../shared/data"
needs_shared = pytest.mark.skipif(not SHARED.is_dir(), reason="no folder shared/data beside the checkout")


@needs_shared
@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "n"), [("HumanEval", 164), ("MBPP sanitized", 427), ("HumanEval+", 164), ("MBPP+", 378)]
)
def test_references_pass(name: str, n: int) -> None:
    result = judge(SHARED, name)
    assert (result.n, result.failed) == (n, {})
    assert result.n_fallback < 0.03 * n
