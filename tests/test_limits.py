"""Rates, waits and budgets: decisions about time and money."""

from __future__ import annotations

import math
import random
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.config.schema import Budgets, Limits
from harness.limits import Bucket, Budget, Pace, RealClock, asked_wait_s, backoff_s, wait_from_value_s

NOON_US = int(datetime(2026, 11, 21, 12, tzinfo=UTC).timestamp() * 1e6)
DAY_US = 86_400_000_000


# --- rates ------------------------------------------------------------------------------------


def turns(bucket: Bucket, asks: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """Take (seconds since the last ask, amount) one after the other; return (when its turn comes, amount)."""
    now_s, out = 0.0, []
    for later_s, amount in asks:
        now_s += later_s
        out.append((now_s + bucket.take(amount, now_s), amount))
    return out


@settings(max_examples=200, deadline=None)
@given(
    st.floats(1, 60_000),
    st.lists(st.tuples(st.floats(0, 30), st.just(1.0)), min_size=1, max_size=80),
)
def test_bucket_never_exceeds_its_rate(per_minute: float, asks: list[tuple[float, float]]) -> None:
    """In every stretch of time at most the rate's worth of requests and what the bucket holds get a turn."""
    taken = sorted(turns(Bucket(per_minute, 0.0), asks))
    holds = max(1.0, per_minute / 60)
    for first in range(len(taken)):
        for last in range(first, len(taken)):
            stretch_s = taken[last][0] - taken[first][0]
            assert last - first + 1 <= per_minute / 60 * stretch_s + holds + 1e-6


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.floats(0, 5), st.floats(0, 5_000)), min_size=2, max_size=60))
def test_bucket_bounds_large_amounts(asks: list[tuple[float, float]]) -> None:
    """Amounts larger than the bucket holds go through one at a time and are paid for afterwards."""
    per_s, holds = 500.0, 500.0
    taken = sorted(turns(Bucket(per_s * 60, 0.0), asks))
    largest = max(amount for _, amount in asks)
    for first in range(len(taken)):
        for last in range(first, len(taken)):
            used = sum(amount for _, amount in taken[first : last + 1])
            assert used <= per_s * (taken[last][0] - taken[first][0]) + holds + largest + 1e-3


def test_bucket_loses_no_time() -> None:
    """A taker that always asks at once gets exactly the rate."""
    bucket = Bucket(600, 0.0)
    waits = [bucket.take(1, 0.0) for _ in range(110)]
    assert waits[:10] == [0.0] * 10
    assert waits[-1] == pytest.approx(10.0)


def test_bucket_correction() -> None:
    """Using more than was reserved delays the next turn, using less brings it forward."""
    more, less = Bucket(6000, 0.0), Bucket(6000, 0.0)
    for bucket, difference in ((more, 300), (less, -50)):
        bucket.take(100, 0.0)
        bucket.correct(difference, 0.0)
    assert more.take(100, 0.0) == pytest.approx(4.0)
    assert less.take(100, 0.0) == pytest.approx(0.5)


def test_pace_takes_the_longer_wait() -> None:
    """Requests and tokens are limited together, and the tighter limit decides."""
    pace = Pace(Limits(requests_per_minute=60, tokens_per_minute=600), 0.0)
    assert pace.take(100, 0.0) == 0.0
    assert pace.take(1, 0.0) == pytest.approx(9.1)


def test_pause_holds_the_endpoint() -> None:
    """A pause holds until its end, and a shorter one does not cut it short."""
    pace = Pace(Limits(), 0.0)
    pace.pause(30, 100.0)
    pace.pause(5, 110.0)
    assert pace.paused_s(110.0) == 20.0
    assert pace.paused_s(131.0) == 0.0
    assert pace.take(1, 110.0) == 0.0


# --- waits ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("30", 30.0),
        (" 1.5 ", 1.5),
        ("-3", 0.0),
        ("6m0s", 360.0),
        ("120ms", 0.12),
        ("1h2m3.5s", 3723.5),
        ("2026-11-21T12:00:20Z", 20.0),
        ("2026-11-21T13:00:20+01:00", 20.0),
        ("Sat, 21 Nov 2026 12:01:00 GMT", 60.0),
        ("Sat, 21 Nov 2026 11:01:00 GMT", 0.0),
        (str(NOON_US // 1_000_000 + 90), 90.0),
        (str(NOON_US // 1000 + 2500), 2.5),
        ("", None),
        ("soon", None),
        ("nan", None),
        ("inf", None),
        ("1e9", None),
        ("5 apples", None),
        ("9" * 70, None),
        ("٣", None),
        ("Sat, 99 Nov 2026 12:01:00 GMT", None),
    ],
)
def test_wait_from_value(value: str, seconds: float | None) -> None:
    """Every form in which providers say when to come back is read, and nothing else is."""
    assert wait_from_value_s(value, NOON_US) == (None if seconds is None else pytest.approx(seconds))


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=70) | st.from_regex(r"[0-9smhd.:TZ+-]{1,40}", fullmatch=True))
def test_wait_from_value_never_raises(value: str) -> None:
    """Whatever stands in a header, the wait read from it is a finite number of seconds or nothing."""
    seconds = wait_from_value_s(value, NOON_US)
    assert seconds is None or (math.isfinite(seconds) and seconds >= 0)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ((), None),
        ((("retry-after", "7"),), 7.0),
        ((("retry-after", "1"), ("retry-after-ms", "120")), 0.12),
        ((("retry-after", "soon"),), None),
        ((("x-ratelimit-remaining-requests", "0"), ("x-ratelimit-reset-requests", "6m0s")), 360.0),
        ((("x-ratelimit-remaining-requests", "3"), ("x-ratelimit-reset-requests", "6m0s")), None),
        (
            (
                ("anthropic-ratelimit-requests-remaining", "0"),
                ("anthropic-ratelimit-requests-reset", "2026-11-21T12:00:05Z"),
                ("anthropic-ratelimit-tokens-remaining", "0"),
                ("anthropic-ratelimit-tokens-reset", "2026-11-21T12:00:09Z"),
            ),
            9.0,
        ),
        ((("ratelimit-remaining", "0"), ("ratelimit-reset", "12")), 12.0),
        ((("x-ratelimit-reset", "12"),), None),
    ],
)
def test_asked_wait(headers: tuple[tuple[str, str], ...], seconds: float | None) -> None:
    """A reply asks for a wait by Retry-After or by a used-up limit's reset; other limits ask nothing."""
    assert asked_wait_s(headers, NOON_US) == (None if seconds is None else pytest.approx(seconds))


@settings(max_examples=100, deadline=None)
@given(st.integers(1, 20), st.floats(0, 100), st.floats(0, 1000), st.integers())
def test_backoff_is_bounded(attempt: int, first_s: float, most_s: float, seed: int) -> None:
    """A backoff is never negative, never above its bound, and the same for the same generator."""
    limits = Limits(backoff_s=first_s, backoff_max_s=most_s)
    wait_s = backoff_s(attempt, limits, random.Random(seed))
    assert 0 <= wait_s <= min(most_s, first_s * 2 ** (attempt - 1))
    assert wait_s == backoff_s(attempt, limits, random.Random(seed))


async def test_real_clock_goes_forward() -> None:
    """The real clock's two times go on while it sleeps."""
    clock = RealClock()
    before_s, before_us = clock.monotonic_s(), clock.now_us()
    await clock.sleep(0.002)
    assert clock.monotonic_s() > before_s
    assert clock.now_us() > before_us
    assert clock.kind == "real"


# --- budgets ----------------------------------------------------------------------------------

money = st.integers(0, 2_000).map(lambda thousandths: thousandths / 1000)
limit = st.none() | money


@settings(max_examples=300, deadline=None)
@given(
    st.tuples(limit, limit, limit),
    st.tuples(money, money),
    st.lists(st.tuples(money, money, st.integers(0, 5), st.integers(0, DAY_US // 4)), max_size=60),
)
def test_budget_never_overspends(
    limits: tuple[float | None, float | None, float | None],
    before: tuple[float, float],
    requests: list[tuple[float, float, int, int]],
) -> None:
    """What is spent passes a limit at most by what the requests in flight cost more than estimated."""
    budget = Budget(
        Budgets(usd_per_run=limits[0], usd_per_day=limits[1], usd_per_month=limits[2]), before[0], before[1]
    )
    now_us = NOON_US
    in_flight: list[tuple[int, object, float, float]] = []
    spent_run, spent_day = 0.0, {NOON_US // DAY_US: before[0]}
    excess_run, excess_day = 0.0, 0.0

    def settle(count: int) -> None:
        nonlocal spent_run
        for _ in range(min(count, len(in_flight))):
            day, reservation, _, actual = in_flight.pop(0)
            budget.settle(reservation, actual)  # type: ignore[arg-type]
            spent_run += actual
            spent_day[day] = spent_day.get(day, 0.0) + actual

    for estimate, actual, settled, later_us in requests:
        now_us += later_us
        reservation = budget.reserve(estimate, now_us)
        assert (reservation is None) == (budget.exhausted is not None)
        if reservation is not None:
            in_flight.append((now_us // DAY_US, reservation, estimate, actual))
            excess_run = sum(max(0.0, late - early) for _, _, early, late in in_flight)
            excess_day = max(excess_day, excess_run)
        settle(settled)
    settle(len(in_flight))
    assert budget.usd_run == pytest.approx(spent_run)
    if limits[0] is not None:
        assert spent_run <= limits[0] + excess_run + 1e-6
    if limits[1] is not None:
        for day, spent in spent_day.items():
            already = before[0] if day == NOON_US // DAY_US else 0.0
            assert spent <= max(limits[1], already) + excess_day + 1e-6


@settings(max_examples=100, deadline=None)
@given(st.none() | st.integers(0, 20), st.none() | st.integers(0, 20), st.integers(0, 20))
def test_calls_are_counted(per_run: int | None, per_day: int | None, before: int) -> None:
    """Exactly as many calls are let through as the tighter of the two limits leaves."""
    budget = Budget(Budgets(calls_per_run=per_run, calls_per_day=per_day), calls_day=before)
    sent = sum(budget.reserve(0.0, NOON_US) is not None for _ in range(50))
    left = [
        count
        for count in (per_run, None if per_day is None else max(0, per_day - before))
        if count is not None
    ]
    assert sent == min(left, default=50)


def test_retries_cost_money_and_are_no_new_calls() -> None:
    """Another attempt of a call is not one more call, but its cost counts."""
    budget = Budget(Budgets(calls_per_run=1, usd_per_run=1.0))
    assert budget.reserve(0.4, NOON_US) is not None
    assert budget.reserve(0.4, NOON_US, retry=True) is not None
    assert budget.reserve(0.4, NOON_US, retry=True) is None
    assert budget.exhausted is not None
    assert "usd_per_run" in budget.exhausted


def test_unknown_cost_keeps_the_estimate() -> None:
    """When nobody says what a request cost, its estimate stays spent."""
    budget = Budget(Budgets(usd_per_run=1.0))
    reservation = budget.reserve(0.6, NOON_US)
    assert reservation is not None
    budget.settle(reservation, None)
    assert budget.usd_run == 0.6
    assert budget.reserve(0.6, NOON_US) is None


def test_day_and_month_turn() -> None:
    """Budgets are fresh at midnight UTC and on the first of a month; a late bill counts in its own day."""
    budget = Budget(Budgets(usd_per_day=1.0, usd_per_month=2.0, calls_per_day=2), 0.9, 1.9, 1)
    assert budget.reserve(0.2, NOON_US) is None
    late = budget.reserve(0.05, NOON_US)
    assert late is not None
    assert budget.reserve(0.01, NOON_US) is None, "two calls today"
    tomorrow_us = NOON_US + DAY_US
    assert budget.reserve(0.04, tomorrow_us) is not None
    budget.settle(late, 0.055)
    assert budget.reserve(0.5, tomorrow_us) is None, "the month's"
    assert budget.reserve(0.5, NOON_US + 10 * DAY_US) is not None, "December"


def test_free_calls_fit_any_budget() -> None:
    """A budget of nothing lets through what costs nothing."""
    budget = Budget(Budgets(usd_per_run=0.0, usd_per_day=0.0))
    assert budget.reserve(0.0, NOON_US) is not None
    assert budget.reserve(0.001, NOON_US) is None
