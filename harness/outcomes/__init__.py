"""Exchange -> outcome, from wire facts: the closed vocabulary, each decision with its evidence.

Rules are tried in the order of `RULES`; the first that fits decides. `ANSWERED` is never a guess: it needs
content and a finish reason that says so.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Final

from harness.outcomes.errors import ERRORS
from harness.outcomes.names import same_model
from harness.outcomes.tables import (
    ANY_FINISH,
    BLOCKS,
    CATEGORIES,
    FINISH,
    FINISH_FIELD,
    FINISH_OUTCOMES,
    INCOMPLETE_REASONS,
    MESSAGES,
    RETRIED_FAILURES,
    UNKNOWN_FINISH,
    Finish,
    Meaning,
    status_meaning,
)
from harness.records import Decision, Exchange, Failure, Outcome, Reply

VERSION: Final = 1
"""Raised on any change of a rule or a table."""

RULES: Final[Mapping[str, str]] = {
    "no_reply": "no HTTP reply came: `failed`, the failure is the reason",
    "finish_refusal": "the finish reason is a policy's: `refused` by the provider",
    "policy_block": "a field made for blocks is set: `refused` by the provider",
    "refusal_field": "a field made for refusals is set: `refused` by the provider",
    "error_refusal": "an error's code or type is a policy's: `refused` by the provider",
    "error_message_refusal": "an error's words are a policy's: `refused` by the provider",
    "error_access": "an error's code, type or words are about access: `denied`",
    "status_access": "the HTTP status is about access: `denied`",
    "error_after_content": "an error that is no policy came after content: `cut`",
    "error_failure": "an error's code, type or words say that nothing was tried or it failed: `failed`",
    "status_failure": "the HTTP status says so: `failed`",
    "line_cut": "the line was reset after content had begun in a stream: `cut`",
    "line_failure": "the line failed before the reply was complete: `failed`",
    "malformed": "a success status with bytes that are no reply of this protocol: `failed`",
    "stream_cut": "a stream ended after content and without its closing event: `cut`",
    "stream_incomplete": "a stream ended before content and without its closing event: `failed`",
    "finish_access": "the finish reason is about the account: `denied`",
    "token_limit": "our own token limit, or the context, ended it: `truncated`, with or without content",
    "content": "content came and the finish reason says it is all: `answered`, until the text is read",
    "finish_cut": "content came and the finish reason says it is not all: `cut`",
    "finish_failure": "no content came and the finish reason is an error: `failed`",
    "finish_unknown": "the finish reason is missing or in no table: `cut` with content, `empty` without",
    "no_content": "a success status and no content: `empty`",
}
"""Rule -> what it says, in the order they are tried."""

TEXT_RULES: Final[Mapping[str, str]] = {
    "prose_refusal": "after `content` or `token_limit`, the text declines: `refused` by the model",
    "no_answer_read": "after `content`, the grader finds no answer in the text: `unparsed`",
}
"""Rules that read the text, once the wire facts say that content came."""

LOG_RULES: Final[Mapping[str, str]] = {
    "log_error": "the log says that the call went wrong: `failed`",
    "log_label": "the log's own label says what it came to",
    "log_unlabelled": "the log is to judge and holds no label for this call: `failed`",
}
"""Rules for the logs of other tools, tried before all others; else the text is read as that of a complete reply."""

_INVISIBLE: Final = " \t\r\n\f\v\x00\u00a0\u200b\u200c\u200d\u2060\ufeff"
_CLIP: Final = 300


def decide(exchange: Exchange, reply: Reply | None, requested_model: str) -> Decision:
    """Return what an exchange came to, by its wire facts alone.

    Args:
        exchange: what was sent and what came back.
        reply: the facts read from it; None exactly when no HTTP status came.
        requested_model: the model as configured.
    """
    if reply is None or exchange.status is None:
        failure = exchange.failure or Failure.RESET
        return Decision(Outcome.FAILED, "no_reply", f"failure={failure}", reason=str(failure))
    rerouted, notice = _rerouting(exchange, reply, requested_model)
    return (
        _refusal(exchange, reply, rerouted, notice)
        or _error(exchange, reply, rerouted, notice)
        or _interruption(exchange, reply, rerouted, notice)
        or _finish(exchange, reply, rerouted, notice)
    )


def may_retry(status: int | None, failure: Failure | None, reply: Reply | None) -> bool:
    """Return whether a call may be sent again: missing data only, never an outcome about us or the topic.

    Args:
        status: HTTP status, None when no reply came.
        failure: of the line, if any.
        reply: the facts read so far; None exactly when `status` is.
    """
    if status is None or reply is None:
        return failure in RETRIED_FAILURES
    if reply.block_value is not None or reply.refusal is not None:
        return False
    finish = _finish_meaning("", reply.finish_reason)
    if finish in (Finish.REFUSAL, Finish.ACCOUNT):
        return False
    if _is_error(status, reply):
        return _error_meaning(status, reply)[0].retry
    if finish is Finish.ERROR:
        return True
    if failure is not None:
        return failure in RETRIED_FAILURES and not (reply.complete and reply.finish_reason)
    return reply.malformed is not None or (not reply.complete and not _has_content(reply))


def has_text(text: str) -> bool:
    """Return whether a text shows anything: blanks, zero-width characters and NULs do not."""
    return bool(text) and bool(text.strip(_INVISIBLE))


# --- rerouting --------------------------------------------------------------------------------


def _rerouting(exchange: Exchange, reply: Reply, requested: str) -> tuple[bool, str | None]:
    """Return (another model answered, the hand-over in the provider's words)."""
    if reply.fallback_evidence is not None:
        taker = reply.fallback_to or reply.served_model or "another model"
        hop = f"{reply.fallback_from or requested} -> {taker}"
        cause = f" ({reply.category})" if reply.category else ""
        return True, f"{reply.fallback_evidence}: {hop}{cause}"[:_CLIP]
    served = reply.served_model
    if served is None or served == requested:
        return False, None
    return not (same_model(requested, served) or _is_azure(exchange.url)), None


def _is_azure(url: str) -> bool:
    """Return whether model names there are the user's own names of deployments, which cannot be compared."""
    return ".azure." in _host(url)


def _host(url: str) -> str:
    return url.partition("://")[2].partition("/")[0].lower()


# --- refusals ---------------------------------------------------------------------------------


def _refusal(exchange: Exchange, reply: Reply, rerouted: bool, notice: str | None) -> Decision | None:
    unmapped = None
    finish = _finish_meaning(exchange.protocol, reply.finish_reason)
    if finish is Finish.REFUSAL:
        rule, evidence = "finish_refusal", _finish_evidence(exchange, reply)
    elif reply.block_value is not None:
        rule, evidence = "policy_block", f"{reply.block_field}={reply.block_value}"
        if reply.block_value not in BLOCKS.get(reply.block_field or "", ()):
            unmapped = evidence
    elif reply.refusal is not None:
        rule, evidence = "refusal_field", f"refusal={reply.refusal}"
    else:
        return None
    if exchange.protocol == "anthropic-messages" and reply.category and reply.category not in CATEGORIES:
        unmapped = unmapped or f"category={reply.category}"
    return _refused(exchange, reply, rule, evidence, rerouted, notice, unmapped)


def _refused(
    exchange: Exchange,
    reply: Reply,
    rule: str,
    evidence: str,
    rerouted: bool,
    notice: str | None,
    unmapped: str | None,
) -> Decision:
    category = reply.category
    if category is None and exchange.protocol == "gemini":
        category = reply.block_value or reply.finish_reason
    if category is None and rule == "error_refusal":
        category = reply.error_code or reply.error_type
    words = reply.explanation or reply.refusal or reply.error_message or evidence
    return Decision(
        Outcome.REFUSED,
        rule,
        evidence[:_CLIP],
        source="provider",
        degree="partial" if _has_content(reply) else "full",
        category=category,
        notice=(f"{notice}; {words}" if notice else words)[:_CLIP],
        rerouted=rerouted,
        unmapped=unmapped[:_CLIP] if unmapped else None,
    )


# --- errors -----------------------------------------------------------------------------------


def _is_error(status: int, reply: Reply) -> bool:
    """Return whether a reply is, or ends in, an error; a malformed body's own words are not one."""
    if not 200 <= status < 300:
        return True
    said = reply.error_code is not None or reply.error_type is not None or reply.error_message is not None
    return said and reply.malformed is None


def _error_meaning(status: int, reply: Reply) -> tuple[Meaning, str, str, str | None]:
    """Return (meaning, what it rests on: code, message or status, evidence, unmapped value)."""
    unmapped = vague = None
    for field, value in (("error.code", reply.error_code), ("error.type", reply.error_type)):
        if value is None:
            continue
        known = ERRORS.get(value.lower())
        if known is not None and not known.vague:
            return known, "code", f"{field}={value}", unmapped
        if known is not None:
            vague = vague or (known, "code", f"{field}={value}")
        elif len(value) == 3 and value.isascii() and value.isdigit() and value[0] in "345":
            # OpenRouter and others put the status of the model's own server here.
            status = int(value) if 200 <= status < 300 else status
        else:
            unmapped = unmapped or f"{field}={value}"[:_CLIP]
    if reply.error_message:
        for name, pattern, meaning in MESSAGES:
            if pattern.search(reply.error_message):
                return meaning, "message", f"error.message~{name}: {reply.error_message}"[:_CLIP], unmapped
    if not 200 <= status < 300:
        return status_meaning(status), "status", f"status={status}", unmapped
    if vague is not None:
        return *vague, unmapped
    words = reply.error_message or ""
    return (
        Meaning(Outcome.FAILED, "server_error", retry=True),
        "code",
        f"error.message={words}"[:_CLIP],
        unmapped,
    )


def _error(exchange: Exchange, reply: Reply, rerouted: bool, notice: str | None) -> Decision | None:
    status = exchange.status or 0
    if not _is_error(status, reply):
        return None
    meaning, basis, evidence, unmapped = _error_meaning(status, reply)
    if meaning.outcome is Outcome.REFUSED:
        rule = "error_message_refusal" if basis == "message" else "error_refusal"
        return _refused(exchange, reply, rule, evidence, rerouted, notice, unmapped)
    outcome, reason = meaning.outcome, meaning.reason
    if outcome is Outcome.DENIED:
        rule = "status_access" if basis == "status" else "error_access"
    elif _has_content(reply) and 200 <= status < 300:
        outcome, rule, reason = Outcome.CUT, "error_after_content", meaning.reason
    else:
        rule = "status_failure" if basis == "status" else "error_failure"
    return Decision(
        outcome, rule, evidence, reason=reason, notice=notice, rerouted=rerouted, unmapped=unmapped
    )


# --- what broke the reply off -----------------------------------------------------------------


def _interruption(exchange: Exchange, reply: Reply, rerouted: bool, notice: str | None) -> Decision | None:
    failure = exchange.failure
    said_all = reply.complete and reply.finish_reason is not None and reply.malformed is None
    if failure is not None and not said_all:
        evidence = f"failure={failure}"
        if failure is Failure.RESET and exchange.streamed and _has_content(reply):
            return Decision(
                Outcome.CUT, "line_cut", evidence, reason=str(failure), notice=notice, rerouted=rerouted
            )
        return Decision(Outcome.FAILED, "line_failure", evidence, reason=str(failure), rerouted=rerouted)
    if reply.malformed is not None:
        return Decision(
            Outcome.FAILED, "malformed", reply.malformed[:_CLIP], reason="malformed", rerouted=rerouted
        )
    if not reply.complete and reply.finish_reason is None:
        if _has_content(reply):
            return Decision(Outcome.CUT, "stream_cut", "no closing event", notice=notice, rerouted=rerouted)
        return Decision(
            Outcome.FAILED, "stream_incomplete", "no closing event", reason="incomplete", rerouted=rerouted
        )
    return None


# --- how it finished --------------------------------------------------------------------------


def _finish(exchange: Exchange, reply: Reply, rerouted: bool, notice: str | None) -> Decision:
    meaning = _finish_meaning(exchange.protocol, reply.finish_reason)
    content = _has_content(reply)
    evidence = _finish_evidence(exchange, reply)
    unmapped = reason = None
    reached = _limit_reached(exchange, reply) if meaning is Finish.END else None
    if reached is not None:
        outcome, rule, evidence = Outcome.TRUNCATED, "token_limit", reached
    elif meaning is None:
        outcome = UNKNOWN_FINISH[0 if content else 1]
        rule = "finish_unknown" if content or reply.finish_reason else "no_content"
        unmapped = evidence if rule == "finish_unknown" else None
    else:
        outcome = FINISH_OUTCOMES[meaning][0 if content else 1]
        rule = _FINISH_RULES[outcome]
        if outcome is Outcome.DENIED:
            reason = "account"
        elif outcome is Outcome.FAILED:
            reason = "server_error" if meaning is Finish.ERROR else "incomplete"
    return Decision(
        outcome, rule, evidence, reason=reason, notice=notice, rerouted=rerouted, unmapped=unmapped
    )


def _limit_reached(exchange: Exchange, reply: Reply) -> str | None:
    """Return the evidence that a reply used up its token limit although its server says `completed`.

    Servers that repeat the limit in their reply, as the protocol wants, say `incomplete` then. Others
    (llama.cpp) do not, and only the count tells.
    """
    spent = reply.usage.output_tokens
    if exchange.protocol != "openai-responses" or spent is None:
        return None
    if b'"max_output_tokens"' in exchange.response_body:
        return None
    try:
        limit = json.loads(exchange.request_body).get("max_output_tokens")
    except (ValueError, AttributeError, RecursionError):
        return None
    if not isinstance(limit, int) or spent < limit:
        return None
    return f"usage.output_tokens={spent} of max_output_tokens={limit}"


_FINISH_RULES: Final[Mapping[Outcome, str]] = {
    Outcome.ANSWERED: "content",
    Outcome.EMPTY: "no_content",
    Outcome.TRUNCATED: "token_limit",
    Outcome.CUT: "finish_cut",
    Outcome.FAILED: "finish_failure",
    Outcome.DENIED: "finish_access",
}


def _finish_meaning(protocol: str, value: str | None) -> Finish | None:
    if value is None:
        return None
    known = FINISH.get(protocol, {}).get(value) or ANY_FINISH.get(value.lower())
    if known is None and value.lower().startswith("content_filter"):  # "content_filter: RECITATION"
        return Finish.REFUSAL
    return known


def _finish_evidence(exchange: Exchange, reply: Reply) -> str:
    field = FINISH_FIELD.get(exchange.protocol, "finish_reason")
    if exchange.protocol == "openai-responses" and reply.finish_reason in INCOMPLETE_REASONS:
        field = "incomplete_details.reason"
    return f"{field}={reply.finish_reason or 'null'}"[:_CLIP]


def _has_content(reply: Reply) -> bool:
    return has_text(reply.text) or bool(reply.tool_calls)


__all__ = ["RULES", "TEXT_RULES", "VERSION", "decide", "has_text", "may_retry", "same_model"]
