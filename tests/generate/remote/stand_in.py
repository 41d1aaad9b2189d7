"""A stand-in for `vllm serve`: the same protocol, a real model, a worker process, and faults on demand.

Its worker is as hard to end as any: a process group and session of its own, deaf to SIGTERM. The model itself
is in the test's process, which is asked by CASCADE_TEST_MODELS: to load torch in each server takes seconds.
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

WORKER = "import signal, sys, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)"
OUT_OF_MEMORY = "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 20.00 MiB."


def main() -> None:
    parser = argparse.ArgumentParser()
    for name in ("model", "served-model-name", "host", "fault", "revision", "tokenizer", "once", "note"):
        parser.add_argument(f"--{name}", default="")
    for name in ("port", "batch", "gpus", "context"):
        parser.add_argument(f"--{name}", type=int)
    options, _ = parser.parse_known_args()
    if options.note:
        with Path(options.note).open("a") as file:
            started = {"gpus": options.gpus, "visible": os.environ.get("CUDA_VISIBLE_DEVICES")}
            file.write(json.dumps(started) + "\n")
    # A child of a child, so that its parent is gone: what is left behind is nobody's.
    marked = [sys.executable, "-c", WORKER, options.served_model_name]
    started = f"import subprocess; subprocess.Popen({marked!r}, start_new_session=True)"
    subprocess.run([sys.executable, "-c", started], check=True)
    fault = options.fault
    if options.once and Path(options.once).exists():
        fault = ""
    elif options.once:
        Path(options.once).touch()
    if fault == "crash":
        raise ValueError("Model architectures ['NoSuchForCausalLM'] are not supported for now.")
    if fault == "memory":
        print(OUT_OF_MEMORY, file=sys.stderr)
        sys.exit(1)
    if fault == "port":
        print("OSError: [Errno 98] Address already in use", file=sys.stderr)
        sys.exit(1)
    if fault == "never up":
        time.sleep(600)
    serve(options, fault)


def serve(options: argparse.Namespace, fault: str) -> None:
    lock, asked = threading.Lock(), [0]

    def write(body: dict[str, object]) -> dict[str, object]:
        if options.note:
            with Path(options.note).open("a") as file:
                file.write(
                    json.dumps({"model": body["model"], "effort": body.get("reasoning_effort")}) + "\n"
                )
        with lock:
            asked[0] += 1
            if fault == "hang" and asked[0] > 3:
                signal.pause()
            if fault == "die" and asked[0] > 3:
                print(OUT_OF_MEMORY, file=sys.stderr, flush=True)
                os._exit(1)
            asked_for = json.dumps({"folder": options.model, **body}).encode()
            with urllib.request.urlopen(os.environ["CASCADE_TEST_MODELS"], asked_for) as answer:
                text, ids, n_prompt = json.load(answer)
        usage = {"prompt_tokens": n_prompt, "completion_tokens": len(ids)}
        choice = {"index": 0, "text": text, "finish_reason": "stop", "logprobs": None}
        if body.get("return_token_ids"):
            choice["token_ids"] = ids
        return {
            "id": "x",
            "object": "text_completion",
            "created": 0,
            "model": body["model"],
            "choices": [choice],
            "usage": {**usage, "total_tokens": sum(usage.values())},
        }

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.answer(200, {"object": "list", "data": [{"id": options.served_model_name}]})

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            if body["model"] != options.served_model_name:
                return self.answer(404, {"error": {"message": f"The model {body['model']} does not exist."}})
            self.answer(200, write(body))

        def answer(self, status: int, content: object) -> None:
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.end_headers()
            self.wfile.write(json.dumps(content).encode())

        def log_message(self, *_: object) -> None:
            pass

    ThreadingHTTPServer((options.host, options.port), Handler).serve_forever()


if __name__ == "__main__":
    main()
