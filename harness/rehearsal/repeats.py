"""A world lived many times over with other seeds, in parallel processes: rates instead of anecdotes."""

from __future__ import annotations

import asyncio
import os
import statistics
import tempfile
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path

from harness.claims import Kind, Tier
from harness.records import JSON, derive_seed
from harness.rehearsal.check import Check, check
from harness.rehearsal.indoors import live_indoors
from harness.rehearsal.life import Lived, live
from harness.rehearsal.world import World
from harness.runner import Stop
from harness.stats import Interval, wilson
from harness.stats.poisson import poisson_rate
from harness.store import Store
from harness.suites import Suite

_YEAR_DAYS = 365.0


@dataclass(frozen=True, slots=True)
class Rate:
    """What became of one planted change over all repetitions."""

    endpoint: str
    words: str
    kind: Kind | None
    detected: Interval
    """Share of repetitions in which a finding of the kind it deserves came."""
    delays_days: tuple[float, ...]
    incident_days: tuple[float, ...]
    """Days to the first provisional finding, where there was one."""
    calls: tuple[int, ...]
    date_covers: Interval
    effect_covers: Interval

    @property
    def median_delay_days(self) -> float | None:
        """Median over the repetitions in which it was detected."""
        return statistics.median(self.delays_days) if self.delays_days else None

    @property
    def median_incident_days(self) -> float | None:
        """Median days to the first provisional finding, over the repetitions with one."""
        return statistics.median(self.incident_days) if self.incident_days else None

    @property
    def median_calls(self) -> float | None:
        """Calls to the endpoint until then, likewise."""
        return statistics.median(self.calls) if self.calls else None


@dataclass(frozen=True, slots=True)
class Repeats:
    """Many lives of one world."""

    count: int
    rates: tuple[Rate, ...]
    null_years: float
    """Endpoint-years in which nothing happened that deserves a finding, all repetitions together."""
    false: Mapping[Tier, Interval]
    """False findings per null endpoint-year that were not withdrawn, by tier."""
    false_headlines: tuple[str, ...]


def check_life(world: World, suites: Mapping[str, Suite], lived: Lived) -> Check:
    """Hold what a life's database says was found against what was planted."""
    with Store.open(lived.database, mode="read") as store:
        found = store.findings.findings()
    return check(world, suites, found, lived.calls_per_day)


def once(world: World, suites: Mapping[str, Suite], http: bool) -> Check:
    """Live a world once, with HTTP and a database that is thrown away, or without either, and check it."""
    if not http:
        done = live_indoors(world, suites)
        return check(world, suites, done.findings, done.calls_per_day)
    with tempfile.TemporaryDirectory(prefix="rehearsal-") as folder:
        lived = asyncio.run(live(world, suites, Path(folder) / "harness.db", stop=Stop()))
        return check_life(world, suites, lived)


def repeat(
    world: World,
    suites: Mapping[str, Suite],
    count: int,
    *,
    jobs: int | None = None,
    http: bool = True,
    on_done: Callable[[int], None] = lambda _: None,
) -> Repeats:
    """Live a world `count` times with seeds derived from its own.

    Args:
        world: what happens.
        suites: the suites it names.
        count: how many lives, at least 1.
        jobs: processes; by default one per processor.
        http: whether requests really travel; without, a life takes a fraction of the time.
        on_done: told how many are done after each.

    Raises:
        ValueError: fewer than one life is asked for.
    """
    if count < 1:
        raise ValueError(f"count must be at least 1, got {count}")
    worlds = [
        world.model_copy(update={"seed": derive_seed("repeat", world.seed, number)})
        for number in range(count)
    ]
    checks: list[Check] = []
    with ProcessPoolExecutor(min(count, jobs or os.cpu_count() or 1)) as pool:
        for done, future in enumerate(
            as_completed([pool.submit(once, each, suites, http) for each in worlds]), 1
        ):
            checks.append(future.result())
            on_done(done)
    return summarise(checks)


def summarise(checks: Sequence[Check]) -> Repeats:
    """Return rates with intervals over several lives of one world."""
    by_change: dict[int, list[int]] = defaultdict(list)
    for number, one in enumerate(checks):
        for place in range(len(one.detections)):
            by_change[place].append(number)
    rates = []
    for place, numbers in by_change.items():
        each = [checks[number].detections[place] for number in numbers]
        hits = [one for one in each if one.detected]
        dates = [one.date_covers for one in hits if one.date_covers is not None]
        effects = [one.effect_covers for one in hits if one.effect_covers is not None]
        first = each[0].planted
        rates.append(
            Rate(
                first.endpoint,
                first.words,
                first.kind,
                wilson(len(hits), len(each)),
                tuple(one.delay_days for one in hits if one.delay_days is not None),
                tuple(one.incident_days for one in each if one.incident_days is not None),
                tuple(one.calls for one in hits if one.calls is not None),
                wilson(sum(dates), len(dates)),
                wilson(sum(effects), len(effects)),
            )
        )
    years = sum(sum(one.null_days.values()) for one in checks) / _YEAR_DAYS
    false = {tier: poisson_rate(sum(len(one.false_of(tier)) for one in checks), years) for tier in Tier}
    headlines = tuple(each.headline for one in checks for each in one.false)
    return Repeats(len(checks), tuple(rates), years, false, headlines)


def repeats_json(done: Repeats) -> dict[str, JSON]:
    """Return the rates as JSON data."""

    def interval(each: Interval) -> JSON:
        return {
            "n": each.n,
            "estimate": each.estimate,
            "low": each.low,
            "high": each.high,
            "level": each.level,
        }

    return {
        "repeats": done.count,
        "planted": [
            {
                "endpoint": rate.endpoint,
                "what": rate.words,
                "kind": rate.kind.value if rate.kind else None,
                "detected": interval(rate.detected),
                "median_delay_days": rate.median_delay_days,
                "median_incident_days": rate.median_incident_days,
                "median_calls": rate.median_calls,
                "date_covers": interval(rate.date_covers),
                "effect_covers": interval(rate.effect_covers),
            }
            for rate in done.rates
        ],
        "null_endpoint_years": done.null_years,
        "false_per_null_year": {tier.value: interval(rate) for tier, rate in done.false.items()},
        "false_headlines": list(done.false_headlines),
    }
