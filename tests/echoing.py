"""A provider on loopback that gives back every secret it is sent, in every way a provider or proxy might.

It speaks all four protocols, and as a proxy it answers in the place of whoever was meant. Which way it echoes is said
by the first word of the question.
"""

from __future__ import annotations

import base64
import html
import json
import re
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qsl, quote, urlsplit

WAYS = (
    "plain", "base64", "quoted", "escaped", "numbered", "hex", "page", "error", "headers", "redirect", "pieces",
    "tokens", "torn", "garbage", "tool", "model", "limited",
)  # fmt: skip


class Echoing:
    """Counts how often it was asked; `seen` has every secret that reached it."""

    def __init__(self) -> None:
        self.asked = 0
        self.seen: set[str] = set()
        self.delay: Callable[[], None] = lambda: None
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                secrets = _secrets(self.path, dict(self.headers.items()))
                outer.asked += 1
                outer.seen |= set(secrets)
                outer.delay()
                self.close_connection = True
                self.wfile.write(_reply(urlsplit(self.path).path, json.loads(body), "  ".join(secrets)))

            def log_message(self, format: str, *args: object) -> None:
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, request: object, client_address: object) -> None:
                pass

        self._server = Server(("127.0.0.1", 0), Handler)
        self.address = f"127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()


def _secrets(path: str, headers: dict[str, str]) -> list[str]:
    found = [value for _, value in parse_qsl(urlsplit(path).query) if len(value) >= 8]
    for name, value in headers.items():
        if re.search("auth|key|gate", name, re.IGNORECASE):
            text = value.split()[-1]
            found.append(text)
            if value.startswith("Basic "):
                found += base64.b64decode(text).decode().split(":")
    return found


def _reply(path: str, asked: dict[str, Any], secret: str) -> bytes:
    way = re.search(rf"\b({'|'.join(WAYS)}) What is", json.dumps(asked))
    assert way is not None
    word = way[1]
    raw = secret.encode()
    status, headers, close = "200 OK", ["content-type: application/json"], False
    text = {
        "base64": base64.b64encode(b"key=" + raw).decode(),
        "quoted": quote(secret, safe=""),
        "hex": raw.hex(),
    }.get(word, secret)
    if word in ("error", "headers", "redirect", "page", "limited"):
        status = {
            "redirect": "307 Temporary Redirect",
            "page": "403 Forbidden",
            "limited": "429 Too Many Requests",
        }.get(word, "401 Unauthorized")
        body = json.dumps(
            {"error": {"type": "invalid", "code": secret, "message": f"Wrong key: {secret}."}}
        ).encode()
        if word == "page":
            body = f"<html><p>No entry for {html.escape(secret)}</p></html>".encode()
            headers = ["content-type: text/html"]
        if word == "headers":
            headers += [
                f"x-request-id: {secret}",
                f"x-ratelimit-{secret.split()[0]}: 1",
                f"www-authenticate: {secret}",
            ]
            headers += [f"server: {'x' * 1990}{secret}", f"set-cookie: k={secret}"]
        if word == "redirect":
            headers.append(f"location: http://127.0.0.1:9/?next={quote(secret)}&key={quote(secret)}")
        if word == "limited":
            headers.append("retry-after: 0")
    elif word == "garbage":
        return f"{secret} is no status line\r\n\r\n".encode()
    else:
        pieces = _pieces(text) if word in ("pieces", "tokens") else [text]
        model = secret if word == "model" else "test-model"
        events = [_event(path, piece, model, word) for piece in pieces]
        if asked.get("stream") or "streamGenerate" in path:
            headers = ["content-type: text/event-stream"]
            body = b"".join(b"data: " + json.dumps(each).encode() + b"\n\n" for each in events)
            body += b"data: [DONE]\n\n" if "completions" in path else b""
        else:
            body = json.dumps(_whole(path, pieces, model, word)).encode()
        if word == "escaped":
            body = body.replace(b"/", b"\\/")
        if word == "numbered":
            numbered = "".join(f"\\u{ord(each):04x}" for each in secret)
            body = body.replace(raw, numbered.encode())
        if word == "torn":
            body = body[: body.rindex(raw) + len(raw) - 3]
            close = True
    head = [f"HTTP/1.1 {status}", *headers, f"content-length: {len(body) + 1000 * close}"]
    return "\r\n".join(head).encode() + b"\r\n\r\n" + body


def _pieces(text: str) -> list[str]:
    return [text[at : at + 3] for at in range(0, len(text), 3)]


def _tokens(pieces: list[str]) -> list[dict[str, Any]]:
    return [
        {"token": each, "logprob": -0.1, "bytes": list(each.encode()), "top_logprobs": []} for each in pieces
    ]


def _event(path: str, piece: str, model: str, word: str) -> dict[str, Any]:
    if "messages" in path:
        return {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": piece}}
    if "responses" in path:
        return {"type": "response.output_text.delta", "output_index": 0, "content_index": 0, "delta": piece}
    if "models" in path:
        return {
            "candidates": [{"content": {"parts": [{"text": piece}], "role": "model"}}],
            "modelVersion": model,
        }
    choice: dict[str, Any] = {"index": 0, "delta": {"content": piece}, "finish_reason": None}
    if word == "tokens":
        choice["logprobs"] = {"content": _tokens([piece])}
    return {"object": "chat.completion.chunk", "model": model, "choices": [choice]}


def _whole(path: str, pieces: list[str], model: str, word: str) -> dict[str, Any]:
    text = "".join(pieces)
    if "messages" in path:
        parts = [{"type": "text", "text": each} for each in pieces]
        usage = {"input_tokens": 9, "output_tokens": 3}
        return {"type": "message", "role": "assistant", "model": model, "content": parts, "stop_reason": "end_turn",
                "usage": usage}  # fmt: skip
    if "responses" in path:
        parts = [{"type": "output_text", "text": each, "annotations": []} for each in pieces]
        output = [{"type": "message", "role": "assistant", "content": parts}]
        return {"object": "response", "status": "completed", "model": model, "output": output}
    if "models" in path:
        parts = [{"text": each} for each in pieces]
        return {"candidates": [{"content": {"parts": parts, "role": "model"}, "finishReason": "STOP"}],
                "modelVersion": model}  # fmt: skip
    message: dict[str, Any] = {"role": "assistant", "content": text}
    if word == "tool":
        call = {"name": "look", "arguments": json.dumps({"key": text})}
        message = {
            "role": "assistant",
            "content": None,
            "tool_calls": [{"id": "1", "type": "function", "function": call}],
        }
    choice: dict[str, Any] = {"index": 0, "message": message, "finish_reason": "stop"}
    if word == "tokens":
        choice["logprobs"] = {"content": _tokens(pieces)}
    return {"object": "chat.completion", "model": model, "choices": [choice]}
