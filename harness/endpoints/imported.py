"""What another tool's log says of a call, kept as the body of an exchange: pure functions over bytes.

A log holds no wire bytes. Its exchanges have the protocol `imported`, no HTTP status, and bodies that are canonical
JSON of what the log says: messages in the request; text, label and usage in the reply. It cannot be configured.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from harness.records import JSON, Message, Outcome, Reply, Usage, canonical_json

PROTOCOL = "imported"
VERSION = 1
LABEL_GRADER = "label"
"""Grader of a probe whose answers were judged by the log itself."""


@dataclass(frozen=True, slots=True)
class Label:
    """A judgement that the log holds."""

    said: str
    """Field and value, as `label=DENIAL`."""
    outcome: Outcome | None = None
    """None where the log gives a score alone: the text then tells an answer from a refusal."""
    source: str | None = None
    degree: str | None = None
    score: float | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """One call as a log has it."""

    reply: Reply
    label: Label | None = None
    error: str | None = None
    """What went wrong, in the log's words; nothing was learnt then."""
    cost_usd: float | None = None


def request_body(messages: Sequence[Message]) -> bytes:
    """Return the messages of a question as canonical JSON."""
    return canonical_json({"messages": [{"role": each.role, "content": each.content} for each in messages]})


def reply_body(entry: Entry) -> bytes:
    """Return what a log says of a reply as canonical JSON; what it does not say is left out."""
    reply, label = entry.reply, entry.label
    said: dict[str, JSON] = {
        "text": reply.text,
        "finish_reason": reply.finish_reason,
        "model": reply.served_model,
        "input_tokens": reply.usage.input_tokens,
        "output_tokens": reply.usage.output_tokens,
        "error": entry.error,
        "cost_usd": entry.cost_usd,
    }
    if label is not None:
        named: dict[str, JSON] = {
            "said": label.said,
            "outcome": None if label.outcome is None else label.outcome.value,
            "source": label.source,
            "degree": label.degree,
            "score": label.score,
        }
        said["label"] = {name: value for name, value in named.items() if value is not None}
    return canonical_json({name: value for name, value in said.items() if value is not None})


def read(body: bytes) -> Entry:
    """Return what a body says. Never raises: a body that is not one of ours is malformed."""
    try:
        said = json.loads(body)
        label = said.get("label")
        return Entry(
            Reply(
                text=_text(said, "text") or "",
                finish_reason=_text(said, "finish_reason"),
                served_model=_text(said, "model"),
                usage=Usage(_count(said, "input_tokens"), _count(said, "output_tokens")),
            ),
            None if label is None else _label(label),
            _text(said, "error"),
            _real(said, "cost_usd"),
        )
    except (ValueError, TypeError, AttributeError, RecursionError) as error:
        return Entry(Reply(malformed=f"is not what an import writes: {error}", complete=False))


def _label(said: dict[str, Any]) -> Label:
    outcome, score = _text(said, "outcome"), _real(said, "score")
    if score is not None and not 0 <= score <= 1:
        raise ValueError("a score outside 0 to 1")
    return Label(
        _text(said, "said") or "",
        None if outcome is None else Outcome(outcome),
        _text(said, "source"),
        _text(said, "degree"),
        score,
    )


def _text(said: dict[str, Any], name: str) -> str | None:
    value = said.get(name)
    if value is not None and not isinstance(value, str):
        raise ValueError(f"{name} is no text")
    return value


def _count(said: dict[str, Any], name: str) -> int | None:
    value = said.get(name)
    if value is not None and (
        isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 1 << 53
    ):
        raise ValueError(f"{name} is no count")
    return value


def _real(said: dict[str, Any], name: str) -> float | None:
    value = said.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or value != value or abs(value) > 1e15:
        raise ValueError(f"{name} is no number")
    return float(value)
