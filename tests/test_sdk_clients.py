"""The official SDK clients, pointed at the simulated provider, parse its replies strictly."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from typing import Any

import pytest

pytest.importorskip("starlette", reason="the rehearsal extra is not installed")

from harness.rehearsal.script import Asked, Kind, Scripted, Trouble
from harness.rehearsal.server import serve

SCRIPTS = {
    "answer": Scripted("It is 4.", reasoning="Two and two.", fingerprint="fp_7"),
    "limit": Scripted("It is more than that, and longer"),
    "refusal": Scripted("", Kind.REFUSAL, category="bio", explanation="Not this."),
    "filter": Scripted("It is", Kind.FILTER),
    "block": Scripted("", Kind.BLOCK),
    "fallback": Scripted("4", served_model="small-model", announce_fallback=True, category="cyber"),
    "busy": Scripted("", Kind.ERROR, trouble=Trouble.RATE_LIMIT),
}


def answer(asked: Asked) -> Scripted:
    """Reply with the script that the last message names."""
    return SCRIPTS[asked.messages[-1].content]


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with serve(answer, key="k") as url:
        yield url


def sdk(name: str) -> Any:
    pytest.importorskip(name, reason=f"the {name} SDK is not installed (it is a development dependency)")
    return importlib.import_module(name)


# --- openai -------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def openai_client(address: str) -> Iterator[Any]:
    openai = sdk("openai")
    with openai.OpenAI(
        base_url=f"{address}/v1", api_key="k", max_retries=0, _strict_response_validation=True
    ) as client:
        yield client


def chat(client: Any, script: str, **options: Any) -> Any:
    turns = [{"role": "system", "content": "Be terse."}, {"role": "user", "content": script}]
    return client.chat.completions.create(model="big-model", messages=turns, max_tokens=5, **options)


def test_the_openai_client_reads_chat_replies(openai_client: Any) -> None:
    """Answers, limits, refusals and filters are where the openai client looks for them."""
    reply = chat(openai_client, "answer")
    assert reply.choices[0].message.content == "It is 4."
    assert (reply.choices[0].finish_reason, reply.model, reply.system_fingerprint) == (
        "stop",
        "big-model",
        "fp_7",
    )
    assert reply.usage.total_tokens == reply.usage.prompt_tokens + reply.usage.completion_tokens
    limit = chat(openai_client, "limit").choices[0]
    assert (limit.message.content, limit.finish_reason) == ("It is more than that", "length")
    assert chat(openai_client, "refusal").choices[0].message.refusal == "Not this."
    assert chat(openai_client, "filter").choices[0].finish_reason == "content_filter"


def test_the_openai_client_reads_chat_streams(openai_client: Any) -> None:
    """The chunks of a stream add up to the reply."""
    chunks = list(chat(openai_client, "answer", stream=True, stream_options={"include_usage": True}))
    texts = [chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices]
    assert "".join(texts) == "It is 4."
    assert len([text for text in texts if text]) > 1
    assert chunks[-1].usage.completion_tokens > 0
    assert chunks[-2].choices[0].finish_reason == "stop"
    refused = [c.choices[0].delta.refusal or "" for c in chat(openai_client, "refusal", stream=True)]
    assert "".join(refused) == "Not this."


def test_the_openai_client_raises_our_errors_as_its_own(openai_client: Any) -> None:
    """A blocked prompt and a rate limit become the client's own exceptions, with their codes."""
    openai = sdk("openai")
    with pytest.raises(openai.BadRequestError) as blocked:
        chat(openai_client, "block")
    assert blocked.value.code == "content_policy_violation"
    with pytest.raises(openai.RateLimitError) as limited:
        chat(openai_client, "busy")
    assert limited.value.code == "rate_limit_exceeded"
    with pytest.raises(openai.AuthenticationError):
        chat(openai_client.with_options(api_key="other"), "answer")


def test_the_openai_client_reads_responses(openai_client: Any) -> None:
    """Answers, limits, refusals and filters are where the openai client looks for them in responses."""

    def ask(script: str) -> Any:
        return openai_client.responses.create(model="big-model", input=script, max_output_tokens=5)

    reply = ask("answer")
    assert (reply.output_text, reply.status, reply.model) == ("It is 4.", "completed", "big-model")
    assert reply.output[0].summary[0].text == "Two and two."
    limit = ask("limit")
    assert (limit.output_text, limit.status) == ("It is more than that", "incomplete")
    assert limit.incomplete_details.reason == "max_output_tokens"
    assert ask("refusal").output[0].content[0].refusal == "Not this."
    assert ask("filter").incomplete_details.reason == "content_filter"
    with pytest.raises(sdk("openai").BadRequestError) as blocked:
        ask("block")
    assert blocked.value.code == "invalid_prompt"


def test_the_openai_client_reads_response_streams(openai_client: Any) -> None:
    """The client's own accumulator makes the final response of our events, and each event is of its types."""
    with openai_client.responses.stream(model="big-model", input="answer") as stream:
        events = list(stream)
        assert stream.get_final_response().output_text == "It is 4."
    assert (
        "".join(event.delta for event in events if event.type == "response.output_text.delta") == "It is 4."
    )
    for script, text, reason in (
        ("limit", "It is more than that", "max_output_tokens"),
        ("filter", "It is", "content_filter"),
    ):
        last = list(
            openai_client.responses.create(model="big-model", input=script, max_output_tokens=5, stream=True)
        )[-1]
        assert (last.type, last.response.output_text) == ("response.incomplete", text)
        assert last.response.incomplete_details.reason == reason
    raw = openai_client.responses.create(model="big-model", input="refusal", stream=True)
    refused = [event.delta for event in raw if event.type == "response.refusal.delta"]
    assert "".join(refused) == "Not this."


# --- anthropic ----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def anthropic_client(address: str) -> Iterator[Any]:
    anthropic = sdk("anthropic")
    with anthropic.Anthropic(
        base_url=address, api_key="k", max_retries=0, _strict_response_validation=True
    ) as client:
        yield client


def message(script: str) -> dict[str, Any]:
    turns = [{"role": "user", "content": script}]
    return {"model": "big-model", "max_tokens": 5, "system": "Be terse.", "messages": turns}


def test_the_anthropic_client_reads_messages(anthropic_client: Any) -> None:
    """Answers, limits and refusals are where the anthropic client looks for them."""
    reply = anthropic_client.messages.create(**message("answer"))
    assert [block.type for block in reply.content] == ["thinking", "text"]
    assert (reply.content[1].text, reply.stop_reason, reply.model) == ("It is 4.", "end_turn", "big-model")
    assert reply.usage.output_tokens > 0
    assert anthropic_client.messages.create(**message("limit")).stop_reason == "max_tokens"
    refusal = anthropic_client.messages.create(**message("refusal"))
    assert (refusal.stop_reason, refusal.stop_details.category) == ("refusal", "bio")
    assert refusal.stop_details.explanation == "Not this."


def test_the_anthropic_client_reads_message_streams(anthropic_client: Any) -> None:
    """The client's own accumulator makes the final message of our events."""
    for script, text, stop in (
        ("answer", "It is 4.", "end_turn"),
        ("limit", "It is more than that", "max_tokens"),
        ("filter", "It is", "refusal"),
    ):
        with anthropic_client.messages.stream(**message(script)) as stream:
            assert "".join(stream.text_stream) == text
            final = stream.get_final_message()
        assert final.stop_reason == stop
        assert final.usage.input_tokens > 0


def test_the_anthropic_client_reads_an_announced_fallback(anthropic_client: Any) -> None:
    """The entry and the block that announce a hand-over are of the client's beta types."""
    reply = anthropic_client.beta.messages.create(**message("fallback"))
    assert reply.model == "small-model"
    assert [entry.type for entry in reply.usage.iterations] == ["message", "fallback_message"]
    block = reply.content[0]
    assert (block.type, block.from_.model, block.to.model) == ("fallback", "big-model", "small-model")
    with anthropic_client.beta.messages.stream(**message("fallback")) as stream:
        final = stream.get_final_message()
    assert final.usage.iterations[-1].type == "fallback_message"


def test_the_anthropic_client_raises_our_errors_as_its_own(anthropic_client: Any) -> None:
    """A rate limit and a wrong key become the client's own exceptions."""
    anthropic = sdk("anthropic")
    with pytest.raises(anthropic.RateLimitError):
        anthropic_client.messages.create(**message("busy"))
    with pytest.raises(anthropic.AuthenticationError):
        anthropic_client.with_options(api_key="other").messages.create(**message("answer"))


# --- google-genai -------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def gemini_client(address: str) -> Iterator[Any]:
    sdk("google.genai")
    genai = importlib.import_module("google.genai")
    types = importlib.import_module("google.genai.types")
    client = genai.Client(api_key="k", vertexai=False, http_options=types.HttpOptions(base_url=address))
    yield client
    client.close()


def generation() -> Any:
    types = importlib.import_module("google.genai.types")
    return types.GenerateContentConfig(max_output_tokens=5, system_instruction="Be terse.", seed=3)


def test_the_google_client_reads_generated_content(gemini_client: Any) -> None:
    """Answers, limits, blocks and finish reasons are where the google-genai client looks for them."""

    def ask(script: str) -> Any:
        return gemini_client.models.generate_content(model="big-model", contents=script, config=generation())

    reply = ask("answer")
    assert (reply.text, reply.model_version) == ("It is 4.", "big-model")
    assert reply.candidates[0].finish_reason.value == "STOP"
    assert reply.candidates[0].content.parts[0].thought is True
    assert reply.usage_metadata.prompt_token_count > 0
    limit = ask("limit")
    assert (limit.text, limit.candidates[0].finish_reason.value) == ("It is more than that", "MAX_TOKENS")
    assert ask("refusal").candidates[0].finish_reason.value == "SAFETY"
    assert ask("block").prompt_feedback.block_reason.value == "PROHIBITED_CONTENT"


def test_the_google_client_reads_streams(gemini_client: Any) -> None:
    """The chunks of a stream add up to the reply, and the last one says how it finished."""
    chunks = list(
        gemini_client.models.generate_content_stream(
            model="big-model", contents="answer", config=generation()
        )
    )
    texts = [
        part.text
        for chunk in chunks
        for part in (chunk.candidates[0].content.parts if chunk.candidates[0].content else [])
        if not part.thought
    ]
    assert "".join(texts) == "It is 4."
    assert chunks[-1].candidates[0].finish_reason.value == "STOP"


def test_the_google_client_raises_our_errors_as_its_own(gemini_client: Any) -> None:
    """A rate limit becomes the client's own exception, with its status."""
    errors = importlib.import_module("google.genai.errors")
    with pytest.raises(errors.ClientError) as limited:
        gemini_client.models.generate_content(model="big-model", contents="busy")
    assert (limited.value.code, limited.value.status) == (429, "RESOURCE_EXHAUSTED")
