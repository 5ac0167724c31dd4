"""The official SDK packages are the authority: their words have a place here, their types fit us."""

from __future__ import annotations

import importlib
import json
import typing
from collections.abc import Iterable
from types import ModuleType
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from harness.endpoints import adapter
from harness.outcomes.errors import ERRORS
from harness.outcomes.tables import BLOCKS, CATEGORIES, FINISH, INCOMPLETE_REASONS
from tests import wire


def sdk(name: str) -> ModuleType:
    return pytest.importorskip(
        name, reason=f"the {name} SDK is not installed (it is a development dependency)"
    )


def words(annotation: Any) -> set[str]:
    """Return all string literals in a type, however deep."""
    found: set[str] = set()
    if typing.get_origin(annotation) is typing.Literal:
        return {value for value in typing.get_args(annotation) if isinstance(value, str)}
    for part in typing.get_args(annotation):
        found |= words(part)
    return found


def field_words(model: Any, field: str) -> set[str]:
    found = words(model.model_fields[field].annotation)
    assert found, f"{model.__name__}.{field} has no literal values any more: read where its vocabulary went"
    return found


# --- vocabularies -------------------------------------------------------------------------------


def test_openai_chat_finish_reasons_all_have_a_place() -> None:
    """Every finish reason of the openai package's chat types is in our table."""
    sdk("openai")
    plain = importlib.import_module("openai.types.chat.chat_completion").Choice
    chunk = importlib.import_module("openai.types.chat.chat_completion_chunk").Choice
    assert field_words(plain, "finish_reason") | field_words(chunk, "finish_reason") <= set(
        FINISH["openai-chat"]
    )


def test_openai_responses_statuses_and_reasons_all_have_a_place() -> None:
    """Every status, incomplete reason and error code of the package's responses types is in our tables."""
    sdk("openai")
    response = importlib.import_module("openai.types.responses.response")
    reasons = field_words(response.IncompleteDetails, "reason")
    assert field_words(response.Response, "status") | reasons <= set(FINISH["openai-responses"])
    assert reasons == set(INCOMPLETE_REASONS)
    error = importlib.import_module("openai.types.responses.response_error").ResponseError
    assert field_words(error, "code") <= set(ERRORS)


def test_openai_error_codes_named_anywhere_in_the_package_have_a_place() -> None:
    """The error codes of the package's session and beta types, which the API shares, are in our table."""
    sdk("openai")
    for module, name in (
        ("openai.types.beta.session_turn_error", "SessionTurnError"),
        ("openai.types.beta.beta_response_error", "BetaResponseError"),
    ):
        try:
            model = getattr(importlib.import_module(module), name)
        except ImportError:
            continue
        assert field_words(model, "code") <= set(ERRORS)


def test_anthropic_stop_reasons_and_categories_all_have_a_place() -> None:
    """Every stop reason and refusal category of the anthropic package, beta included, is in our tables."""
    sdk("anthropic")
    types = importlib.import_module("anthropic.types")
    beta = importlib.import_module("anthropic.types.beta")
    assert words(types.StopReason) | words(beta.BetaStopReason) <= set(FINISH["anthropic-messages"])
    for model in (types.RefusalStopDetails, beta.BetaRefusalStopDetails, beta.BetaFallbackRefusalTrigger):
        assert field_words(model, "category") <= set(CATEGORIES)
    assert field_words(types.RefusalStopDetails, "type") <= BLOCKS["stop_details"]


def test_anthropic_error_types_and_codes_all_have_a_place() -> None:
    """Every error type and detail code of the anthropic package is in our table."""
    sdk("anthropic")
    kinds = words(importlib.import_module("anthropic.types.shared.error_type").ErrorType)
    assert kinds
    assert kinds <= set(ERRORS)
    details = importlib.import_module("anthropic.types.shared.error_details").ErrorDetails
    union = typing.get_args(details)[0]
    codes: set[str] = set()
    for model in typing.get_args(union):
        codes |= field_words(model, "error_code")
    assert len(codes) > 20
    assert codes <= set(ERRORS)


def test_anthropic_announces_a_fallback_as_we_read_it() -> None:
    """The entry and the block that announce a hand-over still have the names and fields we read."""
    sdk("anthropic")
    beta = importlib.import_module("anthropic.types.beta")
    assert field_words(beta.BetaFallbackMessageIterationUsage, "type") == {"fallback_message"}
    assert "model" in beta.BetaFallbackMessageIterationUsage.model_fields
    assert field_words(beta.BetaFallbackBlock, "type") == {"fallback"}
    assert {"from_", "to", "trigger"} <= set(beta.BetaFallbackBlock.model_fields)
    assert "iterations" in beta.BetaUsage.model_fields


def test_gemini_finish_and_block_reasons_all_have_a_place() -> None:
    """Every finish reason and block reason of the google-genai package is in our tables."""
    sdk("google.genai")
    types = importlib.import_module("google.genai.types")
    assert {item.value for item in types.FinishReason} <= set(FINISH["gemini"])
    assert {item.value for item in types.BlockedReason} <= BLOCKS["promptFeedback.blockReason"]


def test_streams_have_no_event_that_ends_them_unknown_to_us() -> None:
    """Each event of a responses stream that carries the final response is one the adapter closes on."""
    sdk("openai")
    from harness.endpoints.openai_responses import _CLOSING

    union = importlib.import_module("openai.types.responses.response_stream_event").ResponseStreamEvent
    ending = set()
    for model in typing.get_args(typing.get_args(union)[0]):
        if "response" in model.model_fields:
            ending |= field_words(model, "type")
    assert ending <= {*_CLOSING, "response.created", "response.in_progress", "response.queued"}


# --- requests -----------------------------------------------------------------------------------

CONVERSATION = wire.probe(("system", "Be terse."), ("user", "2 + 2?"), ("assistant", "4"), ("user", "3 + 3?"))
SETTINGS: dict[str, Any] = {
    "temperature": 0.5,
    "top_p": 0.9,
    "max_tokens": 50,
    "stop": ["\n\n"],
    "logprobs": True,
    "top_logprobs": 3,
    "reasoning_effort": "low",
    "seed": 7,
    "frequency_penalty": 0.1,
    "presence_penalty": 0.1,
}


def built(
    protocol: str, *, stream: bool = False, settings: dict[str, Any] | None = None, url: str | None = None
) -> dict[str, Any]:
    given = SETTINGS if settings is None else settings
    endpoint = wire.endpoint(protocol, stream=stream, parameters=given, url=url or wire.URLS[protocol])
    document: dict[str, Any] = json.loads(adapter(protocol).build(endpoint, CONVERSATION, 1, "k").body)
    return document


def accepts(params: Any, document: dict[str, Any]) -> None:
    """Validate a request strictly against a TypedDict, and look for fields that it does not have."""
    fields = typing.get_type_hints(params)
    assert set(document) <= set(fields), set(document) - set(fields)
    exhaust(TypeAdapter(params).validate_python(document))


def exhaust(value: Any) -> None:
    """Walk through a validated value: pydantic checks the items of an `Iterable` only when they are taken."""
    if isinstance(value, dict):
        for item in value.values():
            exhaust(item)
    elif isinstance(value, Iterable) and not isinstance(value, str | bytes):
        for item in value:
            exhaust(item)


def test_a_wrong_request_does_not_fit_the_types() -> None:
    """The comparison with the types is not empty: a wrong role and an unknown field are found."""
    sdk("anthropic")
    params = importlib.import_module("anthropic.types.message_create_params").MessageCreateParamsNonStreaming
    good = built("anthropic-messages", settings={})
    with pytest.raises(ValidationError):
        accepts(params, good | {"messages": [{"role": "robot", "content": "x"}]})
    with pytest.raises(AssertionError):
        accepts(params, good | {"seed": 1})


@pytest.mark.parametrize("stream", [False, True])
def test_chat_requests_fit_the_openai_types(stream: bool) -> None:
    """Our chat requests are ones that the openai package's own parameter types accept."""
    sdk("openai")
    params = importlib.import_module("openai.types.chat.completion_create_params")
    name = "CompletionCreateParamsStreaming" if stream else "CompletionCreateParamsNonStreaming"
    accepts(getattr(params, name), built("openai-chat", stream=stream))


@pytest.mark.parametrize("stream", [False, True])
def test_responses_requests_fit_the_openai_types(stream: bool) -> None:
    """Our responses requests are ones that the openai package's own parameter types accept."""
    sdk("openai")
    params = importlib.import_module("openai.types.responses.response_create_params")
    name = "ResponseCreateParamsStreaming" if stream else "ResponseCreateParamsNonStreaming"
    for url in ("https://api.openai.com/v1", "http://127.0.0.1:8080/v1"):
        accepts(getattr(params, name), built("openai-responses", stream=stream, url=url))


@pytest.mark.parametrize("stream", [False, True])
def test_messages_requests_fit_the_anthropic_types(stream: bool) -> None:
    """Our messages requests are ones that the anthropic package's own parameter types accept."""
    sdk("anthropic")
    params = importlib.import_module("anthropic.types.message_create_params")
    name = "MessageCreateParamsStreaming" if stream else "MessageCreateParamsNonStreaming"
    # The package no longer has sampling settings, which only older models accept.
    settings = {name: value for name, value in SETTINGS.items() if name not in ("temperature", "top_p")}
    accepts(getattr(params, name), built("anthropic-messages", stream=stream, settings=settings))


def test_gemini_requests_fit_the_google_types() -> None:
    """Our generateContent requests are ones that the google-genai package's own types accept."""
    sdk("google.genai")
    types = importlib.import_module("google.genai.types")
    document = built("gemini")
    assert set(document) == {"systemInstruction", "contents", "generationConfig"}
    for content in (document["systemInstruction"], *document["contents"]):
        types.Content.model_validate(content)
    types.GenerationConfig.model_validate(document["generationConfig"])
