"""The adapters: what one protocol, one provider or one server does in its own way."""

from __future__ import annotations

import json
from typing import Any

import pytest

from harness.endpoints import adapter
from tests import wire


def body_of(protocol: str, probe: Any = None, **fields: Any) -> dict[str, Any]:
    built = adapter(protocol).build(wire.endpoint(protocol, **fields), probe or wire.probe(), 77, "k")
    document: dict[str, Any] = json.loads(built.body)
    return document


def headers_of(protocol: str, **fields: Any) -> dict[str, str]:
    return dict(adapter(protocol).build(wire.endpoint(protocol, **fields), wire.probe(), 77, "k").headers)


def dropped_of(protocol: str, **fields: Any) -> tuple[str, ...]:
    return adapter(protocol).build(wire.endpoint(protocol, **fields), wire.probe(), 77, "k").dropped


# --- OpenAI Chat and its speakers ---------------------------------------------------------------


def test_chat_names_the_token_limit_as_the_server_does() -> None:
    """OpenAI and Azure take the newer name, other servers the older, and the config's own spelling wins."""
    old, new = {"max_tokens": 9}, {"max_completion_tokens": 9}
    assert body_of("openai-chat", parameters=old)["max_tokens"] == 9
    assert body_of("openai-chat", parameters=new)["max_completion_tokens"] == 9
    assert (
        body_of("openai-chat", parameters=old, url="https://api.openai.com/v1")["max_completion_tokens"] == 9
    )
    azure = "https://x.openai.azure.com/openai/v1"
    assert body_of("openai-chat", parameters=old, url=azure)["max_completion_tokens"] == 9
    kept = body_of("openai-chat", wire.probe(max_tokens=5), parameters=new)
    assert (kept["max_completion_tokens"], "max_tokens" in kept) == (5, False)


@pytest.mark.parametrize(
    ("wish", "sent"), [({}, 77), ({"seed": True}, 77), ({"seed": 3}, 3), ({"seed": False}, None)]
)
def test_chat_sends_the_seed_it_was_told_to(wish: dict[str, Any], sent: int | None) -> None:
    """The call's seed by default, a fixed one if configured, none if switched off."""
    assert body_of("openai-chat", parameters=wish).get("seed") == sent
    assert body_of("gemini", parameters=wish).get("generationConfig", {}).get("seed") == sent


def test_chat_asks_a_stream_to_count_its_tokens() -> None:
    """A streamed request asks for usage; Mistral, which refuses that, has its own seed field."""
    assert body_of("openai-chat", stream=True)["stream_options"] == {"include_usage": True}
    mistral = body_of("openai-chat", stream=True, url="https://api.mistral.ai/v1")
    assert mistral["stream"] is True
    assert "stream_options" not in mistral
    assert ("seed" in mistral, mistral["random_seed"]) == (False, 77)


def test_azure_keeps_its_key_in_its_own_header() -> None:
    """Azure takes `api-key`, everyone else a bearer token."""
    assert headers_of("openai-chat")["authorization"] == "Bearer k"
    azure = headers_of("openai-chat", url="https://x.openai.azure.com/openai/v1")
    assert azure["api-key"] == "k"
    assert "authorization" not in azure


def test_chat_drops_top_k_where_it_would_be_refused() -> None:
    """OpenAI has no `top_k`; servers that have it get it."""
    settings = {"top_k": 5}
    official = "https://api.openai.com/v1"
    assert body_of("openai-chat", parameters=settings)["top_k"] == 5
    assert "top_k" not in body_of("openai-chat", parameters=settings, url=official)
    assert dropped_of("openai-chat", parameters=settings, url=official) == ("top_k",)
    endpoint = wire.endpoint("openai-chat", parameters=settings, url=official)
    assert any("top_k" in line for line in adapter("openai-chat").limitations(endpoint, [wire.probe()]))


@pytest.mark.parametrize("protocol", ["openai-chat", "openai-responses"])
@pytest.mark.parametrize(
    ("model", "told"), [("gpt-5.5", True), ("o3", True), ("gpt-5-chat-latest", False), ("gpt-4o", False)]
)
def test_settings_that_reasoning_models_refuse_are_named(protocol: str, model: str, told: bool) -> None:
    """A temperature for one of OpenAI's reasoning models is sent as asked, and `harness check` can warn of it."""
    settings = {"temperature": 0.2}
    endpoint = wire.endpoint(protocol, model=model, parameters=settings, url="https://api.openai.com/v1")
    said = adapter(protocol).limitations(endpoint, [wire.probe()])
    assert any("temperature" in line for line in said) == told
    assert not adapter(protocol).limitations(wire.endpoint(protocol, model=model, parameters=settings), [])


@pytest.mark.parametrize("field", ["reasoning_content", "reasoning", "thinking"])
def test_chat_reasoning_fields_are_never_text(field: str) -> None:
    """Hidden reasoning in a field of its own is kept apart, plain and streamed."""
    plain = wire.read("openai-chat", wire.dump(wire.chat("4", **{field: "hm, 2+2"})))
    assert (plain.text, plain.reasoning) == ("4", "hm, 2+2")
    chunks = [wire.chat_chunk(**{field: part, "content": None}) for part in ("hm, ", "2+2")]
    body = wire.stream(*chunks, wire.chat_chunk(content="4"), wire.chat_chunk(finish="stop"), done=True)
    streamed = wire.read("openai-chat", body, streamed=True)
    assert (streamed.text, streamed.reasoning) == ("4", "hm, 2+2")


def test_mistral_content_parts_are_read() -> None:
    """Content given as a list keeps its text parts as text and its thinking parts as reasoning."""
    parts = [
        {"type": "thinking", "thinking": [{"type": "text", "text": "hm"}], "closed": True},
        {"type": "text", "text": "4"},
    ]
    reply = wire.read("openai-chat", wire.dump(wire.chat(None, content=parts)))
    assert (reply.text, reply.reasoning) == ("4", "hm")


def test_azure_filters_name_their_categories() -> None:
    """The filters that fired are the category, for an answer and for a prompt."""
    filters = {
        "hate": {"filtered": False, "severity": "safe"},
        "violence": {"filtered": True, "severity": "high"},
    }
    answer = wire.chat("half", "content_filter")
    answer["choices"][0]["content_filter_results"] = filters
    assert wire.read("openai-chat", wire.dump(answer)).category == "violence"
    error = {
        "error": {
            "message": "The response was filtered",
            "type": None,
            "param": "prompt",
            "code": "content_filter",
            "status": 400,
            "innererror": {
                "code": "ResponsibleAIPolicyViolation",
                "content_filter_result": {"jailbreak": {"filtered": True, "detected": True}},
            },
        }
    }
    reply = wire.read("openai-chat", wire.dump(error), status=400)
    assert (reply.error_code, reply.block_value) == ("content_filter", "ResponsibleAIPolicyViolation")
    assert reply.category == "jailbreak"


def test_tool_calls_are_kept_in_pieces_and_whole() -> None:
    """A tool call reads the same whether it came at once or in fragments."""
    call = {"id": "c", "type": "function", "function": {"name": "add", "arguments": '{"a":2}'}}
    plain = wire.read("openai-chat", wire.dump(wire.chat(None, "tool_calls", tool_calls=[call])))
    begin = {"index": 0, "id": "c", "type": "function", "function": {"name": "add", "arguments": ""}}
    rest = [{"index": 0, "function": {"arguments": piece}} for piece in ('{"a"', ":2}")]
    chunks = [wire.chat_chunk(tool_calls=[part]) for part in (begin, *rest)]
    body = wire.stream(*chunks, wire.chat_chunk(finish="tool_calls"), done=True)
    streamed = wire.read("openai-chat", body, streamed=True)
    assert plain.tool_calls == streamed.tool_calls == ({"name": "add", "arguments": '{"a":2}'},)


def test_logprobs_are_read_plain_and_streamed() -> None:
    """Tokens and their log-probabilities are kept in every protocol that gives them."""
    tokens = [{"token": "4", "logprob": -0.1, "bytes": [52], "top_logprobs": []}]
    document = wire.chat("4")
    document["choices"][0]["logprobs"] = {"content": tokens, "refusal": None}
    assert wire.read("openai-chat", wire.dump(document)).logprobs == (("4", -0.1),)
    chunk = wire.chat_chunk(content="4")
    chunk["choices"][0]["logprobs"] = {"content": tokens}
    body = wire.stream(chunk, wire.chat_chunk(finish="stop"), done=True)
    assert wire.read("openai-chat", body, streamed=True).logprobs == (("4", -0.1),)
    item = wire.responses("4")
    item["output"][0]["content"][0]["logprobs"] = tokens
    assert wire.read("openai-responses", wire.dump(item)).logprobs == (("4", -0.1),)
    chosen = {"logprobsResult": {"chosenCandidates": [{"token": "4", "tokenId": 1, "logProbability": -0.1}]}}
    assert wire.read("gemini", wire.dump(wire.gemini("4", **chosen))).logprobs == (("4", -0.1),)


def test_groq_and_deepseek_count_tokens_their_own_way() -> None:
    """Usage in Groq's stream extension and DeepSeek's cache counts are read."""
    groq = wire.chat_chunk(finish="stop") | {
        "x_groq": {"usage": {"prompt_tokens": 5, "completion_tokens": 6}}
    }
    body = wire.stream(wire.chat_chunk(content="4"), groq, done=True)
    assert wire.read("openai-chat", body, streamed=True).usage.output_tokens == 6
    deepseek = wire.chat("4") | {
        "usage": {"prompt_tokens": 5, "completion_tokens": 6, "prompt_cache_hit_tokens": 3}
    }
    assert wire.read("openai-chat", wire.dump(deepseek)).usage.cached_tokens == 3


def test_an_error_inside_a_choice_is_an_error() -> None:
    """OpenRouter reports a provider's failure inside the choice of a success."""
    document = wire.chat("", "error")
    document["choices"][0]["error"] = {"code": 502, "message": "Provider disconnected"}
    reply = wire.read("openai-chat", wire.dump(document))
    assert (reply.error_code, reply.error_message) == ("502", "Provider disconnected")


# --- OpenAI Responses ---------------------------------------------------------------------------


def test_responses_settings_take_their_own_names() -> None:
    """The token limit, effort and log-probabilities move; what has no place is left out and named."""
    settings = {
        "max_tokens": 9,
        "reasoning_effort": "low",
        "logprobs": True,
        "top_logprobs": 2,
        "stop": ["\n"],
    }
    body = body_of("openai-responses", parameters=settings | {"seed": 4})
    assert body["max_output_tokens"] == 9
    assert body["reasoning"] == {"effort": "low"}
    assert body["include"] == ["message.output_text.logprobs"]
    assert body["top_logprobs"] == 2
    assert not {"stop", "seed", "max_tokens", "logprobs"} & set(body)
    assert set(dropped_of("openai-responses", parameters=settings | {"seed": 4})) == {"stop", "seed"}
    assert dropped_of("openai-responses", parameters={"seed": False}) == ()
    endpoint = wire.endpoint("openai-responses", parameters=settings)
    assert any("`stop`" in line for line in adapter("openai-responses").limitations(endpoint, []))


def test_responses_reasoning_items_are_never_text() -> None:
    """Reasoning summaries and contents stay out of the answer, plain and streamed."""
    reasoning = {"id": "r", "type": "reasoning", "summary": [{"type": "summary_text", "text": "hm"}]}
    document = wire.responses("4")
    document["output"].insert(0, reasoning)
    plain = wire.read("openai-responses", wire.dump(document))
    assert (plain.text, plain.reasoning) == ("4", "hm")
    body = wire.stream(
        {"type": "response.created", "response": wire.responses(None, "in_progress", output=[])},
        {
            "type": "response.output_item.added",
            "output_index": 0,
            "item": {"type": "reasoning", "summary": []},
        },
        {"type": "response.reasoning_summary_text.delta", "output_index": 0, "delta": "hm"},
        {"type": "response.output_text.delta", "output_index": 1, "delta": "4"},
        {"type": "response.completed", "response": wire.responses(None, output=[])},
    )
    streamed = wire.read("openai-responses", body, streamed=True)
    assert (streamed.text, streamed.reasoning, streamed.finish_reason) == ("4", "hm", "completed")


def test_a_refusal_part_is_a_refusal_even_without_words() -> None:
    """A refusal part counts by being there."""
    for words in ("I cannot help.", ""):
        part = [{"type": "message", "role": "assistant", "content": [{"type": "refusal", "refusal": words}]}]
        assert wire.read("openai-responses", wire.dump(wire.responses(output=part))).refusal == words
    body = wire.stream(
        {"type": "response.refusal.delta", "output_index": 0, "content_index": 0, "delta": "I cannot"},
        {"type": "response.refusal.delta", "output_index": 0, "content_index": 0, "delta": " help."},
        {"type": "response.completed", "response": wire.responses(None, output=[])},
    )
    assert wire.read("openai-responses", body, streamed=True).refusal == "I cannot help."


def test_text_that_a_filter_removed_from_the_final_response_is_still_seen() -> None:
    """What was streamed before a filter emptied the output counts as content that was sent."""
    last = wire.responses(None, "incomplete", output=[], incomplete_details={"reason": "content_filter"})
    body = wire.responses_stream("half an", " answer", last=last, kind="response.incomplete")
    reply = wire.read("openai-responses", body, streamed=True)
    assert (reply.text, reply.finish_reason, reply.complete) == ("half an answer", "content_filter", True)


# --- Anthropic Messages -------------------------------------------------------------------------


def test_messages_requires_a_token_limit_and_says_so() -> None:
    """Where nobody sets a limit, one is sent, and `harness check` can say which."""
    endpoint = wire.endpoint("anthropic-messages")
    assert body_of("anthropic-messages")["max_tokens"] == 1024
    assert any("1024" in line for line in adapter("anthropic-messages").limitations(endpoint, [wire.probe()]))
    limited = wire.endpoint("anthropic-messages", parameters={"max_tokens": 5})
    assert adapter("anthropic-messages").limitations(limited, [wire.probe()]) == []


def test_messages_settings_take_their_own_names() -> None:
    """Stop texts and effort are renamed; what the protocol lacks is dropped and named."""
    settings = {"stop": "\n", "reasoning_effort": "low", "seed": 3, "logprobs": True}
    body = body_of("anthropic-messages", parameters=settings)
    assert (body["stop_sequences"], body["output_config"]) == (["\n"], {"effort": "low"})
    assert set(dropped_of("anthropic-messages", parameters=settings)) == {"seed", "logprobs"}
    sent = headers_of("anthropic-messages")
    assert (sent["x-api-key"], sent["anthropic-version"]) == ("k", "2023-06-01")


@pytest.mark.parametrize(
    ("model", "kept"),
    [
        ("claude-3-5-sonnet-20241022", True),
        ("claude-3-haiku-20240307", True),
        ("claude-sonnet-4-20250514", True),
        ("claude-opus-4-6", True),
        ("claude-opus-4-1-20250805", True),
        ("claude-sonnet-4-5@20250929", True),
        ("claude-opus-4-7", False),
        ("claude-sonnet-5", False),
        ("claude-opus-4-10", False),
        ("smollm2-135m-instruct", True),
        ("qwen3-8b", True),
    ],
)
def test_sampling_settings_are_dropped_for_models_that_refuse_them(model: str, kept: bool) -> None:
    """Claude models after 4.6 answer any temperature with an error: it is left out and named."""
    fields: dict[str, Any] = {"model": model, "parameters": {"temperature": 0, "max_tokens": 5}}
    assert ("temperature" in body_of("anthropic-messages", **fields)) == kept
    assert ("temperature" in dropped_of("anthropic-messages", **fields)) == (not kept)
    endpoint = wire.endpoint("anthropic-messages", **fields)
    said = adapter("anthropic-messages").limitations(endpoint, [wire.probe()])
    assert any("temperature" in line for line in said) == (not kept)


def test_messages_thinking_and_tools_are_kept_apart() -> None:
    """Thinking goes to reasoning and a tool call to tool calls, plain and streamed."""
    blocks = [
        {"type": "thinking", "thinking": "hm", "signature": "s"},
        {"type": "redacted_thinking", "data": "x"},
        {"type": "text", "text": "4"},
        {"type": "tool_use", "id": "t", "name": "add", "input": {"a": 2}},
    ]
    plain = wire.read("anthropic-messages", wire.dump(wire.messages(None, "tool_use", content=blocks)))
    deltas = [{"type": "thinking_delta", "thinking": "hm"}, None, {"type": "text_delta", "text": "4"}]
    empty = [blocks[0] | {"thinking": ""}, blocks[1], {"type": "text", "text": ""}, blocks[3] | {"input": {}}]
    events: list[dict[str, Any]] = [{"type": "message_start", "message": wire.messages(None, None)}]
    for index, block in enumerate(empty):
        events.append({"type": "content_block_start", "index": index, "content_block": block})
        delta = deltas[index] if index < 3 else {"type": "input_json_delta", "partial_json": '{"a": 2}'}
        if delta:
            events.append({"type": "content_block_delta", "index": index, "delta": delta})
        events.append({"type": "content_block_stop", "index": index})
    usage = {"output_tokens": 3, "output_tokens_details": {"thinking_tokens": 1}}
    events.append({"type": "message_delta", "delta": {"stop_reason": "tool_use"}, "usage": usage})
    events.append({"type": "message_stop"})
    streamed = wire.read("anthropic-messages", wire.stream(*events, named=True), streamed=True)
    assert (plain.text, plain.reasoning) == ("4", "hm")
    assert plain.tool_calls == ({"name": "add", "arguments": '{"a": 2}'},)
    assert streamed == plain


def test_a_fallback_is_read_from_usage_and_from_blocks() -> None:
    """A hand-over to another model shows in the usage entries, and in a block that names both models."""
    usage = wire.messages()["usage"] | {
        "iterations": [
            {"type": "message", "input_tokens": 9, "output_tokens": 0},
            {
                "type": "fallback_message",
                "model": "claude-haiku-4-5-20251001",
                "input_tokens": 9,
                "output_tokens": 3,
            },
        ]
    }
    block = {
        "type": "fallback",
        "from": {"model": "claude-opus-4-1"},
        "to": {"model": "claude-haiku-4-5-20251001"},
        "trigger": {"type": "refusal", "category": "bio"},
    }
    text = {"type": "text", "text": "4"}
    by_usage = wire.read("anthropic-messages", wire.dump(wire.messages(usage=usage)))
    assert by_usage.fallback_evidence == "usage.iterations.fallback_message"
    assert by_usage.fallback_to == "claude-haiku-4-5-20251001"
    both = wire.read("anthropic-messages", wire.dump(wire.messages(None, usage=usage, content=[block, text])))
    assert (both.fallback_from, both.category, both.text) == ("claude-opus-4-1", "bio", "4")
    by_block = wire.read("anthropic-messages", wire.dump(wire.messages(None, content=[block, text])))
    assert by_block.fallback_evidence == "content.fallback"
    assert by_block.fallback_to == "claude-haiku-4-5-20251001"


def test_late_system_turns_are_said_to_move() -> None:
    """A system turn after the first user turn moves to the start, and `harness check` can say so."""
    late = wire.probe(("user", "U"), ("assistant", "A"), ("system", "S"), ("user", "V"), max_tokens=5)
    for protocol in ("anthropic-messages", "gemini"):
        said = adapter(protocol).limitations(wire.endpoint(protocol), [late])
        assert any("system" in line for line in said)


# --- Gemini -------------------------------------------------------------------------------------


def test_gemini_settings_take_their_own_names() -> None:
    """Settings go to `generationConfig` under Gemini's names, safety settings come from the raw body."""
    settings = {
        "temperature": 0,
        "top_p": 0.9,
        "top_k": 5,
        "max_tokens": 9,
        "stop": "\n",
        "logprobs": True,
        "top_logprobs": 2,
        "reasoning_effort": "low",
        "candidateCount": 1,
    }
    safety = [{"category": "HARM_CATEGORY_HARASSMENT", "threshold": "BLOCK_NONE"}]
    body = body_of("gemini", parameters=settings, body={"safetySettings": safety})
    assert body["generationConfig"] == {
        "seed": 77,
        "stopSequences": ["\n"],
        "thinkingConfig": {"thinkingLevel": "LOW"},
        "temperature": 0,
        "topP": 0.9,
        "topK": 5,
        "maxOutputTokens": 9,
        "responseLogprobs": True,
        "logprobs": 2,
        "candidateCount": 1,
    }
    assert body["safetySettings"] == safety
    assert headers_of("gemini")["x-goog-api-key"] == "k"
    assert "key=" not in adapter("gemini").build(wire.endpoint("gemini"), wire.probe(), 1, "k").url


def test_gemini_thoughts_are_never_text() -> None:
    """Parts marked as thoughts are reasoning."""
    parts = {"content": {"parts": [{"text": "hm", "thought": True}, {"text": "4"}]}}
    reply = wire.read("gemini", wire.dump(wire.gemini(None, **parts)))
    assert (reply.text, reply.reasoning) == ("4", "hm")


def test_a_gemini_stream_as_one_array_is_read() -> None:
    """Without server-sent events Gemini streams an array, which reads like the plain reply."""
    array = wire.dump([wire.gemini("It is", None), wire.gemini(" 4", "STOP")])
    assert wire.read("gemini", array) == wire.read("gemini", wire.answer("gemini", "It is 4"))


def test_a_gemini_block_names_the_harm() -> None:
    """The harm categories that blocked are the category."""
    ratings = [
        {"category": "HARM_CATEGORY_HATE_SPEECH", "probability": "LOW"},
        {"category": "HARM_CATEGORY_DANGEROUS_CONTENT", "probability": "HIGH", "blocked": True},
    ]
    reply = wire.read("gemini", wire.dump(wire.gemini(None, "SAFETY", safetyRatings=ratings)))
    assert reply.category == "HARM_CATEGORY_DANGEROUS_CONTENT"
    blocked = {"promptFeedback": {"blockReason": "PROHIBITED_CONTENT", "blockReasonMessage": "no"}}
    reply = wire.read("gemini", wire.dump(blocked))
    assert (reply.block_field, reply.block_value) == ("promptFeedback.blockReason", "PROHIBITED_CONTENT")
    assert reply.explanation == "no"
