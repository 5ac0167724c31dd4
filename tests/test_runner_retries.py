"""Trying again: what is safe to repeat, in its time, with every attempt kept."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import pytest

from harness.config.schema import Budgets, Prices
from harness.limits import Budget
from harness.records import Failure
from harness.runner import LONGEST_PAUSE_S, Sent
from tests.asking import QuickClock, ask, endpoint
from tests.faulty import Faulty, chat, message


@pytest.fixture
def server() -> Iterator[Faulty]:
    with Faulty() as running:
        yield running


def attempts(sent: list[Sent]) -> list[tuple[int, int | None, bool]]:
    return [(one.exchange.attempt, one.exchange.status, one.exchange.final) for one in sent]


async def test_retry_after_is_honoured(server: Faulty) -> None:
    """A 429 is tried again after the time it asks for, and both attempts are kept."""
    clock = QuickClock()
    sent = await ask(endpoint(server.url("limited_once"), limits={"attempts": 4}), clock=clock)
    assert attempts(sent) == [(1, 429, False), (2, 200, True)]
    assert sum(clock.slept_s) == pytest.approx(30, abs=0.5)
    assert len({one.exchange.request_body for one in sent}) == 1


async def test_pause_holds_the_whole_endpoint(server: Faulty) -> None:
    """After a 429 with Retry-After, no other call to that endpoint is sent before its time."""
    clock = QuickClock()
    sent = await ask(
        endpoint(server.url("limited_once"), limits={"attempts": 4, "concurrency": 1}), 10, clock=clock
    )
    first = sent[0].exchange
    later_us = [one.exchange.timing.sent_us - first.timing.sent_us for one in sent[1:]]
    assert min(later_us) >= 29_900_000
    assert sum(one.exchange.final for one in sent) == 10


async def test_used_up_limit_pauses_before_the_refusal(server: Faulty) -> None:
    """A reply that says that the limit is used up pauses the endpoint until the reset it names."""
    clock = QuickClock()
    used_up = ("x-ratelimit-remaining-requests: 0", "x-ratelimit-reset-requests: 20s")
    server.script = [message(chat(), "200 OK", "connection: close", *used_up)]
    await ask(endpoint(server.url("scripted"), limits={"concurrency": 1}), 3, clock=clock)
    assert [round(slept_s) for slept_s in clock.slept_s] == [20, 20]


async def test_attempts_end(server: Faulty) -> None:
    """A provider that is always busy is asked a bounded number of times, with growing waits."""
    clock = QuickClock()
    limits = {"attempts": 5, "backoff_s": 1.0, "backoff_max_s": 3.0}
    sent = await ask(endpoint(server.url("limited_for_ever"), limits=limits), clock=clock)
    assert attempts(sent) == [(number, 429, number == 5) for number in range(1, 6)]
    assert all(0 <= slept_s <= most for slept_s, most in zip(clock.slept_s, (1, 2, 3, 3), strict=True))


async def test_error_then_success(server: Faulty) -> None:
    """A server error is tried again."""
    sent = await ask(endpoint(server.url("broken_once"), limits={"attempts": 2}))
    assert attempts(sent) == [(1, 500, False), (2, 200, True)]


async def test_refused_access_is_not_retried(server: Faulty) -> None:
    """A refused key is an answer about access, not something to try again."""
    sent = await ask(endpoint(server.url("forbidden"), limits={"attempts": 4}))
    assert attempts(sent) == [(1, 401, True)]


async def test_refusal_is_not_retried_away(server: Faulty) -> None:
    """A refusal is the measurement, whatever the status it comes with, and is not tried again."""
    refusal = b'{"error": {"message": "no", "code": "content_policy_violation"}}'
    for status in ("400 Bad Request", "500 Internal Server Error", "429 Too Many Requests"):
        server.script = [message(refusal, status, "retry-after: 1")]
        sent = await ask(endpoint(server.url("scripted"), limits={"attempts": 4}))
        assert len(sent) == 1, status


async def test_broken_promise_is_retried_at_once(server: Faulty) -> None:
    """A kept connection that the server had closed costs one attempt and no wait."""
    clock = QuickClock()
    limits = {"attempts": 2, "concurrency": 1, "backoff_s": 50.0}
    sent = await ask(endpoint(server.url("broken_promise"), limits=limits), 6, clock=clock)
    assert [one.exchange.status for one in sent if one.exchange.final] == [200] * 6
    resets = [one.exchange for one in sent if not one.exchange.final]
    assert resets
    assert all((one.attempt, one.failure) == (1, Failure.RESET) for one in resets)
    assert clock.slept_s == []


async def test_streams_do_not_rely_on_kept_connections(server: Faulty) -> None:
    """Streams over plain HTTP, where servers break the promise to keep the connection, each get their own."""
    sent = await ask(endpoint(server.url("stream"), stream=True, limits={"concurrency": 1}), 5)
    assert [one.exchange.status for one in sent] == [200] * 5
    assert server.connections == 5


async def test_reset_is_retried_with_backoff(server: Faulty) -> None:
    """A line that is reset again and again is tried again with waits, the first time without one."""
    clock = QuickClock()
    sent = await ask(endpoint(server.url("reset_before_headers"), limits={"attempts": 4}), clock=clock)
    assert [one.exchange.failure for one in sent] == [Failure.RESET] * 4
    assert len(clock.slept_s) == 2


async def test_wait_beyond_the_call_ends_it(server: Faulty) -> None:
    """A wait that would pass what a call may take in all its attempts is not begun."""
    server.script = [message(b"{}", "503 Service Unavailable", "retry-after: 50")]
    clock = QuickClock()
    sent = await ask(endpoint(server.url("scripted"), limits={"attempts": 3, "timeout_s": 10.0}), clock=clock)
    assert attempts(sent) == [(1, 503, True)]
    assert clock.slept_s == []


async def test_endpoint_that_asks_for_too_long_is_set_aside(server: Faulty) -> None:
    """A pause longer than a run should wait leaves the endpoint's other calls unsent, and says so."""
    aside: list[tuple[str, str]] = []
    sent = await ask(
        endpoint(server.url("limited_until_tomorrow"), limits={"attempts": 4, "concurrency": 2}), 50,
        on_set_aside=lambda name, reason: aside.append((name, reason)),
    )  # fmt: skip
    assert LONGEST_PAUSE_S < 40_000
    assert len(sent) <= 2
    assert len(aside) == 1
    assert aside[0][0] == "one"
    assert "40000 s" in aside[0][1]


async def test_rates_are_kept(server: Faulty) -> None:
    """Requests are spread as the endpoint's rate asks."""
    clock = QuickClock()
    sent = await ask(endpoint(server.url("ok"), limits={"requests_per_minute": 30.0}), 11, clock=clock)
    times_s = sorted(one.exchange.timing.sent_us / 1e6 for one in sent)
    gaps_s = [last - first for first, last in itertools.pairwise(times_s)]
    assert len(gaps_s) == 10
    assert min(gaps_s) > 1.9


async def test_tokens_are_corrected(server: Faulty) -> None:
    """Tokens per minute count what was really used, not what was expected."""
    clock = QuickClock()
    big = chat(usage={"prompt_tokens": 500, "completion_tokens": 500})
    server.script = [message(big, "200 OK", "connection: close")]
    # The server closes its connections; a call that meets a closing one is asked again at once.
    limits = {"tokens_per_minute": 6000.0, "concurrency": 1, "attempts": 3}
    started_s = clock.monotonic_s()
    sent = await ask(endpoint(server.url("scripted"), limits=limits), 3, clock=clock)
    assert sum(one.exchange.status == 200 for one in sent) == 3
    # 26 tokens are expected, 1000 used, at 100 a second: 19.3 s to wait, and .26 s for each call asked again.
    assert clock.monotonic_s() - started_s > 18.8
    assert sum(clock.slept_s) < 21


async def test_budget_stops_retries(server: Faulty) -> None:
    """A retry that does not fit the budget is not sent; the call stays unfinished."""
    prices = Prices(input_usd_per_mtok=1.0)
    server.script = [b""]
    budget = Budget(Budgets(usd_per_run=0.5))
    sent = await ask(
        endpoint(server.url("scripted"), prices=prices, limits={"attempts": 4}), budget=budget, cost_usd=0.2
    )
    assert attempts(sent) == [(1, None, False), (2, None, False)]
    assert [one.cost_usd for one in sent] == [None, None], "sent, and nobody says what it cost"
    assert budget.exhausted is not None
    assert budget.usd_run == pytest.approx(0.4)
