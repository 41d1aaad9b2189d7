"""One MLflow store, and one experiment in it, by explicit run ids."""

import getpass
import logging
import os
import re
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import sqlalchemy
from filelock import BaseFileLock, FileLock
from mlflow.entities import DatasetInput, LifecycleStage, Metric, Param, Run, RunTag
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import (
    INVALID_PARAMETER_VALUE,
    RESOURCE_ALREADY_EXISTS,
    RESOURCE_DOES_NOT_EXIST,
    ErrorCode,
)
from mlflow.tracking import MlflowClient

from cascade.base import CascadeError, digest, file_name, mask_credentials, shortened, this_host
from cascade.tracking.embedded import DATABASE
from cascade.tracking.failures import one_line, tracking_failure
from cascade.tracking.internals import store_of
from cascade.tracking.keys import legal_key

log = logging.getLogger(__name__)

# After MLflow's import, which sets them.
for _name in ("mlflow", "alembic"):
    logging.getLogger(_name).setLevel(logging.WARNING)
# Each retry would be a line; that they failed is told once.
logging.getLogger("urllib3").setLevel(logging.ERROR)
# A database's error is logged with its traceback and then raised; it is told once, by whoever catches it.
logging.getLogger("mlflow.store.db.utils").setLevel(logging.CRITICAL)

# MLflow's limits: characters of a value, entries of a batch.
MAX_PARAM_CHARS = 6000
MAX_TAG_CHARS = 8000
MAX_METRICS = 1000
NO_SUCH_RUN = tuple(map(ErrorCode.Name, (RESOURCE_DOES_NOT_EXIST, INVALID_PARAMETER_VALUE)))
MIN_ID, WHOLE_ID = 4, 32  # characters of a run's id: the least that names it, and all
MAX_NAME_CHARS = 250  # of an experiment or a run, in a database's tables
# Where a run's process is, and its number: to be found again if it is killed.
HOST, PROCESS = "cascade.host", "cascade.process"
# Texts that MLflow's filter language takes between quotes as they are; others are compared by us.
PLAIN_TEXT = re.compile(r"[\w .,:;=+/()-]*")


def sqlite_uri(mlruns: Path) -> str:
    """The tracking URI of the embedded store."""
    return f"sqlite:///{mlruns / DATABASE}"


class Tracker:
    """One MLflow store and one experiment in it.

    It speaks to the store through a client and explicit run ids only: the fluent API's active run
    is shared by a process and can be set from the environment.
    """

    def __init__(self, uri: str | None, mlruns: Path, experiment: str) -> None:
        """Open the store and make the experiment where it does not exist.

        Args:
            uri: tracking URI; None for the sqlite database under `mlruns`.
            mlruns: folder of the embedded store.
            experiment: name of the experiment.

        Raises:
            CascadeError: the store cannot be reached or written.
        """
        self.uri = uri or sqlite_uri(mlruns)
        self.address = mask_credentials(self.uri)  # as it may be shown
        self._artifacts = mlruns / "artifacts" if uri is None else None
        try:
            if uri is None:
                mlruns.mkdir(parents=True, exist_ok=True)
                lock = mlruns / ".lock"
            else:
                user = digest(uri, getpass.getuser())
                lock = Path(tempfile.gettempdir()) / f"cascade-{user}.lock"
            self._lock = FileLock(lock, is_singleton=True)
            # Processes that start together would all create the tables; one goes first.
            with self._lock:
                _try_database(self.uri)
                if self.uri.startswith("sqlite:"):
                    _make_whole(self.uri)
                self.client = MlflowClient(self.uri)
                store = store_of(self.client)
                if self.uri.startswith("sqlite:"):
                    _take_turns(store, self._lock)
                self.experiment_id = self.experiment(experiment)
        except CascadeError:
            raise
        except OSError as error:
            raise CascadeError(
                f"{mlruns}: cannot write the MLflow store: {error.strerror}; set paths.mlruns to a folder "
                "that you may write"
            ) from None
        except Exception as error:
            reason = one_line(error) if isinstance(error, ImportError) else tracking_failure(error)
            if reason is None:
                raise
            remedy = "is the address right, the server up, the database intact and its driver installed?"
            if "CERTIFICATE_VERIFY_FAILED" in reason:
                remedy = (
                    "if you trust its certificate, name the file of whoever signed it in the environment: "
                    "MLFLOW_TRACKING_SERVER_CERT_PATH=ca.pem"
                )
            raise CascadeError(
                f"tracking.uri={self.address}: MLflow cannot be opened: {reason}; {remedy}"
            ) from None

    def experiment(self, name: str) -> str:
        """The id of the experiment of that name, which is made where it does not exist."""
        name = shortened(name, MAX_NAME_CHARS)
        found = self.client.get_experiment_by_name(name)
        if found is None:
            folder = file_name(name, "experiment")
            location = None if self._artifacts is None else str(self._artifacts / folder)
            try:
                return str(self.client.create_experiment(name, artifact_location=location))
            except MlflowException as error:
                # Another machine was faster.
                if error.error_code != ErrorCode.Name(RESOURCE_ALREADY_EXISTS):
                    raise
                found = self.client.get_experiment_by_name(name)
                assert found is not None
        if found.lifecycle_stage == LifecycleStage.DELETED:
            self.client.restore_experiment(found.experiment_id)
            log.warning("the MLflow experiment %r was deleted; it is restored, with its runs", name)
        return str(found.experiment_id)

    @contextmanager
    def alone(self) -> Iterator[None]:
        """While this is held no other process of ours on this machine holds it for the same store."""
        with self._lock:
            yield

    @contextmanager
    def run(self, name: str, tags: Mapping[str, str], params: Mapping[str, str]) -> Iterator[str]:
        """A new run; yields its id and closes it, as FAILED (or KILLED) where an exception passes."""
        run_id = self.create(name, tags, params)
        with self.closing(run_id):
            yield run_id

    @contextmanager
    def closing(self, run_id: str) -> Iterator[None]:
        """Close a run at the end, as FAILED (or KILLED) where an exception passes."""
        try:
            yield
        except BaseException as error:
            # What failed may be the store itself; the error that is told is the first one.
            with suppress(Exception):
                ended = "KILLED" if isinstance(error, KeyboardInterrupt) else "FAILED"
                self.client.set_terminated(run_id, ended)
            raise
        self.client.set_terminated(run_id, "FINISHED")

    def create(
        self, name: str, tags: Mapping[str, str], params: Mapping[str, str], started: float | None = None
    ) -> str:
        """A new run that is still open, begun now or at a time (seconds since the epoch); returns its id."""
        # What the UI's columns "user" and "source" show, and only the fluent API fills in.
        of_client = {
            HOST: this_host(),
            PROCESS: str(os.getpid()),
            "mlflow.user": getpass.getuser(),
            "mlflow.source.name": "run.py",
            "mlflow.source.type": "LOCAL",
        }
        run = self.client.create_run(
            self.experiment_id,
            start_time=None if started is None else int(1000 * started),
            tags=of_client | dict(tags),
            run_name=shortened(name, MAX_NAME_CHARS),
        )
        run_id = str(run.info.run_id)
        entries = [Param(legal_key(key), value[:MAX_PARAM_CHARS]) for key, value in params.items()]
        self.client.log_batch(run_id, params=entries)
        return run_id

    def find(self, tags: Mapping[str, str], run_id: str | None, what: str) -> str:
        """The newest run with some tags, or the one that is named.

        Args:
            tags: what the run must carry.
            run_id: an explicit run, or how its id begins; it must carry the tags too.
            what: how the error calls what is looked for, e.g. ``an executed study (task=run)``.

        Raises:
            CascadeError: there is none.
        """
        if run_id is not None:
            try:
                run = self.client.get_run(run_id)
            except MlflowException as error:
                if error.error_code not in NO_SUCH_RUN:
                    raise
                return self.find(tags, self._whole_id(run_id), what)
            if run.info.lifecycle_stage == LifecycleStage.DELETED:
                raise CascadeError(
                    f"run_id={run_id}: that run was deleted; name another, or restore it in the MLflow UI or "
                    f"with MLFLOW_TRACKING_URI={self.address} mlflow runs restore --run-id {run_id}"
                )
            carried = run.data.tags
            different = [
                f"{key}={carried.get(key)!r}" for key, value in tags.items() if carried.get(key) != value
            ]
            if different:
                raise CascadeError(f"run_id={run_id}: that run is not {what}: it has {', '.join(different)}")
            return str(run.info.run_id)
        found = next(self._search([self.experiment_id], tags), None)
        if found is None:
            wanted = ", ".join(f"{key.removeprefix('cascade.')}={value}" for key, value in tags.items())
            raise CascadeError(f"no run of {what} in {self.address} with {wanted}; run that task first")
        return str(found.info.run_id)

    def _whole_id(self, beginning: str) -> str:
        """The one run whose id begins so, as views and log lines show ids.

        Raises:
            CascadeError: there is none, or several.
        """
        experiments = [str(e.experiment_id) for e in self.client.search_experiments()]
        found: list[str] = []
        if MIN_ID <= len(beginning) < WHOLE_ID and re.fullmatch("[0-9a-f]+", beginning):
            query = f"attributes.run_id LIKE '{beginning}%'"
            found = [
                str(run.info.run_id) for run in self.client.search_runs(experiments, query, max_results=5)
            ]
        if not found:
            raise CascadeError(f"run_id={beginning}: no such run in {self.address}")
        if len(found) > 1:
            raise CascadeError(
                f"run_id={beginning}: several runs begin with it: {', '.join(found)}; give more of the id"
            )
        return found[0]

    def find_all(self, tags: Mapping[str, str], *, everywhere: bool, where: str = "") -> list[Run]:
        """All runs with some tags, the newest first: of this experiment, or of the whole store.

        Args:
            tags: what the runs must carry.
            everywhere: whether all experiments are searched.
            where: a further condition, in MLflow's filter language.
        """
        experiments = [self.experiment_id]
        if everywhere:
            experiments = [str(e.experiment_id) for e in self.client.search_experiments()]
        return list(self._search(experiments, tags, where))

    def _search(self, experiments: list[str], tags: Mapping[str, str], where: str = "") -> Iterator[Run]:
        """The runs with some tags, the newest first."""
        # MLflow's filter cannot say every text: quotes, backslashes and the like are compared here.
        plain = {key: value for key, value in tags.items() if PLAIN_TEXT.fullmatch(value)}
        conditions = [f"tags.`{key}` = '{value}'" for key, value in plain.items()]
        query = " and ".join([*conditions, where] if where else conditions)
        token: str | None = ""
        while token is not None:
            page = self.client.search_runs(
                experiments, query, order_by=["attributes.start_time DESC"], page_token=token or None
            )
            for run in page:
                if all(run.data.tags.get(key) == value for key, value in tags.items()):
                    yield run
            token = page.token or None

    def log(
        self,
        run_id: str,
        *,
        metrics: Mapping[str, float] | None = None,
        steps: Mapping[str, Sequence[float]] | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> None:
        """Metrics and tags of a run.

        Args:
            run_id: the run.
            metrics: single values by name.
            steps: by name the values of a metric at the steps 1, 2, ….
            tags: texts by name.
        """
        now = int(time.time() * 1000)
        entries = [Metric(legal_key(key), value, now, 0) for key, value in (metrics or {}).items()]
        for key, values in (steps or {}).items():
            entries += [Metric(legal_key(key), value, now, step) for step, value in enumerate(values, 1)]
        first, *rest = [entries[i : i + MAX_METRICS] for i in range(0, len(entries), MAX_METRICS)] or [[]]
        texts = [RunTag(key, value[:MAX_TAG_CHARS]) for key, value in (tags or {}).items()]
        self.client.log_batch(run_id, metrics=first, tags=texts)
        for batch in rest:
            self.client.log_batch(run_id, metrics=batch)

    def log_inputs(self, run_id: str, datasets: list[DatasetInput]) -> None:
        """What a run was made from."""
        self.client.log_inputs(run_id, datasets=datasets)

    def log_file(self, run_id: str, path: Path) -> None:
        """A file as an artifact of a run, under its own name."""
        self.client.log_artifact(run_id, str(path))

    def log_folder(self, run_id: str, path: Path, name: str) -> None:
        """A folder's files as artifacts of a run, under a name."""
        self.client.log_artifacts(run_id, str(path), name)

    def fetch(self, run_id: str, name: str, folder: Path) -> Path:
        """An artifact of a run as a local file below `folder`."""
        return Path(self.client.download_artifacts(run_id, name, str(folder)))


def _take_turns(store: Any, lock: BaseFileLock) -> None:
    """Let every session of a SQLite store wait for a lock of ours.

    SQLite gives up after 20 seconds of waiting ("database is locked"), which several studies that log
    at once on a busy machine do reach; this lock waits as long as it takes.
    """
    # MLflow keeps one store for an address; each tracker of the process meets it again.
    if not hasattr(store, "cascade_sessions"):
        store.cascade_sessions = store.ManagedSessionMaker

        @contextmanager
        def session(*args: Any, **options: Any) -> Iterator[Any]:
            with lock, store.cascade_sessions(*args, **options) as session:
                yield session

        store.ManagedSessionMaker = session


def _make_whole(uri: str) -> None:
    """Make a SQLite database that is not there yet under another name, and give it its own when it is whole.

    MLflow makes its tables in many transactions: of a process that is killed meanwhile a database would stay
    that MLflow can neither open nor complete.
    """
    url = sqlalchemy.make_url(uri)
    name = url.database or ":memory:"
    if name.startswith((":memory:", "file:")) or Path(name).exists():
        return
    unfinished = Path(f"{name}.unfinished")
    # Its journal would be played back into the new one.
    for path in (unfinished, Path(f"{unfinished}-journal")):
        path.unlink(missing_ok=True)
    made = MlflowClient(url.set(database=str(unfinished)).render_as_string(hide_password=False))
    store_of(made).engine.dispose()
    unfinished.rename(name)


def _try_database(uri: str) -> None:
    """Connect once to a database: MLflow itself tries for minutes before it says what is wrong."""
    if not uri.startswith(("http:", "https:", "sqlite:", "databricks", "file:")):
        engine = sqlalchemy.create_engine(uri)
        try:
            engine.connect().close()
        finally:
            engine.dispose()
