"""What a simulated provider is asked and what it answers, in no protocol's words."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any, TypeAlias

from harness.records import Message


class Kind(StrEnum):
    """How a simulated provider treats a request."""

    ANSWER = "answer"
    """The whole text, and an ordinary end."""
    LIMIT = "limit"
    """The text as far as the request's token limit allows."""
    REFUSAL = "refusal"
    """The protocol's own structured refusal; `text`, if any, came before it."""
    FILTER = "filter"
    """A content filter stopped the answer; `text`, if any, came before it."""
    BLOCK = "block"
    """The prompt itself is blocked: nothing is generated."""
    CUT = "cut"
    """The text stops: a stream without its closing event, a plain reply with an end that is no policy."""
    EMPTY = "empty"
    """An ordinary end without any text."""
    ERROR = "error"
    """An error, after `text` when there is some and the reply is streamed."""


class Trouble(StrEnum):
    """What an error is about."""

    RATE_LIMIT = "rate_limit"
    OVERLOADED = "overloaded"
    SERVER = "server"
    KEY = "key"
    PERMISSION = "permission"
    REGION = "region"
    LEGAL = "legal"
    WITHDRAWN = "withdrawn"
    ACCOUNT = "account"
    BAD_REQUEST = "bad_request"


@dataclass(frozen=True, slots=True)
class Asked:
    """A request, read out of its protocol."""

    protocol: str
    model: str
    messages: tuple[Message, ...]
    seed: int | None = None
    max_tokens: int | None = None
    stream: bool = False
    settings: Mapping[str, Any] = field(default_factory=dict)
    """All other fields of the body."""
    tools: tuple[str, ...] = ()
    """Names of the functions offered."""
    headers: Mapping[str, str] = field(default_factory=dict)
    """Lower-case names."""

    @property
    def digest(self) -> str:
        """Sixteen hex digits that depend on what is asked, for ids that repeat when the request does."""
        parts = [self.protocol, self.model, str(self.seed), *(f"{m.role}:{m.content}" for m in self.messages)]
        return hashlib.sha256("\x00".join(parts).encode("utf-8", "replace")).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class Called:
    """A call of one of the functions offered."""

    name: str
    arguments: Mapping[str, Any] = field(default_factory=dict, hash=False)

    @property
    def text(self) -> str:
        """Return the arguments as JSON text."""
        return json.dumps(self.arguments, ensure_ascii=False)


@dataclass(frozen=True, slots=True)
class Scripted:
    """One reply as the simulation wants it, for any protocol to put into words."""

    text: str = ""
    kind: Kind = Kind.ANSWER
    reasoning: str = ""
    """Hidden reasoning, in the protocol's own place for it."""
    calls: tuple[Called, ...] = ()
    """Functions to call, after the text; for an `ANSWER` alone."""
    served_model: str | None = None
    """None serves the requested name."""
    announce_fallback: bool = False
    """Say, where the protocol has a way to, that `served_model` took over from the requested one."""
    fingerprint: str | None = None
    service_tier: str | None = None
    category: str | None = None
    """Of a refusal: the provider's word for its policy."""
    explanation: str | None = None
    trouble: Trouble = Trouble.SERVER
    retry_after_s: float | None = None
    logprobs: tuple[tuple[tuple[str, float], ...], ...] = ()
    """For each token of the text its likeliest alternatives as (token, log probability), the chosen one first; sent
    where the request asks for them."""
    input_tokens: int | None = None
    """None counts four characters a token."""
    output_tokens: int | None = None
    delay_s: float = 0.0
    """Before the first byte."""
    gap_s: float = 0.0
    """Between the pieces of a stream."""

    def input_count(self, asked: Asked) -> int:
        """Return the input tokens to report."""
        if self.input_tokens is not None:
            return self.input_tokens
        return sum(tokens(message.content) + 4 for message in asked.messages)

    def output_count(self) -> int:
        """Return the output tokens to report, reasoning among them."""
        if self.output_tokens is not None:
            return self.output_tokens
        called = sum(tokens(call.name) + tokens(call.text) for call in self.calls)
        return tokens(self.text) + tokens(self.reasoning) + called


Answer: TypeAlias = Callable[[Asked], Scripted]
"""A simulation: decides what to reply. Pure, and quick: it runs on the server's event loop."""


def tokens(text: str) -> int:
    """Return a plausible number of tokens: four characters each, rounded up."""
    return -(-len(text) // 4)


def settled(reply: Scripted, asked: Asked) -> Scripted:
    """Return the reply as the request's token limit leaves it.

    An answer longer than the limit ends there, as `Kind.LIMIT`; hidden reasoning uses the limit up first.
    """
    limit = asked.max_tokens
    if limit is None or reply.kind not in (Kind.ANSWER, Kind.LIMIT):
        return reply
    left = max(0, limit - tokens(reply.reasoning))
    if reply.kind is Kind.ANSWER and tokens(reply.text) <= left:
        return reply
    text = reply.text[: 4 * left]
    return replace(reply, kind=Kind.LIMIT, text=text, reasoning=reply.reasoning[: 4 * limit])


def pieces(text: str, count: int = 16) -> Iterator[str]:
    """Yield a text in at most `count` pieces of about equal length, none of them empty."""
    step = max(1, -(-len(text) // count))
    for at in range(0, len(text), step):
        yield text[at : at + step]
