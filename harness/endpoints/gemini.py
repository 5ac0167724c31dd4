"""Google Gemini's generateContent, at the Gemini API and at Vertex AI."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from harness.config.schema import Endpoint
from harness.endpoints import building, reading, sse
from harness.endpoints.base import Built
from harness.records import Headers, Probe, Reply, Usage

_UNKNOWN: Final = ("logit_bias",)
_NAMES: Final = {
    "max_tokens": "maxOutputTokens",
    "top_p": "topP",
    "top_k": "topK",
    "logprobs": "responseLogprobs",
    "top_logprobs": "logprobs",
    "frequency_penalty": "frequencyPenalty",
    "presence_penalty": "presencePenalty",
}
_ENVELOPE: Final = ("candidates", "promptFeedback", "usageMetadata", "modelVersion")


class Gemini:
    """`POST {url}/models/{model}:generateContent`."""

    protocol = "gemini"
    version = 1
    key_variables = ("GEMINI_API_KEY", "GOOGLE_API_KEY")

    def build(self, endpoint: Endpoint, probe: Probe, seed: int, key: str | None) -> Built:
        """Return the request; see `Adapter.build`."""
        chosen = building.settings(endpoint, probe)
        dropped = [name for name in _UNKNOWN if chosen.pop(name, None) is not None]
        body: dict[str, Any] = {}
        system = [{"text": turn.content} for turn in probe.messages if turn.role == "system"]
        if system:
            body["systemInstruction"] = {"parts": system}
        body["contents"] = [
            {"role": "model" if turn.role == "assistant" else "user", "parts": [{"text": turn.content}]}
            for turn in probe.messages
            if turn.role != "system"
        ]
        if probe.tools:
            functions = [building.function(tool, "parameters") for tool in probe.tools]
            body["tools"] = [{"functionDeclarations": functions}]
        config: dict[str, Any] = {}
        number = building.seed_to_send(chosen, seed)
        if number is not None:
            config["seed"] = number
        stop = chosen.pop("stop", None)
        if stop is not None:
            config["stopSequences"] = [stop] if isinstance(stop, str) else stop
        effort = chosen.pop("reasoning_effort", None)
        if effort is not None:
            off = effort == "none"
            config["thinkingConfig"] = (
                {"thinkingBudget": 0} if off else {"thinkingLevel": str(effort).upper()}
            )
        building.merge(config, {_NAMES.get(name, name): value for name, value in chosen.items()})
        if config:
            body["generationConfig"] = config
        building.merge(body, endpoint.body)

        headers = [
            ("content-type", "application/json"),
            ("accept", "text/event-stream" if endpoint.stream else "application/json"),
        ]
        if key:
            headers.append(("x-goog-api-key", key))
        method, query = ("streamGenerateContent", "alt=sse") if endpoint.stream else ("generateContent", "")
        return Built(
            "POST",
            building.address(
                endpoint.url, f"/{_resource(endpoint.model)}:{method}", version="/v1beta", query=query
            ),
            building.compose_headers(headers, endpoint.headers),
            building.encode(body),
            tuple(dropped),
        )

    def read(self, status: int, headers: Headers, body: bytes, *, streamed: bool) -> Reply:
        """Return the facts in a reply; see `Adapter.read`."""
        if sse.is_stream(headers, body, streamed=streamed):
            document = _merge(document for _, document in sse.events(body))
            return _reply(document, complete=_is_closed(document))
        return reading.read_plain(status, body, whole=_is_whole, reply=_read_document)

    def limitations(self, endpoint: Endpoint, probes: Iterable[Probe]) -> list[str]:
        """Return what cannot be honoured; see `Adapter.limitations`."""
        probes = tuple(probes)
        found = building.unsendable(self.protocol, _UNKNOWN, endpoint, probes)
        if any(building.late_system(probe) for probe in probes):
            found.append("gemini takes system text only at the start: later system turns move there")
        return found

    def content_event(self, line: bytes) -> bool:
        """Return whether visible content is in a piece of a stream; see `Adapter.content_event`."""
        hidden = b'"thought":true' in line or b'"thought": true' in line
        return not hidden and sse.carries(line, b'"text"')


def _resource(model: str) -> str:
    """Return a model's path: `models/NAME`, unless the name says another collection (`tunedModels/NAME`)."""
    return building.path_segment(model if "/" in model else f"models/{model}")


def _is_whole(document: Any) -> bool:
    if isinstance(document, list):  # a stream asked for without `alt=sse`
        return bool(document) and all(_is_whole(chunk) for chunk in document[:2])
    return isinstance(document, dict) and any(name in document for name in _ENVELOPE)


def _read_document(document: Any, *, complete: bool = True) -> Reply:
    if isinstance(document, list):
        document = _merge(document)
        return _reply(document, complete=_is_closed(document))
    return _reply(document, complete=complete)


def _is_closed(document: Mapping[str, Any]) -> bool:
    """Return whether the chunks of a stream end in a finish or a block: the protocol has no closing event."""
    candidate = _candidate(document)
    feedback = reading.mapping(document.get("promptFeedback"))
    return bool(candidate.get("finishReason")) or bool(feedback.get("blockReason"))


def _candidate(document: Mapping[str, Any]) -> Mapping[str, Any]:
    candidates = reading.objects(document.get("candidates"))
    return candidates[0] if candidates else reading.mapping(None)


def _merge(chunks: Iterable[Any]) -> Mapping[str, Any]:
    """Return the document a plain reply would have been, from the chunks of a stream."""
    merged: dict[str, Any] = {}
    candidate: dict[str, Any] = {}
    parts: list[Mapping[str, Any]] = []
    tokens: list[Any] = []
    for chunk in chunks:
        document = reading.mapping(chunk)
        merged.update((k, v) for k, v in document.items() if v is not None and k != "candidates")
        for given in reading.objects(document.get("candidates"))[:1]:
            candidate.update((k, v) for k, v in given.items() if v is not None)
            parts += reading.objects(reading.mapping(given.get("content")).get("parts"))
            chosen = reading.mapping(given.get("logprobsResult")).get("chosenCandidates")
            tokens += chosen if isinstance(chosen, list) and len(tokens) < reading.LOGPROBS else []
    if candidate:
        candidate["content"] = {"parts": parts}
        candidate["logprobsResult"] = {"chosenCandidates": tokens}
        merged["candidates"] = [candidate]
    return merged


def _reply(document: Mapping[str, Any], *, complete: bool = True) -> Reply:
    candidate = _candidate(document)
    visible: list[str] = []
    hidden: list[str] = []
    calls: list[Mapping[str, Any]] = []
    for part in reading.objects(reading.mapping(candidate.get("content")).get("parts")):
        if isinstance(part.get("text"), str):
            (hidden if part.get("thought") is True else visible).append(part["text"])
        elif isinstance(part.get("functionCall"), dict) and len(calls) < reading.TOOL_CALLS:
            calls.append(
                reading.tool_call(part["functionCall"].get("name"), part["functionCall"].get("args"))
            )
    text, marked = reading.split_reasoning(reading.join(visible))
    feedback = reading.mapping(document.get("promptFeedback"))
    blocked = reading.word(feedback.get("blockReason"))
    error = reading.fault(document) if "error" in document else None
    usage = reading.mapping(document.get("usageMetadata"))
    logprobs = reading.mapping(candidate.get("logprobsResult")).get("chosenCandidates")
    return Reply(
        text=text,
        reasoning=reading.join([marked, *hidden]) if marked or hidden else "",
        tool_calls=tuple(calls),
        finish_reason=reading.word(candidate.get("finishReason")),
        block_field="promptFeedback.blockReason" if blocked else None,
        block_value=blocked,
        category=_blocked_category(candidate) or _blocked_category(feedback),
        explanation=reading.note(candidate.get("finishMessage"))
        or reading.note(feedback.get("blockReasonMessage")),
        error_type=error.type if error else None,
        error_code=error.code if error else None,
        error_message=error.message if error else None,
        served_model=reading.word(document.get("modelVersion")),
        response_id=reading.word(document.get("responseId")),
        service_tier=reading.word(usage.get("serviceTier")) or reading.word(usage.get("trafficType")),
        usage=_usage(usage),
        complete=complete,
        logprobs=reading.token_logprobs(logprobs, logprob="logProbability"),
    )


def _blocked_category(holder: Mapping[str, Any]) -> str | None:
    """Return the harm categories whose ratings say that they blocked, joined."""
    names = [
        name
        for rating in reading.objects(holder.get("safetyRatings"))[:64]
        if rating.get("blocked") is True and (name := reading.word(rating.get("category")))
    ]
    return reading.clean(", ".join(names), reading.WORD_CHARS) or None


def _usage(usage: Mapping[str, Any]) -> Usage:
    """Return token counts; thoughts are output tokens, as with the other protocols."""
    answer = reading.count(usage.get("candidatesTokenCount"))
    thoughts = reading.count(usage.get("thoughtsTokenCount"))
    return Usage(
        input_tokens=reading.count(usage.get("promptTokenCount")),
        output_tokens=None if answer is None and thoughts is None else (answer or 0) + (thoughts or 0),
        reasoning_tokens=thoughts,
        cached_tokens=reading.count(usage.get("cachedContentTokenCount")),
    )
