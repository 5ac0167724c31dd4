"""What each word on the wire means: the closed tables behind every decision.

docs/outcomes.md is made from these tables, and a test compares them with the official SDKs' own types.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from harness.records import Failure, Outcome


class Finish(StrEnum):
    """What a finish reason says about the reply."""

    END = "end"
    """The model was done."""
    TOOLS = "tools"
    """The model called a tool."""
    LIMIT = "limit"
    """A limit that our request set, or the context, ended it."""
    REFUSAL = "refusal"
    """The provider states a policy reason."""
    STOPPED = "stopped"
    """The provider stopped it for a reason that is no policy."""
    ERROR = "error"
    """The provider failed while answering."""
    UNFINISHED = "unfinished"
    """The reply says that it is not finished."""
    ACCOUNT = "account"
    """The provider limits this account."""


FINISH: Final[Mapping[str, Mapping[str, Finish]]] = {
    "openai-chat": {
        "stop": Finish.END,
        "eos": Finish.END,  # Together
        "eos_token": Finish.END,  # text-generation-inference
        "stop_sequence": Finish.END,  # text-generation-inference
        "tool_calls": Finish.TOOLS,
        "function_call": Finish.TOOLS,
        "length": Finish.LIMIT,
        "model_length": Finish.LIMIT,  # Mistral
        "content_filter": Finish.REFUSAL,
        "sensitive": Finish.REFUSAL,  # Zhipu
        "abort": Finish.STOPPED,  # vLLM, SGLang
        "repetition": Finish.STOPPED,  # vLLM
        "error": Finish.ERROR,  # Mistral, OpenRouter, vLLM
        "insufficient_system_resource": Finish.ERROR,  # DeepSeek
        "network_error": Finish.ERROR,  # Zhipu
    },
    "openai-responses": {
        "completed": Finish.END,
        "max_output_tokens": Finish.LIMIT,
        "max_messages": Finish.LIMIT,
        "content_filter": Finish.REFUSAL,
        "steered": Finish.STOPPED,
        "incomplete": Finish.STOPPED,
        "cancelled": Finish.STOPPED,
        "failed": Finish.ERROR,
        "in_progress": Finish.UNFINISHED,
        "queued": Finish.UNFINISHED,
    },
    "anthropic-messages": {
        "end_turn": Finish.END,
        "stop_sequence": Finish.END,
        "tool_use": Finish.TOOLS,
        "max_tokens": Finish.LIMIT,
        "model_context_window_exceeded": Finish.LIMIT,
        "refusal": Finish.REFUSAL,
        "pause_turn": Finish.STOPPED,
        "compaction": Finish.STOPPED,
    },
    "gemini": {
        "STOP": Finish.END,
        "MAX_TOKENS": Finish.LIMIT,
        "CONTINUATION": Finish.LIMIT,
        "SAFETY": Finish.REFUSAL,
        "RECITATION": Finish.REFUSAL,
        "LANGUAGE": Finish.REFUSAL,
        "BLOCKLIST": Finish.REFUSAL,
        "PROHIBITED_CONTENT": Finish.REFUSAL,
        "SPII": Finish.REFUSAL,
        "ESCALATION": Finish.REFUSAL,
        "MODEL_ARMOR": Finish.REFUSAL,
        "IMAGE_SAFETY": Finish.REFUSAL,
        "IMAGE_PROHIBITED_CONTENT": Finish.REFUSAL,
        "IMAGE_RECITATION": Finish.REFUSAL,
        "OTHER": Finish.STOPPED,
        "IMAGE_OTHER": Finish.STOPPED,
        "NO_IMAGE": Finish.STOPPED,
        "MALFORMED_FUNCTION_CALL": Finish.STOPPED,
        "UNEXPECTED_TOOL_CALL": Finish.STOPPED,
        "TOO_MANY_TOOL_CALLS": Finish.STOPPED,
        "MISSING_THOUGHT_SIGNATURE": Finish.STOPPED,
        "MALFORMED_RESPONSE": Finish.STOPPED,
        "FINISH_REASON_UNSPECIFIED": Finish.STOPPED,
        "PUP_LIMITED_DISABLED": Finish.ACCOUNT,
    },
}
"""Protocol -> finish reason -> what it says."""

ANY_FINISH: Final[Mapping[str, Finish]] = {
    value.lower(): meaning for table in FINISH.values() for value, meaning in table.items()
}
"""Lower-case finish reason of any protocol: gateways pass one provider's words through another's protocol."""

FINISH_FIELD: Final[Mapping[str, str]] = {
    "openai-chat": "finish_reason",
    "openai-responses": "status",
    "anthropic-messages": "stop_reason",
    "gemini": "finishReason",
}
INCOMPLETE_REASONS: Final = frozenset({"max_output_tokens", "max_messages", "content_filter", "steered"})
"""Values that OpenAI Responses puts in `incomplete_details.reason` instead of `status`."""

FINISH_OUTCOMES: Final[Mapping[Finish, tuple[Outcome, Outcome]]] = {
    Finish.END: (Outcome.ANSWERED, Outcome.EMPTY),
    Finish.TOOLS: (Outcome.ANSWERED, Outcome.EMPTY),
    Finish.LIMIT: (Outcome.TRUNCATED, Outcome.TRUNCATED),
    Finish.REFUSAL: (Outcome.REFUSED, Outcome.REFUSED),
    Finish.STOPPED: (Outcome.CUT, Outcome.EMPTY),
    Finish.ERROR: (Outcome.CUT, Outcome.FAILED),
    Finish.UNFINISHED: (Outcome.CUT, Outcome.FAILED),
    Finish.ACCOUNT: (Outcome.DENIED, Outcome.DENIED),
}
"""What a finish reason says -> (outcome with content, outcome without)."""

UNKNOWN_FINISH: Final = (Outcome.CUT, Outcome.EMPTY)
"""Outcomes of a finish reason in no table, or of none at all: safe, and shown as unmapped."""

BLOCKS: Final[Mapping[str, frozenset[str]]] = {
    "promptFeedback.blockReason": frozenset(
        {
            "SAFETY",
            "OTHER",
            "BLOCKLIST",
            "PROHIBITED_CONTENT",
            "IMAGE_SAFETY",
            "MODEL_ARMOR",
            "JAILBREAK",
            "BLOCKED_REASON_UNSPECIFIED",
        }
    ),
    "stop_details": frozenset({"refusal"}),
    "prompt_filter_results": frozenset({"filtered"}),
    "error.innererror.code": frozenset({"ResponsibleAIPolicyViolation"}),
    "error.metadata.reasons": frozenset({"flagged"}),
}
"""Field that announces a block -> its known values. Any value is a refusal; unknown ones are unmapped too."""

CATEGORIES: Final = frozenset({"cyber", "bio", "frontier_llm", "reasoning_extraction", "general_harms"})
"""Refusal categories known by name (Anthropic); others are stored as they are and shown as unmapped."""


@dataclass(frozen=True, slots=True)
class Meaning:
    """What an error means."""

    outcome: Outcome
    reason: str | None
    """For `denied` and `failed`, from `REASONS`."""
    retry: bool = False
    """Whether the same request may be sent again."""
    vague: bool = False
    """Says so little that the message and the HTTP status know better."""


KEY: Final = Meaning(Outcome.DENIED, "key")
PERMISSION: Final = Meaning(Outcome.DENIED, "permission")
REGION: Final = Meaning(Outcome.DENIED, "region")
LEGAL: Final = Meaning(Outcome.DENIED, "legal")
WITHDRAWN: Final = Meaning(Outcome.DENIED, "withdrawn")
ACCOUNT: Final = Meaning(Outcome.DENIED, "account")
POLICY: Final = Meaning(Outcome.REFUSED, None)
BAD: Final = Meaning(Outcome.FAILED, "bad_request")
LIMITED: Final = Meaning(Outcome.FAILED, "rate_limited", retry=True)
BUSY: Final = Meaning(Outcome.FAILED, "overloaded", retry=True)
BROKEN: Final = Meaning(Outcome.FAILED, "server_error", retry=True)
SLOW: Final = Meaning(Outcome.FAILED, "server_timeout", retry=True)
REDIRECT: Final = Meaning(Outcome.FAILED, "redirect")
UNSUPPORTED: Final = Meaning(Outcome.FAILED, "server_error")
_BAD_VAGUE: Final = Meaning(Outcome.FAILED, "bad_request", vague=True)
_BROKEN_VAGUE: Final = Meaning(Outcome.FAILED, "server_error", retry=True, vague=True)
_PERMISSION_VAGUE: Final = Meaning(Outcome.DENIED, "permission", vague=True)

REASONS: Final[Mapping[Outcome, Mapping[str, str]]] = {
    Outcome.DENIED: {
        "key": "the key is missing, wrong or expired",
        "permission": "the key may not use this model or feature",
        "region": "not served to where we ask from",
        "legal": "withheld for legal reasons",
        "withdrawn": "the model, or the address, is not there (any more)",
        "account": "the account is limited, on hold, or out of credit",
    },
    Outcome.FAILED: {
        "rate_limited": "too many requests or tokens in a time",
        "overloaded": "the provider has no capacity now",
        "server_error": "the provider failed",
        "server_timeout": "the provider gave up waiting",
        "bad_request": "the provider does not accept the request: ours to mend, never retried",
        "redirect": "the reply points elsewhere; redirects are not followed",
        "malformed": "the bytes are not a reply of this protocol",
        "incomplete": "the reply ended before any content",
    },
}
"""Outcome -> reason -> meaning; the failures of `harness.records.Failure` are reasons of `failed` too."""

STATUS: Final[Mapping[int, Meaning]] = {
    400: BAD,
    401: KEY,
    402: ACCOUNT,
    403: PERMISSION,
    404: WITHDRAWN,
    408: SLOW,
    409: BROKEN,
    410: WITHDRAWN,
    413: BAD,
    422: BAD,
    425: BUSY,
    429: LIMITED,
    451: LEGAL,
    498: BUSY,  # Groq: flex tier at capacity
    499: SLOW,
    500: BROKEN,
    501: UNSUPPORTED,
    502: BROKEN,
    503: BUSY,
    504: SLOW,
    505: UNSUPPORTED,
    524: SLOW,  # Cloudflare
    529: BUSY,  # Anthropic
}


def status_meaning(status: int) -> Meaning:
    """Return what an HTTP status outside 2xx means; ones without a place go by their hundred."""
    known = STATUS.get(status)
    if known is not None:
        return known
    if 300 <= status < 400:
        return REDIRECT
    return BAD if 400 <= status < 500 else BROKEN


RETRIED_FAILURES: Final = frozenset(
    {
        Failure.CONNECT,
        Failure.CONNECT_TIMEOUT,
        Failure.READ_TIMEOUT,
        Failure.DEADLINE,
        Failure.RESET,
        Failure.UNDECODABLE,
    }
)
"""Failures of the line after which the same request may be sent again."""

MESSAGES: Final[tuple[tuple[str, re.Pattern[str], Meaning], ...]] = tuple(
    (name, re.compile(pattern, re.IGNORECASE), meaning)
    for name, pattern, meaning in (
        (
            "policy",
            r"content exists risk|data may contain inappropriate content|content management policy"
            r"|content filtering policy|violates? (?:our|the|\w+) usage (?:guidelines|polic)"
            r"|violat(?:es|ing) (?:our|the) (?:usage|content) polic|blocked by content filter"
            r"|request was rejected because it was considered high risk|contentpolicyviolation"
            r"|rejected (?:by|as a result of) our safety system",
            POLICY,
        ),
        (
            "region",
            r"location is not supported|not (?:available|supported) in your (?:country|region|location)"
            r"|country, region, or territory not supported",
            REGION,
        ),
        (
            "account",
            r"credit balance is too low|insufficient (?:balance|credits|funds)"
            r"|(?:account|organization) (?:is|has been) (?:disabled|deactivated|suspended|restricted)",
            ACCOUNT,
        ),
        ("key", r"api key not valid|(?:invalid|incorrect)[ _]api[ _]key|api key (?:has )?expired", KEY),
        (
            "withdrawn",
            r"\bmodel[ \w./:`'\"-]{0,120} (?:has been|was) (?:deprecated|decommissioned|retired|removed)"
            r"|\bmodel[ \w./:`'\"-]{0,120} (?:is|are) (?:decommissioned|retired|discontinued)"
            r"|\bmodel[ \w./:`'\"-]{0,120} (?:is|are) no longer available",
            WITHDRAWN,
        ),
    )
)
"""(name, pattern, meaning): providers' sentences that say what their codes do not; asked after those."""
