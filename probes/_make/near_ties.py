"""Finds short prompts whose first token is a near tie, on the local model: `python -m probes._make.near_ties`.

Prints each candidate with the probabilities of its two likeliest first tokens, closest first. What is a near tie for
one model is none for another: the ones written into the suite `identity` show that looking for them works.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import math
import sys
from collections.abc import Iterable
from dataclasses import dataclass

import httpx

from harness.config import Endpoint
from harness.endpoints import adapter
from harness.local import Servers
from harness.records import Message, Probe

MODEL = "smollm2-135m-instruct"
_CHOICES = (
    ("left", "right"), ("red", "blue"), ("cat", "dog"), ("tea", "coffee"), ("sun", "moon"), ("salt", "pepper"),
    ("gold", "silver"), ("north", "south"), ("summer", "winter"), ("bread", "rice"), ("river", "lake"),
    ("apple", "pear"), ("train", "plane"), ("oak", "pine"), ("paper", "stone"), ("odd", "even"),
)  # fmt: skip
_ASKED = (
    "Pick one: {a} or {b}? Answer with one word.",
    "Say {a} or {b}.",
    "Which comes to mind first, {a} or {b}?",
)
_THINGS = (
    "a fruit", "a colour", "a bird", "a tree", "a river", "a metal", "a number", "a letter", "a planet", "a tool",
    "a sport", "a spice", "a fish", "a month", "a country", "a drink", "a flower", "a game", "a fabric", "a stone",
)  # fmt: skip
_NAMED = ("Name {thing}.", "Name {thing}. Answer with one word.", "Think of {thing} and write it down.")


def candidates() -> list[str]:
    """Return the prompts to try."""
    pairs = [pair for a, b in _CHOICES for pair in ((a, b), (b, a))]
    asked = [form.format(a=a, b=b) for form, (a, b) in itertools.product(_ASKED, pairs)]
    return asked + [form.format(thing=thing) for form, thing in itertools.product(_NAMED, _THINGS)]


@dataclass(frozen=True, slots=True)
class Tie:
    """A prompt's two likeliest first tokens."""

    prompt: str
    first: str
    second: str
    first_share: float
    second_share: float

    @property
    def gap(self) -> float:
        """Return the difference of their log probabilities, in nats."""
        return math.log(self.first_share / self.second_share)


async def measure(prompts: Iterable[str]) -> list[Tie]:
    """Return each prompt's two likeliest first tokens on the local model, closest first."""
    endpoint = Endpoint.model_validate({"protocol": "openai-chat", "model": MODEL, "launch": {}})
    protocol = adapter("openai-chat")
    settings = {"max_tokens": 1, "temperature": 0, "logprobs": True, "top_logprobs": 2}
    found = []
    async with Servers() as servers, httpx.AsyncClient(trust_env=False, timeout=60) as client:
        asked = endpoint.model_copy(update={"url": await servers.url(endpoint, "near-ties")})
        for prompt in prompts:
            probe = Probe("tie", (Message("user", prompt),), "regex", parameters=settings)
            built = protocol.build(asked, probe, 0, None)
            reply = await client.post(built.url, headers=list(built.headers), content=built.body)
            reply.raise_for_status()
            one, two = reply.json()["choices"][0]["logprobs"]["content"][0]["top_logprobs"]
            shares = math.exp(one["logprob"]), math.exp(two["logprob"])
            found.append(Tie(prompt, one["token"], two["token"], *shares))
    return sorted(found, key=lambda tie: tie.gap)


if __name__ == "__main__":
    for tie in asyncio.run(measure(candidates())):
        tokens = (
            f"{json.dumps(tie.first)} {tie.first_share:.3f}, {json.dumps(tie.second)} {tie.second_share:.3f}"
        )
        sys.stdout.write(f"{tie.gap:6.3f}  {tokens}  {tie.prompt}\n")
