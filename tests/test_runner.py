"""Sending: every call once, endpoints side by side, clean ends."""

from __future__ import annotations

import asyncio
import gc
import json
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing

import pytest

from benchmarks.server import serving
from harness.config.schema import Budgets, Prices
from harness.limits import Budget
from harness.records import Call, Failure
from harness.runner import GIVE_UP_AFTER, Sent, Stop, Target, run
from tests.asking import PATIENCE_S, QuickClock, ask, calls, endpoint
from tests.faulty import Faulty


@pytest.fixture(scope="module")
def server() -> Iterator[Faulty]:
    with Faulty() as running:
        yield running


def sending(
    calls_by_name: dict[str, Iterator[Call]],
    targets: dict[str, Target],
    stop: Stop | None = None,
    **more: float,
) -> AsyncGenerator[Sent, None]:
    return run(
        calls_by_name, targets, budget=Budget(Budgets()), clock=QuickClock(), stop=stop or Stop(), rng_seed=1,
        **more,  # type: ignore[arg-type]
    )  # fmt: skip


# --- what is sent and kept --------------------------------------------------------------------


async def test_exchange_is_complete(server: Faulty) -> None:
    """An exchange says what was asked of whom, how, and what came back, byte for byte."""
    (sent,) = await ask(Target(endpoint(server.url("ok")), key="sk-0123456789"))
    exchange = sent.exchange
    asked = server.requests[-1]
    assert (exchange.call_id, exchange.index, exchange.endpoint, exchange.suite) == (
        "one-0",
        0,
        "one",
        "sums",
    )
    assert (exchange.attempt, exchange.final, exchange.probe_id, exchange.sample) == (1, True, "p0", 0)
    assert (exchange.protocol, exchange.streamed, exchange.method) == ("openai-chat", False, "POST")
    assert exchange.url == server.url("ok") + "/chat/completions"
    assert (exchange.status, exchange.failure, exchange.failure_detail) == (200, None, "")
    assert exchange.request_body == asked.body
    assert json.loads(exchange.response_body)["choices"][0]["message"]["content"] == "The answer is 4."
    assert sent.reply is not None
    assert sent.reply.text == "The answer is 4."
    assert asked.header("authorization") == "Bearer sk-0123456789"
    sent_headers = dict(exchange.request_headers)
    assert "authorization" not in sent_headers
    for name, value in sent_headers.items():
        assert asked.header(name) == value
    unrecorded = {line.split(b":")[0].lower() for line in asked.head.split(b"\r\n")[1:]} - {
        name.encode() for name in sent_headers
    }
    assert unrecorded == {b"host", b"content-length", b"authorization"}
    assert exchange.timing.headers_ms is not None
    assert 0 < exchange.timing.headers_ms <= exchange.timing.total_ms
    assert exchange.timing.first_token_ms is None


async def test_every_call_once(server: Faulty) -> None:
    """Every call comes back exactly once, and connections are kept for the next call."""
    before = server.connections
    sent = await ask(endpoint(server.url("ok")), 200)
    assert sorted(one.exchange.index for one in sent) == list(range(200))
    assert all(one.exchange.final and one.exchange.status == 200 for one in sent)
    assert server.connections - before <= 4


async def test_no_calls(server: Faulty) -> None:
    """A run with nothing to send ends at once."""
    assert await ask(endpoint(server.url("ok")), 0) == []


async def test_stream_is_timed(server: Faulty) -> None:
    """A stream is kept as it came, with the time to its first content and the gaps between."""
    (sent,) = await ask(endpoint(server.url("stream"), stream=True))
    timing = sent.exchange.timing
    assert sent.reply is not None
    assert sent.reply.text == "The answer is 4."
    assert sent.exchange.response_body.endswith(b"data: [DONE]\n\n")
    assert sent.exchange.streamed
    assert timing.headers_ms is not None
    assert timing.first_token_ms is not None
    assert timing.gap_median_ms is not None
    assert timing.gap_median_ms == timing.gap_max_ms, "two pieces of content, one gap"
    assert timing.headers_ms <= timing.first_token_ms <= timing.total_ms
    assert server.requests[-1].header("connection") == "close"


async def test_cost_from_usage(server: Faulty) -> None:
    """The cost is what the reported tokens cost; unknown when none are reported; nothing for an error."""
    prices = Prices(input_usd_per_mtok=10, output_usd_per_mtok=100)
    (priced,) = await ask(endpoint(server.url("ok"), prices=prices))
    assert priced.cost_usd == pytest.approx(20 * 10e-6 + 6 * 100e-6)
    (silent,) = await ask(endpoint(server.url("html_ok"), prices=prices))
    assert silent.cost_usd is None
    (denied,) = await ask(endpoint(server.url("forbidden"), prices=prices))
    assert denied.cost_usd == 0.0
    (free,) = await ask(endpoint(server.url("html_ok")))
    assert free.cost_usd == 0.0


async def test_unbuildable_is_recorded(server: Faulty) -> None:
    """A call for which no request can be built is recorded as such, and nothing is sent."""
    before = len(server.requests)
    for broken in (
        endpoint("ftp://127.0.0.1/v1"),
        endpoint(server.url("ok"), headers={"x-feature": "two\nlines"}),
        endpoint(server.url("ok"), headers={"x-feature": "☃"}),
        endpoint("http://127.0.0.1:99999/v1"),
        endpoint(f"http://{'a' * 70}.example/v1"),
    ):
        (sent,) = await ask(broken)
        assert (sent.exchange.failure, sent.exchange.status) == (Failure.UNBUILDABLE, None), broken
        assert sent.exchange.final
        assert sent.reply is None
        assert sent.exchange.failure_detail
    assert len(server.requests) == before


# --- endpoints beside each other --------------------------------------------------------------


async def test_silent_endpoint_does_not_stall_another(server: Faulty) -> None:
    """While one endpoint says nothing at all, every call to the other is answered."""
    targets = {
        "silent": Target(endpoint(server.url("silent"), limits={"timeout_s": 60.0})),
        "quick": Target(endpoint(server.url("ok"))),
    }
    asked = {"silent": calls(10, "silent"), "quick": calls(300, "quick")}
    seen: set[str] = set()
    async with asyncio.timeout(PATIENCE_S), aclosing(sending(asked, targets)) as running:
        async for sent in running:
            seen.add(sent.exchange.call_id)
            if len(seen) == 300:
                break
    assert seen == {f"quick-{number}" for number in range(300)}


async def test_calls_are_taken_as_they_are_sent(server: Faulty) -> None:
    """A consumer that stops reading stops the sending: calls are not piled up anywhere."""
    taken = 0

    def counted() -> Iterator[Call]:
        nonlocal taken
        for call in calls(100_000):
            taken += 1
            yield call

    async with asyncio.timeout(PATIENCE_S):
        running = sending({"one": counted()}, {"one": Target(endpoint(server.url("ok")))})
        async for _ in running:
            break
        level = -1
        while level != taken:
            level = taken
            await asyncio.sleep(0.1)
        assert taken <= 300
        await running.aclose()


async def test_memory_does_not_grow() -> None:
    """Nothing is kept of a call once it is done."""
    levels: list[int] = []
    with serving() as url:
        target = Target(endpoint(url, limits={"concurrency": 8}), key="sk-0123456789abcdef")
        async for sent in sending({"one": calls(1600)}, {"one": target}):
            if sent.exchange.index in (500, 1500):
                gc.collect()
                levels.append(len(gc.get_objects()))
    assert abs(levels[1] - levels[0]) < 500, "objects, after a thousand calls"


# --- ends -------------------------------------------------------------------------------------


async def test_stop_awaits_what_is_in_flight(server: Faulty) -> None:
    """After a stop nothing new is sent, and what was in flight is still recorded."""
    stop = Stop()
    sent = []
    before = len(server.requests)
    async with asyncio.timeout(PATIENCE_S):
        async for one in sending({"one": calls(5000)}, {"one": Target(endpoint(server.url("ok")))}, stop):
            sent.append(one)
            if len(sent) == 50:
                stop.set()
    assert 50 <= len(sent) <= 50 + 256 + 4
    assert len(server.requests) - before == len(sent)
    assert all(one.exchange.final for one in sent)


async def test_stop_before_the_start(server: Faulty) -> None:
    """A run that is told to stop before it starts sends nothing."""
    stop = Stop()
    stop.set()
    before = len(server.requests)
    assert await ask(endpoint(server.url("ok")), 50, stop=stop) == []
    assert len(server.requests) == before


async def test_slow_consumer_loses_nothing(server: Faulty) -> None:
    """What came back before a stop reaches a consumer that takes longer than the grace to ask for it."""
    stop = Stop()
    before = len(server.requests)
    sent: list[Sent] = []
    async with asyncio.timeout(PATIENCE_S):
        running = sending(
            {"one": calls(5000)}, {"one": Target(endpoint(server.url("ok")))}, stop, grace_s=0.05
        )
        async for one in running:
            if not sent:
                await asyncio.sleep(0.5)
                stop.set()
                await asyncio.sleep(0.2)
            sent.append(one)
    assert len(sent) == len(server.requests) - before


async def test_stop_drops_what_takes_too_long(server: Faulty) -> None:
    """What is still in flight after the grace is dropped and not recorded."""
    stop = Stop()
    before = len(server.requests)

    async def stop_when_asked() -> None:
        while len(server.requests) - before < 4:  # noqa: ASYNC110 -- the server is in another thread
            await asyncio.sleep(0.01)
        stop.set()

    target = Target(endpoint(server.url("silent"), limits={"timeout_s": 60.0}))
    async with asyncio.timeout(PATIENCE_S):
        asking = asyncio.create_task(stop_when_asked())
        sent = [one async for one in sending({"one": calls(100)}, {"one": target}, stop, grace_s=0.05)]
        await asking
    assert sent == []
    assert len(server.requests) - before == 4


async def test_stop_ends_waits(server: Faulty) -> None:
    """A worker that waits for its turn or for a retry does not hold up a stop."""
    from harness.limits import RealClock

    stop = Stop()
    limits = {"requests_per_minute": 1.0, "concurrency": 3}
    async with asyncio.timeout(PATIENCE_S):
        count = 0
        async for _ in run(
            {"one": calls(100), "two": calls(100, "two")},
            {
                "one": Target(endpoint(server.url("ok"), limits=limits)),
                "two": Target(endpoint(server.url("limited_once"), limits={"attempts": 3})),
            },
            budget=Budget(Budgets()),
            clock=RealClock(),
            stop=stop,
            rng_seed=1,
        ):
            count += 1
            if count == 2:
                stop.set()
    assert count >= 2


async def test_bug_propagates(server: Faulty) -> None:
    """An error in the plan ends the run with that error, and leaves nothing running."""

    def broken() -> Iterator[Call]:
        yield from calls(3)
        raise ZeroDivisionError("a bug in the plan")

    before = asyncio.all_tasks()
    running = sending({"one": broken()}, {"one": Target(endpoint(server.url("ok")))})
    with pytest.raises(ZeroDivisionError, match="a bug in the plan"):
        _ = [one async for one in running]
    assert asyncio.all_tasks() == before


async def test_abandoned_run_leaves_nothing(server: Faulty) -> None:
    """Closing a run in the middle ends its workers and connections."""
    before = asyncio.all_tasks()
    running = sending({"one": calls(500)}, {"one": Target(endpoint(server.url("ok")))})
    async for _ in running:
        break
    await running.aclose()
    assert asyncio.all_tasks() == before


async def test_budget_ends_the_run(server: Faulty) -> None:
    """When the next call does not fit the budget, the run ends and the budget says why."""
    prices = Prices(input_usd_per_mtok=1000, output_usd_per_mtok=1000)
    budget = Budget(Budgets(usd_per_run=1.0))
    sent = await ask(endpoint(server.url("ok"), prices=prices), 500, budget=budget, cost_usd=0.026)
    assert budget.exhausted is not None
    assert len(sent) == 38, "38 calls of 0.026 USD fit in 1 USD"
    assert budget.usd_run == pytest.approx(38 * 0.026)
    assert all(one.exchange.final for one in sent)


async def test_budget_counts_calls(server: Faulty) -> None:
    """A limit on calls lets through exactly as many."""
    budget = Budget(Budgets(calls_per_run=7))
    assert len(await ask(endpoint(server.url("ok")), 50, budget=budget)) == 7


async def test_dead_endpoint_is_set_aside() -> None:
    """Where nothing answers call after call, the rest is left for another time; a live endpoint goes on."""
    with Faulty() as live:
        aside: list[tuple[str, str]] = []
        targets = {
            "dead": Target(endpoint("http://127.0.0.1:1/v1")),
            "live": Target(endpoint(live.url("ok"))),
        }
        asked = {"dead": calls(500, "dead"), "live": calls(500, "live")}
        sent = [
            one
            async for one in run(
                asked, targets, budget=Budget(Budgets()), clock=QuickClock(), stop=Stop(), rng_seed=1,
                on_set_aside=lambda name, reason: aside.append((name, reason)),
            )
        ]  # fmt: skip
    dead = [one for one in sent if one.exchange.endpoint == "dead"]
    assert GIVE_UP_AFTER <= len(dead) < GIVE_UP_AFTER + 4
    assert all(one.exchange.failure is Failure.CONNECT for one in dead)
    assert len(sent) - len(dead) == 500
    (note,) = aside
    assert note[0] == "dead"
    assert "connect" in note[1]
