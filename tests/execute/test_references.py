"""Reference solutions pass their own tests here but for what is known, and few rest on the fallback."""

from pathlib import Path

import pytest

from benchmarks.references import EXPECTED, judge

SHARED = Path(__file__).resolve().parents[2] / "../shared/data"
needs_shared = pytest.mark.skipif(not SHARED.is_dir(), reason="no folder shared/data beside the checkout")


@needs_shared
@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "n"), [("HumanEval", 164), ("MBPP sanitized", 427), ("HumanEval+", 164), ("MBPP+", 378)]
)
def test_references_pass(name: str, n: int) -> None:
    result = judge(SHARED, name)
    assert (result.n, result.failed) == (n, EXPECTED if name == "MBPP+" else {})
    assert result.n_fallback < 0.03 * n
