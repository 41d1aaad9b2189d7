"""The web side: OpenAI's routes, plans and their health, and what an operator asks."""

import asyncio
import hmac
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from typing import Any, TypeVar

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response, StreamingResponse

from cascade.base import CascadeError
from cascade.serving.plan_book import ANY_PLAN
from cascade.serving.replies import KEEP_ALIVE, event, model_card
from cascade.serving.requests import ApiError, parse
from cascade.serving.service import Query, Service

log = logging.getLogger(__name__)

Result = TypeVar("Result")
# How long a body may take to come, and how much more of one that is too large is read before it is refused.
BODY_S = 30.0
DRAINED_BYTES = 64 << 20
PLAN_FILE_BYTES = 16 << 20


class ClientGoneError(Exception):
    """Nobody waits for the answer any more."""


def create_app(service: Service, key: str | None) -> FastAPI:
    """The application.

    Args:
        service: what answers.
        key: that requests to ``/v1`` must give; None for none.
    """

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        await service.close()

    app = FastAPI(title="cascade", docs_url=None, redoc_url=None, openapi_url=None, lifespan=lifespan)

    @app.exception_handler(ApiError)
    async def told(_: Request, error: ApiError) -> JSONResponse:
        return JSONResponse(error.body(), error.status, error.headers)

    @app.exception_handler(404)
    async def no_route(request: Request, _: Exception) -> JSONResponse:
        return _error(404, f"there is no {request.method} {request.url.path[:80]}", "no_route")

    @app.exception_handler(405)
    async def no_method(request: Request, _: Exception) -> JSONResponse:
        return _error(405, f"{request.url.path[:80]} does not take {request.method}", "no_method")

    @app.exception_handler(ClientGoneError)
    async def gone(_: Request, __: Exception) -> Response:
        return Response(status_code=499)

    @app.exception_handler(Exception)
    async def unexpected(_: Request, error: Exception) -> JSONResponse:
        log.error("a request failed", exc_info=error)
        return _error(500, f"a fault of the service ({type(error).__name__}); its log says more", "internal")

    def check_key(request: Request) -> None:
        sent_key = request.headers.get("authorization", "").removeprefix("Bearer ").strip()
        if key is not None and not hmac.compare_digest(sent_key.encode(), key.encode()):
            why = "is wrong" if sent_key else "is missing"
            raise ApiError(
                401, f"the API key {why}", "invalid_api_key", headers={"www-authenticate": "Bearer"}
            )

    async def asked(request: Request, *, chat: bool) -> Response:
        try:
            check_key(request)
            body = await _body(request, service.settings.max_request_kb << 10)
            query = await service.query(parse(body, chat=chat), chat=chat)
        except ApiError as error:
            service.metrics.request("", error.status)
            raise
        if query.request.stream:
            return _streamed(service, query)
        reply = await _unless_gone(request.receive, service.answer(query))
        return JSONResponse(reply.body(), headers=reply.headers())

    @app.post("/v1/chat/completions")
    async def chat(request: Request) -> Response:
        return await asked(request, chat=True)

    @app.post("/v1/completions")
    async def completions(request: Request) -> Response:
        return await asked(request, chat=False)

    @app.get("/v1/models")
    async def models(request: Request) -> dict[str, Any]:
        check_key(request)
        names = [ANY_PLAN, *service.book.by_name]
        return {"object": "list", "data": [_card(service, name) for name in names]}

    @app.get("/v1/models/{name}")
    async def model(request: Request, name: str) -> dict[str, Any]:
        check_key(request)
        return _card(service, name if name == ANY_PLAN else _found(service, name))

    @app.get("/v1/plans/{name}/health")
    async def health(request: Request, name: str) -> dict[str, Any]:
        check_key(request)
        plan = _found(service, name)
        return {"plan": plan, **service.watches[plan].report()}

    @app.put("/v1/plans")
    async def put_plans(request: Request) -> dict[str, Any]:
        check_key(request)
        body = await _body(request, PLAN_FILE_BYTES)
        try:
            service.reload(body.decode("utf-8"))
        except UnicodeDecodeError:
            raise ApiError(400, "the plan file is not UTF-8 text", "bad_plans") from None
        except CascadeError as error:
            raise ApiError(400, str(error), "bad_plans") from None
        return {"version": service.book.version, "plans": list(service.book.by_name)}

    @app.get("/healthz")
    async def alive() -> dict[str, str]:
        return {"status": "ok"}

    @app.get("/readyz")
    async def ready() -> JSONResponse:
        if service.admission.draining:
            return JSONResponse({"status": "about to end"}, 503)
        failing = await service.check()
        n_stages = len(service.book.by_name[service.book.default].plan.stages)
        status = "ok" if not failing else "degraded" if len(failing) < n_stages else "no model is in reach"
        return JSONResponse({"status": status, "failing": failing}, 200 if len(failing) < n_stages else 503)

    @app.get("/metrics")
    async def metrics() -> Response:
        return Response(service.metrics.text(), media_type="text/plain; version=0.0.4; charset=utf-8")

    return app


def _error(status: int, message: str, code: str) -> JSONResponse:
    return JSONResponse(ApiError(status, message, code).body(), status)


def _found(service: Service, name: str) -> str:
    if (plan := service.book.find(name)) is None:
        raise ApiError(404, f"there is no plan {name[:80]!r}", "model_not_found", "model")
    return plan


def _card(service: Service, name: str) -> dict[str, Any]:
    """A plan as a model, with what is promised of it."""
    plan_name = service.book.default if name == ANY_PLAN else name
    estimate, side = service.book.promise(plan_name)
    aliases = [alias for alias, of in service.book.aliases.items() if of == plan_name]
    return model_card(
        name,
        service.taken_at,
        plan=service.book.by_name[plan_name].plan.describe(service.book.file.models),
        aliases=aliases if name != ANY_PLAN else [],
        usd_per_1k_queries=estimate.usd_per_1k_queries,
        accuracy=estimate.accuracy,
        side=side,
    )


async def _body(request: Request, most: int) -> bytes:
    """The request's body.

    Raises:
        ApiError: 413 for one that is too large, which is read on for a while so that the client hears it; 408
            for one that does not come.
    """
    parts, size = [], 0
    try:
        async with asyncio.timeout(BODY_S):
            async for part in request.stream():
                size += len(part)
                if size <= most:
                    parts.append(part)
                elif size > DRAINED_BYTES:
                    break
    except TimeoutError:
        raise ApiError(408, f"the request did not come within {BODY_S:g} s", "slow_request") from None
    if size > most:
        raise ApiError(413, f"the request is larger than {most >> 10} KiB", "too_large")
    return b"".join(parts)


async def _gone(receive: Callable[[], Awaitable[Any]]) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _unless_gone(receive: Callable[[], Awaitable[Any]], work: Coroutine[Any, Any, Result]) -> Result:
    """The work's result; a client that leaves ends it.

    Raises:
        ClientGoneError: the client has left.
    """
    task, gone = asyncio.create_task(work), asyncio.create_task(_gone(receive))
    try:
        await asyncio.wait({task, gone}, return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            raise ClientGoneError
        return task.result()
    finally:
        for one in (task, gone):
            one.cancel()
        await asyncio.gather(task, gone, return_exceptions=True)


def _streamed(service: Service, query: Query) -> Response:
    """The answer as server-sent events, once it is there; comments keep the connection open until then."""
    # A status can be told only before the first byte.
    service.refuse_if_full(query.plan)
    options = query.request.stream_options or {}

    async def events() -> AsyncIterator[bytes]:
        task = asyncio.create_task(service.answer(query))
        try:
            while not task.done():
                await asyncio.wait({task}, timeout=service.settings.keep_alive_s)
                if not task.done():
                    yield KEEP_ALIVE
            for piece in task.result().events(include_usage=bool(options.get("include_usage"))):
                yield piece
        except ApiError as error:
            yield event(error.body())
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError, Exception):
                await task

    headers = {"cache-control": "no-store", "x-accel-buffering": "no", "x-cascade-plan": query.plan}
    return StreamingResponse(events(), media_type="text/event-stream", headers=headers)
