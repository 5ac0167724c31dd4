"""Reading replies without trusting them: bounded, total functions over whatever a server sent."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol

from harness.records import Reply

JSON_BYTES: Final = 8_000_000
"""A longer document is not parsed: its objects would take many times its size."""
TEXT_CHARS: Final = 2_000_000
NOTE_CHARS: Final = 2_000
WORD_CHARS: Final = 500
TOOL_CALLS: Final = 32
LOGPROBS: Final = 4_096

_EMPTY: Final[Mapping[str, Any]] = {}
_HIDDEN: Final = (
    ("<think>", "</think>"),
    ("<thinking>", "</thinking>"),
    ("<thought>", "</thought>"),
    ("<reasoning>", "</reasoning>"),
    ("[THINK]", "[/THINK]"),
    ("<|channel|>analysis<|message|>", "<|channel|>final<|message|>"),
)
"""Marks that models put around reasoning which their server did not take out of the text."""


def load(body: bytes) -> tuple[Any, str | None]:
    """Return (document, None), or (None, why the bytes are not one JSON document)."""
    if len(body) > JSON_BYTES:
        return None, f"JSON of {len(body)} bytes, {JSON_BYTES} at most are read"
    try:
        return json.loads(body.decode("utf-8-sig", "replace")), None
    except RecursionError:
        return None, "JSON nested too deeply"
    except ValueError as error:
        return None, f"not JSON: {str(error)[:120]}"


def load_text(text: str) -> Any:
    """Return the document in one event of a stream, or None."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def mapping(value: Any) -> Mapping[str, Any]:
    """Return an object as it is, anything else as the empty object."""
    return value if isinstance(value, dict) else _EMPTY


def objects(value: Any) -> list[Mapping[str, Any]]:
    """Return the objects in an array, and nothing for anything else."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def clean(text: str, limit: int) -> str:
    """Return text cut to `limit` characters, with unpaired surrogates replaced so that it can be stored."""
    if len(text) > limit:
        text = text[:limit]
    if text.isascii():
        return text
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text


def word(value: Any, limit: int = WORD_CHARS) -> str | None:
    """Return a string, or a number as one, cut to `limit`; None for all else and for the empty string."""
    if isinstance(value, str):
        return clean(value, limit) or None
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 10**18:
        return str(value)
    return None


def note(value: Any) -> str | None:
    """Return a sentence of the provider's, cut to `NOTE_CHARS`."""
    return clean(value, NOTE_CHARS) or None if isinstance(value, str) else None


def count(value: Any) -> int | None:
    """Return a whole number of tokens, or None."""
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**53:
        return value
    return None


def number(value: Any) -> float | None:
    """Return a finite number, or None."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        try:
            given = float(value)
        except OverflowError:
            return None
        return given if math.isfinite(given) else None
    return None


def join(parts: Iterable[str], limit: int = TEXT_CHARS) -> str:
    """Return the parts joined, cut to `limit` characters."""
    return clean("".join(parts), limit)


def split_reasoning(text: str) -> tuple[str, str]:
    """Return (visible text, reasoning) of a text that may begin with marked reasoning.

    Reasoning that was never closed leaves no visible text. A lone `</think>` closes reasoning whose
    opening mark was part of the prompt.
    """
    head = text[:64].lstrip()
    if head[:1] in ("<", "["):
        for opening, closing in _HIDDEN:
            if head.startswith(opening):
                begin = text.index(opening) + len(opening)
                end = text.find(closing, begin)
                if end < 0:
                    return "", text[begin:]
                return text[end + len(closing) :].lstrip(), text[begin:end]
    end = text.find("</think>")
    if end >= 0 and text.find("<think>", 0, end) < 0:
        return text[end + len("</think>") :].lstrip(), text[:end]
    return text, ""


def token_logprobs(entries: Any, *, logprob: str = "logprob") -> tuple[tuple[str, float], ...]:
    """Return (token, logprob) pairs of an array of objects, leaving out what is not one."""
    found = []
    for entry in objects(entries)[:LOGPROBS]:
        value = number(entry.get(logprob))
        name = entry.get("token")
        if value is not None and isinstance(name, str):
            found.append((clean(name, WORD_CHARS), value))
    return tuple(found)


def tool_call(name: Any, arguments: Any) -> Mapping[str, str]:
    """Return a tool call as name and arguments, the arguments as the text they came as."""
    if not isinstance(arguments, str):
        try:
            arguments = json.dumps(arguments, ensure_ascii=False)
        except (ValueError, RecursionError, TypeError):
            arguments = ""
    return {"name": word(name) or "", "arguments": clean(arguments, NOTE_CHARS)}


@dataclass(frozen=True, slots=True)
class Fault:
    """What an error object says."""

    type: str | None = None
    code: str | None = None
    message: str | None = None
    block_field: str | None = None
    block_value: str | None = None
    category: str | None = None


def fault(document: Any) -> Fault | None:
    """Return the error in a document, whichever of the shapes in use it has, or None.

    Known shapes: `{error: {...}}` (OpenAI, Anthropic, Gemini, OpenRouter), the same in an array (Gemini),
    `{error: "text"}` (Ollama, Together), `{object: "error", message, ...}` (vLLM, Mistral),
    `{detail: ...}` (FastAPI) and `{message: ...}` (gateways).
    """
    if isinstance(document, list) and document:
        document = document[0]
    if not isinstance(document, dict):
        return None
    error = document.get("error")
    if isinstance(error, str):
        return Fault(word(document.get("type")), word(document.get("code")), note(error))
    if isinstance(error, dict):
        return _described(error)
    if document.get("object") == "error" or document.get("type") == "error":
        return _described(document)
    detail = document.get("detail", document.get("message"))
    if "choices" in document or "content" in document or detail is None:
        return None
    message = detail if isinstance(detail, str) else tool_call("", detail)["arguments"]
    return Fault(word(document.get("type")), word(document.get("code")), note(message))


def _described(error: Mapping[str, Any]) -> Fault:
    kind = word(error.get("type")) or word(error.get("status"))
    code = word(error.get("code"))
    message = error.get("message")
    if not isinstance(message, str):
        message = tool_call("", message)["arguments"] if message is not None else None
    block_field = block_value = category = None

    details = error.get("details")
    if isinstance(details, dict):  # Anthropic
        code = word(details.get("error_code")) or code
    for item in objects(details)[:32]:  # Gemini: google.rpc.ErrorInfo
        code = word(item.get("reason")) or code
    inner = mapping(error.get("innererror"))
    if inner:  # Azure
        results = inner.get("content_filter_result", inner.get("content_filter_results"))
        category = filtered_categories(results)
        if category or inner.get("code") == "ResponsibleAIPolicyViolation":
            block_field, block_value = "error.innererror.code", word(inner.get("code")) or "filtered"
    metadata = mapping(error.get("metadata"))
    reasons = metadata.get("reasons")
    if isinstance(reasons, list):  # OpenRouter's moderation
        block_field, block_value = "error.metadata.reasons", "flagged"
        category = (
            clean(", ".join(item for item in reasons[:16] if isinstance(item, str)), WORD_CHARS) or None
        )
    misalignment = mapping(error.get("misalignment"))
    if misalignment:  # OpenAI
        category = word(misalignment.get("error_type"))
    return Fault(kind, code, note(message), block_field, block_value, category)


def filtered_categories(results: Any) -> str | None:
    """Return the names of the content filters (Azure) that filtered, joined, or None."""
    names = [
        name
        for name, result in list(mapping(results).items())[:64]
        if isinstance(name, str) and mapping(result).get("filtered") is True
    ]
    return clean(", ".join(sorted(names)), WORD_CHARS) or None


def page_text(body: bytes) -> str | None:
    """Return the beginning of a body that is no JSON, as the words of an error."""
    return clean(body[:300].decode("utf-8", "replace").strip(), 300) or None


class Assemble(Protocol):
    """How an adapter makes a reply of a document."""

    def __call__(self, document: Mapping[str, Any], *, complete: bool = True) -> Reply:
        """Return the facts in a document."""
        ...


def read_plain(status: int, body: bytes, *, whole: Callable[[Any], bool], reply: Assemble) -> Reply:
    """Return the facts in a reply that is one JSON document, or should have been.

    Args:
        status: HTTP status; an error's document is never read as an answer.
        body: as received.
        whole: tells whether a document has the shape of the protocol's own reply.
        reply: makes a reply of a document.
    """
    if not body:
        return Reply()
    document, problem = load(body)
    if problem is not None:
        return Reply(error_message=page_text(body), malformed=problem)
    if 200 <= status < 300 and whole(document):
        return reply(document)
    error = fault(document)
    if error is None:
        return Reply(error_message=page_text(body), malformed="JSON of another shape than this protocol's")
    return Reply(
        error_type=error.type,
        error_code=error.code,
        error_message=error.message,
        block_field=error.block_field,
        block_value=error.block_value,
        category=error.category,
    )
