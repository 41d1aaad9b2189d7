"""A stand-in for `vllm serve`: the same protocol, a real model, a worker process, and faults on demand.

Its worker is as hard to end as any: a process group and session of its own, deaf to SIGTERM.
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import threading
import time
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
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    torch.set_num_threads(1)
    model = AutoModelForCausalLM.from_pretrained(options.model, dtype=torch.float32).eval()
    tokenizer = AutoTokenizer.from_pretrained(options.model)
    lock, asked = threading.Lock(), [0]

    def write(body: dict[str, object]) -> dict[str, object]:
        prompt = body["prompt"]
        ids = torch.tensor([tokenizer(prompt)["input_ids"] if isinstance(prompt, str) else prompt])
        if options.note:
            with Path(options.note).open("a") as file:
                file.write(
                    json.dumps({"model": body["model"], "effort": body.get("reasoning_effort")}) + "\n"
                )
        with lock, torch.no_grad():
            asked[0] += 1
            if fault == "hang" and asked[0] > 3:
                signal.pause()
            if fault == "die" and asked[0] > 3:
                print(OUT_OF_MEMORY, file=sys.stderr, flush=True)
                os._exit(1)
            sampling = {"do_sample": False}
            if body["temperature"]:
                torch.manual_seed(body["seed"])
                sampling = {"do_sample": True, "temperature": body["temperature"], "top_p": body["top_p"]}
            out = model.generate(
                ids,
                attention_mask=torch.ones_like(ids),
                max_new_tokens=body["max_tokens"],
                pad_token_id=0,
                **sampling,
            )
        text = tokenizer.decode(out[0, ids.shape[1] :], skip_special_tokens=True)
        usage = {"prompt_tokens": ids.shape[1], "completion_tokens": out.shape[1] - ids.shape[1]}
        choice = {"index": 0, "text": text, "finish_reason": "stop", "logprobs": None}
        if body.get("return_token_ids"):
            choice["token_ids"] = out[0, ids.shape[1] :].tolist()
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
