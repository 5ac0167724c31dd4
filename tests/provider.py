"""A small real provider on loopback for tests: speaks OpenAI chat completions and keeps count of what it was asked."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

Answer = Callable[[dict[str, Any]], "str | tuple[int, dict[str, Any]]"]


class Provider:
    """Answers every chat request; `answer` gives the text, or (status, body) for anything else."""

    def __init__(self, answer: Answer | None = None, delay_s: float = 0.0) -> None:
        self.answer: Answer = answer or (lambda _: "The answer is 4.")
        self.delay_s = delay_s
        self.bodies: list[bytes] = []
        self._lock = threading.Lock()
        provider = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                with provider._lock:
                    provider.bodies.append(body)
                    number = len(provider.bodies)
                time.sleep(provider.delay_s)
                request = json.loads(body)
                given = provider.answer(request)
                status, reply = (
                    given if isinstance(given, tuple) else (200, completion(request, given, number))
                )
                content = json.dumps(reply).encode()
                self.send_response(status)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, format: str, *args: object) -> None:
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 128

            def handle_error(self, request: object, client_address: object) -> None:
                pass

        self._server = Server(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}/v1"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()


def completion(request: dict[str, Any], text: str, number: int) -> dict[str, Any]:
    """Return a chat completion as OpenAI's documentation shows it."""
    return {
        "id": f"chatcmpl-{number:08d}",
        "object": "chat.completion",
        "created": 1_790_000_000 + number,
        "model": request["model"],
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": text, "refusal": None},
                "logprobs": None,
                "finish_reason": "stop",
            }
        ],
        "usage": {"prompt_tokens": 20, "completion_tokens": 6, "total_tokens": 26},
        "system_fingerprint": "fp_test",
    }


def config_text(url: str, *, suites: str = "capability-quick", extra: str = "", concurrency: int = 4) -> str:
    """Return a config that asks one endpoint at this URL the shipped suites named."""
    asked = "\n".join(f"[suites.{name}]" for name in suites.split())
    return f"""
[endpoints.one]
protocol = "openai-chat"
url = "{url}"
model = "test-model"
parameters = {{ temperature = 0 }}
limits = {{ concurrency = {concurrency}, backoff_s = 0.01, timeout_s = 10 }}
{asked}
{extra}
"""
