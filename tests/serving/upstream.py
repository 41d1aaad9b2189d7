"""A model's server for the tests: OpenAI's protocol, one right function, and faults on demand.

It counts the requests that it has open, and lets go of one as soon as its client has left.
"""

import json
import select
import socket
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

SOLUTION = "    return a + b\n"
TESTS = "assert add(1, 2) == 3\nassert add(0, 0) == 0\n"


class Upstream:
    """The server; `fault` is None, "hang" (never answers), "slow" (after a while) or "fail" (status 500)."""

    def __init__(self, port: int = 0, fault: str | None = None) -> None:
        self.fault, self.open, self.asked, self.left = fault, 0, 0, 0
        self.lock = threading.Lock()
        upstream = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                if self.path == "/open":
                    return self.answer(200, {"open": upstream.open, "asked": upstream.asked})
                self.answer(200, {"object": "list", "data": [{"id": "small"}, {"id": "medium"}]})

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["content-length"])))
                with upstream.lock:
                    upstream.open += 1
                    upstream.asked += 1
                try:
                    self.write(body)
                finally:
                    with upstream.lock:
                        upstream.open -= 1

            def write(self, body: dict[str, Any]) -> None:
                until = {"hang": 600.0, "slow": 1.0}.get(upstream.fault or "", 0.0)
                began = time.monotonic()
                while time.monotonic() - began < until:
                    ready, _, _ = select.select([self.connection], [], [], 0.02)
                    if ready and self.connection.recv(1, socket.MSG_PEEK) == b"":
                        with upstream.lock:
                            upstream.left += 1
                        self.close_connection = True
                        return
                if upstream.fault == "fail":
                    return self.answer(500, {"error": {"message": "out of order"}})
                text = TESTS if body["prompt"].startswith("Tests:") else SOLUTION
                choice = {"index": 0, "text": text, "finish_reason": "stop", "logprobs": None}
                usage = {"prompt_tokens": 9, "completion_tokens": 10, "total_tokens": 19}
                self.answer(
                    200,
                    {
                        "id": "x",
                        "object": "text_completion",
                        "created": 0,
                        "model": body["model"],
                        "choices": [choice],
                        "usage": usage,
                    },
                )

            def answer(self, status: int, content: object) -> None:
                data = json.dumps(content).encode()
                self.send_response(status)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_: object) -> None:
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 256

            def handle_error(self, *_: object) -> None:
                pass

        self.server = Server(("127.0.0.1", port), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/v1"

    def start(self) -> "Upstream":
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def stop(self) -> None:
        self.server.shutdown()
        self.server.server_close()

    def wait(self, what: str, least: int, seconds: float = 20.0) -> None:
        """Until so many requests were asked, or are open."""
        end = time.monotonic() + seconds
        while getattr(self, what) < least:
            assert time.monotonic() < end, f"{what} stays at {getattr(self, what)}"
            time.sleep(0.01)


if __name__ == "__main__":
    one = Upstream(fault=sys.argv[1] if len(sys.argv) > 1 else None)
    print(one.url, flush=True)
    one.server.serve_forever()
