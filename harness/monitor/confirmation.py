"""Looking again: extra runs, out of a reserve, of an endpoint whose evidence of change is growing.

The rule is fixed before (config, ledger): when an endpoint's average evidence at the end of a UTC day has crossed the
watch level, the suite that contributes most is asked once more two days later, at a random hour. An extra run is a unit
like any other. Whether there is one depends on evidence of earlier days alone, and a day has one at most: more runs on
the day that looked bad, or right after it, would repeat that day's effect, which the engines would take for a change.
"""

from __future__ import annotations

import json
import random
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import exp, log

from harness.claims import Tier
from harness.config import Config
from harness.findings import Ledger
from harness.findings.alarms import two_sided
from harness.findings.state import log_average
from harness.monitor.claims import last_evidence, planned_ledger, world_of
from harness.monitor.spending import untold
from harness.plan import estimate_call
from harness.records import JSON, derive_seed, utc_text
from harness.store import Store
from harness.suites import Suite

TRIGGER = "confirm"
"""What an extra run records as its trigger."""
APART = timedelta(hours=2)
"""An extra run waits so long after the endpoint's latest run."""
WAIT = timedelta(days=2)
"""Days from the evidence to the extra run that it asks for."""
MONTH = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Growing:
    """An endpoint's evidence at the end of a day."""

    endpoint: str
    suite: str
    """The one that contributes most."""
    log_e: float
    run_id: int
    """The last run before the day ended."""


@dataclass(frozen=True, slots=True)
class Extra:
    """One extra run that the rule asks for."""

    endpoint: str
    suite: str
    at: datetime
    why: str


@dataclass(frozen=True, slots=True)
class Confirmation:
    """How the reserve stands."""

    runs_per_month: int
    usd_per_month: float | None
    watch_level: float
    """Evidence at which there is an extra run two days later."""
    alarm_level: float
    spent_runs: int
    """Extra runs in the last 30 days."""
    spent_usd: float
    """At most."""
    evidence: Mapping[str, float]
    """By endpoint, at the end of the day before yesterday (UTC): what today's extra runs depend on."""
    extras: tuple[Extra, ...]
    """What today asks for and has not had yet."""

    def words(self) -> list[str]:
        """Return it in lines for people."""
        limit = "" if self.usd_per_month is None else f" of ${self.usd_per_month:.2f}"
        lines = [
            f"extra runs: {self.spent_runs} of {self.runs_per_month} in 30 days, ${self.spent_usd:.4f}{limit}; "
            f"watch level {self.watch_level:,.0f}, alarm level {self.alarm_level:,.0f}"
        ]
        due = {each.endpoint: each for each in self.extras}
        for endpoint, value in self.evidence.items():
            extra = due.get(endpoint)
            more = f"; an extra run of {extra.suite} is due at {extra.at:%Y-%m-%d %H:%M} UTC" if extra else ""
            lines.append(f"evidence at {endpoint} two days ago: {value:,.3g}{more}")
        return lines

    def as_json(self) -> dict[str, JSON]:
        """Return it as JSON data."""
        return {
            "runs_per_month": self.runs_per_month,
            "usd_per_month": self.usd_per_month,
            "watch_level": self.watch_level,
            "alarm_level": self.alarm_level,
            "spent_runs": self.spent_runs,
            "spent_usd": round(self.spent_usd, 6),
            "evidence": dict(self.evidence),
            "extras": [
                {
                    "endpoint": each.endpoint,
                    "suite": each.suite,
                    "at": utc_text(int(each.at.timestamp() * 1e6)),
                    "why": each.why,
                }
                for each in self.extras
            ],
        }


def standing_of(
    config: Config, suites: Mapping[str, Suite], store: Store, now: datetime, clock: str = "real"
) -> Confirmation | None:
    """Return how the reserve stands; None where the config keeps none.

    A function of the record, the config and the time alone: a watcher that was stopped and started again asks for the
    same runs at the same hours.

    Args:
        config: with `[confirmation]`.
        suites: its suites.
        store: the record.
        now: the present moment.
        clock: kind of the clock of the runs in question.
    """
    wanted = config.confirmation
    if not wanted.runs_per_month:
        return None
    ledger = planned_ledger(config, suites)
    bar = log(ledger.threshold(Tier.PERSISTENT))
    today = now.replace(hour=0, minute=0, second=0, microsecond=0)
    growing = evidence_before(
        ledger, store, world_of(clock), int((today - WAIT + timedelta(days=1)).timestamp() * 1e6)
    )
    runs = store.runs()
    runs = runs[(runs["clock"] == "simulated") == (clock == "simulated")]
    asked = runs["endpoints"].map(json.loads)
    past = runs[(runs["trigger"] == TRIGGER) & (runs["started_at"] > now - MONTH)]
    more = untold(store, [int(each) for each in past["run_id"]])
    spent_usd = float(past["cost_usd"].sum()) + sum(each.usd_at_most for each in more.values())
    level = wanted.watch * bar
    extras: list[Extra] = []
    for each in growing:
        if each.log_e < level or wanted.runs_per_month - len(past) - len(extras) <= 0:
            continue
        cost = _at_most(config, suites, each.endpoint, each.suite)
        if wanted.usd_per_month is not None and spent_usd + cost > wanted.usd_per_month:
            continue
        had = past[past["started_at"] >= today]
        if any(each.endpoint in asked[place] for place in had.index):
            continue
        rng = random.Random(derive_seed("confirm", config.run.seed, each.endpoint, int(today.timestamp())))  # noqa: S311
        at = today + timedelta(seconds=rng.uniform(0, 86_400 - 3600))
        mine = runs[[each.endpoint in endpoints for endpoints in asked]]
        if len(mine):
            at = max(at, mine["started_at"].max().to_pydatetime() + APART)
        why = (
            f"an extra run of {each.suite} at {each.endpoint}: its evidence after run {each.run_id} was "
            f"{exp(min(each.log_e, 700.0)):,.0f} of {exp(bar):,.0f}, watch level {exp(level):,.0f}; "
            f"{len(past) + len(extras) + 1} of {wanted.runs_per_month} in 30 days"
        )
        extras.append(Extra(each.endpoint, each.suite, at, why))
    return Confirmation(
        *(wanted.runs_per_month, wanted.usd_per_month, exp(level), exp(bar), len(past), spent_usd),
        {each.endpoint: exp(min(each.log_e, 700.0)) for each in growing},
        tuple(extras),
    )


def evidence_before(ledger: Ledger, store: Store, world: str, before_us: int) -> list[Growing]:
    """Return every endpoint's average evidence after the last run that began before a moment.

    Args:
        ledger: of the config; evidence of an earlier period of it counts for nothing.
        store: the record.
        world: `real` or `simulated`.
        before_us: the moment, UTC microseconds.
    """
    period = store.findings.period(world)
    if period is None or period.ledger != ledger.text:
        return []
    current = {each.id for each in store.findings.updates(world) if each.period_id == period.id}
    counted = [stream for stream in ledger.streams if stream.counted]
    steps = store.findings.steps(world, [(stream.name, stream.definition) for stream in counted])
    found: list[Growing] = []
    for group in ledger.groups:
        shares: list[tuple[float, str]] = []
        latest = 0
        for stream in counted:
            if stream.group != group:
                continue
            rows = steps.get((stream.name, stream.definition), ())
            past = [each for each in rows if each.started_us < before_us and each.update_id in current]
            evidence = last_evidence(past, current)
            if evidence is None:
                continue
            both = two_sided(stream, *evidence)
            shares.append((log(ledger.weights[stream.name]) + both, stream.key.suite))
            latest = max(latest, past[-1].run_id)
        if shares:
            total = log_average([(1.0, value) for value, _ in shares])
            found.append(Growing(group, max(shares)[1], total, latest))
    return found


def _at_most(config: Config, suites: Mapping[str, Suite], endpoint: str, suite: str) -> float:
    each = [estimate_call(config.endpoints[endpoint], probe).cost_usd for probe in suites[suite].probes]
    return config.suites[suite].samples * sum(each)
