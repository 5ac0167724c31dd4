"""Rates, waits, budgets and the clock: decisions about time and money, without I/O.

Everything here is told the time: seconds of a monotonic clock (`now_s`) where durations count, UTC
microseconds (`now_us`) where the calendar does.
"""

from __future__ import annotations

import asyncio
import math
import random
import re
import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Literal, Protocol

from harness.config.schema import Budgets, Limits

_DAY_US = 86_400_000_000
_SLACK_USD = 1e-9
"""Sums of many small amounts are off by less than this."""


# --- clock ------------------------------------------------------------------------------------


class Clock(Protocol):
    """The time and how to wait for it; passed in everywhere, so that years can be rehearsed in minutes."""

    @property
    def kind(self) -> Literal["real", "simulated"]:
        """What a run records about its times."""
        ...

    def now_us(self) -> int:
        """Return UTC microseconds since 1970."""
        ...

    def monotonic_s(self) -> float:
        """Return seconds since some fixed moment, never going back."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Return when this many seconds of this clock have passed."""
        ...


class RealClock:
    """The machine's clock."""

    kind: Literal["real", "simulated"] = "real"

    def now_us(self) -> int:
        """Return UTC microseconds since 1970."""
        return time.time_ns() // 1000

    def monotonic_s(self) -> float:
        """Return seconds since some fixed moment, never going back."""
        return time.perf_counter()

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        await asyncio.sleep(seconds)


# --- rates ------------------------------------------------------------------------------------


class Bucket:
    """A token bucket that takes reservations: each taker is told how long to wait for its turn.

    It holds one second's worth (at least one unit), so the pace is even, as providers that enforce a limit
    per minute second by second want it. In any stretch of `t` seconds the amounts whose turn comes are at
    most `per_minute * t / 60` plus what it holds plus, where single amounts are larger than that, one
    amount.
    """

    __slots__ = ("_at_s", "_capacity", "_level", "_per_s")

    def __init__(self, per_minute: float, now_s: float) -> None:
        self._per_s = per_minute / 60
        self._capacity = max(1.0, self._per_s)
        self._level = self._capacity
        self._at_s = now_s

    def take(self, amount: float, now_s: float) -> float:
        """Reserve `amount` and return the seconds until it may be used."""
        self._refill(now_s)
        wait_s = max(0.0, (min(amount, self._capacity) - self._level) / self._per_s)
        self._level -= amount
        return wait_s

    def correct(self, difference: float, now_s: float) -> None:
        """Account for having used `difference` more (or, negative, less) than was taken."""
        self._refill(now_s)
        self._level = min(self._capacity, self._level - difference)

    def _refill(self, now_s: float) -> None:
        self._level = min(self._capacity, self._level + max(0.0, now_s - self._at_s) * self._per_s)
        self._at_s = max(self._at_s, now_s)


class Pace:
    """When an endpoint may be asked next: its rates, and the pauses it asked for."""

    __slots__ = ("_paused_until_s", "_requests", "_tokens")

    def __init__(self, limits: Limits, now_s: float) -> None:
        self._requests = Bucket(limits.requests_per_minute, now_s) if limits.requests_per_minute else None
        self._tokens = Bucket(limits.tokens_per_minute, now_s) if limits.tokens_per_minute else None
        self._paused_until_s = -math.inf

    def take(self, tokens: float, now_s: float) -> float:
        """Reserve one request of so many tokens and return the seconds until its turn, pauses aside."""
        wait_s = self._requests.take(1, now_s) if self._requests else 0.0
        if self._tokens:
            wait_s = max(wait_s, self._tokens.take(tokens, now_s))
        return wait_s

    def correct(self, difference: float, now_s: float) -> None:
        """Account for a request that used `difference` more tokens than were reserved."""
        if self._tokens and difference:
            self._tokens.correct(difference, now_s)

    def pause(self, seconds: float, now_s: float) -> None:
        """Let nobody ask this endpoint for so long; a pause never shortens one that is on."""
        self._paused_until_s = max(self._paused_until_s, now_s + seconds)

    def paused_s(self, now_s: float) -> float:
        """Return how much of a pause is left."""
        return max(0.0, self._paused_until_s - now_s)


# --- waits ------------------------------------------------------------------------------------


def backoff_s(attempt: int, limits: Limits, rng: random.Random) -> float:
    """Return the wait after the failed attempt number `attempt` (from 1): exponential with full jitter.

    Full jitter (uniform from nothing to the bound) spreads callers that failed together best:
    https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/
    """
    return rng.uniform(0.0, min(limits.backoff_max_s, limits.backoff_s * 2.0 ** (attempt - 1)))


_DURATION = re.compile(r"(\d{1,12}(?:\.\d{1,12})?)(ms|us|µs|ns|s|m|h|d)", re.ASCII)
_UNIT_S = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_NUMBER = re.compile(r"[+-]?\d{1,18}(?:\.\d{0,18})?", re.ASCII)
_LONGEST_VALUE = 64


def wait_from_value_s(value: str, now_us: int) -> float | None:
    """Read a time to wait for, in any of the forms providers use; None when it is none of them.

    Seconds (`30`, `1.5`), durations (`6m0s`, `120ms`), moments as seconds or milliseconds since 1970, HTTP
    dates and RFC 3339 times. A moment in the past is 0.
    """
    value = value.strip()
    if not value or len(value) > _LONGEST_VALUE:
        return None
    if _NUMBER.fullmatch(value):
        number = float(value)
        if number > 1e11:
            number = number / 1e3 - now_us / 1e6
        elif number > 1e9:
            number -= now_us / 1e6
        return max(0.0, number)
    parts = _DURATION.findall(value)
    if parts and "".join(number + unit for number, unit in parts) == value:
        return sum(float(number) * _UNIT_S[unit] for number, unit in parts)
    try:
        moment = datetime.fromisoformat(value) if value[0].isdigit() else parsedate_to_datetime(value)
        return max(0.0, moment.replace(tzinfo=moment.tzinfo or UTC).timestamp() - now_us / 1e6)
    except (ValueError, OverflowError, TypeError):
        return None


def asked_wait_s(headers: Iterable[tuple[str, str]], now_us: int) -> float | None:
    """Return how long a reply's headers (names in lower case) ask us to wait, None when they do not.

    `retry-after-ms` and `retry-after` say so directly. Otherwise every rate limit with nothing remaining
    (`…ratelimit-remaining-requests: 0`) asks to wait for its reset; the longest counts.
    """
    limits: dict[str, str] = {}
    direct: str | None = None
    for name, value in headers:
        if name == "retry-after-ms":
            direct = f"{value.strip()}ms"
        elif name == "retry-after" and direct is None:
            direct = value
        elif "ratelimit" in name:
            limits[name] = value
    if direct is not None and (wait_s := wait_from_value_s(direct, now_us)) is not None:
        return wait_s
    waits = [
        wait_s
        for name, value in limits.items()
        if "reset" in name
        and limits.get(name.replace("reset", "remaining"), "").strip() in ("0", "0.0")
        and (wait_s := wait_from_value_s(value, now_us)) is not None
    ]
    return max(waits, default=None)


# --- budgets ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Reservation:
    """Money set aside for one request."""

    usd: float
    day: int
    month: int


class Budget:
    """What may still be spent. Money is reserved before a request is sent and settled when its cost is known.

    Reserved and spent together never pass a limit, so what is really spent passes it at most by how much the
    requests in flight at that moment turn out dearer than their estimates.
    """

    def __init__(
        self,
        budgets: Budgets,
        usd_day: float = 0.0,
        usd_month: float = 0.0,
        calls_day: int = 0,
        *,
        usd_run: float = 0.0,
        calls_run: int = 0,
    ) -> None:
        self._budgets = budgets
        self._usd_run, self._usd_day, self._usd_month = usd_run, usd_day, usd_month
        self._calls_run, self._calls_day = calls_run, calls_day
        self._day: int | None = None
        self._month = 0
        self.exhausted: str | None = None
        """Which limit the next call did not fit, in words; None while everything fitted."""

    @property
    def usd_run(self) -> float:
        """What this run has spent, and reserved for requests in flight."""
        return self._usd_run

    def reserve(self, usd: float, now_us: int, *, retry: bool = False) -> Reservation | None:
        """Set money aside for a request; None, and `exhausted` says why, when it does not fit.

        Args:
            usd: the estimated cost.
            now_us: decides the UTC day and month it counts in.
            retry: another attempt of a call that has been counted: it costs money but is not one more call.
        """
        day = now_us // _DAY_US
        if self._day is None or day > self._day:
            self._turn_to(day)
        self.exhausted = self._obstacle(usd, retry=retry)
        if self.exhausted is not None:
            return None
        self._usd_run += usd
        self._usd_day += usd
        self._usd_month += usd
        if not retry:
            self._calls_run += 1
            self._calls_day += 1
        return Reservation(usd, self._day or day, self._month)

    def settle(self, reservation: Reservation, usd: float | None) -> None:
        """Replace the estimate with the actual cost; None (not known) leaves the estimate standing."""
        if usd is None:
            return
        difference = usd - reservation.usd
        self._usd_run += difference
        if reservation.day == self._day:
            self._usd_day += difference
        if reservation.month == self._month:
            self._usd_month += difference

    def _turn_to(self, day: int) -> None:
        date = datetime.fromtimestamp(day * 86_400, UTC)
        month = date.year * 12 + date.month
        # What was passed in at the start belongs to the day and month of the first reservation.
        if self._day is not None:
            self._usd_day, self._calls_day = 0.0, 0
            if month != self._month:
                self._usd_month = 0.0
        self._day, self._month = day, month

    def _obstacle(self, usd: float, *, retry: bool) -> str | None:
        budgets = self._budgets
        if not retry:
            for key, calls, most in (
                ("calls_per_run", self._calls_run, budgets.calls_per_run),
                ("calls_per_day", self._calls_day, budgets.calls_per_day),
            ):
                if most is not None and calls >= most:
                    return f"budgets.{key}: all {most} calls are used"
        for key, spent, limit in (
            ("usd_per_run", self._usd_run, budgets.usd_per_run),
            ("usd_per_day", self._usd_day, budgets.usd_per_day),
            ("usd_per_month", self._usd_month, budgets.usd_per_month),
        ):
            if limit is not None and spent + usd > limit + _SLACK_USD:
                return (
                    f"budgets.{key}: the next call (about {usd:.6f} USD) does not fit in {limit:g} USD, "
                    f"{spent:.6f} USD being spent or reserved"
                )
        return None
