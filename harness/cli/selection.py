"""What `harness compare A B` may name: runs, dates, endpoints, models, vantages, and combinations of them."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta

from harness.errors import UsageError
from harness.store import Filter

HELP = (
    "A run (3, run:3), several (run:3-7), a day or a window in UTC (2026-11-21, 2026-11-01..2026-11-07), an endpoint "
    "(endpoint:NAME), a model (model:NAME), a vantage (vantage:NAME); joined with commas they narrow one another"
)
_RUNS = re.compile(r"^(?:run:)?(\d+)(?:-(\d+))?$")
_WINDOW = re.compile(r"^(\d{4}-\d\d-\d\d)?(\.\.)?(\d{4}-\d\d-\d\d)?$")


@dataclass(frozen=True, slots=True)
class Selection:
    """One side of a comparison."""

    text: str
    filter: Filter


def parse(text: str, endpoints: list[str], models: list[str]) -> Selection:
    """Read one side of a comparison.

    Args:
        text: as typed.
        endpoints: names of endpoints in the database, so that a bare name can be understood.
        models: requested models in the database, likewise.

    Raises:
        UsageError: a part cannot be read or names nothing that is there.
    """
    chosen = Filter()
    for part in (piece.strip() for piece in text.split(",")):
        chosen = _narrow(chosen, part, text, endpoints, models)
    return Selection(text, chosen)


def _narrow(chosen: Filter, part: str, text: str, endpoints: list[str], models: list[str]) -> Filter:
    if match := _RUNS.match(part):
        first, last = int(match[1]), int(match[2] or match[1])
        if last < first or last - first > 1_000_000:
            raise UsageError(f"{text!r}: {part!r} is no range of runs; the first number comes first")
        return replace(chosen, run_ids=tuple(range(first, last + 1)))
    if part and (match := _WINDOW.match(part)) and part != "..":
        try:
            since = date.fromisoformat(match[1]) if match[1] else None
            until = date.fromisoformat(match[3]) if match[3] else None
        except ValueError as error:
            raise UsageError(f"{text!r}: {part!r} names no day of the calendar ({error})") from None
        if match[2] is None:
            until = since
        return replace(chosen, since_us=_start_us(since), until_us=_start_us(until, days=1))
    kind, colon, name = part.partition(":")
    if colon and kind == "endpoint":
        return replace(chosen, endpoints=(_there("endpoint", name, endpoints),))
    if colon and kind == "model":
        return replace(chosen, models=(_there("model", name, models),))
    if colon and kind == "vantage":
        return replace(chosen, vantages=(name,))
    if part in endpoints:
        return replace(chosen, endpoints=(part,))
    if part in models:
        return replace(chosen, models=(part,))
    raise UsageError(f"{text!r}: cannot tell what {part!r} is. {HELP}")


def _there(kind: str, name: str, have: list[str]) -> str:
    if name not in have:
        raise UsageError(f"the database has no {kind} {name!r}; it has: {', '.join(have) or 'none'}")
    return name


def _start_us(day: date | None, days: int = 0) -> int | None:
    if day is None:
        return None
    moment = datetime.combine(day, time(), UTC) + timedelta(days=days)
    return int(moment.timestamp() * 1e6)
