"""Calls, targets and a clock for tests that send."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Iterator
from typing import Any, Literal

from harness.config.schema import Budgets, Endpoint, Limits, Prices
from harness.limits import Budget, Clock, RealClock
from harness.records import Call, Estimate, Message, Probe
from harness.runner import Sent, Stop, Target, run

PATIENCE_S = 30.0
"""Real seconds after which a test has hung."""


class QuickClock:
    """A clock on which waiting takes no time: it is set forward to the end of the sleep that ends first."""

    kind: Literal["real", "simulated"] = "simulated"

    def __init__(self) -> None:
        self._real = RealClock()
        self._ahead_s = 0.0
        self._ends_s: list[float] = []
        self.slept_s: list[float] = []

    def now_us(self) -> int:
        return self._real.now_us() + int(self._ahead_s * 1e6)

    def monotonic_s(self) -> float:
        return self._real.monotonic_s() + self._ahead_s

    async def sleep(self, seconds: float) -> None:
        self.slept_s.append(seconds)
        end_s = self.monotonic_s() + seconds
        self._ends_s.append(end_s)
        try:
            while self.monotonic_s() < end_s:
                await asyncio.sleep(0)
                if min(self._ends_s) == end_s:
                    self._ahead_s += max(0.0, end_s - self.monotonic_s())
        finally:
            self._ends_s.remove(end_s)


def calls(
    count: int, endpoint: str = "one", cost_usd: float = 0.0, question: str = "What is 2 + 2?"
) -> Iterator[Call]:
    for index in range(count):
        probe = Probe(f"p{index}", (Message("user", question),), "numeric", ("4",))
        yield Call(index, f"{endpoint}-{index}", endpoint, "sums", probe, 0, index, Estimate(20, 6, cost_usd))


def endpoint(
    url: str, *, prices: Prices | None = None, limits: dict[str, Any] | None = None, **more: Any
) -> Endpoint:
    chosen = {"concurrency": 4, "attempts": 1, "timeout_s": 10.0, "backoff_s": 0.5} | (limits or {})
    more = {"protocol": "openai-chat", "model": "test-model"} | more
    return Endpoint(url=url, limits=Limits(**chosen), prices=prices or Prices(), **more)


async def ask(
    target: Endpoint | Target,
    count: int = 1,
    *,
    clock: Clock | None = None,
    budget: Budget | None = None,
    stop: Stop | None = None,
    cost_usd: float = 0.0,
    **more: Any,
) -> list[Sent]:
    """Send so many calls to one endpoint and return every attempt, in the order in which they finished."""
    target = target if isinstance(target, Target) else Target(target)
    async with asyncio.timeout(PATIENCE_S):
        return [
            sent
            async for sent in run(
                {"one": calls(count, cost_usd=cost_usd)},
                {"one": target},
                budget=budget or Budget(Budgets()),
                clock=clock or QuickClock(),
                stop=stop or Stop(),
                rng_seed=1,
                **more,
            )
        ]


def trusting(authority: Any) -> ssl.SSLContext:
    """Return a context that trusts a test's own authority."""
    context = ssl.create_default_context()
    authority.configure_trust(context)
    return context
