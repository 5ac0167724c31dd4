"""A simulated provider on loopback that speaks all four protocols, plain and streamed.

What it replies is decided by an `Answer`: the server only puts it into the protocol's words.
"""

from __future__ import annotations

import asyncio
import json
import socket
import threading
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import contextmanager

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Mount, Route

from harness.errors import LaunchError
from harness.rehearsal.script import Answer, Asked, Kind, Scripted, Trouble, settled
from harness.rehearsal.wire import BadRequestError, Format, Plain, encode
from harness.rehearsal.wire_anthropic_messages import MessagesFormat
from harness.rehearsal.wire_gemini import GeminiFormat
from harness.rehearsal.wire_openai_chat import ChatFormat
from harness.rehearsal.wire_openai_responses import ResponsesFormat

REQUEST_BYTES = 10_000_000
BASE_PATHS: Mapping[str, str] = {
    "openai-chat": "/v1",
    "openai-responses": "/v1",
    "anthropic-messages": "",
    "gemini": "/v1beta",
}
"""Protocol -> what to add to the server's address for an endpoint's `url`."""
FORMATS: Mapping[str, Format] = {
    form.protocol: form for form in (ChatFormat(), ResponsesFormat(), MessagesFormat(), GeminiFormat())
}
"""Protocol -> its wire format."""


def app(answer: Answer, *, key: str | None = None, pace: float = 1.0) -> Starlette:
    """Return the simulated provider as an application.

    Args:
        answer: decides what to reply.
        key: asked of every request when given; others get the protocol's own 401.
        pace: how much faster than the machine's clock it lives: delays are that much shorter.
    """
    gemini = FORMATS["gemini"]

    async def ask_gemini(request: Request) -> Response:
        model, _, method = request.path_params["call"].rpartition(":")
        if method not in ("generateContent", "streamGenerateContent"):
            return _plain(gemini.error(Trouble.WITHDRAWN, "Method not found."))
        streamed = method == "streamGenerateContent"
        return await _reply(gemini, answer, request, key, pace, model=model, streamed=streamed)

    def ask(form: Format) -> Route:
        async def handle(request: Request) -> Response:
            return await _reply(form, answer, request, key, pace)

        path = {
            "openai-chat": "/v1/chat/completions",
            "openai-responses": "/v1/responses",
            "anthropic-messages": "/v1/messages",
        }[form.protocol]
        return Route(path, handle, methods=["POST"])

    return Starlette(
        routes=[
            *(ask(form) for name, form in FORMATS.items() if name != "gemini"),
            Route("/v1beta/models/{call:path}", ask_gemini, methods=["POST"]),
            Route("/v1/models/{call:path}", ask_gemini, methods=["POST"]),
            Route("/health", _health, methods=["GET"]),
        ]
    )


@contextmanager
def serve(answer: Answer, *, key: str | None = None) -> Iterator[str]:
    """Serve the simulated provider on a free loopback port, in a thread, and yield its address.

    Raises:
        LaunchError: it did not start within ten seconds.
    """
    with _serving(app(answer, key=key)) as address:
        yield address


@contextmanager
def serve_many(answers: Mapping[str, Answer], *, key: str | None = None, pace: float = 1.0) -> Iterator[str]:
    """Serve several simulated providers at one address, each under `/NAME/api`; see `serve` and `app`.

    Raises:
        LaunchError: it did not start within ten seconds.
    """
    parts = [Mount(f"/{name}/api", app(answer, key=key, pace=pace)) for name, answer in answers.items()]
    with _serving(Starlette(routes=parts)) as address:
        yield address


@contextmanager
def _serving(application: Starlette) -> Iterator[str]:
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    config = uvicorn.Config(application, log_level="error", lifespan="off", access_log=False)
    server = uvicorn.Server(config)
    thread = threading.Thread(
        target=server.run, kwargs={"sockets": [listener]}, name="rehearsal", daemon=True
    )
    thread.start()
    try:
        for _ in range(1000):
            if server.started or not thread.is_alive():
                break
            thread.join(0.01)
        if not server.started:
            raise LaunchError("rehearsal server: did not start on loopback within 10 s")
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(10)
        listener.close()


async def _health(request: Request) -> Response:
    del request
    return Response(b'{"status":"ok"}', media_type="application/json")


async def _reply(
    form: Format,
    answer: Answer,
    request: Request,
    key: str | None,
    pace: float,
    *,
    model: str | None = None,
    streamed: bool = False,
) -> Response:
    headers = {name.lower(): value for name, value in request.headers.items()}
    if key is not None and key not in _keys(headers):
        return _plain(form.error(Trouble.KEY, "The API key is missing or wrong."))
    try:
        body = await _body(request)
        asked = form.ask(body, headers, model)
    except BadRequestError as problem:
        return _plain(form.error(Trouble.BAD_REQUEST, str(problem)))
    reply = settled(answer(asked), asked)
    if reply.delay_s > 0:
        await asyncio.sleep(reply.delay_s / pace)
    # Errors and blocked prompts come before any stream: with a status of their own, unless text came first.
    early = reply.kind is Kind.ERROR and not reply.text
    early = early or (reply.kind is Kind.BLOCK and form.protocol in ("openai-chat", "openai-responses"))
    if (asked.stream or streamed) and not early:
        return StreamingResponse(_stream(form, asked, reply, pace), media_type="text/event-stream")
    return _plain(form.plain(asked, reply), reply.retry_after_s)


async def _body(request: Request) -> Mapping[str, object]:
    """Return the request's document.

    Raises:
        BadRequestError: it is too long, not JSON, or no object.
    """
    received = bytearray()
    async for chunk in request.stream():
        received += chunk
        if len(received) > REQUEST_BYTES:
            raise BadRequestError("the request is too long")
    try:
        body = json.loads(received)
    except (ValueError, RecursionError) as error:
        raise BadRequestError("the request is not JSON") from error
    if not isinstance(body, dict):
        raise BadRequestError("the request must be a JSON object")
    return body


def _keys(headers: Mapping[str, str]) -> set[str]:
    given = [headers.get(name, "") for name in ("x-api-key", "x-goog-api-key", "api-key")]
    return {*given, headers.get("authorization", "").removeprefix("Bearer ")}


def _plain(reply: Plain, retry_after_s: float | None = None) -> Response:
    headers = {} if retry_after_s is None else {"retry-after": f"{retry_after_s:g}"}
    return Response(encode(reply.document), reply.status, headers, "application/json")


async def _stream(form: Format, asked: Asked, reply: Scripted, pace: float) -> AsyncIterator[bytes]:
    if reply.gap_s <= 0:
        yield b"".join(form.stream(asked, reply))
        return
    for piece in form.stream(asked, reply):
        yield piece
        await asyncio.sleep(reply.gap_s / pace)
