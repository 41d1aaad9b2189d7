"""The service behind the web: plans, members, sandbox and counters, and one request through them."""

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from cascade.base import CascadeError, ExecutionError
from cascade.core import EXIT, Plan, usd_per_token
from cascade.generate import Member, Ticket, text_spec
from cascade.problems import Problem
from cascade.serving.admission import Admission, RefusedError
from cascade.serving.answer import DEADLINE, SPENDING_LIMIT, Answer, NoAnswerError, StageTrace
from cascade.serving.cascade import Cascade, Limits, close_members
from cascade.serving.drift import PlanWatch
from cascade.serving.metrics import Metrics
from cascade.serving.plan_book import ANY_PLAN, PlanBook
from cascade.serving.prompt_function import PromptError, problem_of
from cascade.serving.replies import Reply
from cascade.serving.requests import ApiError, ChatRequest, CompletionRequest
from cascade.serving.settings import PromptCode, ServeSettings
from cascade.serving.shadow import Shadow
from cascade.serving.spans import Spans, trace_id
from cascade.serving.verdicts import Sandbox

log = logging.getLogger(__name__)

# Prompts up to so many characters are looked through while nobody else waits.
QUICK_PROMPT = 20_000
# How long a member's word that it is up is believed.
CHECKED_S = 10.0
# Of a passed-through request.
PASSED = "pass-through"


@dataclass(frozen=True)
class Query:
    """A request that can be answered.

    Attributes:
        plan: the plan's name.
        problem: what is asked for; None for a text that goes to the last model as it is.
        text: the prompt.
        request: the request itself.
        chat: which of the two interfaces it came to.
        cascade: the plan at work, as it was when the request came.
    """

    plan: str
    problem: Problem | None
    text: str
    request: ChatRequest | CompletionRequest
    chat: bool
    cascade: Cascade


class Service:
    """Everything that requests share."""

    def __init__(
        self,
        settings: ServeSettings,
        book: PlanBook,
        read_plans: Callable[[], PlanBook],
        parse_plans: Callable[[str], PlanBook],
        members: Mapping[str, Member],
        sandbox: Sandbox,
    ) -> None:
        """A service that is ready at once.

        Args:
            settings: see `ServeSettings`.
            book: the plans to begin with.
            read_plans: reads the plan file again.
            parse_plans: reads a plan file's content.
            members: all of the family, by name.
            sandbox: where programs are executed.
        """
        self.settings, self.members, self.sandbox = settings, dict(members), sandbox
        self._read_plans, self._parse_plans = read_plans, parse_plans
        self.admission = Admission(settings.concurrency, settings.queue)
        self.metrics = Metrics(self.admission, sandbox)
        self.spans = Spans(settings.otlp_endpoint, settings.otlp_headers)
        self.shadow = Shadow(settings.shadow_share, Path(settings.shadow_output))
        self.watches: dict[str, PlanWatch] = {}
        self._checked: tuple[float, list[str]] | None = None
        self._take(book)

    def _take(self, book: PlanBook) -> None:
        """Serve the plans of a book from now on; what is under way ends as it began."""
        before = getattr(self, "book", None)
        watches = {}
        for name, chosen in book.by_name.items():
            known = before.by_name.get(name) if before is not None else None
            if known is not None and known.expected == chosen.expected:
                watches[name] = self.watches[name]
            else:
                watches[name] = PlanWatch(chosen.expected, self.settings.false_alarm_rate)
            self.metrics.alarm.labels(name).set(float(watches[name].alarm is not None))
        self.book, self.watches, self.taken_at = book, watches, int(time.time())

    def reload(self, content: str | None = None) -> None:
        """Take the plan file as it is now, or another one's content.

        Raises:
            CascadeError: it cannot be served; the plans stay as they are.
        """
        try:
            self._take(self._read_plans() if content is None else self._parse_plans(content))
        except CascadeError as error:
            self.metrics.reload("refused")
            log.error("the plan file is refused and the plans in use stay: %s", error)
            raise
        self.metrics.reload("taken")
        log.info("plans loaded: %d, version %s", len(self.book.by_name), self.book.version)

    async def query(self, request: ChatRequest | CompletionRequest, *, chat: bool) -> Query:
        """What a request asks for.

        Raises:
            ApiError: 404 for an unknown plan, 400 for wishes that no plan meets or a prompt that cannot be
                answered.
        """
        book = self.book
        if request.model == ANY_PLAN:
            try:
                plan = book.choose(request.budget_usd_per_1k, request.min_accuracy)
            except CascadeError as error:
                raise ApiError(400, str(error), "no_plan", str(error).partition("=")[0]) from None
        elif (found := book.find(request.model)) is None:
            known = ", ".join([ANY_PLAN, *book.by_name])
            why = f"model: there is no plan {request.model[:80]!r}; there are {known}"
            raise ApiError(404, why, "model_not_found", "model")
        elif request.budget_usd_per_1k is not None or request.min_accuracy is not None:
            why = f"budget_usd_per_1k and min_accuracy are for model={ANY_PLAN!r}; leave them out"
            raise ApiError(400, why, "no_choice", "model")
        else:
            plan = found
        text = request.text
        problem = await self._problem(text)
        cascade = book.cascade(plan, self.members, self.sandbox)
        return Query(plan if problem is not None else PASSED, problem, text, request, chat, cascade)

    async def _problem(self, text: str) -> Problem | None:
        pure_only = self.settings.prompt_code is PromptCode.pure
        try:
            if len(text) <= QUICK_PROMPT:
                return problem_of(text, pure_only=pure_only)
            return await asyncio.to_thread(problem_of, text, pure_only=pure_only)
        except PromptError as error:
            if error.code == "no_function" and self.settings.pass_through and text.strip():
                return None
            raise ApiError(400, str(error), error.code, "prompt") from None

    async def answer(self, query: Query) -> Reply:
        """One request from its place in the queue to its answer; cancelling it stops all work for it.

        Raises:
            ApiError: 429 or 503 without a place, 502 for a failing member, 504 and 402 where a limit of the
                request was reached before there was any answer.
        """
        span = self.spans.begin("chat" if query.chat else "text_completion", query.plan)
        came: Answer | NoAnswerError | None = None
        status, failed = 499, "the client has left"  # unless something else comes first
        try:
            limits = Limits(query.request.deadline_s or self.settings.deadline_s, query.request.limit_usd)
            async with self.admission.place() as waited:
                self.metrics.step("queue", waited)
                came = await self._work(query, _less(limits, waited))
            status, failed = 200, ""
            trace = trace_id(span)
            reply = Reply(came, query.plan, trace, query.request.ignored(), chat=query.chat)
            self._count(query, came, trace)
            return reply
        except RefusedError as error:
            refused = _refused(error)
            status, failed = refused.status, str(refused)
            raise refused from None
        except NoAnswerError as error:
            came, failed = error, str(error)
            status = {DEADLINE: 504, SPENDING_LIMIT: 402}.get(error.reason, 502)
            self.metrics.stages(query.plan, error.stages, stopped=error.reason != "upstream")
            raise ApiError(status, failed, error.reason) from None
        except ExecutionError as error:
            status, failed = 503, str(error)
            raise ApiError(status, failed, "sandbox", headers={"retry-after": "5"}) from None
        except CascadeError as error:
            status, failed = 502, str(error)
            raise ApiError(status, failed.split(";")[0], "upstream") from None
        finally:
            self.metrics.request(query.plan, status)
            self.spans.end(span, came, failed or None)

    def refuse_if_full(self, plan: str) -> None:
        """Raise 429 or 503 where a request would not get a place."""
        try:
            self.admission.check()
        except RefusedError as error:
            refused = _refused(error)
            self.metrics.request(plan, refused.status)
            raise refused from None

    async def _work(self, query: Query, limits: Limits) -> Answer:
        if query.problem is None:
            return await self._pass_through(query)
        return await query.cascade.answer(query.problem, seed=query.request.seed, limits=limits)

    async def _pass_through(self, query: Query) -> Answer:
        """The last model's greedy answer to a text, as it is."""
        name = query.cascade.models[-1]
        began, at, ticket = time.monotonic(), time.time(), Ticket()
        written = await self.members[name].write(text_spec(query.text), 0, ticket)
        seconds = time.monotonic() - began
        usd = written.tokens * usd_per_token(query.cascade.usd_per_1m_tokens[name])
        stage = StageTrace(
            name, EXIT, 1, 1, accepted=True, tokens=written.tokens, usd=usd, began=at, generate_s=seconds
        )
        return Answer(written.text, True, written.text, 1, (stage,), None, seconds)

    def _count(self, query: Query, answer: Answer, trace: str) -> None:
        self.metrics.stages(query.plan, answer.stages, stopped=answer.stopped_by is not None)
        self.metrics.step("own", answer.own_seconds)
        if query.problem is None:
            return
        self.shadow.maybe(query.cascade, query.problem, query.plan, trace, answer)
        # A plan that was replaced meanwhile is not watched any more; another seed is as good as the own one.
        if (watch := self.watches.get(query.plan)) is None or query.cascade.plan != self._plan(query.plan):
            return
        if (alarm := watch.add(answer)) is not None:
            self.metrics.alarm.labels(query.plan).set(1.0)
            log.warning("plan %s no longer does what its study says: %s", query.plan, alarm.message)

    def _plan(self, name: str) -> Plan | None:
        chosen = self.book.by_name.get(name)
        return None if chosen is None else chosen.plan

    async def check(self) -> list[str]:
        """What of the default plan's models is out of reach, one line each; asked every few seconds."""
        if self._checked is None or time.monotonic() - self._checked[0] > CHECKED_S:
            stages = self.book.by_name[self.book.default].plan.stages
            names = [self.book.file.models[i] for i, _ in stages]
            came = await asyncio.gather(*(self.members[n].check() for n in names), return_exceptions=True)
            lines = [" ".join(str(one).split()) for one in came if isinstance(one, BaseException)]
            self._checked = time.monotonic(), lines
        return self._checked[1]

    async def close(self) -> None:
        """Give up everything."""
        self.admission.draining = True
        await self.shadow.close()
        await close_members(self.members)
        self.sandbox.close()
        await asyncio.to_thread(self.spans.close)


def _refused(error: RefusedError) -> ApiError:
    status, why = (503, "about to end") if error.draining else (429, "too many requests wait already")
    headers = {"retry-after": str(error.retry_after_s)}
    return ApiError(status, f"{why}; come again in {error.retry_after_s} s", "no_place", headers=headers)


def _less(limits: Limits, waited: float) -> Limits:
    """The limits of a request that has waited: its deadline counts from when it came."""
    if limits.deadline_s is None:
        return limits
    return Limits(max(0.001, limits.deadline_s - waited), limits.usd)
