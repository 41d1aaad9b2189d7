"""What a service counts, for Prometheus."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from cascade.serving.admission import Admission
from cascade.serving.answer import StageTrace
from cascade.serving.verdicts import Sandbox

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 25, 60, 120, 300)
SHARES = tuple(i / 10 for i in range(11))


class Metrics:
    """The counters of one service, in a registry of their own."""

    def __init__(self, admission: Admission, sandbox: Sandbox) -> None:
        self._registry = registry = CollectorRegistry()
        self._requests = Counter(
            "cascade_requests", "Requests by plan and status.", ["plan", "status"], registry=registry
        )
        self._stages = Counter(
            "cascade_stage_results",
            "Stages that were asked, by what came of it: accepted, escalated, stopped or failed.",
            ["plan", "stage", "model", "result"],
            registry=registry,
        )
        self._scores = Histogram(
            "cascade_score_share",
            "Score of a stage's answer as a share of the most that it could be.",
            ["plan", "stage", "model"],
            buckets=SHARES,
            registry=registry,
        )
        self._usd = Counter("cascade_usd", "US dollars spent.", ["plan", "model"], registry=registry)
        self._tokens = Counter("cascade_tokens", "Generated tokens.", ["plan", "model"], registry=registry)
        self._seconds = Histogram(
            "cascade_seconds",
            "Seconds of a request by step: queue, generate, execute, own.",
            ["step"],
            buckets=SECONDS,
            registry=registry,
        )
        self.alarm = Gauge(
            "cascade_plan_alarm",
            "1 where a plan no longer does what its study says.",
            ["plan"],
            registry=registry,
        )
        self._reloads = Counter(
            "cascade_reloads", "Plan files taken or refused.", ["result"], registry=registry
        )
        for name, text, function in (
            ("cascade_requests_running", "Requests that are being answered.", lambda: admission.running),
            ("cascade_requests_waiting", "Requests that wait for a place.", lambda: admission.waiting),
            ("cascade_sandbox_waiting", "Batches that wait for a sandbox.", lambda: sandbox.pool.waiting),
        ):
            Gauge(name, text, registry=registry).set_function(function)

    def request(self, plan: str, status: int) -> None:
        """A request has ended; `plan` is empty where none was chosen."""
        self._requests.labels(plan, str(status)).inc()

    def step(self, name: str, seconds: float) -> None:
        """A request took so long for a step."""
        self._seconds.labels(name).observe(seconds)

    def stages(self, plan: str, stages: tuple[StageTrace, ...], *, stopped: bool) -> None:
        """What the stages of a query did."""
        for number, stage in enumerate(stages, 1):
            result = "accepted" if stage.accepted else "failed" if stage.failed else "escalated"
            if stopped and number == len(stages) and not stage.accepted:
                result = "stopped"
            self._stages.labels(plan, str(number), stage.model, result).inc()
            if stage.share is not None:
                self._scores.labels(plan, str(number), stage.model).observe(stage.share)
            self.spent(plan, stage.model, stage.usd, stage.tokens)
            self.step("generate", stage.generate_s)
            self.step("execute", stage.execute_s)

    def spent(self, plan: str, model: str, usd: float, tokens: int) -> None:
        """What a model has written."""
        self._usd.labels(plan, model).inc(usd)
        self._tokens.labels(plan, model).inc(tokens)

    def reload(self, result: str) -> None:
        """A plan file was ``taken`` or ``refused``."""
        self._reloads.labels(result).inc()

    def text(self) -> bytes:
        """All of it in Prometheus' text format."""
        return generate_latest(self._registry)
