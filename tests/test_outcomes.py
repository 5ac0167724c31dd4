"""Outcomes: every way of answering, refusing, cutting and failing is told from the others."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from harness.outcomes import RULES, decide, has_text, may_retry
from harness.outcomes.tables import FINISH, FINISH_OUTCOMES, REASONS
from harness.records import Failure, Outcome, Reply
from tests import wire

CHAT, RESPONSES, MESSAGES, GEMINI = wire.PROTOCOLS
STOP_DETAILS = {"type": "refusal", "category": "bio", "explanation": "This request touches biology."}


def error(message: str = "no", **fields: Any) -> dict[str, Any]:
    return {"error": {"message": message} | fields}


@pytest.mark.parametrize("protocol", wire.PROTOCOLS)
def test_content_with_an_ordinary_finish_is_answered(protocol: str) -> None:
    """Content and a finish reason that says it is all make an answer, plain and streamed alike."""
    plain = wire.judge(protocol, wire.answer(protocol, "4"))
    streamed = wire.judge(protocol, wire.streamed_answer(protocol, "4"), streamed=True)
    assert plain == streamed
    assert (plain.outcome, plain.rule, plain.rerouted, plain.unmapped) == (
        Outcome.ANSWERED,
        "content",
        False,
        None,
    )


@pytest.mark.parametrize("protocol", wire.PROTOCOLS)
@pytest.mark.parametrize(
    "text", ["", " \n\t", "\u200b\ufeff", "<think>only this</think>", "<think>never closed"]
)
def test_a_success_without_content_is_empty(protocol: str, text: str) -> None:
    """Nothing visible in a success is `empty`: never an answer, never a zero."""
    assert wire.judge(protocol, wire.answer(protocol, text)).outcome is Outcome.EMPTY
    assert wire.judge(protocol, wire.streamed_answer(protocol, text), streamed=True).outcome is Outcome.EMPTY


@pytest.mark.parametrize("protocol", wire.PROTOCOLS)
def test_an_empty_body_is_empty(protocol: str) -> None:
    """A success status with no bytes at all is `empty`, and is not tried again."""
    for streamed in (False, True):
        decision = wire.judge(protocol, b"", streamed=streamed)
        assert (decision.outcome, decision.rule) == (Outcome.EMPTY, "no_content")
    assert not may_retry(200, None, wire.read(protocol, b""))


REFUSALS: list[tuple[str, Any, int, str, str, str | None]] = [
    # protocol, reply, status, rule, degree, category
    (CHAT, wire.chat(None, refusal="I cannot help."), 200, "refusal_field", "full", None),
    (CHAT, wire.chat("", "content_filter"), 200, "finish_refusal", "full", None),
    (CHAT, wire.chat("Half an", "content_filter"), 200, "finish_refusal", "partial", None),
    (CHAT, wire.chat("", "SAFETY"), 200, "finish_refusal", "full", None),
    (CHAT, wire.chat("", "content_filter: RECITATION"), 200, "finish_refusal", "full", None),
    (CHAT, error(code="content_policy_violation"), 400, "error_refusal", "full", "content_policy_violation"),
    (CHAT, error(code="content_filter"), 400, "error_refusal", "full", "content_filter"),
    (
        CHAT,
        error(code="invalid_prompt", type="invalid_request_error"),
        400,
        "error_refusal",
        "full",
        "invalid_prompt",
    ),
    (
        CHAT,
        error(code="content_filter", innererror={"code": "ResponsibleAIPolicyViolation"}),
        400,
        "policy_block",
        "full",
        None,
    ),
    (
        CHAT,
        error(code=403, metadata={"reasons": ["violence"], "flagged_input": "x"}),
        403,
        "policy_block",
        "full",
        "violence",
    ),
    (
        CHAT,
        error("Content Exists Risk", type="invalid_request_error", code="invalid_request_error"),
        400,
        "error_message_refusal",
        "full",
        None,
    ),
    (
        CHAT,
        error("litellm.ContentPolicyViolationError: no", type="invalid_request_error", code="400"),
        400,
        "error_message_refusal",
        "full",
        None,
    ),
    (CHAT, error(code="data_inspection_failed"), 400, "error_refusal", "full", "data_inspection_failed"),
    (
        RESPONSES,
        wire.responses(
            output=[{"type": "message", "content": [{"type": "refusal", "refusal": ""}], "role": "assistant"}]
        ),
        200,
        "refusal_field",
        "full",
        None,
    ),
    (
        RESPONSES,
        wire.responses("Half", "incomplete", incomplete_details={"reason": "content_filter"}),
        200,
        "finish_refusal",
        "partial",
        None,
    ),
    (
        RESPONSES,
        wire.responses(None, "failed", output=[], error={"code": "bio_policy", "message": "no"}),
        200,
        "error_refusal",
        "full",
        "bio_policy",
    ),
    (
        RESPONSES,
        wire.responses(
            None,
            "failed",
            output=[],
            error={
                "code": "misalignment_policy_violation",
                "message": "no",
                "misalignment": {"error_type": "potentially_unintended_data_access"},
            },
        ),
        200,
        "error_refusal",
        "full",
        "potentially_unintended_data_access",
    ),
    (
        MESSAGES,
        wire.messages(None, "refusal", stop_details=STOP_DETAILS),
        200,
        "finish_refusal",
        "full",
        "bio",
    ),
    (
        MESSAGES,
        wire.messages("Half an", "refusal", stop_details=STOP_DETAILS),
        200,
        "finish_refusal",
        "partial",
        "bio",
    ),
    (MESSAGES, wire.messages(None, "refusal"), 200, "finish_refusal", "full", None),
    (
        MESSAGES,
        {
            "type": "error",
            "error": {
                "type": "invalid_request_error",
                "message": "Output blocked by content filtering policy",
            },
        },
        400,
        "error_message_refusal",
        "full",
        None,
    ),
    (GEMINI, {"promptFeedback": {"blockReason": "SAFETY"}}, 200, "policy_block", "full", "SAFETY"),
    (GEMINI, {"promptFeedback": {"blockReason": "OTHER"}}, 200, "policy_block", "full", "OTHER"),
    (GEMINI, wire.gemini(None, "SAFETY"), 200, "finish_refusal", "full", "SAFETY"),
    (GEMINI, wire.gemini("Half an", "RECITATION"), 200, "finish_refusal", "partial", "RECITATION"),
]


@pytest.mark.parametrize(("protocol", "reply", "status", "rule", "degree", "category"), REFUSALS)
def test_a_providers_refusal_is_refused(
    protocol: str, reply: Any, status: int, rule: str, degree: str, category: str | None
) -> None:
    """Each structured way of declining is `refused` by the provider, with degree, category and words."""
    decision = wire.judge(protocol, reply, status=status)
    assert (decision.outcome, decision.source) == (Outcome.REFUSED, "provider")
    assert (decision.rule, decision.degree, decision.category) == (rule, degree, category)
    assert decision.notice
    assert decision.unmapped is None
    assert not may_retry(status, None, wire.read(protocol, wire.dump(reply), status=status))


def test_the_words_of_a_refusal_are_its_notice() -> None:
    """What the provider says about its refusal is kept."""
    said = wire.judge(MESSAGES, wire.messages(None, "refusal", stop_details=STOP_DETAILS))
    assert said.notice == "This request touches biology."
    assert said.evidence == "stop_reason=refusal"


STREAMED_REFUSALS = [
    (MESSAGES, wire.messages_stream("Half", stop="refusal", stop_details=STOP_DETAILS), "partial"),
    (MESSAGES, wire.messages_stream(stop="refusal", stop_details=STOP_DETAILS), "full"),
    (CHAT, wire.chat_stream("Half", finish="content_filter"), "partial"),
    (CHAT, wire.stream(wire.chat_chunk(refusal="No"), wire.chat_chunk(finish="stop"), done=True), "full"),
    (CHAT, wire.stream(wire.chat_chunk(content="Half"), error(code="content_filter")), "partial"),
    (GEMINI, wire.gemini_stream("Half", finish="SAFETY"), "partial"),
    (GEMINI, wire.stream({"promptFeedback": {"blockReason": "JAILBREAK"}}), "full"),
    (
        RESPONSES,
        wire.responses_stream(
            "Half",
            last=wire.responses(None, "failed", output=[], error={"code": "cyber_policy", "message": "no"}),
            kind="response.failed",
        ),
        "partial",
    ),
    (RESPONSES, wire.stream({"type": "error", "code": "bio_policy", "message": "no"}), "full"),
]


@pytest.mark.parametrize(("protocol", "body", "degree"), STREAMED_REFUSALS)
def test_a_refusal_in_mid_stream_is_refused_in_part(protocol: str, body: bytes, degree: str) -> None:
    """A policy reason after content makes a partial refusal, not a cut."""
    decision = wire.judge(protocol, body, streamed=True)
    assert (decision.outcome, decision.degree) == (Outcome.REFUSED, degree)


@pytest.mark.parametrize("protocol", wire.PROTOCOLS)
def test_a_stream_that_just_stops_is_cut_after_content_and_failed_before(protocol: str) -> None:
    """Without a closing event the stream was cut if content had begun; otherwise nothing was learnt."""
    body = wire.streamed_answer(protocol, "one ", "two ", "three")
    after = body[: body.index(b"two ")]
    before = body[: body.index(b"one ")].rpartition(b"\n\n")[0]
    cut = wire.judge(protocol, after, streamed=True)
    assert (cut.outcome, cut.rule) == (Outcome.CUT, "stream_cut")
    if before:
        failed = wire.judge(protocol, before, streamed=True)
        assert (failed.outcome, failed.reason) == (Outcome.FAILED, "incomplete")
        assert may_retry(200, None, wire.read(protocol, before, streamed=True))
    assert not may_retry(200, None, wire.read(protocol, after, streamed=True))


@pytest.mark.parametrize("protocol", wire.PROTOCOLS)
@pytest.mark.parametrize("failure", list(Failure))
def test_a_broken_line_is_failed_unless_content_was_reset(protocol: str, failure: Failure) -> None:
    """A line that breaks is missing data; only a reset after streamed content is a cut."""
    body = wire.streamed_answer(protocol, "one ", "two ", "three")
    half = body[: body.index(b"two ")]
    decision = wire.judge(protocol, half, streamed=True, failure=failure)
    expected = Outcome.CUT if failure is Failure.RESET else Outcome.FAILED
    assert (decision.outcome, decision.reason) == (expected, str(failure))
    plain = wire.judge(protocol, wire.answer(protocol, "4")[:-5], failure=failure)
    assert (plain.outcome, plain.rule) == (Outcome.FAILED, "line_failure")
    nothing = decide(wire.exchange(protocol, b"", status=None, failure=failure), None, "m")
    assert (nothing.outcome, nothing.rule, nothing.reason) == (Outcome.FAILED, "no_reply", str(failure))


@pytest.mark.parametrize("protocol", wire.PROTOCOLS)
def test_a_line_that_breaks_after_the_closing_event_changes_nothing(protocol: str) -> None:
    """A reply that had said everything is judged by what it said."""
    body = wire.streamed_answer(protocol, "4")
    decision = wire.judge(protocol, body, streamed=True, failure=Failure.RESET)
    assert decision.outcome is Outcome.ANSWERED


ERRORS_AFTER_CONTENT = [
    (CHAT, wire.stream(wire.chat_chunk(content="Half"), error(code=502)), "server_error"),
    (CHAT, wire.chat("Half", "error"), None),
    (MESSAGES, wire.messages_stream("Half", stop=None, closed=False), None),
    (GEMINI, wire.stream(wire.gemini("Half", None), error(code=503, status="UNAVAILABLE")), "overloaded"),
    (GEMINI, wire.gemini("Half", "OTHER"), None),
    (RESPONSES, wire.responses("Half", "cancelled"), None),
    (RESPONSES, wire.responses("Half", "in_progress"), None),
    (MESSAGES, wire.messages("Half", "pause_turn"), None),
]


@pytest.mark.parametrize(("protocol", "reply", "reason"), ERRORS_AFTER_CONTENT)
def test_a_stop_after_content_that_is_no_policy_is_cut(protocol: str, reply: Any, reason: str | None) -> None:
    """Content, then an end that is neither the model's nor a policy's nor ours: `cut`."""
    decision = wire.judge(protocol, reply, streamed=isinstance(reply, bytes))
    assert decision.outcome is Outcome.CUT
    assert decision.unmapped is None
    assert decision.reason in (reason, None)


def test_an_overloaded_event_in_mid_stream_is_cut_and_may_be_tried_again() -> None:
    """Anthropic's error event after content is a cut whose reason allows another try."""
    event = {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}
    body = wire.messages_stream("Half", stop=None, closed=False) + wire.stream(event, named=True)
    decision = wire.judge(MESSAGES, body, streamed=True)
    assert (decision.outcome, decision.rule) == (Outcome.CUT, "error_after_content")
    assert decision.reason == "overloaded"
    assert may_retry(200, None, wire.read(MESSAGES, body, streamed=True))


@pytest.mark.parametrize(
    ("protocol", "reply"),
    [
        (CHAT, wire.chat("One two", "length")),
        (CHAT, wire.chat("", "length", reasoning_content="hm")),
        (RESPONSES, wire.responses("One", "incomplete", incomplete_details={"reason": "max_output_tokens"})),
        (MESSAGES, wire.messages("One", "max_tokens")),
        (MESSAGES, wire.messages(None, "model_context_window_exceeded")),
        (GEMINI, wire.gemini("One", "MAX_TOKENS")),
        (GEMINI, wire.gemini(None, "MAX_TOKENS")),
    ],
)
def test_our_own_limit_is_truncated_with_or_without_content(protocol: str, reply: Any) -> None:
    """A token limit is ours: `truncated`, also when reasoning used it all up."""
    decision = wire.judge(protocol, reply)
    assert (decision.outcome, decision.rule) == (Outcome.TRUNCATED, "token_limit")


def test_a_server_that_calls_a_used_up_limit_completed_is_truncated() -> None:
    """Where the reply does not repeat the limit, the count decides; where it does, its word is taken."""
    silent = wire.responses("One two")
    repeated = silent | {"max_output_tokens": 3}
    for limit, document, outcome in (
        (3, silent, Outcome.TRUNCATED),
        (4, silent, Outcome.ANSWERED),
        (3, repeated, Outcome.ANSWERED),
    ):
        body = wire.dump(document)
        sent = replace(wire.exchange(RESPONSES, body), request_body=b'{"max_output_tokens":%d}' % limit)
        assert decide(sent, wire.read(RESPONSES, body), "gpt-4o").outcome is outcome
    odd = replace(wire.exchange(RESPONSES, wire.dump(silent)), request_body=b"[")
    assert decide(odd, wire.read(RESPONSES, wire.dump(silent)), "gpt-4o").outcome is Outcome.ANSWERED


ACCESS: list[tuple[str, Any, int, str]] = [
    (CHAT, error(code="invalid_api_key", type="invalid_request_error"), 401, "key"),
    (CHAT, error("You didn't provide an API key", type="invalid_request_error"), 401, "key"),
    (CHAT, error(code="unsupported_country_region_territory", type="request_forbidden"), 403, "region"),
    (CHAT, error(code="ip_not_authorized"), 403, "permission"),
    (CHAT, error(), 403, "permission"),
    (CHAT, error(code="model_not_found", type="invalid_request_error"), 404, "withdrawn"),
    (CHAT, error("The model x has been decommissioned", code="model_decommissioned"), 400, "withdrawn"),
    (
        CHAT,
        error("The model `text-davinci-003` has been deprecated, learn more", code=None),
        400,
        "withdrawn",
    ),
    (CHAT, b"<html>404 page not found</html>", 404, "withdrawn"),
    (CHAT, error(), 410, "withdrawn"),
    (CHAT, error(code="insufficient_quota", type="insufficient_quota"), 429, "account"),
    (CHAT, error("Insufficient Balance", type="unknown_error", code="invalid_request_error"), 402, "account"),
    (CHAT, error(code="organization_restricted", type="invalid_request_error"), 400, "account"),
    (CHAT, error(), 451, "legal"),
    (RESPONSES, error(code="data_residency_mismatch"), 400, "region"),
    (
        MESSAGES,
        {"type": "error", "error": {"type": "authentication_error", "message": "invalid x-api-key"}},
        401,
        "key",
    ),
    (MESSAGES, {"type": "error", "error": {"type": "permission_error", "message": "no"}}, 403, "permission"),
    (
        MESSAGES,
        {"type": "error", "error": {"type": "not_found_error", "message": "model: x"}},
        404,
        "withdrawn",
    ),
    (
        MESSAGES,
        {
            "type": "error",
            "error": {
                "type": "invalid_request_error",
                "message": "Your credit balance is too low to access the API",
            },
        },
        400,
        "account",
    ),
    (
        MESSAGES,
        {
            "type": "error",
            "error": {
                "type": "invalid_request_error",
                "message": "disabled",
                "details": {"error_code": "organization_on_hold"},
            },
        },
        400,
        "account",
    ),
    (GEMINI, wire.gemini(None, "PUP_LIMITED_DISABLED"), 200, "account"),
    (
        GEMINI,
        error("User location is not supported for the API use.", code=400, status="FAILED_PRECONDITION"),
        400,
        "region",
    ),
    (
        GEMINI,
        error(
            "API key not valid.", code=400, status="INVALID_ARGUMENT", details=[{"reason": "API_KEY_INVALID"}]
        ),
        400,
        "key",
    ),
    (GEMINI, error(code=403, status="PERMISSION_DENIED"), 403, "permission"),
    (GEMINI, error("models/x is not found", code=404, status="NOT_FOUND"), 404, "withdrawn"),
]


@pytest.mark.parametrize(("protocol", "reply", "status", "reason"), ACCESS)
def test_access_is_denied_with_a_reason_and_never_tried_again(
    protocol: str, reply: Any, status: int, reason: str
) -> None:
    """Key, permission, region, law, withdrawal and account are outcomes about access, not failures."""
    decision = wire.judge(protocol, reply, status=status)
    assert (decision.outcome, decision.reason) == (Outcome.DENIED, reason)
    body = reply if isinstance(reply, bytes) else wire.dump(reply)
    assert not may_retry(status, None, wire.read(protocol, body, status=status))


FAILURES: list[tuple[str, Any, int, str, bool]] = [
    (CHAT, error(code="rate_limit_exceeded", type="tokens"), 429, "rate_limited", True),
    (CHAT, b"slow down", 429, "rate_limited", True),
    (CHAT, error(type="server_error"), 500, "server_error", True),
    (CHAT, b"<html>Bad gateway</html>", 502, "server_error", True),
    (CHAT, b"", 503, "overloaded", True),
    (CHAT, b"error code: 524", 524, "server_timeout", True),
    (CHAT, error(code="context_length_exceeded"), 400, "bad_request", False),
    (CHAT, error(type="invalid_request_error", param="temperature", code=None), 400, "bad_request", False),
    (CHAT, b'{"detail": [{"loc": ["body"], "msg": "extra"}]}', 422, "bad_request", False),
    (CHAT, b"", 302, "redirect", False),
    (CHAT, error(code=429), 200, "rate_limited", True),
    (CHAT, error(code=502), 200, "server_error", True),
    (CHAT, error(code=None), 200, "server_error", True),
    (CHAT, error("boom", code="502"), 200, "server_error", True),
    (
        RESPONSES,
        wire.responses(None, "failed", output=[], error={"code": "server_error"}),
        200,
        "server_error",
        True,
    ),
    (RESPONSES, wire.responses(None, "queued", output=[]), 200, "incomplete", False),
    (MESSAGES, {"type": "error", "error": {"type": "overloaded_error"}}, 529, "overloaded", True),
    (MESSAGES, {"type": "error", "error": {"type": "rate_limit_error"}}, 429, "rate_limited", True),
    (MESSAGES, {"type": "error", "error": {"type": "api_error"}}, 500, "server_error", True),
    (
        MESSAGES,
        {
            "type": "error",
            "error": {
                "type": "invalid_request_error",
                "message": "`temperature` is deprecated for this model.",
            },
        },
        400,
        "bad_request",
        False,
    ),
    (GEMINI, error(code=429, status="RESOURCE_EXHAUSTED"), 429, "rate_limited", True),
    (GEMINI, error(code=503, status="UNAVAILABLE"), 503, "overloaded", True),
    (GEMINI, error(code=504, status="DEADLINE_EXCEEDED"), 504, "server_timeout", True),
]


@pytest.mark.parametrize(("protocol", "reply", "status", "reason", "again"), FAILURES)
def test_what_is_missing_data_is_failed_and_only_what_is_safe_is_tried_again(
    protocol: str, reply: Any, status: int, reason: str, again: bool
) -> None:
    """Limits, overload and faults are missing data and tried again; our own mistakes are not."""
    decision = wire.judge(protocol, reply, status=status)
    assert (decision.outcome, decision.reason, decision.unmapped) == (Outcome.FAILED, reason, None)
    body = reply if isinstance(reply, bytes) else wire.dump(reply)
    assert may_retry(status, None, wire.read(protocol, body, status=status)) == again


@pytest.mark.parametrize("protocol", wire.PROTOCOLS)
@pytest.mark.parametrize(
    "body", [b"<html>welcome</html>", b'{"a": 1}', b"[]", b"null", b"4", b'{"choices', b"\xff\xfe"]
)
def test_a_success_that_is_no_reply_is_malformed(protocol: str, body: bytes) -> None:
    """A page, a fragment or a foreign document with a success status is missing data, never an answer."""
    decision = wire.judge(protocol, body)
    assert (decision.outcome, decision.reason) == (Outcome.FAILED, "malformed")
    assert may_retry(200, None, wire.read(protocol, body))


@pytest.mark.parametrize("failure", list(Failure))
def test_line_failures_are_tried_again_unless_a_refusal_or_an_answer_had_come(failure: Failure) -> None:
    """A broken line may be tried again; a refusal that had already come is never asked away."""
    again = failure not in (Failure.TLS, Failure.TOO_LARGE, Failure.UNBUILDABLE)
    assert may_retry(None, failure, None) == again
    cut = wire.read(CHAT, wire.chat_stream("Half", finish=None, done=False), streamed=True)
    assert may_retry(200, failure, cut) == again
    refused = wire.read(MESSAGES, wire.messages_stream("Half", stop="refusal", closed=False), streamed=True)
    assert not may_retry(200, failure, refused)
    assert not may_retry(200, failure, wire.read(CHAT, wire.chat_stream("4"), streamed=True))


# --- what has no place in the tables ------------------------------------------------------------


@pytest.mark.parametrize("protocol", wire.PROTOCOLS)
@pytest.mark.parametrize("value", ["paused_by_committee", None])
def test_an_unknown_finish_reason_is_never_an_answer(protocol: str, value: str | None) -> None:
    """A finish reason in no table, or none, is `cut` or `empty`, and is shown as unmapped."""
    made = {
        CHAT: lambda text: wire.chat(text, value),
        RESPONSES: lambda text: wire.responses(text, value),
        MESSAGES: lambda text: wire.messages(text, value),
        GEMINI: lambda text: wire.gemini(text, value),
    }[protocol]
    full = wire.judge(protocol, made("4"))
    assert (full.outcome, full.rule) == (Outcome.CUT, "finish_unknown")
    assert full.unmapped is not None
    assert full.unmapped.endswith(f"={value or 'null'}")
    empty = wire.judge(protocol, made(""))
    assert empty.outcome is Outcome.EMPTY
    assert (empty.unmapped is not None) == (value is not None)


def test_unknown_codes_go_by_status_and_are_shown() -> None:
    """An error code in no table takes the status's outcome and is stored as it is."""
    denied = wire.judge(CHAT, error(code="moon_phase", type="invalid_request_error"), status=403)
    assert (denied.outcome, denied.unmapped) == (Outcome.DENIED, "error.code=moon_phase")
    failed = wire.judge(
        MESSAGES, {"type": "error", "error": {"type": "tidal_error", "message": "x"}}, status=500
    )
    assert (failed.outcome, failed.unmapped) == (Outcome.FAILED, "error.type=tidal_error")
    inside = wire.judge(CHAT, error(code="moon_phase"), status=200)
    assert (inside.outcome, inside.unmapped) == (Outcome.FAILED, "error.code=moon_phase")


def test_unknown_blocks_and_categories_are_refusals_and_shown() -> None:
    """A new block reason is still a block; a new category is kept in the provider's own word."""
    block = wire.judge(GEMINI, {"promptFeedback": {"blockReason": "MOON"}})
    assert (block.outcome, block.unmapped) == (Outcome.REFUSED, "promptFeedback.blockReason=MOON")
    details = STOP_DETAILS | {"category": "astro"}
    refusal = wire.judge(MESSAGES, wire.messages(None, "refusal", stop_details=details))
    assert (refusal.category, refusal.unmapped) == ("astro", "category=astro")


# --- rerouting ----------------------------------------------------------------------------------


def test_a_changed_model_is_rerouted_and_an_announced_one_is_noticed() -> None:
    """Another served model is rerouting; a fallback that announces itself is kept as a notice."""
    silent = wire.judge(MESSAGES, wire.messages(model="claude-haiku-4-5-20251001"))
    assert (silent.outcome, silent.rerouted, silent.notice) == (Outcome.ANSWERED, True, None)
    usage = wire.messages()["usage"] | {
        "iterations": [{"type": "fallback_message", "model": "claude-haiku-4-5-20251001"}]
    }
    told = wire.judge(MESSAGES, wire.messages(model="claude-haiku-4-5-20251001", usage=usage))
    assert (told.outcome, told.rerouted) == (Outcome.ANSWERED, True)
    assert told.notice == "usage.iterations.fallback_message: claude-opus-4-1 -> claude-haiku-4-5-20251001"
    refused = wire.judge(MESSAGES, wire.messages(None, "refusal", usage=usage, stop_details=STOP_DETAILS))
    assert (refused.outcome, refused.rerouted) == (Outcome.REFUSED, True)


def test_azure_deployment_names_are_not_compared() -> None:
    """An Azure model name is the user's own: a differing served name is no rerouting."""
    azure = "https://x.openai.azure.com/openai/v1/chat/completions"
    assert not wire.judge(CHAT, wire.chat(), model="my-deployment", url=azure).rerouted
    assert wire.judge(CHAT, wire.chat(), model="my-deployment").rerouted


# --- the vocabulary itself ----------------------------------------------------------------------


def test_every_finish_reason_has_an_outcome() -> None:
    """Each finish reason in the tables leads to its outcome, with content and without."""
    for protocol, table in FINISH.items():
        for value, meaning in table.items():
            reasons = {"incomplete_details": {"reason": value}, "status": "incomplete"}
            for text, place in (("4", 0), (None, 1)):
                reply = {
                    CHAT: lambda t=text, v=value: wire.chat(t, v),
                    RESPONSES: lambda t=text, v=value, r=reasons: (
                        wire.responses(t)
                        | (
                            r
                            if v in ("max_output_tokens", "max_messages", "content_filter", "steered")
                            else {"status": v}
                        )
                    ),
                    MESSAGES: lambda t=text, v=value: wire.messages(t, v),
                    GEMINI: lambda t=text, v=value: wire.gemini(t, v),
                }[protocol]()
                decision = wire.judge(protocol, reply)
                assert decision.outcome is FINISH_OUTCOMES[meaning][place], (protocol, value, text)
                assert decision.rule in RULES
                assert decision.unmapped is None
                if decision.reason is not None:
                    assert decision.reason in REASONS[decision.outcome]


def test_an_answer_needs_visible_text_or_a_tool_call() -> None:
    """A tool call without text is content; blanks are not."""
    call = {"function": {"name": "add", "arguments": "{}"}}
    assert wire.judge(CHAT, wire.chat(None, "tool_calls", tool_calls=[call])).outcome is Outcome.ANSWERED
    assert wire.judge(CHAT, wire.chat(None, "tool_calls")).outcome is Outcome.EMPTY
    assert has_text(" 4 ")
    assert not has_text("\u200b \n")
    assert decide(wire.exchange(CHAT, b"x"), Reply(finish_reason="stop"), "m").outcome is Outcome.EMPTY
