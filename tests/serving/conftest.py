"""A live family for the service: the embedded models, loaded once, and a plan file of theirs."""

import asyncio
import json
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest

from cascade.config import compose_study
from cascade.core import RULES, Plan
from cascade.execute import Isolation, Limits, ServerPool
from cascade.generate import Member
from cascade.problems import Problem, load_problems
from cascade.serving import Cascade, Sandbox, ThresholdRule, close_members
from tests.serving.made_up import MODELS, PRICES

Result = TypeVar("Result")


class LiveFamily:
    """Members, sandbox and an event loop that they share."""

    def __init__(self) -> None:
        study = compose_study(())
        self.loop = asyncio.new_event_loop()
        self.limits = Limits(1.0, 1.0, 512, "import math\nfrom typing import *\n")
        self.sandbox = Sandbox(ServerPool(self.limits, 2, Isolation()), 16)
        found: list[Member] = study.generator.members(study.family, 4)  # type: ignore[attr-defined]
        self.members = {member.model.name: member for member in found}
        self.problems: list[Problem] = load_problems(study.dataset)

    def run(self, work: Coroutine[Any, Any, Result]) -> Result:
        return self.loop.run_until_complete(work)

    def cascade(self, plan: Plan, rule: str = "paper", accept_without_tests: bool = True) -> Cascade:
        decider = ThresholdRule(RULES[rule], accept_without_tests)
        return Cascade(plan, MODELS, self.members, self.sandbox, decider, PRICES)

    def close(self) -> None:
        self.run(close_members(self.members))
        self.sandbox.close()
        self.loop.close()


@pytest.fixture(scope="session")
def family() -> Iterator[LiveFamily]:
    torch = pytest.importorskip("torch", reason="torch is not installed")
    torch.set_num_threads(1)
    made = LiveFamily()
    yield made
    made.close()


@pytest.fixture
def save(tmp_path: Path) -> Callable[[str, object], Path]:
    """Write JSON into the test's folder."""

    def write(name: str, content: object) -> Path:
        path = tmp_path / name
        path.write_text(json.dumps(content), encoding="utf-8")
        return path

    return write
