"""The service as a process: a socket, signals, and an orderly end."""

import asyncio
import contextlib
import logging
import signal
import socket

import uvicorn

from cascade.base import CascadeError
from cascade.serving.app import create_app
from cascade.serving.service import Service

log = logging.getLogger(__name__)
LOOPBACK = ("127.0.0.1", "::1", "localhost")


def listen(host: str, port: int) -> socket.socket:
    """A socket to be connected to; port 0 is any that is free.

    Raises:
        CascadeError: the address is taken, or is none of this machine.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise CascadeError(
            f"serve.host={host} serve.port={port}: cannot listen there: {error.strerror}; choose others"
        ) from None
    return listener


def serve(service: Service, listener: socket.socket, key: str | None) -> None:
    """Serve until SIGINT or SIGTERM, with time for requests under way; SIGHUP reads the plan file again.

    Args:
        service: what answers.
        own: the socket, see `listen`.
        key: that requests must give; None for none.
    """
    app = create_app(service, key)
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=int(service.settings.drain_s),
    )
    server = uvicorn.Server(config)
    host, port = listener.getsockname()[:2]
    shown = f"[{host}]" if ":" in host else host
    if key is None and service.settings.host not in LOOPBACK:
        log.warning("no key is set: whoever reaches %s:%d can run programs on this machine", shown, port)

    def reload() -> None:
        with contextlib.suppress(CascadeError):  # told by the log
            service.reload()

    async def run() -> None:
        asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, reload)
        log.info("serving on http://%s:%d/v1 (%d plans)", shown, port, len(service.book.by_name))
        await server.serve(sockets=[listener])

    # uvicorn gives the signal that ended it on to its caller, when everything is closed: that is the end.
    signal.signal(signal.SIGTERM, lambda *_: None)
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(run())
