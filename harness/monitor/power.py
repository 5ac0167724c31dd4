"""What a schedule can find, by simulation, and the cheapest schedule that finds what is wanted."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
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
FEWEST = 12
"""A part of a suite has at least so many probes."""


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
