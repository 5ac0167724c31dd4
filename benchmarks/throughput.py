"""How fast the runner is beside the barest loop that sends the same requests through the same libraries.

    python -m benchmarks.throughput

Both ask the same loopback provider, in a process of its own, with 32 requests in flight.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import platform
import statistics
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass

from httpx_aiohttp import HttpxAiohttpClient

from benchmarks.server import serving
from harness.config.schema import Budgets, Endpoint, Limits
from harness.limits import Budget, RealClock
from harness.records import Call, Estimate, Message, Probe
from harness.runner import Stop, Target, run

CONCURRENCY = 32
_KEY = "sk-benchmark-0123456789abcdef0123456789abcdef"


@dataclass(frozen=True, slots=True)
class Measured:
    """What a stretch of exchanges took in this process."""

    exchanges: int
    seconds: float
    cpu_s: float

    @property
    def per_s(self) -> float:
        """Exchanges per second."""
        return self.exchanges / self.seconds

    @property
    def cpu_ms(self) -> float:
        """Processor time of one exchange, in this process alone."""
        return 1e3 * self.cpu_s / self.exchanges


async def measure(exchanges: int, work: Callable[[int], Awaitable[None]]) -> Measured:
    """Time `work(exchanges)` after a short warm-up with the same work."""
    await work(max(CONCURRENCY, exchanges // 20))
    started_s, cpu_s = time.perf_counter(), time.process_time()
    await work(exchanges)
    return Measured(exchanges, time.perf_counter() - started_s, time.process_time() - cpu_s)


async def bare_loop(base_url: str, exchanges: int, concurrency: int = CONCURRENCY) -> Measured:
    """Measure `HttpxAiohttpClient.post(url, json=...)` and reading the content, and nothing else."""
    url = f"{base_url}/chat/completions"
    headers = {"authorization": f"Bearer {_KEY}"}
    async with HttpxAiohttpClient(headers=headers, trust_env=False) as client:

        async def work(count: int) -> None:
            numbers = iter(range(count))

            async def worker() -> None:
                for number in numbers:
                    response = await client.post(url, json=_body(number))
                    if not response.content:
                        raise RuntimeError("the provider answered nothing")

            await asyncio.gather(*(worker() for _ in range(concurrency)))

        return await measure(exchanges, work)


async def runner_alone(base_url: str, exchanges: int, concurrency: int = CONCURRENCY) -> Measured:
    """Measure the runner, its evidence thrown away as it comes."""
    endpoint = Endpoint(
        protocol="openai-chat",
        url=base_url,
        model="loopback-1",
        parameters={"temperature": 0, "max_tokens": 64},
        limits=Limits(concurrency=concurrency),
    )
    targets = {"loopback": Target(endpoint, _KEY)}

    async def work(count: int) -> None:
        seen = 0
        clock = RealClock()
        async for sent in run(
            {"loopback": calls(count)},
            targets,
            budget=Budget(Budgets()),
            clock=clock,
            stop=Stop(),
            rng_seed=1,
        ):
            seen += sent.exchange.status == 200
        if seen != count:
            raise RuntimeError(f"{count - seen} of {count} exchanges failed")

    return await measure(exchanges, work)


def calls(count: int) -> Iterator[Call]:
    """Yield calls with unlike questions, made while iterating."""
    estimate = Estimate(20, 40, 0.0)
    for index in range(count):
        probe = Probe(f"sum-{index % 1000}", (Message("user", _question(index)),), "numeric", ("42",))
        yield Call(
            index, f"{index:016x}", "loopback", "bench", probe, 0, index * 2_654_435_761 % 2**31, estimate
        )


def _question(number: int) -> str:
    return f"What is {number % 997} + {number % 89}? Answer with the number alone."


def _body(number: int) -> dict[str, object]:
    return {
        "model": "loopback-1",
        "messages": [{"role": "user", "content": _question(number)}],
        "seed": number * 2_654_435_761 % 2**31,
        "max_tokens": 64,
        "temperature": 0,
    }


def main() -> None:
    """Measure both by turns, and print the medians and their ratio."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--exchanges", type=int, default=8000, help="per measurement")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    bare: list[Measured] = []
    ours: list[Measured] = []
    with serving() as url:
        for _ in range(options.rounds):
            bare.append(asyncio.run(bare_loop(url, options.exchanges)))
            ours.append(asyncio.run(runner_alone(url, options.exchanges)))
    figures = {
        "bare_per_s": statistics.median(one.per_s for one in bare),
        "bare_cpu_ms": statistics.median(one.cpu_ms for one in bare),
        "runner_per_s": statistics.median(one.per_s for one in ours),
        "runner_cpu_ms": statistics.median(one.cpu_ms for one in ours),
    }
    figures["ratio"] = figures["runner_per_s"] / figures["bare_per_s"]
    if options.json:
        print(json.dumps(figures))
        return
    print(
        f"Python {platform.python_version()}, {platform.machine()}, {sys.platform}; {CONCURRENCY} in flight"
    )
    for name, key in (("bare httpx-aiohttp loop", "bare"), ("runner", "runner")):
        print(f"{name:24}{figures[key + '_per_s']:7.0f}/s  {figures[key + '_cpu_ms']:.3f} ms CPU each")
    print(f"{'runner / bare loop':24}{figures['ratio']:7.2f}")


if __name__ == "__main__":
    main()
