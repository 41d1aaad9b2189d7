"""Servers of our own: started, kept full, ended with all their processes, whatever goes wrong."""

import asyncio
import contextlib
import json
import multiprocessing
import os
import signal
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from multiprocessing.context import ForkServerProcess
from pathlib import Path

import pytest
from omegaconf import OmegaConf

pytest.importorskip("torch")
pytest.importorskip("openai")

from cascade.base import CascadeError, ConfigError
from cascade.generate.family import Family, Model, Server
from cascade.generate.interface import SampleRequest
from cascade.generate.local.generator import TransformersGenerator
from cascade.generate.prompts import PromptStyle
from cascade.generate.remote.engine import EngineGenerator
from cascade.generate.remote.server_process import ServerProcess, free_port
from cascade.generate.weights import MINI as WEIGHTS
from cascade.problems.mini import load_mini
from tests.conftest import ROOT, Run
from tests.generate.local.test_generator import n_samples
from tests.generate.remote.models import served
from tests.generate.remote.test_openai_server import VLLM, generator as remote, greedy

STAND_IN = ROOT / "tests" / "generate" / "remote" / "stand_in.py"
SMALL, MEDIUM = str(WEIGHTS / "small"), str(WEIGHTS / "medium")
STYLE = PromptStyle("Solution:\n{prompt}", "Tests:\n{prompt}")
FAMILY = Family("mini", (Model("small", SMALL, SMALL, key="small"),), STYLE, 96)
PROBLEMS = load_mini()[:4]


def engine(*arguments: str, **options: object) -> EngineGenerator:
    command = [
        *(sys.executable, str(STAND_IN), "--model={model}", "--revision={revision}", "--gpus={gpus}"),
        *("--served-model-name={name}", "--host=127.0.0.1", "--port={port}", "--batch={batch}"),
    ]
    defaults: dict[str, object] = {
        "extra": {"return_token_ids": True},
        "api": "completions",
        "batch_size": 4,
        "draws": 0,
        "temperature": 0.8,
        "top_p": 0.95,
        "dtype": "auto",
        "seed": 0,
        "start_timeout_s": 120.0,
        "timeout_s": 60.0,
    }
    return EngineGenerator(command, list(arguments), **{**defaults, **options})  # type: ignore[arg-type]


def request(store: Path, **changes: object) -> SampleRequest:
    return replace(SampleRequest(FAMILY, PROBLEMS, 1, 4, "cpu", store), **changes)  # type: ignore[arg-type]


def variables(mark: Path, models: str) -> dict[str, str]:
    """What the processes of a test have in common."""
    return {"CASCADE_TEST": str(mark), "CASCADE_TEST_MODELS": models, "CUDA_VISIBLE_DEVICES": ""}


def left_over() -> list[str]:
    """Command lines of processes that a stand-in started, itself among them; of this test's own only."""
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if f"CASCADE_TEST={os.environ['CASCADE_TEST']}".encode() in (path / "environ").read_bytes():
                found.append((path / "cmdline").read_text().replace("\0", " "))
    return [line for line in found if "stand_in" in line or "SIG_IGN" in line]


@pytest.fixture(scope="module")
def models() -> Iterator[str]:
    with served() as address:
        yield address


@pytest.fixture(autouse=True)
def nothing_stays(tmp_path: Path, models: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Whatever a test does, no server process outlives it."""
    for name, value in variables(tmp_path, models).items():
        monkeypatch.setenv(name, value)
    yield
    assert left_over() == []


def test_greedy_samples_are_the_local_ones_and_are_priced(tmp_path: Path) -> None:
    large = Model("medium", MEDIUM, MEDIUM, key="medium")
    both = replace(FAMILY, models=(*FAMILY.models, large))
    made = engine().samples(request(tmp_path / "served", family=both))
    local = TransformersGenerator(None, 0, 0.8, 0.95, "auto", "cpu", "auto", 0)
    ours = local.samples(request(tmp_path / "local", family=both))
    for name in ("small", "medium"):
        assert greedy(made.samples[name]) == greedy(ours.samples[name])
        # 4 solutions and 4 tests, of which some began and ended while 4 were in flight.
        assert made.measured[name].seconds_per_1k_tokens > 0
        assert (made.measured[name].batch, made.measured[name].gpus) == (4, 1)
    # All is there: no server is started again, and the price stays what it was.
    again = replace(engine("--fault=crash"), arguments=[]).samples(request(tmp_path / "served", family=both))
    assert again == made


@pytest.mark.slow
@pytest.mark.skipif(VLLM is None, reason="CASCADE_VLLM names no vllm command")
def test_greedy_samples_through_vllm_are_the_local_ones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every problem, with the command line that users get; the medium model, as with the remote generator."""
    monkeypatch.setenv("VLLM_CPU_KVCACHE_SPACE", "2")
    command = OmegaConf.load(ROOT / "conf" / "generator" / "vllm.yaml").command
    family = replace(FAMILY, models=(Model("medium", MEDIUM, MEDIUM, key="medium"),))
    all_of_them = request(tmp_path / "served", family=family, problems=load_mini())
    vllm = replace(engine(dtype="float32", batch_size=256, start_timeout_s=600.0), arguments=[])
    made = replace(vllm, command=[str(VLLM), *command[1:]]).samples(all_of_them)
    local = TransformersGenerator(None, 0, 0.8, 0.95, "auto", "cpu", "auto", 0)
    ours = local.samples(replace(all_of_them, store=tmp_path / "local"))
    assert len(greedy(ours.samples["medium"])) == 150
    assert greedy(made.samples["medium"]) == greedy(ours.samples["medium"])
    assert made.measured["medium"].seconds_per_1k_tokens > 0


FAULTS = {
    "crash": r"small: python\S*: ended with status 1 while starting: ValueError: Model arch.* its log: /",
    "memory": r"too little memory \(torch\.OutOfMemoryError.*family\.models\.small\.server\.gpus",
    "never up": r"not up after 3 s .*generator\.start_timeout_s",
    "hang": r"no answer in time .*its log: /",
    "die": r"ended with status 1 while writing: too little memory",
}


@pytest.mark.parametrize("fault", FAULTS)
def test_faults_are_told_in_one_line_and_what_came_before_is_kept(tmp_path: Path, fault: str) -> None:
    waits = {"start_timeout_s": 3.0 if fault == "never up" else 120.0, "timeout_s": 4.0}
    with pytest.raises(CascadeError, match=FAULTS[fault]) as raised:
        engine(f"--fault={fault}", batch_size=1, **waits).samples(request(tmp_path))
    assert "\n" not in str(raised.value)
    log = Path(str(raised.value).rpartition("its log: ")[2])
    assert log.exists()
    assert left_over() == []
    assert n_samples(tmp_path) == (3 if fault in ("hang", "die") else 0)


def test_a_port_that_was_taken_meanwhile(tmp_path: Path) -> None:
    once = tmp_path / "once"
    made = engine("--fault=port", f"--once={once}").samples(request(tmp_path, problems=PROBLEMS[:1]))
    assert len(made.samples["small"]) == 1
    with pytest.raises(CascadeError, match="another program took its port, 3 times"):
        engine("--fault=port").samples(request(tmp_path / "other"))


def test_no_such_command(tmp_path: Path) -> None:
    lost = replace(engine(), command=["no-such-engine", *engine().command[1:]])
    with pytest.raises(CascadeError, match=r"no-such-engine: no such command; install it"):
        lost.samples(request(tmp_path))


def write(store: Path, models: str, *arguments: str) -> None:
    """Write samples until somebody ends this process; what it says goes into a file beside them."""
    os.environ |= variables(store, models)
    os.dup2(os.open(store / "said", os.O_CREAT | os.O_WRONLY), 2)
    engine(*arguments, start_timeout_s=300.0).samples(request(store))


def writing(store: Path, *arguments: str) -> ForkServerProcess:
    """Start a process that does; torch is loaded once for all of them."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])
    process = context.Process(target=write, args=(store, os.environ["CASCADE_TEST_MODELS"], *arguments))
    process.start()
    return process


@pytest.mark.parametrize(
    ("fault", "number"),
    [
        ("never up", signal.SIGKILL),
        ("hang", signal.SIGTERM),
        *(
            pytest.param(fault, number, marks=pytest.mark.slow)
            for fault, number in (
                ("never up", signal.SIGTERM),
                ("never up", signal.SIGINT),
                ("hang", signal.SIGKILL),
                ("hang", signal.SIGINT),
            )
        ),
    ],
)
def test_no_server_outlives_us(tmp_path: Path, fault: str, number: signal.Signals) -> None:
    """Killed while a server starts, and while it writes; kill -9 among the ways."""
    note = tmp_path / "note"
    process = writing(tmp_path, f"--fault={fault}", f"--note={note}")
    wait_for(lambda: any("SIG_IGN" in line for line in left_over()) and note.exists())
    if fault == "hang":
        wait_for(lambda: n_samples(tmp_path) >= 3)
    os.kill(process.pid or 0, number)
    process.join(60)
    assert not process.is_alive()
    # The keeper ends what the kernel cannot: it first asks the server, then kills.
    wait_for(lambda: left_over() == [])


def test_a_keeper_that_is_killed_takes_its_server_along(tmp_path: Path) -> None:
    process = writing(tmp_path, "--fault=never up")
    wait_for(lambda: any("SIG_IGN" in line for line in left_over()))
    [keeper] = [
        int(path.name)
        for path in Path("/proc").glob("[0-9]*")
        if b"keeper.py" in _read(path / "cmdline") and str(tmp_path).encode() in _read(path / "environ")
    ]
    os.kill(keeper, signal.SIGKILL)
    process.join(60)
    assert "its keeper was killed by signal 9" in (tmp_path / "said").read_text()
    for path in Path("/proc").glob("[0-9]*"):  # a worker with a session of its own is beyond reach then
        if b"SIG_IGN" in _read(path / "cmdline") and str(tmp_path).encode() in _read(path / "environ"):
            os.kill(int(path.name), signal.SIGKILL)
    wait_for(lambda: left_over() == [])


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""


def wait_for(condition: object) -> None:
    deadline = time.monotonic() + 120
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.mark.parametrize(
    ("member", "says"),
    [
        ({"quantization": {}}, r"family\.models\.small\.quantization: is for generator=transformers"),
        ({"draft_model": SMALL}, r"family\.models\.small\.draft_model: is for generator=transformers"),
        ({"server": Server("http://x/v1")}, r"server\.base_url: .* choose generator=openai"),
    ],
)
def test_settings_that_an_engine_cannot_honour(tmp_path: Path, member: dict[str, object], says: str) -> None:
    family = replace(FAMILY, models=(replace(FAMILY.models[0], **member),))  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match=says):
        engine().samples(request(tmp_path, family=family))


def test_a_prompt_longer_than_the_context(tmp_path: Path) -> None:
    long = replace(PROBLEMS[0], prompt="x = 1\n" * 2000)
    with pytest.raises(CascadeError, match=rf"small, {long.task_id}: the prompt has .* tokens"):
        engine().samples(request(tmp_path, problems=[long]))


def test_members_behind_servers_of_their_own_are_asked_side_by_side(tmp_path: Path) -> None:
    """Each by its own address, name and extra fields, while the other's are asked too."""
    note = tmp_path / "note"
    servers, members = [], []
    for key, folder in (("small", SMALL), ("medium", MEDIUM)):
        port = free_port()
        command = [sys.executable, str(STAND_IN), f"--model={folder}", f"--served-model-name=our-{key}"]
        command += ["--host=127.0.0.1", f"--port={port}", f"--note={note}"]
        servers.append(ServerProcess(command, port, f"our-{key}", {}))
        extra = {"reasoning_effort": "low"} if key == "medium" else {}
        server = Server(servers[-1].url, concurrency=2, extra=extra)
        members.append(Model(key, folder, folder, key=key, served_as=f"our-{key}", server=server))
    try:
        for one in servers:
            asyncio.run(one.up(120))
        family = replace(FAMILY, models=tuple(members))
        made = remote("http://127.0.0.1:9/v1").samples(request(tmp_path / "served", family=family))
    finally:
        for one in servers:
            one.stop()
            one.forget_log()
    asked = [json.loads(line) for line in note.read_text().splitlines() if "effort" in line]
    assert {(a["model"], a["effort"]) for a in asked} == {("our-small", None), ("our-medium", "low")}
    names = [a["model"] for a in asked]
    assert len(names) == 2 * 2 * len(PROBLEMS)
    # Side by side: each has been asked before the other was done.
    for name in set(names):
        assert names.index(name) < max(i for i, other in enumerate(names) if other != name)
    local = TransformersGenerator(None, 0, 0.8, 0.95, "auto", "cpu", "auto", 0)
    ours = local.samples(request(tmp_path / "local", family=family))
    for member in members:
        texts = [
            {
                task: (model_samples.greedy.solutions[0].text, model_samples.greedy.tests[0].text)
                for task, model_samples in samples.items()
            }
            for samples in (made.samples[member.name], ours.samples[member.name])
        ]
        assert texts[0] == texts[1]


@pytest.mark.slow
def test_the_whole_study_on_servers_of_our_own(run: Run, tmp_path: Path) -> None:
    """`hardware=cpu` prices come from that run."""
    command = ",".join(f"'{part}'" for part in engine().command)
    done = run(
        *("task=run", "generator=vllm", f"generator.command=[{command}]", "generator.batch_size=4"),
        *("generator.draws=0", "search.k=[0,1]", "~family.models.large", "family.max_new_tokens=64"),
        "hydra.run.dir=out",
    )
    assert done.returncode == 0, done.stderr
    assert n_samples(tmp_path / "store") == 2 * 2 * 150
