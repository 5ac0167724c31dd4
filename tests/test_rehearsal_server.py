"""The simulated provider speaks four protocols, and our adapters hear what it means in each."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from harness.endpoints import adapter
from harness.outcomes import decide, may_retry
from harness.records import Decision, Outcome, Reply
from tests import wire

pytest.importorskip("starlette", reason="the rehearsal extra is not installed")

from harness.rehearsal.script import Asked, Kind, Scripted, Trouble
from harness.rehearsal.server import BASE_PATHS, serve


class Stage:
    """The answer of a server whose next reply a test sets."""

    def __init__(self) -> None:
        self.reply = Scripted()
        self.asked: list[Asked] = []

    def __call__(self, asked: Asked) -> Scripted:
        self.asked.append(asked)
        return self.reply


STAGE = Stage()


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with serve(STAGE, key="k") as url:
        yield url


@pytest.fixture(scope="module")
def client() -> Iterator[httpx.Client]:
    with httpx.Client(trust_env=False) as opened:
        yield opened


def send(
    client: httpx.Client, address: str, protocol: str, reply: Scripted, *, stream: bool, key: str = "k"
) -> tuple[Reply, Decision, httpx.Response]:
    STAGE.reply = reply
    endpoint = wire.endpoint(protocol, url=address + BASE_PATHS[protocol], stream=stream)
    asked = wire.probe(("system", "Be terse."), ("user", "2 + 2?"), max_tokens=3)
    built = adapter(protocol).build(endpoint, asked, 9, key)
    got = client.request(built.method, built.url, headers=list(built.headers), content=built.body)
    headers = tuple(got.headers.items())
    read = adapter(protocol).read(got.status_code, headers, got.content, streamed=stream)
    exchange = wire.exchange(protocol, got.content, status=got.status_code, streamed=stream)
    return read, decide(exchange, read, endpoint.model), got


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("protocol", wire.PROTOCOLS)
@pytest.mark.parametrize(
    ("reply", "outcome", "degree"),
    [
        (Scripted("It is 4.", reasoning="2+2…", fingerprint="f"), Outcome.ANSWERED, None),
        (Scripted("It is more than that", Kind.LIMIT), Outcome.TRUNCATED, None),
        (Scripted("", Kind.EMPTY), Outcome.EMPTY, None),
        (Scripted("", Kind.REFUSAL, category="bio", explanation="No."), Outcome.REFUSED, "full"),
        (Scripted("It", Kind.REFUSAL, category="bio", explanation="No."), Outcome.REFUSED, "partial"),
        (Scripted("It is", Kind.FILTER), Outcome.REFUSED, "partial"),
        (Scripted("", Kind.BLOCK), Outcome.REFUSED, "full"),
        (Scripted("It is", Kind.CUT), Outcome.CUT, None),
    ],
)
def test_each_kind_of_reply_means_the_same_in_every_protocol(
    client: httpx.Client,
    address: str,
    protocol: str,
    stream: bool,
    reply: Scripted,
    outcome: Outcome,
    degree: str | None,
) -> None:
    """An answer, a limit, a refusal, a filter, a block, a cut and silence keep their meaning, streamed or not."""
    read, decision, _ = send(client, address, protocol, reply, stream=stream)
    assert (decision.outcome, decision.degree) == (outcome, degree)
    assert (decision.unmapped, decision.rerouted) == (None, False)
    if outcome is Outcome.ANSWERED:
        assert (read.text, read.reasoning) == ("It is 4.", "2+2…")
        assert read.usage.input_tokens == 13
        assert read.usage.output_tokens == 3
    if outcome is Outcome.TRUNCATED:
        assert read.text == "It is more t"
    asked = STAGE.asked[-1]
    assert [(m.role, m.content) for m in asked.messages] == [("system", "Be terse."), ("user", "2 + 2?")]
    assert (asked.max_tokens, asked.model) == (3, wire.MODELS[protocol])
    assert asked.seed == (9 if protocol in ("openai-chat", "gemini") else None)


@pytest.mark.parametrize("protocol", wire.PROTOCOLS)
@pytest.mark.parametrize("trouble", list(Trouble))
def test_each_trouble_means_the_same_in_every_protocol(
    client: httpx.Client, address: str, protocol: str, trouble: Trouble
) -> None:
    """Errors about access are denied with their reason, the rest failed, and only what is safe is tried again."""
    for stream in (False, True):
        script = Scripted("", Kind.ERROR, trouble=trouble, retry_after_s=3)
        read, decision, got = send(client, address, protocol, script, stream=stream)
        missing = {
            Trouble.RATE_LIMIT: "rate_limited",
            Trouble.OVERLOADED: "overloaded",
            Trouble.SERVER: "server_error",
            Trouble.BAD_REQUEST: "bad_request",
        }
        if trouble in missing:
            assert (decision.outcome, decision.reason) == (Outcome.FAILED, missing[trouble])
        else:
            # Anthropic has no word for a region or the law of its own.
            assert decision.outcome is Outcome.DENIED
            assert decision.reason in (trouble.value, "permission")
        assert may_retry(got.status_code, None, read) == (
            trouble in missing and trouble is not Trouble.BAD_REQUEST
        )
        assert decision.unmapped is None
        assert got.headers["retry-after"] == "3"


@pytest.mark.parametrize("protocol", wire.PROTOCOLS)
def test_an_error_after_text_ends_a_stream_as_a_cut(
    client: httpx.Client, address: str, protocol: str
) -> None:
    """An overload in the middle of a stream is a cut that may be tried again."""
    script = Scripted("It is", Kind.ERROR, trouble=Trouble.OVERLOADED)
    read, decision, _ = send(client, address, protocol, script, stream=True)
    assert decision.outcome is Outcome.CUT
    assert may_retry(200, None, read)
    assert decision.reason == "overloaded"


def test_a_hand_over_is_announced_or_silent(client: httpx.Client, address: str) -> None:
    """A fallback that announces itself is noticed; a silent one shows in the served model alone."""
    for announce in (True, False):
        script = Scripted("4", served_model="claude-haiku-4-5-20251001", announce_fallback=announce)
        for stream in (False, True):
            _, decision, _ = send(client, address, "anthropic-messages", script, stream=stream)
            assert (decision.outcome, decision.rerouted) == (Outcome.ANSWERED, True)
            assert (decision.notice is not None) == announce


@pytest.mark.parametrize("protocol", wire.PROTOCOLS)
def test_a_wrong_key_and_a_wrong_request_are_told_in_the_protocols_words(
    client: httpx.Client, address: str, protocol: str
) -> None:
    """The server asks for its key, and names what is wrong with a request."""
    _, decision, _ = send(client, address, protocol, Scripted("4"), stream=False, key="other")
    assert (decision.outcome, decision.reason) == (Outcome.DENIED, "key")
    built = adapter(protocol).build(
        wire.endpoint(protocol, url=address + BASE_PATHS[protocol]), wire.probe(), 1, "k"
    )
    for body in (
        b"{",
        b"[]",
        b"{}",
        b'{"model": "m", "messages": [5], "input": [5], "contents": [5], "max_tokens": 1}',
    ):
        got = client.post(built.url, headers=list(built.headers), content=body)
        assert got.status_code == 400
        assert adapter(protocol).read(400, (), got.content, streamed=False).error_message


@pytest.mark.parametrize("protocol", wire.PROTOCOLS)
def test_equal_requests_get_equal_bytes(client: httpx.Client, address: str, protocol: str) -> None:
    """Nothing in a reply depends on the clock or on chance."""
    script = Scripted("It is 4.", gap_s=0.001, delay_s=0.001)
    once = [send(client, address, protocol, script, stream=stream)[2].content for stream in (False, True)]
    again = [send(client, address, protocol, script, stream=stream)[2].content for stream in (False, True)]
    assert once == again


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("protocol", ["openai-chat", "openai-responses", "gemini"])
def test_log_probabilities_come_where_they_are_asked_for(
    client: httpx.Client, address: str, protocol: str, stream: bool
) -> None:
    """The adapter reads back what the model said of its first token, and nothing when nobody asked."""
    STAGE.reply = Scripted("Yes", logprobs=((("Yes", -0.25), ("No", -1.5)),))
    for wanted in (True, False):
        endpoint = wire.endpoint(protocol, url=address + BASE_PATHS[protocol], stream=stream)
        settings = {"logprobs": True, "top_logprobs": 2} if wanted else {}
        endpoint = endpoint.model_copy(update={"parameters": {**endpoint.parameters, **settings}})
        built = adapter(protocol).build(endpoint, wire.probe(("user", "Yes or no?")), 9, "k")
        got = client.request(built.method, built.url, headers=list(built.headers), content=built.body)
        read = adapter(protocol).read(
            got.status_code, tuple(got.headers.items()), got.content, streamed=stream
        )
        assert read.logprobs == ((("Yes", -0.25),) if wanted else ())
