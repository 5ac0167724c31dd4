"""Anthropic Messages, and servers that speak it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

from harness.config.schema import Endpoint
from harness.endpoints import building, reading, sse
from harness.endpoints.base import Built
from harness.records import Headers, Probe, Reply, Usage

_ROUTE: Final = "/messages"
_API_VERSION: Final = "2023-06-01"
_MAX_TOKENS: Final = 1024
"""Sent when nobody sets one: the protocol requires it."""
_UNKNOWN: Final = ("seed", "logprobs", "top_logprobs", "frequency_penalty", "presence_penalty")
_SAMPLING: Final = ("temperature", "top_p", "top_k")
_SAMPLED_MODELS: Final = re.compile(
    r"claude-(?:instant|v?[123]\b|(?:opus|sonnet|haiku)-4(?:-[0-6])?(?:-latest|[-@]\d{8})?$)"
)
"""The last models that accept sampling settings; later ones answer them with HTTP 400."""
_TEXT_BLOCKS: Final = ("text",)
_HIDDEN_BLOCKS: Final = ("thinking", "redacted_thinking")
_CALL_BLOCKS: Final = ("tool_use", "server_tool_use", "mcp_tool_use")


class AnthropicMessages:
    """`POST {url}/v1/messages`."""

    protocol = "anthropic-messages"
    version = 1
    key_variables = ("ANTHROPIC_API_KEY",)

    def build(self, endpoint: Endpoint, probe: Probe, seed: int, key: str | None) -> Built:
        """Return the request; see `Adapter.build`."""
        del seed  # the protocol has none
        chosen = building.settings(endpoint, probe)
        dropped = [name for name in _UNKNOWN if chosen.pop(name, False) not in (False, None)]
        if _refuses_sampling(endpoint.model):
            dropped += [name for name in _SAMPLING if chosen.pop(name, None) is not None]
        body: dict[str, Any] = {
            "model": endpoint.model,
            "max_tokens": chosen.pop("max_tokens", _MAX_TOKENS),
        }
        system = "\n\n".join(turn.content for turn in probe.messages if turn.role == "system")
        if system:
            body["system"] = system
        body["messages"] = [
            {"role": turn.role, "content": turn.content} for turn in probe.messages if turn.role != "system"
        ]
        if probe.tools:
            body["tools"] = [building.function(tool, "input_schema") for tool in probe.tools]
        stop = chosen.pop("stop", None)
        if stop is not None:
            body["stop_sequences"] = [stop] if isinstance(stop, str) else stop
        effort = chosen.pop("reasoning_effort", None)
        if effort is not None:
            body["output_config"] = {"effort": effort}
        body.update(chosen)
        if endpoint.stream:
            body["stream"] = True
        building.merge(body, endpoint.body)

        headers = [
            ("content-type", "application/json"),
            ("accept", "text/event-stream" if endpoint.stream else "application/json"),
            ("anthropic-version", _API_VERSION),
        ]
        if key:
            headers.append(("x-api-key", key))
        return Built(
            "POST",
            building.address(endpoint.url, _ROUTE, version="/v1"),
            building.compose_headers(headers, endpoint.headers),
            building.encode(body),
            tuple(dropped),
        )

    def read(self, status: int, headers: Headers, body: bytes, *, streamed: bool) -> Reply:
        """Return the facts in a reply; see `Adapter.read`."""
        if sse.is_stream(headers, body, streamed=streamed):
            document, complete = _fold(body)
            return _reply(document, complete=complete)
        return reading.read_plain(status, body, whole=_is_whole, reply=_reply)

    def limitations(self, endpoint: Endpoint, probes: Iterable[Probe]) -> list[str]:
        """Return what cannot be honoured; see `Adapter.limitations`."""
        probes = tuple(probes)
        found = building.unsendable(self.protocol, _UNKNOWN, endpoint, probes)
        if _refuses_sampling(endpoint.model):
            found += building.unsendable(
                f"anthropic-messages for {endpoint.model}", _SAMPLING, endpoint, probes
            )
        limits = ("max_tokens", "max_completion_tokens", "max_output_tokens", "maxOutputTokens")
        if not any(name in source for source in _sources(endpoint, probes) for name in limits):
            found.append(f"anthropic-messages requires `max_tokens`: {_MAX_TOKENS} is sent where none is set")
        if any(building.late_system(probe) for probe in probes):
            found.append(
                "anthropic-messages takes system text only at the start: later system turns move there"
            )
        return found

    def content_event(self, line: bytes) -> bool:
        """Return whether visible content is in a piece of a stream; see `Adapter.content_event`."""
        return b"text_delta" in line and sse.carries(line, b'"text"')


def _sources(endpoint: Endpoint, probes: Iterable[Probe]) -> list[Mapping[str, Any]]:
    return [endpoint.parameters, endpoint.body, *(probe.parameters for probe in probes)]


def _refuses_sampling(model: str) -> bool:
    name = model.rsplit("/", 1)[-1].lower()
    return name.startswith("claude-") and _SAMPLED_MODELS.match(name) is None


def _is_whole(document: Any) -> bool:
    return isinstance(document, dict) and isinstance(document.get("content"), list)


def _reply(document: Mapping[str, Any], *, complete: bool = True) -> Reply:
    visible: list[str] = []
    hidden: list[str] = []
    calls: list[Mapping[str, Any]] = []
    hops: list[Mapping[str, Any]] = []
    for block in reading.objects(document.get("content")):
        kind = block.get("type")
        if kind in _TEXT_BLOCKS:
            if isinstance(block.get("text"), str):
                visible.append(block["text"])
        elif kind in _HIDDEN_BLOCKS:
            if isinstance(block.get("thinking"), str):
                hidden.append(block["thinking"])
        elif kind in _CALL_BLOCKS:
            if len(calls) < reading.TOOL_CALLS:
                calls.append(reading.tool_call(block.get("name"), block.get("input")))
        elif kind == "fallback":
            hops.append(block)
    text, marked = reading.split_reasoning(reading.join(visible))
    finish = reading.word(document.get("stop_reason"))
    details = reading.mapping(document.get("stop_details"))
    category = reading.word(details.get("category"))
    explanation = reading.note(details.get("explanation"))
    usage = reading.mapping(document.get("usage"))

    fallback_from = fallback_to = evidence = None
    for entry in reading.objects(usage.get("iterations")):
        if entry.get("type") == "fallback_message":
            fallback_to, evidence = reading.word(entry.get("model")), "usage.iterations.fallback_message"
    if hops:
        evidence = evidence or "content.fallback"
        fallback_from = reading.word(reading.mapping(hops[0].get("from")).get("model"))
        fallback_to = fallback_to or reading.word(reading.mapping(hops[-1].get("to")).get("model"))
        category = category or reading.word(reading.mapping(hops[0].get("trigger")).get("category"))
    error = reading.fault({"error": document["error"]}) if document.get("error") else None
    return Reply(
        text=text,
        reasoning=reading.clean(marked + "".join(hidden), reading.TEXT_CHARS) if hidden or marked else "",
        tool_calls=tuple(calls),
        finish_reason=finish,
        refusal=explanation or "" if finish == "refusal" or details.get("type") == "refusal" else None,
        block_field="stop_details" if details.get("type") == "refusal" else None,
        block_value="refusal" if details.get("type") == "refusal" else None,
        category=category or (error.category if error else None),
        explanation=explanation,
        error_type=error.type if error else None,
        error_code=error.code if error else None,
        error_message=error.message if error else None,
        served_model=reading.word(document.get("model")),
        fallback_from=fallback_from,
        fallback_to=fallback_to,
        fallback_evidence=evidence,
        response_id=reading.word(document.get("id")),
        service_tier=reading.word(usage.get("service_tier")),
        usage=Usage(
            input_tokens=_input_tokens(usage),
            output_tokens=reading.count(usage.get("output_tokens")),
            reasoning_tokens=_reasoning_tokens(usage),
            cached_tokens=reading.count(usage.get("cache_read_input_tokens")),
        ),
        complete=complete,
    )


def _input_tokens(usage: Mapping[str, Any]) -> int | None:
    """Return all input tokens: the protocol counts cached ones apart."""
    fresh = reading.count(usage.get("input_tokens"))
    if fresh is None:
        return None
    written = reading.count(usage.get("cache_creation_input_tokens")) or 0
    return fresh + written + (reading.count(usage.get("cache_read_input_tokens")) or 0)


def _reasoning_tokens(usage: Mapping[str, Any]) -> int | None:
    details = usage.get("output_tokens_details")
    if not isinstance(details, dict):
        return None
    return reading.count(details.get("thinking_tokens", details.get("reasoning_tokens")))


def _fold(body: bytes) -> tuple[Mapping[str, Any], bool]:
    """Return (the message a plain reply would have been, whether the stream was closed)."""
    message: dict[str, Any] = {}
    usage: dict[str, Any] = {}
    blocks: dict[int, dict[str, Any]] = {}
    pieces: dict[int, list[str]] = {}
    closed = False
    for _, document in sse.events(body):
        event = reading.mapping(document)
        kind = event.get("type")
        if kind == "message_start":
            message.update(reading.mapping(event.get("message")))
            usage.update(reading.mapping(message.get("usage")))
        elif kind in ("content_block_start", "content_block_delta"):
            at = reading.count(event.get("index")) or 0
            if kind == "content_block_start":
                blocks[at] = dict(reading.mapping(event.get("content_block")))
            else:
                _extend(
                    blocks.setdefault(at, {}), pieces.setdefault(at, []), reading.mapping(event.get("delta"))
                )
        elif kind == "message_delta":
            message.update((k, v) for k, v in reading.mapping(event.get("delta")).items() if v is not None)
            usage.update((k, v) for k, v in reading.mapping(event.get("usage")).items() if v is not None)
        elif kind == "message_stop":
            closed = True
        elif kind == "error" or "error" in event:
            message["error"] = event.get("error")
    for at, parts in pieces.items():
        block = blocks[at]
        field = {"thinking": "thinking", "tool_use": "input"}.get(str(block.get("type")), "text")
        begun = block.get(field)
        block[field] = (begun if isinstance(begun, str) else "") + "".join(parts)
    message["content"] = [block for _, block in sorted(blocks.items())]
    message["usage"] = usage
    return message, closed or message.get("stop_reason") is not None


def _extend(block: dict[str, Any], parts: list[str], delta: Mapping[str, Any]) -> None:
    kind = delta.get("type")
    field = {"text_delta": "text", "thinking_delta": "thinking", "input_json_delta": "partial_json"}.get(
        str(kind)
    )
    if field is None:
        return
    block.setdefault("type", {"partial_json": "tool_use"}.get(field, field))
    piece = delta.get(field)
    if isinstance(piece, str):
        parts.append(piece)
