"""Whatever bytes a server sends: reading and deciding are total, bounded, and make no answer of nothing."""

from __future__ import annotations

import copy
import json
import sys
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness.endpoints import adapter
from harness.endpoints.reading import JSON_BYTES, LOGPROBS, NOTE_CHARS, TEXT_CHARS, TOOL_CALLS, WORD_CHARS
from harness.outcomes import RULES, decide, has_text, may_retry
from harness.outcomes.tables import REASONS
from harness.records import Decision, Failure, Outcome, Reply
from tests import wire

STATUSES = (200, 200, 200, 200, 204, 302, 400, 401, 403, 404, 429, 451, 500, 529, 99, 999)
MARKS = (
    "<think>",
    "</think>",
    "[DONE]",
    "data: ",
    "\n\n",
    "{",
    "}",
    "\x00",
    "\ud800",
    "😀",
    "model is retired",
)


def documents(protocol: str) -> list[Any]:
    """Return documents and streams to start from: answers, refusals, errors, hand-overs."""
    error = {
        "error": {"message": "no", "type": "invalid_request_error", "code": "content_filter", "param": None}
    }
    own: dict[str, list[Any]] = {
        "openai-chat": [
            wire.chat(),
            wire.chat(None, "content_filter", refusal="no"),
            wire.chat(None, tool_calls=[{"function": {"name": "f", "arguments": "{}"}}]),
            [
                wire.chat_chunk(content="a"),
                wire.chat_chunk(tool_calls=[{"index": 0}]),
                wire.chat_chunk("stop"),
            ],
        ],
        "openai-responses": [
            wire.responses(),
            wire.responses("x", "incomplete", incomplete_details={"reason": "content_filter"}),
            [
                {"type": "response.created", "response": wire.responses(None, "in_progress", output=[])},
                {"type": "response.output_item.added", "output_index": 0, "item": {"type": "message"}},
                {"type": "response.output_text.delta", "output_index": 0, "delta": "a"},
                {"type": "response.completed", "response": wire.responses("a")},
            ],
        ],
        "anthropic-messages": [
            wire.messages(),
            wire.messages("x", "refusal", stop_details={"type": "refusal", "category": "bio"}),
            wire.messages(usage={"iterations": [{"type": "fallback_message", "model": "m"}]}),
            [
                {"type": "message_start", "message": wire.messages(None, None)},
                {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
                {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "a"}},
                {
                    "type": "message_delta",
                    "delta": {"stop_reason": "end_turn"},
                    "usage": {"output_tokens": 3},
                },
                {"type": "message_stop"},
            ],
        ],
        "gemini": [
            wire.gemini(),
            wire.gemini(None, "SAFETY", safetyRatings=[{"category": "C", "blocked": True}]),
            {"promptFeedback": {"blockReason": "SAFETY"}},
            [wire.gemini("a", None), wire.gemini("b", "STOP")],
        ],
    }
    return [*own[protocol], error, [error]]


leaves = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-2, 2),
    st.sampled_from([10**18, 10**400, -1, 1e308, float("inf"), float("nan"), 2**53]),
    st.text(max_size=8),
    st.sampled_from([*MARKS, "x" * 3000, "stop", "error", "refusal", "SAFETY", "length"]),
)
values = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(
            st.sampled_from(["error", "text", "type", "message", "code", "choices", "content"]), inner
        ),
    ),
    max_leaves=6,
)


def places(node: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return the path of every node in a document."""
    found = [path]
    pairs = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, item in pairs:
        found += places(item, (*path, key))
    return found


def put(node: Any, path: tuple[Any, ...], value: Any) -> Any:
    """Return a document with the node at a path replaced."""
    if not path:
        return value
    changed = copy.copy(node)
    changed[path[0]] = put(node[path[0]], path[1:], value)
    return changed


@st.composite
def replies(draw: st.DrawFn) -> tuple[str, bytes, bool]:
    """Return (protocol, body, streamed) of a reply that began as a real one and went wrong somewhere."""
    protocol = draw(st.sampled_from(wire.PROTOCOLS))
    shape = draw(st.sampled_from(["wrong", "wrong", "wrong", "bytes", "page", "deep"]))
    if shape == "bytes":
        return protocol, draw(st.binary(max_size=200)), draw(st.booleans())
    if shape == "page":
        body = draw(
            st.sampled_from(
                [b"<html>\xff</html>", b"data: \n\n" * 50, b"[DONE]", b"\xef\xbb\xbf{}", b"\x1f\x8b"]
            )
        )
        return protocol, body, draw(st.booleans())
    if shape == "deep":
        opening = draw(st.sampled_from([b"[", b'{"a":', b'{"choices":[', b'data: {"error":']))
        return protocol, opening * draw(st.sampled_from([10, 2000, 30_000])), draw(st.booleans())
    document = draw(st.sampled_from(documents(protocol)))
    for _ in range(draw(st.integers(0, 3))):
        document = put(document, draw(st.sampled_from(places(document))), draw(values))
    streamed = isinstance(document, list) and draw(st.booleans())
    if streamed:
        body = b"".join(b"data: " + json.dumps(event).encode() + b"\n\n" for event in document)
    else:
        body = json.dumps(document).encode()
    for _ in range(draw(st.integers(0, 2))):
        at = draw(st.integers(0, len(body)))
        body = draw(
            st.sampled_from(
                [body[:at], body[:at] + b"\xff\xed\xa0\x80" + body[at:], body[:at] + body[at + 1 :]]
            )
        )
    return protocol, body, streamed


def strings(reply: Reply) -> list[tuple[str, int]]:
    """Return the texts of a reply, each with its bound."""
    notes = [reply.refusal, reply.explanation, reply.error_message]
    words = [
        reply.finish_reason,
        reply.block_field,
        reply.block_value,
        reply.category,
        reply.error_type,
        reply.error_code,
        reply.served_model,
        reply.fallback_from,
        reply.fallback_to,
        reply.fallback_evidence,
        reply.fingerprint,
        reply.response_id,
        reply.service_tier,
        reply.malformed,
        *(token for token, _ in reply.logprobs),
        *(str(call["name"]) for call in reply.tool_calls),
    ]
    found: list[tuple[str | None, int]] = [(reply.text, TEXT_CHARS), (reply.reasoning, TEXT_CHARS)]
    found += [(text, NOTE_CHARS) for text in [*notes, *(str(call["arguments"]) for call in reply.tool_calls)]]
    found += [(text, WORD_CHARS) for text in words]
    return [(text, limit) for text, limit in found if text is not None]


def check(protocol: str, body: bytes, streamed: bool, status: int, failure: Failure | None) -> Decision:
    """Read and decide one reply, and check everything that must hold whatever it was."""
    headers = wire.SSE_HEADERS if streamed else wire.JSON_HEADERS
    reply = adapter(protocol).read(status, headers, body, streamed=streamed)
    for text, limit in strings(reply):
        assert len(text) <= limit
        text.encode()
    assert len(reply.tool_calls) <= TOOL_CALLS
    assert len(reply.logprobs) <= LOGPROBS
    for tokens in (reply.usage.input_tokens, reply.usage.output_tokens, reply.usage.reasoning_tokens):
        assert tokens is None or 0 <= tokens < 2**60
    decision = decide(
        wire.exchange(protocol, body, status=status, streamed=streamed, failure=failure),
        reply,
        wire.MODELS[protocol],
    )
    if decision.outcome is Outcome.ANSWERED:
        assert has_text(reply.text) or reply.tool_calls
        assert 200 <= status < 300
        assert reply.finish_reason
    assert decision.outcome is not Outcome.UNPARSED
    assert decision.rule in RULES
    assert decision.evidence
    for said in (decision.evidence, decision.notice, decision.unmapped, decision.category):
        assert said is None or len(said) <= WORD_CHARS
    if decision.outcome in (Outcome.FAILED, Outcome.DENIED):
        assert decision.reason in {*REASONS[decision.outcome], *Failure}
    if decision.outcome is Outcome.REFUSED:
        assert decision.source == "provider"
        assert decision.degree in ("full", "partial")
    again = may_retry(status, failure, reply)
    assert not again or decision.outcome in (Outcome.FAILED, Outcome.CUT)
    adapter(protocol).content_event(body[:1000])
    return decision


@settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)
@given(replies(), st.sampled_from(STATUSES), st.sampled_from([None, None, None, *Failure]))
def test_no_reply_breaks_reading_or_deciding(
    reply: tuple[str, bytes, bool], status: int, failure: Failure | None
) -> None:
    """Wrong types, truncation, deep nesting, pages and noise: each gives one bounded decision."""
    check(*reply, status, failure)


@pytest.mark.slow
@settings(max_examples=20_000, deadline=None, suppress_health_check=list(HealthCheck))
@given(replies(), st.sampled_from(STATUSES), st.sampled_from([None, None, None, *Failure]))
def test_twenty_thousand_replies_break_nothing(
    reply: tuple[str, bytes, bool], status: int, failure: Failure | None
) -> None:
    """The same over 20,000 replies."""
    check(*reply, status, failure)


@pytest.mark.parametrize("protocol", wire.PROTOCOLS)
def test_every_place_of_every_type_may_be_wrong(protocol: str) -> None:
    """Each node of each kind of reply, replaced by each type of value, still gives a decision."""
    wrong: list[Any] = [
        None,
        True,
        -1,
        10**17,
        1.5,
        "",
        "x" * 600,
        [],
        {},
        [[]],
        [{}],
        {"text": 5},
        ["a", None, 3],
    ]
    for document in documents(protocol):
        for path in places(document):
            for value in wrong:
                changed = put(document, path, value)
                check(protocol, wire.dump(changed), False, 200, None)
                if isinstance(changed, list):
                    check(
                        protocol,
                        wire.stream(*[e for e in changed if not isinstance(e, str)]),
                        True,
                        200,
                        None,
                    )


def work(act: Callable[[], object]) -> int:
    """Return how many calls of functions, Python's and built-in ones, an act takes: work without a clock."""
    counted = 0

    def tick(frame: object, event: str, argument: object) -> None:
        nonlocal counted
        counted += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(tick)
    try:
        act()
    finally:
        sys.setprofile(before)
    return counted


GROWING: dict[str, Callable[[int], bytes]] = {
    "text": lambda n: b'{"choices":[{"message":{"content":"' + b"<think>" * n + b'"}}]}',
    "nested": lambda n: b'{"choices":' * n,
    "objects": lambda n: b'{"choices":[' + b"{}," * n + b"{}]}",
    "parts": lambda n: b'{"output":[' + b'{"content":[{"type":"refusal"}]},' * n + b"{}]}",
    "blank lines": lambda n: b"data: x" + b"\n" * n,
    "lines": lambda n: b"data: 1\n" * n,
    "events": lambda n: b'data: {"choices":[{"delta":{"content":"a"}}]}\n\n' * n,
    "refusals": lambda n: b'data: {"choices":[{"delta":{"refusal":"a"}}]}\n\n' * n,
    "blocks": lambda n: b"".join(
        b'data: {"type":"content_block_delta","index":%d,"delta":{"type":"text_delta","text":"a"}}\n\n' % at
        for at in range(n)
    ),
    "items": lambda n: b"".join(
        b'data: {"type":"response.output_text.delta","output_index":%d,"delta":"a"}\n\n' % at
        for at in range(n)
    ),
    "message": lambda n: b'{"error":{"message":"' + b"model " * n + b'"}}',
}


@pytest.mark.parametrize("protocol", wire.PROTOCOLS)
@pytest.mark.parametrize("shape", GROWING)
def test_work_grows_no_faster_than_the_reply(protocol: str, shape: str) -> None:
    """Four times the bytes take at most about four times the work, whatever they are made of."""
    small, large = GROWING[shape](500), GROWING[shape](2000)
    streamed = large.startswith(b"data")
    first = work(lambda: check(protocol, small, streamed, 200, None))
    second = work(lambda: check(protocol, large, streamed, 200, None))
    assert second <= 5 * first + 1000


@pytest.mark.parametrize("protocol", wire.PROTOCOLS)
def test_long_texts_are_cut_and_long_documents_not_read(protocol: str) -> None:
    """A text of millions of characters is kept in part; a document past the limit is not parsed at all."""
    long = wire.answer(protocol, "4" * (TEXT_CHARS + 10))
    assert len(wire.read(protocol, long).text) == TEXT_CHARS
    endless = b'{"choices":[' + b"[]," * (JSON_BYTES // 3 + 10)
    decision = check(protocol, endless, False, 200, None)
    assert (decision.outcome, decision.reason) == (Outcome.FAILED, "malformed")
    noise = b"\n" * JSON_BYTES
    assert check(protocol, b"data: x" + noise, True, 200, None).outcome is Outcome.FAILED
