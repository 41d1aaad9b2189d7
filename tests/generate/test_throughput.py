"""Measured prices: other work on the machine is not paid for, and is told of."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from cascade.generate.interface import Measured
from cascade.generate.local.work_timer import WorkTimer
from cascade.generate.reading import StoredSample
from cascade.generate.sample_specs import SampleSpec
from cascade.generate.sample_store import SampleStore, Timing
from cascade.generate.throughput import measured_throughput, price_warnings


def test_waiting_is_no_work() -> None:
    timer = WorkTimer(torch.device("cpu"))
    time.sleep(0.3)  # as long as another process has the processor
    worked, passed = timer.lap()
    assert passed >= 0.3
    assert worked < passed / 2


def test_work_is_never_more_than_the_time_that_passed() -> None:
    timer = WorkTimer(torch.device("cpu"))
    until = time.process_time() + 0.05
    while time.process_time() < until:
        pass
    worked, passed = timer.lap()
    assert 0 < worked <= passed


def measured(tmp_path: Path, timings: list[Timing]) -> Measured:
    store = SampleStore(tmp_path)
    specs = [SampleSpec(f"{i:x}", "t", "solution", None, 0, "", "", "f") for i in range(len(timings))]
    for spec, timing in zip(specs, timings, strict=True):
        store.add({spec.key: StoredSample("", timing.tokens, {}, 0.0)}, timing)
    found = measured_throughput(specs, "cpu", "None", store)
    store.close()
    return found


def test_the_price_rests_on_work_and_the_load_is_kept(tmp_path: Path) -> None:
    found = measured(tmp_path, [Timing(1.0, 1000, 8, True, 1, 3.0), Timing(1.0, 1000, 8, True, 1, 5.0)])
    assert found.seconds_per_1k_tokens == 1.0
    assert found.load == 4.0
    assert found.spread == 1.0


def test_samples_of_a_store_that_knows_wall_time_alone(tmp_path: Path) -> None:
    found = measured(tmp_path, [Timing(seconds, 1000, 8, True, 1) for seconds in (1.0, 1.0, 9.0, 9.0)])
    assert found.load == 1.0
    assert found.spread == 9.0
    assert "the machine was busy" in price_warnings(["small"], {"small": found})[0]


def test_a_busy_machine_is_named_and_a_quiet_one_is_not() -> None:
    quiet, busy = Measured(1.0, 8, 1, load=1.1), Measured(1.0, 8, 1, load=3.0)
    assert price_warnings(["small", "large"], {"small": quiet, "large": quiet}) == []
    [line] = price_warnings(["small", "large"], {"small": quiet, "large": busy})
    assert "while large wrote" in line and "3.0 times" in line and "task=profile" in line


@pytest.mark.parametrize(
    ("load", "before", "then"), [(0.0, None, None), (1e6, None, "PASSIVE"), (1e6, "ACTIVE", "ACTIVE")]
)
def test_on_a_busy_machine_threads_do_not_spin(load: float, before: str | None, then: str | None) -> None:
    code = (
        f"import os; os.getloadavg = lambda: ({load}, 0.0, 0.0); import cascade.generate.local.loaded_model; "
        "print(os.environ.get('OMP_WAIT_POLICY'))"
    )
    environment = {name: value for name, value in os.environ.items() if name != "OMP_WAIT_POLICY"}
    environment |= {} if before is None else {"OMP_WAIT_POLICY": before}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == str(then)
