"""Cron lines -> moments, with APScheduler: the next run, the ones that were missed, and the daemon's timer.

The five fields mean what they mean to cron, in UTC: Sunday is 0 or 7, and when both day fields are restricted either
may match. (APScheduler counts weekdays from Monday and would demand both.)
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from apscheduler.triggers.base import BaseTrigger
from apscheduler.triggers.combining import OrTrigger
from apscheduler.triggers.cron import CronTrigger

GRACE = timedelta(hours=1)
"""A run may start this much late before its moment counts as missed."""
_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_NUMBERED_DAYS = re.compile(r"^(\*|[0-7])(?:-([0-7]))?(?:/([1-9]\d?))?$")


def _weekdays(field: str) -> str:
    """Rewrite cron's weekday numbers as names, which mean the same to everybody."""
    if field == "*":
        return field
    names: list[str] = []
    for part in field.split(","):
        match = _NUMBERED_DAYS.match(part)
        if match is None:
            names.append(part)
            continue
        first, last, step = match.groups()
        low = 0 if first == "*" else int(first)
        high = int(last) if last is not None else 6 if first == "*" or step else low
        if high < low:
            raise ValueError(f"weekday range {part!r} runs backwards")
        names.extend(_DAYS[day % 7] for day in range(low, high + 1, int(step or 1)))
    return ",".join(dict.fromkeys(names))


def trigger(cron: str) -> BaseTrigger:
    """Return the trigger of a five-field cron line.

    Raises:
        ValueError: the line cannot be read, or never comes due.
    """
    fields = cron.split()
    if len(fields) != 5:
        raise ValueError(
            f"a cron line has five fields (minute hour day month weekday), this one has {len(fields)}"
        )
    minute, hour, day, month, weekday = fields
    weekday = _weekdays(weekday)

    def one(day: str, weekday: str) -> CronTrigger:
        return CronTrigger(
            minute=minute, hour=hour, day=day, month=month, day_of_week=weekday, second=0, timezone=UTC
        )

    found: BaseTrigger = one(day, weekday)
    if day != "*" and weekday != "*":
        found = OrTrigger([one(day, "*"), one("*", weekday)])
    if found.get_next_fire_time(None, datetime.now(UTC)) is None:
        raise ValueError("it never comes due")
    return found


def cron_mistake(cron: str) -> str | None:
    """Return what is wrong with a cron line in a few words, or None."""
    try:
        trigger(cron)
    except ValueError as mistake:
        return str(mistake)
    return None


def moments(cron: str, after: datetime, until: datetime, most: int = 100_000) -> Iterator[datetime]:
    """Yield the moments at which a cron line comes due, later than `after` and not later than `until`."""
    due = trigger(cron)
    moment = after
    for _ in range(most):
        following = due.get_next_fire_time(moment, moment + timedelta(microseconds=1))
        if following is None or following > until:
            return
        if following > after:
            yield following
        moment = following


def next_moment(cron: str, after: datetime) -> datetime:
    """Return when a cron line comes due next."""
    return next(moments(cron, after, after + timedelta(days=366 * 9)))


@dataclass(frozen=True, slots=True)
class Standing:
    """How one schedule stands: what has run, what was missed, what comes next."""

    schedule: str
    cron: str
    last_run: datetime | None
    next_run: datetime
    missed: int
    """Moments since the schedule's first run that no run answers: gaps in the record."""
    last_missed: datetime | None


def standing(schedule: str, cron: str, starts: list[datetime], now: datetime) -> Standing:
    """Compare a schedule's due moments with the runs it really started.

    Args:
        schedule: its name.
        cron: its cron line.
        starts: when the runs triggered by it started, any order.
        now: the present moment.
    """
    if not starts:
        return Standing(schedule, cron, None, next_moment(cron, now), 0, None)
    starts = sorted(starts)
    due = list(moments(cron, starts[0], now))
    missed: list[datetime] = []
    for place, moment in enumerate(due):
        until = due[place + 1] if place + 1 < len(due) else now
        if until - moment < GRACE and until == now:
            continue
        position = bisect_left(starts, moment)
        if position == len(starts) or starts[position] > until:
            missed.append(moment)
    return Standing(
        schedule, cron, starts[-1], next_moment(cron, now), len(missed), missed[-1] if missed else None
    )
