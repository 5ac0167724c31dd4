"""A raw-socket loopback server that misbehaves on demand.

The first segment of the path names the behaviour: an endpoint with the URL `server.url("garbage_status")`
gets garbage. It runs in a thread of its own, so that neither side can hide the other's stalls, and records
every request it reads.
"""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import itertools
import json
import socket
import ssl
import struct
import threading
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import lru_cache
from types import TracebackType
from typing import Self

TRICKLE_S = 0.02
BIG = 50_000_000


@dataclass(frozen=True, slots=True)
class Request:
    """One request as read off the socket."""

    mode: str
    head: bytes
    body: bytes
    connection: int
    number: int
    """Counted from 1 within its mode."""

    def header(self, name: str) -> str | None:
        for line in self.head.decode("latin-1").split("\r\n")[1:]:
            found, _, value = line.partition(":")
            if found.lower() == name:
                return value.strip()
        return None


Behaviour = Callable[["Faulty", Request, asyncio.StreamWriter], Awaitable[bool]]
"""Writes something; True to keep the connection for another request."""


def chat(text: str = "The answer is 4.", **more: object) -> bytes:
    """Return an OpenAI chat completion."""
    reply = {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1_790_000_000,
        "model": "test-model",
        "choices": [
            {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"},
        ],
        "usage": {"prompt_tokens": 20, "completion_tokens": 6, "total_tokens": 26},
    }
    return json.dumps(reply | more).encode()


def event(text: str | None, finish: str | None = None) -> bytes:
    """Return one streamed chunk of a chat completion."""
    delta = {} if text is None else {"content": text}
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return b"data: " + json.dumps({"model": "test-model", "choices": [choice]}).encode() + b"\n\n"


def message(body: bytes, status: str = "200 OK", *headers: str, kind: str = "application/json") -> bytes:
    """Return a whole HTTP reply."""
    lines = [f"HTTP/1.1 {status}", f"content-type: {kind}", f"content-length: {len(body)}", *headers]
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body


def head(*headers: str) -> bytes:
    return "\r\n".join(("HTTP/1.1 200 OK", "content-type: application/json", *headers)).encode() + b"\r\n\r\n"


def reset(writer: asyncio.StreamWriter) -> None:
    """Cut the line without a goodbye."""
    sock = writer.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


async def trickle(writer: asyncio.StreamWriter, data: bytes) -> None:
    for byte in itertools.chain(data, itertools.repeat(ord("x"))):
        writer.write(bytes([byte]))
        await writer.drain()
        await asyncio.sleep(TRICKLE_S)


# --- behaviours -------------------------------------------------------------------------------


async def ok(server: Faulty, request: Request, writer: asyncio.StreamWriter) -> bool:
    writer.write(message(chat()))
    return True


async def stream(server: Faulty, request: Request, writer: asyncio.StreamWriter) -> bool:
    body = b"".join(
        (event(None), event("The answer"), event(" is 4."), event(None, "stop"), b"data: [DONE]\n\n")
    )
    writer.write(head("connection: keep-alive").replace(b"application/json", b"text/event-stream"))
    for piece in body.split(b"\n\n")[:-1]:
        writer.write(piece + b"\n\n")
        await writer.drain()
        await asyncio.sleep(TRICKLE_S)
    return False


async def streamed_cut(server: Faulty, request: Request, writer: asyncio.StreamWriter) -> bool:
    writer.write(head("transfer-encoding: chunked").replace(b"application/json", b"text/event-stream"))
    piece = event("The answer")
    writer.write(b"%x\r\n%s\r\n" % (len(piece), piece))
    return False


async def silent(server: Faulty, request: Request, writer: asyncio.StreamWriter) -> bool:
    await asyncio.sleep(60)
    return False


async def slow_headers(server: Faulty, request: Request, writer: asyncio.StreamWriter) -> bool:
    await trickle(writer, b"HTTP/1.1 200 OK\r\nx-slow: ")
    return False


async def slow_body(server: Faulty, request: Request, writer: asyncio.StreamWriter) -> bool:
    writer.write(head("content-length: 100000"))
    await trickle(writer, chat())
    return False


async def stalled_body(server: Faulty, request: Request, writer: asyncio.StreamWriter) -> bool:
    writer.write(head("content-length: 100000") + chat()[:40])
    await asyncio.sleep(60)
    return False


async def never_ending(server: Faulty, request: Request, writer: asyncio.StreamWriter) -> bool:
    writer.write(head().replace(b"application/json", b"text/event-stream"))
    while True:
        writer.write(event("on and "))
        await writer.drain()
        await asyncio.sleep(TRICKLE_S / 2)


async def fire_hose(server: Faulty, request: Request, writer: asyncio.StreamWriter) -> bool:
    writer.write(head())
    while True:
        writer.write(b"x" * 65536)
        await writer.drain()


async def big(server: Faulty, request: Request, writer: asyncio.StreamWriter) -> bool:
    writer.write(head(f"content-length: {BIG}"))
    for _ in range(BIG // 100_000):
        writer.write(b"y" * 100_000)
        await writer.drain()
    return True


@lru_cache
def bomb() -> bytes:
    return gzip.compress(b"z" * BIG)


async def gzip_bomb(server: Faulty, request: Request, writer: asyncio.StreamWriter) -> bool:
    writer.write(message(bomb(), "200 OK", "content-encoding: gzip"))
    return True


async def zipped(server: Faulty, request: Request, writer: asyncio.StreamWriter) -> bool:
    writer.write(message(gzip.compress(chat()), "200 OK", "content-encoding: gzip"))
    return True


async def not_gzip(server: Faulty, request: Request, writer: asyncio.StreamWriter) -> bool:
    writer.write(message(chat(), "200 OK", "content-encoding: gzip"))
    return True


async def cut_gzip(server: Faulty, request: Request, writer: asyncio.StreamWriter) -> bool:
    writer.write(message(gzip.compress(chat())[:-12], "200 OK", "content-encoding: gzip"))
    return True


async def brotli(server: Faulty, request: Request, writer: asyncio.StreamWriter) -> bool:
    writer.write(message(b"\x0b\x02\x80abcde\x03", "200 OK", "content-encoding: br"))
    return True


async def reset_before_headers(server: Faulty, request: Request, writer: asyncio.StreamWriter) -> bool:
    reset(writer)
    return False


async def close_before_headers(server: Faulty, request: Request, writer: asyncio.StreamWriter) -> bool:
    return False


async def reset_mid_body(server: Faulty, request: Request, writer: asyncio.StreamWriter) -> bool:
    writer.write(head("content-length: 1000") + chat()[:100])
    await writer.drain()
    await asyncio.sleep(0.1)
    reset(writer)
    return False


async def close_mid_body(server: Faulty, request: Request, writer: asyncio.StreamWriter) -> bool:
    writer.write(head("content-length: 1000") + chat()[:100])
    return False


async def close_mid_chunk(server: Faulty, request: Request, writer: asyncio.StreamWriter) -> bool:
    writer.write(head("transfer-encoding: chunked") + b"3e8\r\n" + chat()[:100])
    return False


async def bad_chunk(server: Faulty, request: Request, writer: asyncio.StreamWriter) -> bool:
    writer.write(head("transfer-encoding: chunked") + b"5\r\nhello\r\n")
    await writer.drain()
    await asyncio.sleep(0.1)
    writer.write(b"zzz\r\nworld\r\n")
    return False


async def broken_promise(server: Faulty, request: Request, writer: asyncio.StreamWriter) -> bool:
    """Promise to keep the connection, then close it when the next request arrives on it."""
    if server.answered_on[request.connection]:
        return False
    server.answered_on[request.connection] += 1
    writer.write(message(chat(), "200 OK", "connection: keep-alive", "keep-alive: timeout=60"))
    return True


async def redirect(server: Faulty, request: Request, writer: asyncio.StreamWriter) -> bool:
    writer.write(message(b"", "307 Temporary Redirect", f"location: {server.elsewhere}"))
    return True


async def bad_length(server: Faulty, request: Request, writer: asyncio.StreamWriter) -> bool:
    writer.write(head("content-length: twelve") + chat())
    return False


async def negative_length(server: Faulty, request: Request, writer: asyncio.StreamWriter) -> bool:
    writer.write(head("content-length: -5") + chat())
    return False


async def garbage_status(server: Faulty, request: Request, writer: asyncio.StreamWriter) -> bool:
    writer.write(b"\x16\x03\x01 I am not HTTP \xff\r\n\r\n")
    return False


async def endless_headers(server: Faulty, request: Request, writer: asyncio.StreamWriter) -> bool:
    writer.write(b"HTTP/1.1 200 OK\r\n")
    while True:
        writer.write(b"x-filler: " + b"f" * 4000 + b"\r\n")
        await writer.drain()


async def html_error(server: Faulty, request: Request, writer: asyncio.StreamWriter) -> bool:
    page = b"<!DOCTYPE html><html><body><h1>502 Bad Gateway</h1></body></html>"
    writer.write(message(page, "502 Bad Gateway", kind="text/html"))
    return True


async def html_ok(server: Faulty, request: Request, writer: asyncio.StreamWriter) -> bool:
    writer.write(message(b"<html><body>Please log in to the hotel's network</body></html>", kind="text/html"))
    return True


_LIMITED = b'{"error": {"message": "Rate limit reached", "type": "requests", "code": "rate_limit_exceeded"}}'


async def limited_once(server: Faulty, request: Request, writer: asyncio.StreamWriter) -> bool:
    if request.number == 1:
        writer.write(message(_LIMITED, "429 Too Many Requests", "retry-after: 30"))
    else:
        writer.write(message(chat()))
    return True


async def limited_for_ever(server: Faulty, request: Request, writer: asyncio.StreamWriter) -> bool:
    writer.write(message(_LIMITED, "429 Too Many Requests"))
    return True


async def limited_until_tomorrow(server: Faulty, request: Request, writer: asyncio.StreamWriter) -> bool:
    writer.write(message(_LIMITED, "429 Too Many Requests", "retry-after: 40000"))
    return True


async def broken_once(server: Faulty, request: Request, writer: asyncio.StreamWriter) -> bool:
    if request.number == 1:
        error = b'{"error": {"message": "oops", "type": "server_error"}}'
        writer.write(message(error, "500 Internal Server Error"))
    else:
        writer.write(message(chat()))
    return True


async def forbidden(server: Faulty, request: Request, writer: asyncio.StreamWriter) -> bool:
    error = b'{"error": {"message": "Incorrect API key", "code": "invalid_api_key"}}'
    writer.write(message(error, "401 Unauthorized"))
    return True


async def early_refusal(server: Faulty, request: Request, writer: asyncio.StreamWriter) -> bool:
    writer.write(message(b"too much", "413 Payload Too Large", "connection: close", kind="text/plain"))
    return False


async def echo(server: Faulty, request: Request, writer: asyncio.StreamWriter) -> bool:
    """Give back all that was sent, in the reply's text, headers and cookies."""
    asked = request.head.decode("latin-1")
    line = asked.split("\r\n")[0]
    authorization = request.header("authorization") or ""
    headers = (
        f"x-request-id: {authorization}",
        f"set-cookie: session={authorization}",
        f"openai-organization: {authorization}",
        f"location: http://me:{authorization.split()[-1] if authorization else ''}@example.invalid/?key=abc",
    )
    writer.write(message(chat(f"You sent: {line}\n{asked}"), "200 OK", *headers))
    return True


async def scripted(server: Faulty, request: Request, writer: asyncio.StreamWriter) -> bool:
    """Send the bytes at the script's next place, then close."""
    writer.write(server.script[(request.number - 1) % len(server.script)])
    return False


BEHAVIOURS: dict[str, Behaviour] = {
    name: value
    for name, value in list(globals().items())
    if asyncio.iscoroutinefunction(value) and name != "trickle"
}


# --- server -----------------------------------------------------------------------------------


class Faulty:
    """The server; a context manager."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.requests: list[Request] = []
        self.connections = 0
        self.answered_on: Counter[int] = Counter()
        self.counts: Counter[str] = Counter()
        self.script: list[bytes] = [b""]
        self.elsewhere = "http://127.0.0.1:9/"
        self._tls = tls
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._main()), daemon=True)
        self.port = 0

    def url(
        self, mode: str, *, scheme: str | None = None, userinfo: str = "", host: str = "127.0.0.1"
    ) -> str:
        scheme = scheme or ("https" if self._tls else "http")
        return f"{scheme}://{userinfo}{host}:{self.port}/{mode}/v1"

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._ready.wait(10)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(10)

    async def _main(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._stop = asyncio.Event()
        handlers: set[asyncio.Task[None]] = set()

        async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.current_task()
            assert task is not None
            handlers.add(task)
            try:
                await self._converse(reader, writer)
            except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
                pass
            finally:
                handlers.discard(task)
                writer.transport.close() if not writer.transport.is_closing() else None

        server = await asyncio.start_server(handle, "127.0.0.1", 0, ssl=self._tls)
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        await self._stop.wait()
        server.close()
        for task in list(handlers):
            task.cancel()
        await asyncio.gather(*handlers, return_exceptions=True)
        await asyncio.sleep(0)

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        connection = self.connections
        keep = True
        while keep:
            top = await reader.readexactly(1)
            if top == b"\x16":  # a TLS handshake, where plain text is spoken
                writer.write(message(b"", "400 Bad Request", "connection: close"))
                return
            top += await reader.readuntil(b"\r\n\r\n")
            mode = top.split(b" ")[1].decode("latin-1").replace("http://", "").partition("/")[2].split("/")[0]
            self.counts[mode] += 1
            request = Request(mode, top[:-4], b"", connection, self.counts[mode])
            body = await reader.readexactly(int(request.header("content-length") or 0))
            request = Request(mode, top[:-4], body, connection, request.number)
            self.requests.append(request)
            keep = await BEHAVIOURS[mode](self, request, writer)
            with contextlib.suppress(OSError):
                await writer.drain()
