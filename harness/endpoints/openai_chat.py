"""OpenAI Chat Completions, and everything that speaks it.

Azure, OpenRouter, vLLM, llama.cpp, Ollama, Together, Groq, DeepSeek, Mistral and the like differ in a
field here and there; what they add is read where it is found, whoever sent it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from harness.config.schema import Endpoint
from harness.endpoints import building, reading, sse
from harness.endpoints.base import Built
from harness.records import Headers, Probe, Reply, Usage

_ROUTE: Final = "/chat/completions"
_MISTRAL: Final = "api.mistral.ai"
_HIDDEN_FIELDS: Final = ("reasoning_content", "reasoning", "thinking")
"""DeepSeek, vLLM and llama.cpp; OpenRouter and Groq; Ollama."""


class OpenAIChat:
    """`POST {url}/chat/completions`."""

    protocol = "openai-chat"
    version = 1
    key_variables = ("OPENAI_API_KEY",)

    def build(self, endpoint: Endpoint, probe: Probe, seed: int, key: str | None) -> Built:
        """Return the request; see `Adapter.build`."""
        chosen = building.settings(endpoint, probe)
        server = building.host(endpoint.url)
        official = building.is_openai(endpoint.url) or building.is_azure(endpoint.url)
        body: dict[str, Any] = {
            "model": endpoint.model,
            "messages": [{"role": turn.role, "content": turn.content} for turn in probe.messages],
        }
        if probe.tools:
            body["tools"] = [
                {"type": "function", "function": building.function(tool, "parameters")}
                for tool in probe.tools
            ]
        dropped: list[str] = []
        number = building.seed_to_send(chosen, seed)
        if number is not None:
            body["random_seed" if server == _MISTRAL else "seed"] = number
        if "max_tokens" in chosen:
            # OpenAI's reasoning models refuse the old name, most other servers know no other.
            newer = official or "max_completion_tokens" in endpoint.parameters
            body["max_completion_tokens" if newer else "max_tokens"] = chosen.pop("max_tokens")
        if official and chosen.pop("top_k", None) is not None:
            dropped.append("top_k")
        body.update(chosen)
        if endpoint.stream:
            body["stream"] = True
            if server != _MISTRAL:  # refuses the field, and always counts
                body["stream_options"] = {"include_usage": True}
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
        notes = building.reasoning_notes(endpoint, probes)
        if building.is_openai(endpoint.url) or building.is_azure(endpoint.url):
            notes += building.unsendable("openai-chat at OpenAI and Azure", ("top_k",), endpoint, probes)
        return notes

    def content_event(self, line: bytes) -> bool:
        """Return whether visible content is in a piece of a stream; see `Adapter.content_event`."""
        return sse.carries(line, b'"content"') or sse.carries(line, b'"refusal"')


def _is_whole(document: Any) -> bool:
    return isinstance(document, dict) and isinstance(document.get("choices"), list)


def _content(message: Mapping[str, Any]) -> tuple[str, str, str | None]:
    """Return (text, reasoning, refusal) of a message whose content is a string or a list of parts."""
    content = message.get("content")
    hidden = [given for name in _HIDDEN_FIELDS if isinstance(given := message.get(name), str)][:1]
    refusal = message.get("refusal")
    if not isinstance(refusal, str):
        refusal = None
    if isinstance(content, str):
        return content, "".join(hidden), refusal
    visible: list[str] = []
    for part in reading.objects(content):
        kind = part.get("type")
        if kind in ("text", "output_text"):
            if isinstance(part.get("text"), str):
                visible.append(part["text"])
        elif kind in ("thinking", "reasoning"):  # Mistral
            inner = part.get("thinking", part.get("text"))
            if isinstance(inner, str):
                hidden.append(inner)
            hidden.extend(
                piece["text"] for piece in reading.objects(inner) if isinstance(piece.get("text"), str)
            )
        elif kind == "refusal" and isinstance(part.get("refusal"), str):
            refusal = (refusal or "") + part["refusal"]
    return "".join(visible), "".join(hidden), refusal


def _reply(document: Mapping[str, Any], *, complete: bool = True) -> Reply:
    choices = reading.objects(document.get("choices"))
    choice = choices[0] if choices else reading.mapping(None)
    message = reading.mapping(choice.get("message"))
    text, reasoning, refusal = _content(message)
    text = reading.clean(text, reading.TEXT_CHARS)
    text, marked = reading.split_reasoning(text)
    if marked:
        reasoning += marked
    finish = reading.word(choice.get("finish_reason"))

    block_field = block_value = category = None
    if finish == "content_filter":
        category = reading.filtered_categories(choice.get("content_filter_results"))
    for entry in reading.objects(document.get("prompt_filter_results")) if not text else ():
        blocked = reading.filtered_categories(entry.get("content_filter_results"))
        if blocked:
            block_field, block_value = "prompt_filter_results", "filtered"
            category = category or blocked

    calls: tuple[Mapping[str, Any], ...] = ()
    if message.get("tool_calls") or message.get("function_call"):
        functions = [
            reading.mapping(call.get("function")) for call in reading.objects(message.get("tool_calls"))
        ]
        old = reading.mapping(message.get("function_call"))
        functions += [old] if old else []
        calls = tuple(
            reading.tool_call(function.get("name"), function.get("arguments"))
            for function in functions[: reading.TOOL_CALLS]
        )
    error = reading.fault(document)
    if error is None:
        error = reading.fault({"error": choice.get("error")})  # OpenRouter
    logprobs = choice.get("logprobs")
    return Reply(
        text=text,
        reasoning=reading.clean(reasoning, reading.TEXT_CHARS),
        tool_calls=calls,
        finish_reason=finish,
        refusal=reading.note(refusal),  # some servers send an empty one with every answer
        block_field=error.block_field if error and error.block_field else block_field,
        block_value=error.block_value if error and error.block_value else block_value,
        category=error.category if error and error.category else category,
        error_type=error.type if error else None,
        error_code=error.code if error else None,
        error_message=error.message if error else None,
        served_model=reading.word(document.get("model")),
        fingerprint=reading.word(document.get("system_fingerprint")),
        response_id=reading.word(document.get("id")),
        service_tier=reading.word(document.get("service_tier")),
        usage=_usage(document),
        complete=complete,
        logprobs=reading.token_logprobs(logprobs.get("content")) if isinstance(logprobs, dict) else (),
    )


def _usage(document: Mapping[str, Any]) -> Usage:
    given = document.get("usage") or reading.mapping(document.get("x_groq")).get("usage")
    if not isinstance(given, dict):
        return Usage()
    cached = reading.count(reading.mapping(given.get("prompt_tokens_details")).get("cached_tokens"))
    if cached is None:
        cached = reading.count(given.get("prompt_cache_hit_tokens"))  # DeepSeek
    return Usage(
        input_tokens=reading.count(given.get("prompt_tokens")),
        output_tokens=reading.count(given.get("completion_tokens")),
        reasoning_tokens=reading.count(
            reading.mapping(given.get("completion_tokens_details")).get("reasoning_tokens")
        ),
        cached_tokens=cached,
    )


class _Stream:
    """The parts of a message as its chunks bring them."""

    def __init__(self) -> None:
        self.top: dict[str, Any] = {}
        self.text: list[str] = []
        self.hidden: list[str] = []
        self.refusal: list[str] | None = None
        self.calls: dict[int, dict[str, Any]] = {}
        self.filters: dict[str, Any] = {}
        self.logprobs: list[Any] = []
        self.finish: Any = None
        self.error: Any = None

    def chunk(self, document: Mapping[str, Any]) -> None:
        for name in (
            "id",
            "model",
            "system_fingerprint",
            "service_tier",
            "usage",
            "x_groq",
            "prompt_filter_results",
        ):
            if document.get(name):
                self.top[name] = document[name]
        if "error" in document or document.get("object") == "error":
            self.error = document.get("error", document)
        for choice in reading.objects(document.get("choices"))[:1]:
            if choice.get("index", 0) != 0:
                continue
            self.finish = choice.get("finish_reason") or self.finish
            self.error = choice.get("error") or self.error
            self.filters.update(reading.mapping(choice.get("content_filter_results")))
            if len(self.logprobs) < reading.LOGPROBS:
                content = reading.mapping(choice.get("logprobs")).get("content")
                self.logprobs += content if isinstance(content, list) else []
            self._delta(reading.mapping(choice.get("delta", choice.get("message"))))

    def _delta(self, delta: Mapping[str, Any]) -> None:
        text, hidden, refusal = _content(delta)
        if text:
            self.text.append(text)
        if hidden:
            self.hidden.append(hidden)
        if refusal:
            self.refusal = [*(self.refusal or []), refusal] if len(self.refusal or ()) < 64 else self.refusal
        for call in reading.objects(delta.get("tool_calls")):
            at = reading.count(call.get("index")) or 0
            if at >= reading.TOOL_CALLS:
                continue
            function = reading.mapping(call.get("function"))
            kept = self.calls.setdefault(at, {"name": "", "arguments": ""})
            kept["name"] = reading.word(function.get("name")) or kept["name"]
            arguments = function.get("arguments")
            if isinstance(arguments, str) and len(kept["arguments"]) < reading.NOTE_CHARS:
                kept["arguments"] += arguments

    def document(self) -> dict[str, Any]:
        message: dict[str, Any] = {
            "content": "".join(self.text),
            "reasoning_content": "".join(self.hidden),
            "refusal": None if self.refusal is None else "".join(self.refusal),
            "tool_calls": [{"function": call} for _, call in sorted(self.calls.items())],
        }
        choice = {
            "message": message,
            "finish_reason": self.finish,
            "content_filter_results": self.filters,
            "logprobs": {"content": self.logprobs},
        }
        return self.top | {"choices": [choice]} | ({"error": self.error} if self.error is not None else {})


def _fold(body: bytes) -> tuple[Mapping[str, Any], bool]:
    """Return (the document a plain reply would have been, whether the stream was closed)."""
    stream = _Stream()
    done = False
    for name, document in sse.events(body):
        if name == "[DONE]":
            done = True
        else:
            stream.chunk(reading.mapping(document))
    return stream.document(), done or stream.finish is not None
