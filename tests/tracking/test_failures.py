"""A store that is not ours: deleted experiments and runs, any name, and whatever goes away."""

import os
import shutil
import sqlite3
import ssl
import subprocess
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
from mlflow.entities import ViewType

from cascade.base import CascadeError, mask_credentials
from cascade.tracking import Tracker, tracking_failure
from cascade.tracking.client import sqlite_uri
from cascade.tracking.failures import one_line
from cascade.tracking.keys import legal_key
from tests.conftest import ROOT
from tests.tracking.server import serving

NAMES = ["Ada's box", 'the "big" one', "back\\slash", "back`tick", "100 % of it", "' or 1=1 --", "é: ÷, θ"]


def test_a_deleted_experiment_is_restored_with_its_runs(
    mlruns: Path, caplog: pytest.LogCaptureFixture
) -> None:
    tracker = Tracker(None, mlruns, "deleted")
    run_id = tracker.create("a run", {"of": "me"}, {})
    tracker.client.delete_experiment(tracker.experiment_id)
    again = Tracker(None, mlruns, "deleted")
    assert again.experiment_id == tracker.experiment_id and "'deleted' was deleted" in caplog.text
    assert again.find({"of": "me"}, None, "a run") == run_id


def test_a_deleted_run_is_not_gone_on_from(mlruns: Path) -> None:
    tracker = Tracker(None, mlruns, "deleted run")
    run_id = tracker.create("a run", {"of": "me"}, {})
    tracker.client.delete_run(run_id)
    with pytest.raises(CascadeError, match=f"run_id={run_id}: that run was deleted; .*restore"):
        tracker.find({"of": "me"}, run_id, "a run")
    with pytest.raises(CascadeError, match="no run of a run"):
        tracker.find({"of": "me"}, None, "a run")
    assert tracker.client.search_runs([tracker.experiment_id], run_view_type=ViewType.DELETED_ONLY)


@pytest.mark.parametrize("name", NAMES)
def test_a_run_is_found_by_any_name(mlruns: Path, name: str) -> None:
    tracker = Tracker(None, mlruns, f"studies of {name}")
    tracker.create("another", {"hardware": f"{name}!", "kind": "study"}, {})
    run_id = tracker.create(name, {"hardware": name, "kind": "study"}, {f"k.{name}": name})
    tracker.create("later", {"hardware": "x", "kind": "study"}, {})
    assert tracker.find({"hardware": name, "kind": "study"}, None, "a study") == run_id
    assert [r.info.run_id for r in tracker.find_all({"hardware": name}, everywhere=True)] == [run_id]


@pytest.mark.parametrize("name", ["../../etc", "a//b", "/", ".", "org/model", "a/./b"])
def test_a_model_may_be_called_anything(mlruns: Path, name: str) -> None:
    tracker = Tracker(None, mlruns, "paths")
    run_id = tracker.create("a run", {}, {f"k.{name}": "1", name: "2"})
    tracker.log(run_id, metrics={f"accuracy/{name}": 0.5})
    assert tracker.client.get_run(run_id).data.metrics == {legal_key(f"accuracy/{name}"): 0.5}


def test_a_broken_database_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "mlflow.db").write_bytes(b"this is no database" * 100)
    with pytest.raises(CascadeError, match=r"MLflow cannot be opened: .*not a database"):
        Tracker(None, tmp_path, "x")


def test_a_database_of_an_older_version_is_one_line(mlruns: Path, tmp_path: Path) -> None:
    Tracker(None, mlruns, "x")
    old = tmp_path / "old"
    old.mkdir()
    shutil.copy(mlruns / "mlflow.db", old)
    with sqlite3.connect(old / "mlflow.db") as database:
        database.execute("update alembic_version set version_num = 'acf3f17fdcc7'")
    with pytest.raises(CascadeError, match=r"out-of-date database schema"):
        Tracker(None, old, "x")


def test_a_long_chain_of_causes_keeps_its_end() -> None:
    told = one_line(ValueError(f"request failed {'x' * 500} (self-signed certificate)"))
    assert told.startswith("request failed") and told.endswith("(self-signed certificate)")
    assert len(told) < 320


def test_a_database_that_is_not_there_is_told_without_its_password(tmp_path: Path) -> None:
    with pytest.raises(CascadeError) as told:
        Tracker("postgresql://me:se(r/et@127.0.0.1:1/runs".replace("/et", "%2Fet"), tmp_path, "x")
    assert "postgresql://me:***@127.0.0.1:1/runs" in str(told.value) and "se(r" not in str(told.value)
    assert "\n" not in str(told.value)


def test_a_certificate_that_is_not_trusted_is_told_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server with a certificate of its own, as in many companies; with the named variable it opens."""
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    if shutil.which("openssl") is None:
        pytest.skip("no openssl to make a certificate with")
    made = [
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-days",
        "1",
        "-subj",
        "/CN=localhost",
    ]
    made += ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(certificate)]
    subprocess.run(made, check=True, capture_output=True)
    with ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler) as server:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        server.socket = context.wrap_socket(server.socket, server_side=True)
        Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
        address = f"https://127.0.0.1:{server.server_port}"
        with pytest.raises(CascadeError) as told:
            Tracker(address, tmp_path, "x")
        said = str(told.value)
        assert said.startswith(f"tracking.uri={address}: MLflow cannot be opened: ") and "\n" not in said
        assert "self-signed certificate" in said
        assert said.endswith("MLFLOW_TRACKING_SERVER_CERT_PATH=ca.pem")
        monkeypatch.setenv("MLFLOW_TRACKING_SERVER_CERT_PATH", str(certificate))
        with pytest.raises(CascadeError) as told:
            Tracker(address, tmp_path, "x")
        # The certificate is taken; this server only says that it knows no such request.
        assert "501" in str(told.value) and "certificate" not in str(told.value).lower()
        server.shutdown()


@pytest.mark.slow
def test_a_server_that_leaves_is_one_line(tmp_path: Path) -> None:
    with serving(tmp_path / "server") as address:
        tracker = Tracker(address, tmp_path, "x")
        run_id = tracker.create("a run", {}, {})
    with pytest.raises(Exception) as told:
        tracker.log(run_id, metrics={"a": 1.0})
    reason = tracking_failure(told.value)
    assert reason is not None and "\n" not in reason and len(reason) < 400


def test_other_errors_are_not_the_stores() -> None:
    assert tracking_failure(ValueError("a mistake of ours")) is None
    assert tracking_failure(OSError(28, "No space left on device", "x.db")) == "x.db: No space left on device"


def test_a_user_without_a_name_has_a_number(tmp_path: Path) -> None:
    """A user namespace in which this process has an id that /etc/passwd does not know."""
    code = "import cascade.tracking, getpass; print(getpass.getuser())"
    env = {k: v for k, v in os.environ.items() if k not in ("USER", "LOGNAME", "LNAME", "USERNAME")}
    done = subprocess.run(
        ["unshare", "--user", "--map-user=12345", sys.executable, "-c", code],
        cwd=ROOT,
        env=env,
        capture_output=True,
        text=True,
    )
    if "unshare" in done.stderr:
        pytest.skip("this machine gives no user namespace")
    assert done.stdout.strip() == "12345", done.stderr


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("uri: postgresql://me:p@ss:w0rd@host/db", "uri: postgresql://me:***@host/db"),
        ("http://:key@host and http://host:5000/a@b", "http://:***@host and http://host:5000/a@b"),
        (sqlite_uri(Path("/a:b@c")), "sqlite:////a:b@c/mlflow.db"),
    ],
)
def test_passwords_are_masked(text: str, masked: str) -> None:
    assert mask_credentials(text) == masked
