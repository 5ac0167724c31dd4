"""What a schedule can find, by simulation, and the cheapest schedule that finds what is wanted."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from math import ceil, floor

import numpy as np

from harness import findings
from harness.claims import Tier
from harness.config import Config
from harness.findings.habits import Habits, habits
from harness.findings.ledger import Ledger
from harness.findings.power import Asking, Delays, Scene, Shape, simulate
from harness.findings.scores import Layout
from harness.findings.streams import asked_of
from harness.monitor.claims import expected_runs, per_day
from harness.plan import estimate_call
from harness.store import Store
from harness.suites import Suite, cut

SEED = 20260101
"""Of all simulated worlds: the same question has the same answer."""
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
FEWEST = 12
"""A part of a suite has at least so many probes."""
SCREEN = 100
"""Worlds a schedule is first looked at with."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """How often suites are asked, alike for all of them."""

    per_day: float
    samples: int
    part: float = 1.0
    """Share of each suite's probes."""

    def words(self) -> str:
        """Return it for people."""
        often = {1 / 7: "once a week", 3 / 7: "three times a week", 1.0: "once a day"}.get(self.per_day)
        often = often or f"{self.per_day:g} times a day"
        probes = "all probes" if self.part == 1 else f"{self.part:.3g} of the probes"
        return f"{often}, {probes}, {self.samples} sample{'s' if self.samples > 1 else ''}"


@dataclass(frozen=True, slots=True)
class Spending:
    """What a schedule takes in a day."""

    calls: float
    usd: float
    measured: bool
    """Whether all costs are measured means; else upper estimates from the plan."""


@dataclass(frozen=True, slots=True)
class Tried:
    """One schedule with what it takes and finds."""

    schedule: Schedule
    spending: Spending
    delays: Delays
    false: Delays
    """The same with no change."""


@dataclass(frozen=True)
class Watched:
    """One endpoint with the suites in question and what is known of it."""

    config: Config
    suites: Mapping[str, Suite]
    endpoint: str
    chosen: tuple[str, ...]
    """Suites that are simulated: those asked for that have streams to watch."""
    habits: Mapping[str, Habits]
    baseline_days: float
    within_days: float

    def scene(self, schedule: Schedule | None = None) -> Scene:
        """Return the endpoint as its config watches it, or as another schedule would."""
        if schedule is None:
            runs = expected_runs(self.config)
            ledger = findings.ledger(self.config, self.suites, runs)
            return self._scene(ledger, self.suites, self.habits, asking(self.config, self.endpoint))
        config, suites = self.under(schedule)
        known = {name: narrowed(self.habits[name], suites[name]) for name in self.chosen}
        days = config.findings.horizon_days
        # The schedule takes the place of this endpoint's own; whoever is asked more often still sets the budget.
        others = [
            sum(each.per_day for each in _crons(config, name))
            for name in config.endpoints
            if name != self.endpoint
        ]
        runs = max(days, ceil(days * max([schedule.per_day, *others])))
        made = Asking(schedule.per_day, schedule.samples)
        return self._scene(
            findings.ledger(config, suites, runs), suites, known, dict.fromkeys(self.chosen, made)
        )

    def _scene(
        self,
        ledger: Ledger,
        suites: Mapping[str, Suite],
        known: Mapping[str, Habits],
        how: Mapping[str, Asking],
    ) -> Scene:
        return Scene(
            *(self.endpoint, ledger, Layout(self.config, suites), known, how),
            *(self.baseline_days, self.within_days),
        )

    def under(self, schedule: Schedule) -> tuple[Config, dict[str, Suite]]:
        """Return config and suites as a schedule would have them."""
        suites, uses = dict(self.suites), dict(self.config.suites)
        for name in self.chosen:
            update: dict[str, int] = {"samples": schedule.samples}
            if schedule.part < 1:
                most = probes_asked(suites[name], schedule.part)
                suites[name] = cut(suites[name], most)
                update["probes"] = most
            uses[name] = uses[name].model_copy(update=update)
        return self.config.model_copy(update={"suites": uses}), suites

    def spending(self, schedule: Schedule | None = None) -> Spending:
        """Return what a day takes, of the chosen suites."""
        config, suites = (self.config, self.suites) if schedule is None else self.under(schedule)
        how = asking(config, self.endpoint)
        calls, usd, measured = 0.0, 0.0, True
        for name in self.chosen:
            rate = how[name].per_day if schedule is None else schedule.per_day
            n = rate * config.suites[name].samples * len(suites[name].probes)
            calls += n
            known = self.habits[name].cost_usd
            if known is not None:
                usd += n * known
                continue
            measured = False
            each = [
                estimate_call(config.endpoints[self.endpoint], probe).cost_usd
                for probe in suites[name].probes
            ]
            usd += n * float(np.mean(each))
        return Spending(calls, usd, measured)


@dataclass(frozen=True, slots=True)
class _Cron:
    per_day: float
    suites: tuple[str, ...] | None


def _crons(config: Config, endpoint: str) -> Iterator[_Cron]:
    for schedule in config.schedules.values():
        if schedule.endpoints is None or endpoint in schedule.endpoints:
            yield _Cron(per_day(schedule.cron), schedule.suites)


def asking(config: Config, endpoint: str) -> dict[str, Asking]:
    """Return how often an endpoint is asked each suite: as scheduled, once a day where no schedule names it."""
    found = list(_crons(config, endpoint))
    return {
        name: Asking(
            sum(each.per_day for each in found if each.suites is None or name in each.suites) or 1.0,
            config.suites[name].samples,
        )
        for name in asked_of(config, endpoint)
    }


def unscheduled(config: Config, endpoint: str) -> list[str]:
    """Return the suites that no schedule asks of an endpoint."""
    found = list(_crons(config, endpoint))
    return [
        name
        for name in asked_of(config, endpoint)
        if not any(each.suites is None or name in each.suites for each in found)
    ]


def probes_asked(suite: Suite, part: float) -> int:
    """Return how many probes a part of a suite has at most."""
    return min(len(suite.probes), max(FEWEST, floor(part * len(suite.probes))))


def narrowed(known: Habits, suite: Suite) -> Habits:
    """Return the habits of a part of a suite."""
    kept = {probe.id for probe in suite.probes}
    places = np.array([probe.id in kept for probe in known.suite.probes])
    shares = known.known and {
        name: replace(each, successes=each.successes[places], trials=each.trials[places])
        for name, each in known.known.items()
    }
    return replace(known, suite=suite, known=shares)


def watched(
    config: Config,
    suites: Mapping[str, Suite],
    store: Store | None,
    endpoint: str,
    only: Sequence[str] | None,
    *,
    baseline_days: float,
    within_days: float,
) -> Watched | None:
    """Return an endpoint with what is known of it; None when no suite in question has a stream to watch.

    Args:
        config: who is asked what, when.
        suites: its suites.
        store: the record so far, if there is one.
        endpoint: whom.
        only: suites in question; None for all the endpoint is asked.
        baseline_days: days watched before the change.
        within_days: days looked at after it.
    """
    ledger = findings.ledger(config, suites)
    counted = {s.key.suite for s in ledger.streams if s.key.endpoint == endpoint and s.counted}
    names = [name for name in asked_of(config, endpoint) if only is None or name in only]
    known: dict[str, Habits] = {}
    for name in names:
        if name in counted:
            known[name] = habits(suites[name], None if store is None else store.tallies([endpoint], [name]))
    found = Watched(config, suites, endpoint, tuple(known), known, baseline_days, within_days)
    scene = found.scene()
    found = replace(found, chosen=tuple(name for name in known if scene.streams[name]))
    found = replace(found, habits={name: known[name] for name in found.chosen})
    return found if found.chosen else None


def outlook(
    watch: Watched, drop: float, worlds: int | None, seed: int = SEED, tier: Tier = Tier.PERSISTENT
) -> list[Delays]:
    """Return what the config's own schedule finds of every kind of change it watches for, nothing first."""
    scene = watch.scene()
    return [
        simulate(scene, shape, drop, worlds or scene.worlds, seed, tier)
        for shape in Shape
        if shape is Shape.NOTHING or scene.watched(shape)
    ]


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
    on_try: Callable[[Schedule], None] = lambda _: None,
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
        on_try: told every schedule that is simulated.

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
        on_try(schedule)
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
