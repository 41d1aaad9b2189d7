"""The systemd unit and the compose file of docs/serving.md: what they name exists, their commands compose."""

import configparser
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from cascade.config import compose_study
from tests.conftest import ROOT

PAGE = (ROOT / "docs" / "serving.md").read_text(encoding="utf-8")
# Of a service, in the specification of compose files.
SERVICE_KEYS = {
    *("image", "command", "environment", "volumes", "ports", "security_opt", "depends_on", "gpus")
}


def block(language: str) -> str:
    [found] = re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)
    return str(found)


def served(command: str) -> None:
    """A command of the program composes, and serves plans of a file."""
    program, *overrides = shlex.split(command)
    assert Path(program).name == "cascade"
    study = compose_study(overrides)
    assert study.task == "cascade.tasks.serve.main"
    assert study.serve.plans is not None


def test_the_unit_is_one_that_systemd_takes(tmp_path: Path) -> None:
    unit = configparser.ConfigParser()
    unit.optionxform = str  # type: ignore[assignment,method-assign]
    unit.read_string(block("ini"))
    service = unit["Service"]
    served(service["ExecStart"])
    study = compose_study()
    # What is under way may end before systemd loses patience.
    assert int(service["TimeoutStopSec"]) > study.serve.drain_s
    if (analyze := shutil.which("systemd-analyze")) is None:
        pytest.skip("systemd is not installed")
    here = block("ini").replace("/srv/cascade/.venv/bin/cascade", sys.executable).replace("=cascade", "=root")
    (tmp_path / "cascade.service").write_text(here.replace("/srv/cascade", str(tmp_path)))
    (tmp_path / "environment").write_text("CASCADE_API_KEY=secret\n")
    done = subprocess.run(
        [analyze, "verify", str(tmp_path / "cascade.service")], capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_the_compose_file_starts_a_server_a_member_and_the_cascade() -> None:
    services = yaml.safe_load(block("yaml"))["services"]
    assert all(set(service) <= SERVICE_KEYS for service in services.values())
    command = services["cascade"]["command"]
    served(command)
    study = compose_study(shlex.split(command)[1:])
    for model in study.family.models:
        host = re.fullmatch(r"http://(\w+):8000/v1", model.server.base_url or "")
        assert host is not None
        assert host[1] in services["cascade"]["depends_on"]
        assert model.hub_id in services[host[1]]["command"].split()
    assert len(study.family.models) == len(services) - 1
