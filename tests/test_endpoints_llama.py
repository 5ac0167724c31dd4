"""A server that no one here wrote, with a real model: llama.cpp answers our adapters in three protocols."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import httpx
import pytest

from harness.endpoints import adapter
from harness.local import installing
from harness.local.launch import Servers
from harness.outcomes import decide, may_retry
from harness.records import Decision, Outcome, Probe, Reply
from tests import wire

pytestmark = pytest.mark.model

MODEL = "smollm2-135m-instruct"
PROTOCOLS = ("openai-chat", "openai-responses", "anthropic-messages")
CAPITAL = wire.probe(
    ("system", "You are terse."),
    ("user", "What is the capital of France? Answer with one word."),
    max_tokens=20,
)


@pytest.fixture(scope="module")
def addresses() -> Iterator[dict[str, str]]:
    missing = [state.words for state in installing.status() if state.name == MODEL and not state.ready]
    if missing:
        pytest.skip(f"{missing[0]}: harness local install")
    with asyncio.Runner() as runner:
        servers = Servers()
        ends = {name: wire.endpoint(name, url=None, model=MODEL, launch={}) for name in PROTOCOLS}
        try:
            yield {name: runner.run(servers.url(end, name)) for name, end in ends.items()}
        finally:
            runner.run(servers.__aexit__(None, None, None))


def ask(
    url: str, protocol: str, probe: Probe, *, stream: bool, **parameters: Any
) -> tuple[Reply, Decision, int]:
    settings = {"temperature": 0} | parameters
    endpoint = wire.endpoint(protocol, url=url, model=MODEL, stream=stream, parameters=settings)
    built = adapter(protocol).build(endpoint, probe, 5, None)
    with httpx.Client(trust_env=False, timeout=60) as client:
        got = client.request(built.method, built.url, headers=list(built.headers), content=built.body)
    reply = adapter(protocol).read(got.status_code, tuple(got.headers.items()), got.content, streamed=stream)
    sent = wire.exchange(protocol, got.content, status=got.status_code, streamed=stream, url=built.url)
    sent = replace(sent, request_body=built.body)
    return reply, decide(sent, reply, MODEL), got.status_code


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_real_answer_is_answered_the_same_plain_and_streamed(
    addresses: dict[str, str], protocol: str
) -> None:
    """A real model's answer reads the same both ways, with its counts and its name."""
    plain, decision, _ = ask(addresses[protocol], protocol, CAPITAL, stream=False)
    streamed, streamed_decision, _ = ask(addresses[protocol], protocol, CAPITAL, stream=True)
    assert decision == streamed_decision
    assert (decision.outcome, decision.unmapped, decision.rerouted) == (Outcome.ANSWERED, None, False)
    assert plain.text == streamed.text
    assert "Paris" in plain.text
    assert plain.usage.input_tokens == streamed.usage.input_tokens == 31
    assert plain.usage.output_tokens == streamed.usage.output_tokens
    assert plain.served_model == MODEL


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_real_limit_is_truncated(addresses: dict[str, str], protocol: str) -> None:
    """A token limit is seen in every protocol, also where the server calls the reply completed."""
    for stream in (False, True):
        count = wire.probe(("user", "Count to fifty."), max_tokens=5)
        reply, decision, _ = ask(addresses[protocol], protocol, count, stream=stream)
        assert (decision.outcome, decision.rule) == (Outcome.TRUNCATED, "token_limit")
        assert reply.text


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_earlier_turns_reach_a_real_model(addresses: dict[str, str], protocol: str) -> None:
    """A probe of several turns is accepted, and all its turns are counted."""
    turns = wire.probe(("user", "Hi"), ("assistant", "Hello there"), ("user", "Say ok"), max_tokens=5)
    reply, decision, status = ask(addresses[protocol], protocol, turns, stream=False)
    assert (status, decision.unmapped) == (200, None)
    alone, _, _ = ask(
        addresses[protocol], protocol, wire.probe(("user", "Say ok"), max_tokens=5), stream=False
    )
    assert reply.usage.input_tokens is not None
    assert alone.usage.input_tokens is not None
    assert reply.usage.input_tokens > alone.usage.input_tokens


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_real_refusal_of_a_request_is_ours_to_mend(addresses: dict[str, str], protocol: str) -> None:
    """A prompt longer than the context is a bad request, known by its type and never tried again."""
    for stream in (False, True):
        reply, decision, status = ask(
            addresses[protocol], protocol, wire.probe(("user", "word " * 9000)), stream=stream
        )
        assert (decision.outcome, decision.reason, decision.unmapped) == (Outcome.FAILED, "bad_request", None)
        assert not may_retry(status, None, reply)


def test_real_logprobs_are_read(addresses: dict[str, str]) -> None:
    """The log-probabilities of a real reply are read, one for each token of it."""
    for stream in (False, True):
        reply, _, _ = ask(addresses["openai-chat"], "openai-chat", CAPITAL, stream=stream, logprobs=True)
        assert "".join(token for token, _ in reply.logprobs).strip() == reply.text.strip()
        assert all(value <= 0 for _, value in reply.logprobs)


def test_a_missing_route_is_not_an_answer(addresses: dict[str, str]) -> None:
    """The server speaks no Gemini: asked in it, it denies."""
    base = addresses["anthropic-messages"]
    _, decision, status = ask(base, "gemini", CAPITAL, stream=False)
    assert (status, decision.outcome, decision.reason) == (404, Outcome.DENIED, "withdrawn")
