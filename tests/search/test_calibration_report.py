"""What held-out problems say of a calibrator."""

import json

import numpy as np
import pytest

from cascade.core import calibrate
from cascade.search import calibration_reports
from tests.core.test_calibration import runs


def test_where_no_answer_was_tested_nothing_is_judged() -> None:
    known = runs(12)
    fitted = calibrate(known, np.arange(6), 0, without_tests=False)
    [judged] = calibration_reports(["small"], [fitted], [known], np.arange(6, 12), "test")
    assert judged.brier is not None and 0 <= judged.brier <= 1 and judged.n_held_out == 6
    [empty] = calibration_reports(["small"], [fitted], [known], np.zeros(0, dtype=np.int64), "test")
    assert empty.brier is None and empty.calibration_error is None and empty.bins == ()
    # JSON has no word for "not a number".
    assert json.loads(json.dumps(empty.to_json(), allow_nan=False))["brier"] is None
    with pytest.raises(KeyError):
        type(empty).from_json({})
