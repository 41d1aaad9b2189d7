"""Servers that stay up: verdicts as of `execute`, side by side, and stopped with all that they run."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from cascade.base import ExecutionError
from cascade.execute import Batch, Check, Limits, ServerPool, execute

LIMITS = Limits(timeout_s=1.0, reference_timeout_s=1.0, memory_mb=512)
CHECKS = (Check("assert f(1) == 2", 1.0), Check("assert f(2) == 3", 1.0))
PROGRAMS = ("def f(x):\n    return x + 1\n", "def f(x):\n    return 2\n", "def f(x):\n    return y\n")
BATCH = Batch(CHECKS, tuple((program, (0, 1)) for program in PROGRAMS))
# An impure program that sleeps is ended by its wall time only, long after the test.
ENDLESS = Batch((Check("f()", 30.0),), (("import time\ndef f():\n    time.sleep(60)\n", (0,)),))


def test_verdicts_are_those_of_execute_whoever_asks() -> None:
    [(_, alone)] = list(execute([BATCH], LIMITS, 1))
    pool = ServerPool(LIMITS, 2)
    try:
        with ThreadPoolExecutor(6) as threads:
            found = list(threads.map(lambda _: pool.run(BATCH).rows, range(6)))
    finally:
        pool.close()
    assert alone.rows == ["PP", "PF", "EE"]
    assert found == [alone.rows] * 6
    assert pool.waiting == 0


def test_cancelled_work_ends_at_once_and_the_server_goes_on() -> None:
    pool = ServerPool(LIMITS, 1)
    stop = threading.Event()
    try:
        pool.run(BATCH)
        with ThreadPoolExecutor(1) as threads:
            asked = threads.submit(pool.run, ENDLESS, stop)
            time.sleep(0.5)
            began = time.monotonic()
            pool.cancel(stop)
            with pytest.raises(ExecutionError, match="stopped"):
                asked.result(timeout=20)
            assert time.monotonic() - began < 15
        assert pool.run(BATCH).rows == ["PP", "PF", "EE"]
    finally:
        pool.close()


def test_a_closed_pool_runs_nothing() -> None:
    pool = ServerPool(LIMITS, 1)
    pool.close()
    with pytest.raises(ExecutionError, match="closed"):
        pool.run(BATCH)
