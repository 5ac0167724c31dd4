"""OpenAI Responses, and servers that speak it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from harness.config.schema import Endpoint
from harness.endpoints import building, reading, sse
from harness.endpoints.base import Built
from harness.records import Headers, Probe, Reply, Usage

_ROUTE: Final = "/responses"
_UNKNOWN: Final = ("seed", "stop", "frequency_penalty", "presence_penalty", "logit_bias")
_LOGPROBS: Final = "message.output_text.logprobs"
_CLOSING: Final = ("response.completed", "response.incomplete", "response.failed", "response.cancelled")
_DELTAS: Final = {
    "response.output_text.delta": "output_text",
    "response.refusal.delta": "refusal",
    "response.reasoning_text.delta": "reasoning_text",
    "response.reasoning_summary_text.delta": "summary_text",
    "response.function_call_arguments.delta": "arguments",
}


class OpenAIResponses:
    """`POST {url}/responses`."""

    protocol = "openai-responses"
    version = 1
    key_variables = ("OPENAI_API_KEY",)

    def build(self, endpoint: Endpoint, probe: Probe, seed: int, key: str | None) -> Built:
        """Return the request; see `Adapter.build`."""
        del seed  # the protocol has none
        chosen = building.settings(endpoint, probe)
        dropped = [name for name in _unknown(endpoint) if chosen.pop(name, False) not in (False, None)]
        body: dict[str, Any] = {
            "model": endpoint.model,
            "input": _input(endpoint, probe),
        }
        if probe.tools:
            # Unless told otherwise the protocol rewrites schemas into its strict kind.
            body["tools"] = [
                {"type": "function"} | building.function(tool, "parameters") | {"strict": False}
                for tool in probe.tools
            ]
        if "max_tokens" in chosen:
            body["max_output_tokens"] = chosen.pop("max_tokens")
        if chosen.pop("logprobs", False):
            body["include"] = [_LOGPROBS]
        effort = chosen.pop("reasoning_effort", None)
        if effort is not None:
            body["reasoning"] = {"effort": effort}
        building.merge(body, chosen)
        if endpoint.stream:
            body["stream"] = True
        building.merge(body, endpoint.body)
        return Built(
            "POST",
            building.address(endpoint.url, _ROUTE, version="/v1" if building.is_openai(endpoint.url) else ""),
            building.compose_headers(building.openai_headers(endpoint, key), endpoint.headers),
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
        notes = building.unsendable(self.protocol, _unknown(endpoint), endpoint, probes)
        return notes + building.reasoning_notes(endpoint, probes)

    def content_event(self, line: bytes) -> bool:
        """Return whether visible content is in a piece of a stream; see `Adapter.content_event`."""
        visible = b"response.output_text.delta" in line or b"response.refusal.delta" in line
        return visible and sse.carries(line, b'"delta"')


def _unknown(endpoint: Endpoint) -> tuple[str, ...]:
    official = building.is_openai(endpoint.url) or building.is_azure(endpoint.url)
    return (*_UNKNOWN, "top_k") if official else _UNKNOWN


def _input(endpoint: Endpoint, probe: Probe) -> list[dict[str, Any]]:
    """Return the turns of a probe.

    OpenAI takes an earlier answer as a plain turn; servers that only half speak the protocol (llama.cpp)
    take it only in the long form it was given in.
    """
    turns: list[dict[str, Any]] = []
    official = building.is_openai(endpoint.url) or building.is_azure(endpoint.url)
    for at, turn in enumerate(probe.messages):
        if turn.role != "assistant" or official:
            turns.append({"role": turn.role, "content": turn.content})
            continue
        part = {"type": "output_text", "text": turn.content, "annotations": []}
        head = {"type": "message", "id": f"msg_{at}", "status": "completed", "role": "assistant"}
        turns.append(head | {"content": [part]})
    return turns


def _is_whole(document: Any) -> bool:
    return isinstance(document, dict) and isinstance(document.get("output"), list)


def _reply(document: Mapping[str, Any], *, complete: bool = True) -> Reply:
    visible: list[str] = []
    hidden: list[str] = []
    refusal: list[str] | None = None
    calls: list[Mapping[str, Any]] = []
    logprobs: list[tuple[str, float]] = []
    for item in reading.objects(document.get("output")):
        kind = item.get("type")
        if kind in ("function_call", "custom_tool_call", "mcp_call"):
            if len(calls) < reading.TOOL_CALLS:
                calls.append(reading.tool_call(item.get("name"), item.get("arguments", item.get("input"))))
            continue
        if kind == "reasoning":
            for part in reading.objects(item.get("summary")) + reading.objects(item.get("content")):
                hidden += [part["text"]] if isinstance(part.get("text"), str) else []
            continue
        for part in reading.objects(item.get("content")):
            if part.get("type") == "refusal":
                words = part.get("refusal")
                refusal = [*(refusal or []), words if isinstance(words, str) else ""][:16]
            elif part.get("type") in ("output_text", "text") and isinstance(part.get("text"), str):
                visible.append(part["text"])
                if len(logprobs) < reading.LOGPROBS:
                    logprobs += reading.token_logprobs(part.get("logprobs"))
    text, marked = reading.split_reasoning(reading.join(visible))
    status = reading.word(document.get("status"))
    reason = reading.word(reading.mapping(document.get("incomplete_details")).get("reason"))
    error = reading.fault({"error": document["error"]}) if document.get("error") else None
    category = error.category if error else None
    for entry in reading.objects(document.get("content_filters")):  # Azure
        if entry.get("blocked") is True:
            category = category or reading.filtered_categories(entry.get("content_filter_results"))
    usage = reading.mapping(document.get("usage"))
    return Reply(
        text=text,
        reasoning=reading.join([marked, *hidden]) if marked or hidden else "",
        tool_calls=tuple(calls),
        finish_reason=reason or status,
        refusal=None if refusal is None else reading.clean("".join(refusal), reading.NOTE_CHARS),
        block_field=error.block_field if error else None,
        block_value=error.block_value if error else None,
        category=category,
        error_type=error.type if error else None,
        error_code=error.code if error else None,
        error_message=error.message if error else None,
        served_model=reading.word(document.get("model")),
        fingerprint=reading.word(document.get("system_fingerprint")),
        response_id=reading.word(document.get("id")),
        service_tier=reading.word(document.get("service_tier")),
        usage=Usage(
            input_tokens=reading.count(usage.get("input_tokens")),
            output_tokens=reading.count(usage.get("output_tokens")),
            reasoning_tokens=reading.count(
                reading.mapping(usage.get("output_tokens_details")).get("reasoning_tokens")
            ),
            cached_tokens=reading.count(
                reading.mapping(usage.get("input_tokens_details")).get("cached_tokens")
            ),
        ),
        complete=complete,
        logprobs=tuple(logprobs[: reading.LOGPROBS]),
    )


class _Stream:
    """What the events of a stream say, part by part."""

    def __init__(self) -> None:
        self.response: dict[str, Any] = {}
        self.items: dict[int, Mapping[str, Any]] = {}
        self.parts: dict[tuple[int, str], list[str]] = {}
        self.error: Any = None
        self.closed = False

    def event(self, name: str, event: Mapping[str, Any]) -> None:
        kind = str(event.get("type") or name)
        at = reading.count(event.get("output_index")) or 0
        if kind in _DELTAS:
            piece = event.get("delta")
            if isinstance(piece, str):
                self.parts.setdefault((at, _DELTAS[kind]), []).append(piece)
        elif kind in ("response.output_item.added", "response.output_item.done"):
            self.items[at] = reading.mapping(event.get("item"))
        elif kind == "error":
            self.error = event.get("error") or {"code": event.get("code"), "message": event.get("message")}
        elif isinstance(event.get("response"), dict):
            self.response = event["response"]
            self.closed = self.closed or kind in _CLOSING
        elif "error" in event:
            self.error = event["error"]

    def output(self) -> list[Mapping[str, Any]]:
        """Return the output items, made from the pieces where the item itself never came whole."""
        whole = dict(self.items)
        for (at, kind), pieces in self.parts.items():
            item = dict(whole.get(at, {}))
            text = "".join(pieces)
            if kind == "arguments":
                item.setdefault("type", "function_call")
                item["arguments"] = item.get("arguments") or text
            elif kind in ("reasoning_text", "summary_text"):
                item["type"] = "reasoning"
                field = "content" if kind == "reasoning_text" else "summary"
                item[field] = item.get(field) or [{"type": kind, "text": text}]
            else:
                item.setdefault("type", "message")
                content = reading.objects(item.get("content"))
                field = "text" if kind == "output_text" else "refusal"
                if not any(part.get("type") == kind and part.get(field) for part in content):
                    item["content"] = [*content, {"type": kind, field: text}]
            whole[at] = item
        return [item for _, item in sorted(whole.items())]


def _fold(body: bytes) -> tuple[Mapping[str, Any], bool]:
    """Return (the response a plain reply would have been, whether the stream was closed)."""
    stream = _Stream()
    for name, document in sse.events(body):
        stream.event(name, reading.mapping(document))
    response = dict(stream.response)
    if not _shows(response.get("output")):
        # A filter may empty the final output although the text was sent before.
        response["output"] = stream.output()
    if not stream.closed:
        response["status"] = None
    if stream.error is not None:
        response["error"] = stream.error
    return response, stream.closed


def _shows(output: Any) -> bool:
    """Return whether output items hold any text, refusal or call."""
    for item in reading.objects(output):
        if item.get("type") in ("function_call", "custom_tool_call", "mcp_call"):
            return True
        if any(part.get("text") or "refusal" in part for part in reading.objects(item.get("content"))):
            return True
    return False
