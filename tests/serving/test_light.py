"""What the service needs is imported by the service alone, and named where it is missing."""

import subprocess
import sys

import pytest

from tests.conftest import ROOT

WEB = {"fastapi", "uvicorn", "prometheus_client", "opentelemetry.sdk", "openai"}


def python(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    "code",
    [
        "import cascade, cascade.serving",
        "from cascade.serving import Cascade, PlanBook, ServeSettings, solve",
    ],
)
def test_the_cascade_is_light(code: str) -> None:
    loaded = python(f"import sys; {code}; print(*sys.modules)").stdout.split()
    assert "cascade.serving" in loaded
    assert not WEB & set(loaded)


@pytest.mark.parametrize("package", sorted(WEB))
def test_a_missing_package_is_named_with_its_command(package: str) -> None:
    done = python(
        f"import sys; sys.modules[{package!r}] = None\n"
        "from cascade.config import check_inputs, compose_study\n"
        "check_inputs(compose_study(['task=serve', 'generator=recorded', 'generator.path=x']))"
    )
    last = done.stderr.strip().splitlines()[-1]
    assert f"ConfigError: task=serve: needs {package}" in last
    assert "pip install" in last
