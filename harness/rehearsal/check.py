"""What was found against what was planted: detected or missed, how late, and what was cried in vain."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import cast

from harness.claims import Finding, Kind, Standing, Tier, Verdict
from harness.records import JSON
from harness.rehearsal.truth import Planted, level, null_days, planted
from harness.rehearsal.world import World
from harness.suites import Suite

_DAY_US = 86_400_000_000
_AFTER = 1e-3
"""Days after a moment at which everything of it is in force, except what comes on slowly."""


@dataclass(frozen=True, slots=True)
class Detection:
    """One planted change and what became of it."""

    planted: Planted
    finding: Finding | None
    """The first persistent finding that names the very thing, else an incident that does, else any it explains."""
    delay_days: float | None = None
    incident_days: float | None = None
    """Days until the first provisional finding that names the very thing."""
    calls: int | None = None
    """Calls to the endpoint from the change to the finding."""
    right_kind: bool | None = None
    right_topic: bool | None = None
    """None where no topic is at stake."""
    date_covers: bool | None = None
    effect_covers: bool | None = None
    true_effect: float | None = None

    @property
    def detected(self) -> bool:
        """Whether a finding of the kind it deserves came."""
        return self.finding is not None and bool(self.right_kind)


@dataclass(frozen=True, slots=True)
class Check:
    """A whole life, checked."""

    detections: tuple[Detection, ...]
    """One per planted change that deserves a finding."""
    false: tuple[Finding, ...]
    """Claims of change that nothing planted explains; withdrawn incidents among them."""
    null_days: Mapping[str, float]
    """Per endpoint: days before anything that deserves a finding happens to it."""

    def false_of(self, tier: Tier, *, standing: bool = True) -> tuple[Finding, ...]:
        """Return the false findings of one tier; with `standing` without those that were withdrawn."""
        return tuple(
            each
            for each in self.false
            if each.tier is tier and not (standing and each.standing is Standing.WITHDRAWN)
        )


def check(
    world: World, suites: Mapping[str, Suite], findings: Sequence[Finding], calls_per_day: Mapping[str, float]
) -> Check:
    """Hold findings against what was planted.

    Args:
        world: what happened.
        suites: the suites that were asked.
        findings: everything that was found, in any order.
        calls_per_day: per endpoint, to count delays in calls.
    """
    claims = sorted(
        (each for each in findings if each.verdict is Verdict.CHANGE), key=lambda each: each.found_us
    )
    changes = planted(world)
    explained: set[str] = set()
    for finding in claims:
        found_day = _day(world, finding.found_us)
        if any(
            change.endpoint == finding.stream.endpoint
            and change.day <= found_day
            and change.explains(finding.kind)
            for change in changes
        ):
            explained.add(finding.id)
    detections = [
        _detection(world, suites, change, changes, claims, calls_per_day)
        for change in changes
        if change.kind is not None
    ]
    return Check(
        tuple(detections),
        tuple(finding for finding in claims if finding.id not in explained),
        {name: null_days(world, name) for name in world.endpoints},
    )


def _detection(
    world: World,
    suites: Mapping[str, Suite],
    change: Planted,
    changes: Sequence[Planted],
    claims: Sequence[Finding],
    calls_per_day: Mapping[str, float],
) -> Detection:
    # A later change of the same kind on the same endpoint and topic takes over what comes after it.
    ends = min(
        (
            other.day
            for other in changes
            if other.day > change.day
            and (other.endpoint, other.kind, other.topic) == (change.endpoint, change.kind, change.topic)
        ),
        default=float("inf"),
    )
    mine = [
        finding
        for finding in claims
        if finding.stream.endpoint == change.endpoint
        and change.day <= _day(world, finding.found_us) < ends
        and change.explains(finding.kind)
    ]
    if not mine:
        return Detection(change, None)
    finding = min(
        mine, key=lambda each: (not _fits(each, change), each.tier is not Tier.PERSISTENT, each.found_us)
    )
    fast = [each.found_us for each in mine if each.tier is Tier.INCIDENT and _fits(each, change)]
    delay_days = _day(world, finding.found_us) - change.day
    before = level(world, suites, finding.stream, change.day - _AFTER)
    after = level(world, suites, finding.stream, _day(world, finding.found_us))
    true = after - before if before is not None and after is not None else None
    since, effect = finding.since, finding.effect
    run_days = 1 / world.runs_per_day
    return Detection(
        change,
        finding,
        delay_days,
        calls=round(delay_days * calls_per_day.get(change.endpoint, 0)),
        incident_days=_day(world, min(fast)) - change.day if fast else None,
        right_kind=_fits(finding, change),
        right_topic=None if change.topic is None else finding.stream.topic in (change.topic, None),
        date_covers=None
        if since is None
        else _day(world, since.low_us) - run_days <= change.day <= _day(world, since.high_us),
        effect_covers=None if effect is None or true is None else effect.low <= true <= effect.high,
        true_effect=true,
    )


def _fits(finding: Finding, change: Planted) -> bool:
    """Say whether a finding names the very thing: kind, manner of lock, topic, direction."""
    same = finding.kind is change.kind
    if change.kind is Kind.TOPIC_LOCK:
        same = same and finding.stream.topic == change.topic and finding.lock in (change.lock, None)
    return same and (change.direction is None or finding.direction in (None, change.direction))


def _day(world: World, moment_us: int) -> float:
    start_us = round(datetime.combine(world.start, datetime.min.time(), UTC).timestamp() * 1e6)
    return (moment_us - start_us) / _DAY_US


def check_json(done: Check) -> dict[str, JSON]:
    """Return a check as JSON data."""

    def short(finding: Finding | None) -> JSON:
        if finding is None:
            return None
        return {
            "id": finding.id,
            "kind": finding.kind.value,
            "tier": finding.tier.value,
            "standing": finding.standing.value,
            "stream": finding.stream.name,
            "headline": finding.headline,
            "effect": cast("JSON", dataclasses.asdict(finding.effect)) if finding.effect else None,
            "since": cast("JSON", dataclasses.asdict(finding.since)) if finding.since else None,
        }

    return {
        "planted": [
            {
                "endpoint": each.planted.endpoint,
                "day": each.planted.day,
                "event": each.planted.event,
                "what": each.planted.words,
                "kind": each.planted.kind.value if each.planted.kind else None,
                "topic": each.planted.topic,
                "detected": each.detected,
                "delay_days": each.delay_days,
                "incident_days": each.incident_days,
                "calls": each.calls,
                "right_kind": each.right_kind,
                "right_topic": each.right_topic,
                "date_covers": each.date_covers,
                "effect_covers": each.effect_covers,
                "true_effect": each.true_effect,
                "finding": short(each.finding),
            }
            for each in done.detections
        ],
        "false": [short(each) for each in done.false],
        "null_days": dict(done.null_days),
    }
