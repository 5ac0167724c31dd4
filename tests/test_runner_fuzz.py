"""No reply, whatever its bytes, makes the runner raise, hang or grow, or is an answer without text."""

from __future__ import annotations

import asyncio
import gzip
import json
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from harness.config.schema import PROTOCOLS
from harness.outcomes import decide, has_text
from harness.records import Exchange, Outcome, Reply
from tests.asking import ask, endpoint
from tests.faulty import BIG, Faulty, chat, event

KEPT = 20_000


@pytest.fixture(scope="module")
def server() -> Iterator[Faulty]:
    with Faulty() as running:
        yield running


# --- replies ----------------------------------------------------------------------------------

WORDS = (
    "choices", "message", "content", "delta", "finish_reason", "refusal", "error", "code", "type", "text",
    "stop", "stop_reason", "stop_details", "usage", "candidates", "parts", "finishReason",
    "promptFeedback", "blockReason", "output", "status", "completed", "incomplete_details", "model",
    "role", "prompt_tokens", "completion_tokens", "logprobs", "tool_calls", "function", "arguments",
    "name", "id", "iterations", "fallback", "thinking", "content_block_delta", "message_stop",
    "message_delta", "response.completed", "output_text", "assistant", "STOP", "SAFETY", "length",
    "max_tokens", "end_turn", "content_filter", "invalid_api_key", "null", "true",
)  # fmt: skip
words = st.sampled_from(WORDS)
odd_text = st.text(max_size=12) | words | st.sampled_from(["\u200b", " ", "\0", "\ud800", "4", "é" * 50])
documents = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | odd_text,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(words, inner, max_size=5),
    max_leaves=25,
)
GOOD = (
    chat(),
    json.dumps({
        "id": "m", "type": "message", "role": "assistant", "model": "test-model", "stop_reason": "end_turn",
        "content": [{"type": "text", "text": "4"}], "usage": {"input_tokens": 3, "output_tokens": 1},
    }).encode(),
    json.dumps({
        "id": "r", "object": "response", "status": "completed", "model": "test-model",
        "output": [{"type": "message", "content": [{"type": "output_text", "text": "4"}]}],
    }).encode(),
    json.dumps({
        "candidates": [{"content": {"parts": [{"text": "4"}]}, "finishReason": "STOP"}], "modelVersion": "m",
    }).encode(),
    event("The answer") + event(" is 4.", "stop") + b"data: [DONE]\n\n",
)  # fmt: skip


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """A good reply with a piece cut out, doubled or overwritten."""
    good = draw(st.sampled_from(GOOD))
    first = draw(st.integers(0, len(good)))
    last = min(len(good), first + draw(st.integers(0, 40)))
    return good[:first] + draw(st.binary(max_size=6) | st.just(good[first:last] * 2)) + good[last:]


events = st.lists(
    st.builds(lambda name, value: f"event: {name}\ndata: {json.dumps(value)}\n\n".encode(), words, documents)
    | st.binary(max_size=20),
    max_size=6,
).map(b"".join)
bodies = st.one_of(
    st.binary(max_size=200),
    documents.map(lambda value: json.dumps(value).encode()),
    mutated(),
    mutated(),
    mutated(),
    events,
    st.sampled_from(
        [b"", b"{", b"[" * 5000, b"\xff\xfe", b"<html><body>502</body></html>", chat("\u200b"), chat("")]
    ),
    st.sampled_from([chat(), b"y" * 30_000, b"[" * 30_000, bytes(KEPT + 1)]).map(gzip.compress),
)


HARMLESS = (
    "content-type: application/json", "content-type: text/event-stream", "content-type: text/html",
    "retry-after: 1e400", "retry-after: never", "x-ratelimit-remaining-requests: 0", "set-cookie: a=b",
    "x-ratelimit-reset-requests: NaN", "location: http://[",
)  # fmt: skip
HOSTILE = (
    "content-encoding: gzip", "content-encoding: deflate", "content-encoding: zstd", "content-encoding: br",
    "transfer-encoding: chunked", "content-length: 10", "connection: upgrade", "upgrade: websocket",
    "bad header",
)  # fmt: skip
STATUSES = (*[200] * 20, 201, 204, 101, 304, 307, 400, 401, 404, 429, 500, 529, 999)


@st.composite
def replies(draw: st.DrawFn) -> bytes:
    """What a server may write: often HTTP, seldom quite right."""
    if draw(st.integers(0, 9)) == 7:
        return draw(st.binary(max_size=120))
    body = draw(bodies)
    lines = [f"HTTP/1.1 {draw(st.sampled_from(STATUSES))} Whatever"]
    lines += draw(st.lists(st.sampled_from(HARMLESS), max_size=3))
    if draw(st.integers(0, 3)) == 2:
        lines += draw(st.lists(st.sampled_from(HOSTILE), max_size=2))
    elif body[:2] == b"\x1f\x8b":
        lines.append("content-encoding: gzip")
    if draw(st.integers(0, 3)) != 2:
        lines.append(f"content-length: {len(body)}")
    return bytes("\r\n".join(lines).encode() + b"\r\n\r\n" + body)


# --- what must hold ---------------------------------------------------------------------------


def sound(exchange: Exchange, reply: Reply | None) -> None:
    """Assert what holds for every exchange."""
    assert exchange.final
    assert exchange.attempt == 1
    assert len(exchange.response_body) <= KEPT
    assert len(exchange.failure_detail) <= 400
    assert (exchange.status is None) == (reply is None)
    assert exchange.status is not None or exchange.failure is not None
    decision = decide(exchange, reply, "test-model")
    if decision.outcome is Outcome.ANSWERED:
        assert reply is not None
        assert has_text(reply.text) or reply.tool_calls
    if reply is not None:
        assert len(reply.text) <= KEPT


def check(server: Faulty, script: list[bytes], protocol: str, *, stream: bool) -> None:
    """Let the server give each of the replies once, and look at every exchange."""
    server.script = script
    server.counts["scripted"] = 0
    server.requests.clear()
    limits = {"timeout_s": 5.0, "reply_bytes": KEPT}
    target = endpoint(server.url("scripted"), protocol=protocol, stream=stream, limits=limits)
    sent = asyncio.run(ask(target, len(script)))
    assert sorted(one.exchange.index for one in sent) == list(range(len(script)))
    for one in sent:
        sound(one.exchange, one.reply)


protocols = st.sampled_from(PROTOCOLS)


@settings(max_examples=75, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(replies(), min_size=4, max_size=4), protocols, st.booleans())
def test_any_reply(server: Faulty, script: list[bytes], protocol: str, stream: bool) -> None:
    """A few hundred replies of all kinds, each of which gives one sound exchange."""
    check(server, script, protocol, stream=stream)


@pytest.mark.slow
@settings(
    max_examples=4000,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.generate, Phase.shrink],
)
@given(st.lists(replies(), min_size=5, max_size=5), protocols, st.booleans())
def test_twenty_thousand_replies(server: Faulty, script: list[bytes], protocol: str, stream: bool) -> None:
    """The same for at least twenty thousand replies."""
    check(server, script, protocol, stream=stream)


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("mode", ["big", "gzip_bomb", "fire_hose"])
def test_very_long_replies(server: Faulty, protocol: str, stream: bool, mode: str) -> None:
    """Fifty megabytes, plain, packed or without an end, are kept up to the bound in every protocol."""
    target = endpoint(server.url(mode), protocol=protocol, stream=stream, limits={"reply_bytes": KEPT})
    (sent,) = asyncio.run(ask(target))
    assert len(sent.exchange.response_body) == KEPT < BIG
    sound(sent.exchange, sent.reply)
