"""The models behind the stand-in servers: each loaded once, with the library's own `generate`."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

Answer = tuple[str, list[int], int]  # text, its tokens, and how many the prompt has


@cache
def model_of(folder: str) -> Callable[[dict[str, Any]], Answer]:
    """What the model in a folder answers to a request's body."""
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    tokenizer = AutoTokenizer.from_pretrained(folder)

    def generate(body: dict[str, Any]) -> Answer:
        prompt = body["prompt"]
        ids = torch.tensor([tokenizer(prompt)["input_ids"] if isinstance(prompt, str) else prompt])
        sampling = {"do_sample": False}
        if body["temperature"]:
            torch.manual_seed(body["seed"])
            sampling = {"do_sample": True, "temperature": body["temperature"], "top_p": body["top_p"]}
        with torch.no_grad():
            out = model.generate(
                ids,
                attention_mask=torch.ones_like(ids),
                max_new_tokens=body["max_tokens"],
                pad_token_id=0,
                **sampling,
            )
        new = out[0, ids.shape[1] :]
        return tokenizer.decode(new, skip_special_tokens=True), new.tolist(), ids.shape[1]

    return generate


@contextmanager
def served() -> Iterator[str]:
    """The address where stand-ins ask for the models."""
    lock = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            with lock:
                answer = model_of(body["folder"])(body)
            self.send_response(200)
            self.end_headers()
            self.wfile.write(json.dumps(answer).encode())

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        threading.Thread(target=http.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{http.server_port}/"
        http.shutdown()
