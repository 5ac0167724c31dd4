"""Schedules tried one after the other: ways to divide a budget, and the cheapest that finds what is wanted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import floor

from harness.claims import Tier
from harness.findings.power import Delays, Shape, simulate
from harness.monitor.power import SEED, Schedule, Spending, Watched, probes_asked

RATES = (1 / 7, 3 / 7, 1.0, 2.0, 4.0)
"""Runs a day that are tried: weekly, three times a week, daily, twice, four times a day."""
CRONS = {
    1 / 7: "17 6 * * 1",
    3 / 7: "17 6 * * 1,3,5",
    1.0: "17 6 * * *",
    2.0: "17 6,18 * * *",
    4.0: "17 */6 * * *",
}
PARTS = (1.0, 0.5, 0.25, 0.125)
"""Parts of the suites that are tried."""
SAMPLES = (1, 2, 3, 5, 10)
SCREEN = 100
"""Worlds a schedule is first looked at with."""


@dataclass(frozen=True, slots=True)
class Tried:
    """One schedule with what it takes and finds."""

    schedule: Schedule
    spending: Spending
    delays: Delays
    false: Delays
    """The same with no change."""


def divisions(watch: Watched, calls: float, usd: float | None) -> list[Schedule]:
    """Return ways to spend a day's budget: the same calls at once or in parts, on all probes or on some.

    Args:
        watch: whose suites.
        calls: calls a day.
        usd: US dollars a day, if they are limited.
    """
    found = []
    for rate in RATES[1:]:
        for part in PARTS:
            one = watch.spending(Schedule(rate, 1, part))
            room = calls / one.calls
            if usd is not None and one.usd > 0:
                room = min(room, usd / one.usd)
            samples = floor(room + 0.02)  # a rounded part may have a probe more
            if samples >= 1:
                found.append(Schedule(rate, samples, part))
                break
    return found


def attempt(
    watch: Watched,
    schedule: Schedule,
    shape: Shape,
    drop: float,
    worlds: int | None,
    seed: int = SEED,
    tier: Tier = Tier.PERSISTENT,
) -> Tried:
    """Return what a schedule takes and finds."""
    scene = watch.scene(schedule)
    n = worlds or scene.worlds
    return Tried(
        schedule,
        watch.spending(schedule),
        simulate(scene, shape, drop, n, seed, tier),
        simulate(scene, Shape.NOTHING, drop, n, seed, tier),
    )


def cheapest(
    watch: Watched,
    shape: Shape,
    drop: float,
    chance: float,
    *,
    calls: float | None = None,
    usd: float | None = None,
    worlds: int | None = None,
    seed: int = SEED,
    tier: Tier = Tier.PERSISTENT,
) -> Tried | None:
    """Return the cheapest schedule tried that finds a change within the days in question with the wanted chance.

    For every rate and part of the suites the least number of samples is looked for by bisection, dearer ones than
    the best so far are not looked at. A schedule with more than one run a day must not raise false alarms beyond its
    budget in the simulation, in which the runs of a day share that day's effect.

    Args:
        watch: whom, and within how many days.
        shape: what changes.
        drop: by how much.
        chance: wanted.
        calls: calls a day at most.
        usd: US dollars a day at most.
        worlds: for the last look at each schedule that seems to do.
        seed: of the worlds.
        tier: of the finding.

    Returns:
        None if nothing that was tried does.
    """
    best: Tried | None = None

    def price(schedule: Schedule) -> tuple[float, float]:
        spent = watch.spending(schedule)
        return spent.usd, spent.calls

    def affordable(schedule: Schedule) -> bool:
        spent = watch.spending(schedule)
        fits = (calls is None or spent.calls <= calls) and (usd is None or spent.usd <= usd)
        return fits and (best is None or price(schedule) < price(best.schedule))

    def does(schedule: Schedule) -> Tried | None:
        scene = watch.scene(schedule)
        first = simulate(scene, shape, drop, min(SCREEN, worlds or SCREEN), seed, tier)
        if (first.found().high or 0.0) < chance:
            return None
        tried = attempt(watch, schedule, shape, drop, worlds, seed, tier)
        enough = (tried.delays.found().estimate or 0.0) >= chance
        claims = watch.config.findings
        alpha = claims.alpha if tier is Tier.PERSISTENT else claims.incident_alpha
        return tried if enough and (tried.false.false.low or 0.0) <= alpha else None

    starts = [Schedule(rate, 1, part) for rate in RATES for part in PARTS]
    # Daily runs of everything first: whatever does sets the price that others must beat.
    starts.sort(key=lambda each: (each.per_day != 1.0, -each.part, price(each)))
    for start in starts:
        if start.per_day * watch.within_days < 5:
            continue
        options = [replace(start, samples=n) for n in SAMPLES if affordable(replace(start, samples=n))]
        low, high = 0, len(options)
        while low < high:
            middle = (low + high) // 2
            tried = does(options[middle])
            if tried is None:
                low = middle + 1
            else:
                high = middle
                if best is None or price(tried.schedule) < price(best.schedule):
                    best = tried
    return best


def block(watch: Watched, tried: Tried, why: Sequence[str]) -> str:
    """Return the schedule as a block for config.toml.

    Args:
        watch: whose.
        tried: the schedule.
        why: lines of comment.
    """
    names = ", ".join(f'"{name}"' for name in watch.chosen)
    lines = [f"# {each}" for each in why]
    lines += [
        "[schedules.planned]",
        f'cron = "{CRONS[tried.schedule.per_day]}"',
        f"suites = [{names}]",
        f'endpoints = ["{watch.endpoint}"]',
    ]
    _, suites = watch.under(tried.schedule)
    for name in watch.chosen:
        lines += [
            "",
            f"[suites.{name}] # these keys take the place of those there",
            f"samples = {tried.schedule.samples}",
        ]
        if tried.schedule.part < 1:
            most = probes_asked(watch.suites[name], tried.schedule.part)
            lines.append(f"probes = {most} # {len(suites[name].probes)} are asked")
    return "\n".join(lines) + "\n"
