"""The adapters: what every protocol has in common."""

from __future__ import annotations

import json

import pytest

from harness.config.schema import PROTOCOLS as CONFIGURED
from harness.endpoints import ADAPTERS, adapter
from tests import wire


def test_every_configurable_protocol_has_an_adapter() -> None:
    """Each protocol that config.toml accepts has an adapter of that name."""
    assert set(ADAPTERS) == set(CONFIGURED)
    assert all(adapter(name).protocol == name and adapter(name).version >= 1 for name in CONFIGURED)


@pytest.mark.parametrize("protocol", wire.PROTOCOLS)
def test_a_plain_answer_is_read_whole(protocol: str) -> None:
    """Text, finish, identity and token counts of an ordinary reply are read in every protocol."""
    reply = wire.read(protocol, wire.answer(protocol, "It is 4 – vier."))
    assert reply.text == "It is 4 – vier."
    assert reply.finish_reason in ("stop", "completed", "end_turn", "STOP")
    assert reply.served_model is not None
    assert reply.response_id is not None
    assert (reply.usage.input_tokens, reply.usage.output_tokens) == (11, 3)
    assert (reply.usage.reasoning_tokens, reply.usage.cached_tokens) == (1, 2)
    assert reply.complete
    assert reply.malformed is None
    assert reply.error_message is None


@pytest.mark.parametrize("protocol", wire.PROTOCOLS)
def test_a_streamed_answer_reads_like_the_plain_one(protocol: str) -> None:
    """The same answer gives the same reply whether it was streamed or not."""
    plain = wire.read(protocol, wire.answer(protocol, "It is 4 – vier."))
    streamed = wire.read(protocol, wire.streamed_answer(protocol, "It is", " 4 –", " vier."), streamed=True)
    assert streamed == plain


@pytest.mark.parametrize("protocol", wire.PROTOCOLS)
@pytest.mark.parametrize("ending", ["\r\n", "\r", "\n"])
def test_any_line_ending_of_a_stream_is_read(protocol: str, ending: str) -> None:
    """Streams may end their lines in any of the three ways the standard allows."""
    body = wire.streamed_answer(protocol, "a", "b").decode().replace("\n", ending).encode()
    reply = wire.read(protocol, body, streamed=True)
    assert (reply.text, reply.complete) == ("ab", True)


@pytest.mark.parametrize("protocol", wire.PROTOCOLS)
def test_comments_names_and_noise_in_a_stream_are_passed_over(protocol: str) -> None:
    """Keep-alive comments, ids and events that are not JSON change nothing."""
    noise = b": OPENROUTER PROCESSING\n\nid: 7\nretry: 10\n\ndata: not json\n\nevent: ping\ndata: 5\n\n"
    body = noise + wire.streamed_answer(protocol, "a", "b")
    assert wire.read(protocol, body, streamed=True) == wire.read(
        protocol, wire.streamed_answer(protocol, "a", "b"), streamed=True
    )


@pytest.mark.parametrize("protocol", wire.PROTOCOLS)
def test_a_stream_cut_anywhere_is_not_complete(protocol: str) -> None:
    """However few bytes of a stream came, it reads; complete only once it says how it finished."""
    body = wire.streamed_answer(protocol, "one ", "two ", "three")
    for length in range(0, len(body), 7):
        reply = wire.read(protocol, body[:length], streamed=True)
        assert "one two three".startswith(reply.text)
        assert reply.complete == (reply.finish_reason is not None or length == 0)


@pytest.mark.parametrize("protocol", wire.PROTOCOLS)
def test_a_plain_reply_to_a_streamed_request_is_read(protocol: str) -> None:
    """A server that ignores the wish for a stream is read all the same, and so is the reverse."""
    plain, stream = wire.answer(protocol, "4"), wire.streamed_answer(protocol, "4")
    assert wire.read(protocol, plain, streamed=True).text == "4"
    assert wire.read(protocol, stream, streamed=False, headers=()).text == "4"


@pytest.mark.parametrize("protocol", wire.PROTOCOLS)
def test_marked_reasoning_is_never_text(protocol: str) -> None:
    """Reasoning that a server left in the text is taken out of it, streamed or not."""
    for text in (
        "<think>maybe 5?</think>\n4",
        "\n<think>maybe 5?</think>4",
        "maybe 5?</think>4",
        "[THINK]maybe 5?[/THINK]4",
        "<|channel|>analysis<|message|>maybe 5?<|channel|>final<|message|>4",
    ):
        for reply in (
            wire.read(protocol, wire.answer(protocol, text)),
            wire.read(protocol, wire.streamed_answer(protocol, *text), streamed=True),
        ):
            assert reply.text == "4"
            assert reply.reasoning.strip() == "maybe 5?"


@pytest.mark.parametrize("protocol", wire.PROTOCOLS)
def test_reasoning_that_never_closed_leaves_no_text(protocol: str) -> None:
    """A reply that is all reasoning has no text to grade."""
    reply = wire.read(protocol, wire.answer(protocol, "<think>5? 6? 7?"))
    assert (reply.text, reply.reasoning) == ("", "5? 6? 7?")


@pytest.mark.parametrize("protocol", wire.PROTOCOLS)
def test_text_that_only_mentions_markup_stays(protocol: str) -> None:
    """A tag that is no reasoning mark is part of the answer."""
    text = "<b>4</b> and [4]"
    assert wire.read(protocol, wire.answer(protocol, text)).text == text


@pytest.mark.parametrize("protocol", wire.PROTOCOLS)
@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b'{"error": {"message": "no", "type": "t", "code": "c"}}', "no"),
        (b'{"type": "error", "error": {"type": "t", "message": "no"}}', "no"),
        (b'[{"error": {"code": 400, "status": "INVALID_ARGUMENT", "message": "no"}}]', "no"),
        (b'{"error": "no"}', "no"),
        (b'{"object": "error", "message": "no", "type": "t", "code": 40303}', "no"),
        (b'{"detail": "no"}', "no"),
        (b'{"detail": [{"loc": ["body"], "msg": "no"}]}', '[{"loc": ["body"], "msg": "no"}]'),
        (b'{"message": "no"}', "no"),
        (b"<html>no</html>", "<html>no</html>"),
    ],
)
def test_the_words_of_an_error_are_kept(protocol: str, body: bytes, message: str) -> None:
    """Every shape of error in use is read by every adapter."""
    assert wire.read(protocol, body, status=400).error_message == message


@pytest.mark.parametrize("protocol", wire.PROTOCOLS)
def test_lone_surrogates_and_bad_utf8_become_storable(protocol: str) -> None:
    """Whatever a server sends, the texts that are kept can be encoded."""
    body = wire.answer(protocol, "4 X").replace(b" X", b"\\ud800 \xff\xfe")
    reply = wire.read(protocol, body)
    assert reply.text.startswith("4")
    reply.text.encode()
    pair = wire.answer(protocol, "😀")
    assert wire.read(protocol, pair).text == "😀"


def test_a_surrogate_pair_split_over_two_chunks_is_joined() -> None:
    """An emoji whose halves came in two chunks reads as one character."""
    body = wire.chat_stream("H", "L").replace(b'"H"', b'"\\ud83d"').replace(b'"L"', b'"\\ude00"')
    assert wire.read("openai-chat", body, streamed=True).text == "😀"


@pytest.mark.parametrize("protocol", wire.PROTOCOLS)
def test_the_first_content_of_a_stream_is_recognised(protocol: str) -> None:
    """Exactly the lines that carry visible text count as content events."""
    lines = wire.streamed_answer(protocol, "It", " is", " 4").split(b"\n")
    carrying = [line for line in lines if adapter(protocol).content_event(line)]
    deltas = [line for line in carrying if b"output_text.delta" in line or protocol != "openai-responses"]
    assert len(deltas) == 3
    assert carrying == deltas
    assert not adapter(protocol).content_event(b"")


@pytest.mark.parametrize(
    ("protocol", "line"),
    [
        ("openai-chat", b'data: {"choices":[{"delta":{"reasoning_content":"hm","content":null}}]}'),
        ("openai-chat", b'data: {"choices":[{"delta":{"role":"assistant","content":""}}]}'),
        ("openai-responses", b'data: {"type":"response.reasoning_text.delta","delta":"hm"}'),
        ("anthropic-messages", b'data: {"delta":{"type":"thinking_delta","thinking":"hm"}}'),
        ("anthropic-messages", b'data: {"content_block":{"type":"text","text":""}}'),
        ("gemini", b'data: {"candidates":[{"content":{"parts":[{"text":"hm","thought":true}]}}]}'),
    ],
)
def test_reasoning_is_not_the_first_token(protocol: str, line: bytes) -> None:
    """Time to first token is the time to the first visible one."""
    assert not adapter(protocol).content_event(line)


@pytest.mark.parametrize("protocol", wire.PROTOCOLS)
def test_requests_are_the_same_bytes_every_time(protocol: str) -> None:
    """Equal calls build equal requests, compact and with the seed as a plain integer."""
    end = wire.endpoint(protocol, parameters={"temperature": 0.5, "max_tokens": 7}, headers={"X-A": "b"})
    one = adapter(protocol).build(end, wire.probe(), 12345, "k")
    two = adapter(protocol).build(end, wire.probe(), 12345, "k")
    assert one == two
    assert b", " not in one.body.replace(b"2 + 2", b"")
    if protocol in ("openai-chat", "gemini"):
        assert b'"seed":12345' in one.body
    else:
        assert b"seed" not in one.body


@pytest.mark.parametrize("protocol", wire.PROTOCOLS)
def test_a_probe_overrides_the_endpoint_and_the_body_wins_over_both(protocol: str) -> None:
    """Settings come from the endpoint, then the probe, then the endpoint's raw body fields."""
    end = wire.endpoint(
        protocol,
        parameters={"max_completion_tokens": 100, "custom": {"a": 1}},
        body={"custom": {"b": 2}, "model": "other"},
    )
    body = json.loads(adapter(protocol).build(end, wire.probe(max_tokens=5), 1, None).body)
    flat = json.dumps(body)
    assert "100" not in flat
    assert body["model"] == "other"
    if protocol == "gemini":
        assert body["generationConfig"]["maxOutputTokens"] == 5
        assert body["generationConfig"]["custom"] == {"a": 1}
        assert body["custom"] == {"b": 2}
    else:
        assert body["custom"] == {"a": 1, "b": 2}
        assert 5 in body.values()


@pytest.mark.parametrize("protocol", wire.PROTOCOLS)
def test_extra_headers_replace_ours(protocol: str) -> None:
    """A header set in config.toml is sent instead of the adapter's own, whatever its case."""
    end = wire.endpoint(protocol, headers={"Content-Type": "application/x", "X-Org": "me"})
    headers = adapter(protocol).build(end, wire.probe(), 1, "k").headers
    names = [name for name, _ in headers]
    assert len(names) == len(set(names))
    assert dict(headers)["content-type"] == "application/x"
    assert dict(headers)["x-org"] == "me"
    assert "k" in {value.removeprefix("Bearer ") for value in dict(headers).values()}


@pytest.mark.parametrize("protocol", wire.PROTOCOLS)
def test_a_missing_key_sends_no_authorization(protocol: str) -> None:
    """Without a key there is no header that would carry one."""
    names = {
        name for name, _ in adapter(protocol).build(wire.endpoint(protocol), wire.probe(), 1, None).headers
    }
    assert not names & {"authorization", "x-api-key", "api-key", "x-goog-api-key"}


@pytest.mark.parametrize("protocol", wire.PROTOCOLS)
@pytest.mark.parametrize("url", [None, "ftp://x/v1", "https://"])
def test_an_endpoint_without_a_usable_url_cannot_be_built(protocol: str, url: str | None) -> None:
    """A request without an address raises instead of going somewhere else."""
    end = wire.endpoint(protocol).model_copy(update={"url": url})
    with pytest.raises(ValueError, match="url"):
        adapter(protocol).build(end, wire.probe(), 1, None)


@pytest.mark.parametrize(
    ("protocol", "base", "model", "url"),
    [
        ("openai-chat", "https://h/v1", "m", "https://h/v1/chat/completions"),
        ("openai-chat", "https://h/v1/", "m", "https://h/v1/chat/completions"),
        ("openai-chat", "https://h/v1/chat/completions", "m", "https://h/v1/chat/completions"),
        ("openai-chat", "https://api.openai.com", "m", "https://api.openai.com/v1/chat/completions"),
        ("openai-chat", "https://api.deepseek.com", "m", "https://api.deepseek.com/chat/completions"),
        (
            "openai-chat",
            "https://x.openai.azure.com/openai/deployments/d?api-version=2024-10-21",
            "m",
            "https://x.openai.azure.com/openai/deployments/d/chat/completions?api-version=2024-10-21",
        ),
        ("openai-responses", "https://h/v1", "m", "https://h/v1/responses"),
        ("anthropic-messages", "https://h", "m", "https://h/v1/messages"),
        ("anthropic-messages", "https://h/v1", "m", "https://h/v1/messages"),
        ("anthropic-messages", "https://h/anthropic", "m", "https://h/anthropic/v1/messages"),
        ("gemini", "https://h/v1beta", "m", "https://h/v1beta/models/m:generateContent"),
        ("gemini", "https://h", "models/m", "https://h/v1beta/models/m:generateContent"),
        ("gemini", "https://h", "tunedModels/m", "https://h/v1beta/tunedModels/m:generateContent"),
        (
            "gemini",
            "https://h/v1/projects/p/locations/l/publishers/google",
            "m x",
            "https://h/v1/projects/p/locations/l/publishers/google/models/m%20x:generateContent",
        ),
    ],
)
def test_the_route_is_added_to_the_base_url(protocol: str, base: str, model: str, url: str) -> None:
    """Base URLs with or without a version, a route or a query all lead to the protocol's route."""
    end = wire.endpoint(protocol, url=base, model=model)
    assert adapter(protocol).build(end, wire.probe(), 1, None).url == url


def test_a_gemini_stream_is_asked_for_in_the_url() -> None:
    """Streaming is a route of its own in Gemini, and asks for server-sent events."""
    built = adapter("gemini").build(wire.endpoint("gemini", stream=True), wire.probe(), 1, None)
    assert built.url.endswith("/models/gemini-2.5-flash:streamGenerateContent?alt=sse")


@pytest.mark.parametrize("protocol", wire.PROTOCOLS)
def test_system_text_and_turns_are_sent_in_the_protocols_own_form(protocol: str) -> None:
    """A multi-turn probe with a system text keeps every word and the order of its turns."""
    asked = wire.probe(("system", "S"), ("user", "U1"), ("assistant", "A1"), ("user", "U2"))
    body = json.loads(adapter(protocol).build(wire.endpoint(protocol), asked, 1, None).body)
    if protocol == "gemini":
        assert body["systemInstruction"] == {"parts": [{"text": "S"}]}
        assert [(c["role"], c["parts"][0]["text"]) for c in body["contents"]] == [
            ("user", "U1"),
            ("model", "A1"),
            ("user", "U2"),
        ]
        return
    turns = [(turn["role"], turn["content"]) for turn in body.get("messages", body.get("input"))]
    if protocol == "openai-responses":
        assert turns[2] == ("assistant", [{"type": "output_text", "text": "A1", "annotations": []}])
        turns[2] = ("assistant", "A1")
    if protocol == "anthropic-messages":
        assert body["system"] == "S"
    else:
        assert turns.pop(0) == ("system", "S")
    assert turns == [("user", "U1"), ("assistant", "A1"), ("user", "U2")]
