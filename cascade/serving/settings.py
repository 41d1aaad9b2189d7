"""How a service is set up, as `serve:` in the configuration says."""

from dataclasses import dataclass, field
from enum import Enum


class PromptCode(Enum):
    """What code a request's prompt may hold: pure, or any that the sandbox confines."""

    pure = "pure"
    any = "any"


@dataclass(frozen=True)
class ServeSettings:
    """The service; see `cascade.serving.app`.

    Attributes:
        plans: a plans.json or the output folder of a study, read again on SIGHUP; None for the newest
            study of these settings.
        host, port: where it listens.
        key_variable: the environment variable that holds the key which requests must give; none if unset.
        concurrency, queue: requests that are answered at a time, and that may wait.
        max_request_kb: size of a request's body.
        prompt_code: what code a prompt may hold.
        pass_through: whether a request without a function goes to the last model as it is.
        deadline_s: of requests that give none; None for no deadline.
        retries: of a request to a member's server, before the next stage is asked.
        keep_alive_s: seconds between the comments that keep a stream open.
        drain_s: how long requests may take that are under way when the service is told to end.
        false_alarm_rate: of the alarm that a plan does not hold any more, over its whole life.
        shadow_share, shadow_output: share of the answers for which the largest model is asked too, and the
            file that both are appended to.
        otlp_endpoint: where spans are sent to by OTLP over HTTP; None for nowhere.
        otlp_headers: of these requests.
        dry_run: whether to check everything, say what a query costs, and end.
    """

    plans: str | None = None
    host: str = "127.0.0.1"
    port: int = 8000
    key_variable: str = "CASCADE_API_KEY"
    concurrency: int = 32
    queue: int = 128
    max_request_kb: int = 256
    prompt_code: PromptCode = PromptCode.pure
    pass_through: bool = False
    deadline_s: float | None = None
    retries: int = 1
    keep_alive_s: float = 10.0
    drain_s: float = 30.0
    false_alarm_rate: float = 0.01
    shadow_share: float = 0.0
    shadow_output: str = "shadow.jsonl"
    otlp_endpoint: str | None = None
    otlp_headers: dict[str, str] = field(default_factory=dict)
    dry_run: bool = False
