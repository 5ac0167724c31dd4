"""What was found held against what was planted, on findings made up for it."""

from __future__ import annotations

from dataclasses import replace

import pytest

pytest.importorskip("starlette", reason="the rehearsal extra is not installed")

from harness.claims import Effect, Finding, Kind, Lock, Since, Standing, StreamKey, Tier, Verdict
from harness.rehearsal.check import Check, check, check_json
from harness.rehearsal.repeats import summarise
from harness.rehearsal.truth import level
from harness.rehearsal.world import World
from harness.stats.poisson import poisson_rate
from harness.suites import load_suite
from probes._make.writing import FOLDER

SUITES = {"topic-pairs": load_suite(FOLDER / "topic-pairs")}
WORLD = World.model_validate(
    {"title": "x", "days": 60, "models": {"m": {}}, "endpoints": {"one": {"model": "m"}, "two": {"model": "m"}},
     "suites": {"topic-pairs": {}},
     "events": [{"kind": "lock", "endpoint": "one", "day": 20, "topic": "biology", "mode": "silent", "drop": 0.6},
                {"kind": "bad-day", "endpoint": "two", "day": 30, "until": 31}]}
)  # fmt: skip
START_US = 1_767_225_600_000_000
DAY_US = 86_400_000_000


def at(day: float) -> int:
    return START_US + round(day * DAY_US)


LOCKED = Finding(
    id="a", kind=Kind.TOPIC_LOCK, tier=Tier.PERSISTENT, verdict=Verdict.CHANGE,
    stream=StreamKey("one", "topic-pairs", "lock", topic="biology"), headline="h", found_us=at(28.25), run_id=29,
    period=1, direction="down", lock=Lock.SILENT,
    effect=Effect(-0.4, -0.7, -0.2, 0.95, "share", "haar-t"), since=Since(at(20.25), at(18.25), at(21.25), 0.95),
)  # fmt: skip


def checked(*findings: Finding) -> Check:
    return check(WORLD, SUITES, findings, {"one": 72.0})


def test_a_lock_that_was_found_is_told_with_its_delay() -> None:
    """Kind, topic, date and effect are right, and the delay counts days and calls from the event."""
    one = checked(LOCKED).detections[0]
    assert one.detected
    assert (one.delay_days, one.calls) == (8.25, 594)
    assert (one.right_kind, one.right_topic, one.date_covers, one.effect_covers) == (True, True, True, True)


def test_an_interval_beside_the_truth_does_not_cover_it() -> None:
    """A date set that begins too late and an effect that is too small are told as such."""
    late = replace(
        LOCKED, since=Since(at(25), at(23), at(27), 0.95), effect=replace(LOCKED.effect, low=-0.05, high=0.1)
    )  # type: ignore[type-var]
    one = checked(late).detections[0]
    assert (one.date_covers, one.effect_covers) == (False, False)


def test_what_nothing_explains_is_false() -> None:
    """A finding before the event, on another endpoint, or of a kind that the event does not cause is a false one."""
    early = replace(LOCKED, id="b", found_us=at(10))
    other = replace(LOCKED, id="c", stream=replace(LOCKED.stream, endpoint="two"))
    kind = replace(LOCKED, id="d", kind=Kind.FORMAT, lock=None)
    found = checked(LOCKED, early, other, kind)
    assert {each.id for each in found.false} == {"b", "c", "d"}
    assert found.null_days == {"one": 20.0, "two": 60.0}


def test_nothing_found_is_missed_and_no_change_is_no_claim() -> None:
    """A missed event is told; a finding that says `no change` or `inconclusive` detects and accuses nothing."""
    calm = replace(LOCKED, verdict=Verdict.NO_CHANGE)
    found = checked(calm)
    assert not found.detections[0].detected
    assert found.false == ()
    assert check_json(found)["planted"][0]["finding"] is None  # type: ignore[index,call-overload]


def test_the_wrong_topic_or_manner_does_not_count() -> None:
    """A lock found on another topic, or as an announced one, is not the one that was planted."""
    elsewhere = replace(LOCKED, stream=replace(LOCKED.stream, topic="chemistry"))
    announced = replace(LOCKED, lock=Lock.ANNOUNCED)
    assert not checked(elsewhere).detections[0].detected
    assert not checked(announced).detections[0].detected


def test_withdrawn_incidents_are_told_apart() -> None:
    """A provisional finding that was withdrawn stays visible and is not counted as standing."""
    cried = replace(LOCKED, id="e", found_us=at(3), tier=Tier.INCIDENT, standing=Standing.WITHDRAWN)
    found = checked(cried)
    assert found.false_of(Tier.INCIDENT) == ()
    assert found.false_of(Tier.INCIDENT, standing=False) == (cried,)


def test_rates_over_lives() -> None:
    """Detections and false findings of several lives become rates with intervals."""
    early = replace(LOCKED, id="b", found_us=at(10))
    done = summarise([checked(LOCKED), checked(), checked(LOCKED, early)])
    rate = done.rates[0]
    assert (rate.detected.n, rate.median_delay_days, rate.median_calls) == (3, 8.25, 594)
    assert rate.detected.estimate == pytest.approx(2 / 3)
    assert done.null_years == pytest.approx(3 * 80 / 365)
    assert done.false[Tier.PERSISTENT].n == 1


def test_the_true_effect_of_a_silent_lock() -> None:
    """The level of a lock's stream is nothing before it and the lost share of right answers after it."""
    key = LOCKED.stream
    assert level(WORLD, SUITES, key, 10) == 0.0
    right = level(WORLD, SUITES, StreamKey("one", "topic-pairs", "correct", topic="biology"), 10)
    assert right is not None
    assert level(WORLD, SUITES, key, 30) == pytest.approx(-0.6 * right, abs=0.02)
    assert level(WORLD, SUITES, replace(key, topic="chemistry"), 30) == 0.0


def test_the_poisson_interval_is_scipys() -> None:
    """Its bounds are the rates at which so many events, or so few, have a chance of 2.5%."""
    from scipy.stats import poisson

    for count in (0, 1, 7):
        found = poisson_rate(count, 2.5)
        assert found.high is not None
        assert poisson.cdf(count, found.high * 2.5) == pytest.approx(0.025)
        if count:
            assert found.low is not None
            assert poisson.sf(count - 1, found.low * 2.5) == pytest.approx(0.025)
    assert poisson_rate(0, 0.0).estimate is None
