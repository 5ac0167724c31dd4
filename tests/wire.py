"""Replies of the four protocols as documents and as streams, after the providers' own references."""

from __future__ import annotations

import json
from typing import Any

from harness.config.schema import Endpoint
from harness.endpoints import adapter
from harness.outcomes import decide
from harness.records import Decision, Exchange, Failure, Headers, Message, Probe, Reply, Timing

JSON_HEADERS: Headers = (("content-type", "application/json"),)
SSE_HEADERS: Headers = (("content-type", "text/event-stream; charset=utf-8"),)
PROTOCOLS = ("openai-chat", "openai-responses", "anthropic-messages", "gemini")
URLS = {
    "openai-chat": "https://api.example.com/v1",
    "openai-responses": "https://api.example.com/v1",
    "anthropic-messages": "https://api.example.com",
    "gemini": "https://api.example.com/v1beta",
}
MODELS = {
    "openai-chat": "gpt-4o",
    "openai-responses": "gpt-4o",
    "anthropic-messages": "claude-opus-4-1",
    "gemini": "gemini-2.5-flash",
}


def dump(document: Any) -> bytes:
    return json.dumps(document).encode()


def stream(*events: Any, named: bool = False, done: bool = False) -> bytes:
    """Return documents as server-sent events, with event names where the protocol has them."""
    pieces = []
    for event in events:
        name = f"event: {event['type']}\n" if named else ""
        pieces.append(f"{name}data: {json.dumps(event)}\n\n")
    return ("".join(pieces) + ("data: [DONE]\n\n" if done else "")).encode()


def chat(text: str | None = "4", finish: str | None = "stop", **message: Any) -> dict[str, Any]:
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1,
        "model": "gpt-4o-2024-08-06",
        "system_fingerprint": "fp_1",
        "service_tier": "default",
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": text, "refusal": None} | message,
                "logprobs": None,
                "finish_reason": finish,
            }
        ],
        "usage": {
            "prompt_tokens": 11,
            "completion_tokens": 3,
            "total_tokens": 14,
            "prompt_tokens_details": {"cached_tokens": 2},
            "completion_tokens_details": {"reasoning_tokens": 1},
        },
    }


def chat_chunk(finish: str | None = None, **delta: Any) -> dict[str, Any]:
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion.chunk",
        "created": 1,
        "model": "gpt-4o-2024-08-06",
        "system_fingerprint": "fp_1",
        "service_tier": "default",
        "choices": [{"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}],
    }


def chat_stream(*texts: str, finish: str | None = "stop", done: bool = True) -> bytes:
    chunks = [chat_chunk(role="assistant", content="")]
    chunks += [chat_chunk(content=text) for text in texts]
    if finish is not None:
        chunks.append(chat_chunk(finish=finish))
        chunks.append(chat_chunk() | {"choices": [], "usage": chat()["usage"]})
    return stream(*chunks, done=done)


def responses(text: str | None = "4", status: str | None = "completed", **fields: Any) -> dict[str, Any]:
    content = (
        [] if text is None else [{"type": "output_text", "text": text, "annotations": [], "logprobs": []}]
    )
    return {
        "id": "resp_1",
        "object": "response",
        "created_at": 1,
        "status": status,
        "error": None,
        "incomplete_details": None,
        "model": "gpt-4o-2024-08-06",
        "output": [
            {"id": "msg_1", "type": "message", "status": status, "role": "assistant", "content": content}
        ],
        "parallel_tool_calls": True,
        "tool_choice": "auto",
        "tools": [],
        "service_tier": "default",
        "usage": {
            "input_tokens": 11,
            "input_tokens_details": {"cached_tokens": 2},
            "output_tokens": 3,
            "output_tokens_details": {"reasoning_tokens": 1},
            "total_tokens": 14,
        },
    } | fields


def responses_stream(
    *texts: str, last: dict[str, Any] | None = None, kind: str = "response.completed"
) -> bytes:
    begun = responses(None, "in_progress", output=[], usage=None)
    events: list[dict[str, Any]] = [
        {"type": "response.created", "sequence_number": 0, "response": begun},
        {
            "type": "response.output_item.added",
            "output_index": 0,
            "item": {"id": "msg_1", "type": "message", "role": "assistant", "content": []},
        },
    ]
    events += [
        {"type": "response.output_text.delta", "output_index": 0, "content_index": 0, "delta": text}
        for text in texts
    ]
    if last is not None:
        events.append({"type": kind, "response": last})
    return stream(*events, named=True)


def messages(text: str | None = "4", stop: str | None = "end_turn", **fields: Any) -> dict[str, Any]:
    return {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "claude-opus-4-1-20250805",
        "content": [] if text is None else [{"type": "text", "text": text}],
        "stop_reason": stop,
        "stop_sequence": None,
        "usage": {
            "input_tokens": 9,
            "cache_creation_input_tokens": 0,
            "cache_read_input_tokens": 2,
            "output_tokens": 3,
            "output_tokens_details": {"thinking_tokens": 1},
            "service_tier": "standard",
        },
    } | fields


def messages_stream(*texts: str, stop: str | None = "end_turn", closed: bool = True, **delta: Any) -> bytes:
    start = messages(None, None)
    start["usage"] = start["usage"] | {"output_tokens": 1}
    events: list[dict[str, Any]] = [{"type": "message_start", "message": start}, {"type": "ping"}]
    if texts:
        events.append(
            {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}
        )
        events += [
            {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": text}}
            for text in texts
        ]
        events.append({"type": "content_block_stop", "index": 0})
    if stop is not None:
        events.append(
            {
                "type": "message_delta",
                "delta": {"stop_reason": stop, "stop_sequence": None} | delta,
                "usage": {"output_tokens": 3, "output_tokens_details": {"thinking_tokens": 1}},
            }
        )
    if closed:
        events.append({"type": "message_stop"})
    return stream(*events, named=True)


def gemini(text: str | None = "4", finish: str | None = "STOP", **candidate: Any) -> dict[str, Any]:
    given = {} if text is None else {"content": {"role": "model", "parts": [{"text": text}]}}
    return {
        "candidates": [given | ({"finishReason": finish} if finish else {}) | {"index": 0} | candidate],
        "usageMetadata": {
            "promptTokenCount": 11,
            "candidatesTokenCount": 2,
            "thoughtsTokenCount": 1,
            "cachedContentTokenCount": 2,
            "totalTokenCount": 14,
        },
        "modelVersion": "gemini-2.5-flash",
        "responseId": "r1",
    }


def gemini_stream(*texts: str, finish: str | None = "STOP") -> bytes:
    chunks = [gemini(text, None) for text in texts]
    if finish is not None:
        chunks.append(gemini("", finish))
    return stream(*chunks)


def answer(protocol: str, text: str) -> bytes:
    """Return an ordinary plain reply."""
    made = {
        "openai-chat": chat,
        "openai-responses": responses,
        "anthropic-messages": messages,
        "gemini": gemini,
    }
    return dump(made[protocol](text))


def streamed_answer(protocol: str, *texts: str) -> bytes:
    """Return an ordinary streamed reply."""
    if protocol == "openai-chat":
        return chat_stream(*texts)
    if protocol == "openai-responses":
        return responses_stream(*texts, last=responses("".join(texts)))
    if protocol == "anthropic-messages":
        return messages_stream(*texts)
    return gemini_stream(*texts)


def endpoint(protocol: str, **fields: Any) -> Endpoint:
    given = {"protocol": protocol, "url": URLS[protocol], "model": MODELS[protocol]} | fields
    return Endpoint.model_validate(given)


def probe(*turns: tuple[str, str], **parameters: Any) -> Probe:
    asked = tuple(Message(role, content) for role, content in turns or (("user", "What is 2 + 2?"),))  # type: ignore[arg-type]
    return Probe("sum", asked, "numeric", ("4",), parameters=parameters)


def read(
    protocol: str, body: bytes, *, status: int = 200, streamed: bool = False, headers: Headers | None = None
) -> Reply:
    if headers is None:
        headers = SSE_HEADERS if streamed else JSON_HEADERS
    return adapter(protocol).read(status, headers, body, streamed=streamed)


def exchange(
    protocol: str,
    body: bytes,
    *,
    status: int | None = 200,
    streamed: bool = False,
    failure: Failure | None = None,
    url: str | None = None,
) -> Exchange:
    return Exchange(
        call_id="c1",
        index=0,
        attempt=1,
        final=True,
        endpoint="e",
        suite="s",
        probe_id="sum",
        sample=0,
        seed=1,
        protocol=protocol,
        streamed=streamed,
        method="POST",
        url=url or URLS[protocol],
        request_headers=(),
        request_body=b"{}",
        status=status,
        response_headers=SSE_HEADERS if streamed else JSON_HEADERS,
        response_body=body,
        failure=failure,
        failure_detail="",
        timing=Timing(sent_us=0, total_ms=1.0),
    )


def judge(
    protocol: str,
    body: Any,
    *,
    status: int | None = 200,
    streamed: bool = False,
    failure: Failure | None = None,
    model: str | None = None,
    url: str | None = None,
) -> Decision:
    """Read and decide one reply, given as bytes or as a document."""
    raw = body if isinstance(body, bytes) else dump(body)
    sent = exchange(protocol, raw, status=status, streamed=streamed, failure=failure, url=url)
    reply = None if status is None else read(protocol, raw, status=status, streamed=streamed)
    return decide(sent, reply, model or MODELS[protocol])
