"""Refusals between two snapshots: the refusal detector's error taken out, its doubt put in, or said why not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from harness.findings.snapshot_refusals import Prose, refusals
from harness.findings.snapshot_words import Reading
from harness.findings.snapshots import name_changes
from harness.graders.refusal_error import RATES
from harness.stats.intervals import Interval
from harness.stats.rogan_gladen import Detector, Measured, spread, true_share, widened
from tests.snapshot_figures import corrected, counted, detector, snapshots


def sides(before: int, after: int, *, tasks: int = 200, language: str = "en", other: float = 0.0):
    """So many of the tasks declined in prose on each side, one answer a task."""
    made, prose = [], []
    for run_id, count in ((1, before), (2, after)):
        declined = (np.arange(tasks) < count)[None, :] * 1.0
        made.append(counted((run_id,), 1 - declined, declined))
        prose.append(Prose(np.ones((1, tasks)), declined, other))
    return snapshots(["a"] * tasks, made[0], made[1], language), (prose[0], prose[1])


def test_the_estimate_is_rogan_and_gladens() -> None:
    """Both shares and their difference, by hand; the interval is wider than that of what was read."""
    matched, prose = sides(40, 100)
    found = refusals(matched, prose, 0.95)
    s, c = RATES["en"].sensitivity, RATES["en"].specificity
    sensitivity, specificity = s.right / s.of, c.right / c.of
    by_hand = [(share + specificity - 1) / (sensitivity + specificity - 1) for share in (0.2, 0.5)]
    assert (found.raw.before, found.raw.after) == (0.2, 0.5)
    assert [found.before.estimate, found.after.estimate] == pytest.approx(by_hand)
    interval = found.corrected.interval
    assert interval.estimate == pytest.approx(by_hand[1] - by_hand[0])
    assert interval.low < interval.estimate < interval.high
    assert interval.high - interval.low > (found.raw.interval.high - found.raw.interval.low) / (
        s.estimate + c.estimate - 1
    )
    assert found.before.low < by_hand[0] < found.before.high


def test_refusals_by_a_field_are_kept_as_they_are() -> None:
    """Half the tasks blocked by the provider on both sides: prose alone is corrected, and without prose nothing is."""
    matched, (first, second) = sides(100, 100)
    none = [replace(each, read=each.read * 0, called=each.called * 0) for each in (first, second)]
    found = refusals(matched, (none[0], none[1]), 0.95)
    assert (found.corrected, found.unread) == (None, True)
    part = [replace(each, read=1 - each.called, called=each.called * 0) for each in (first, second)]
    part[1] = replace(part[1], called=(np.arange(200) == 150)[None, :] * 1.0)
    mixed = refusals(matched, (part[0], part[1]), 0.95)
    assert mixed.before.estimate == pytest.approx(
        0.5 - 0.5 * (1 - 1054 / 1091) / (1083 / 1159 + 1054 / 1091 - 1)
    )


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"language": "fi"}, "not measured in fi"),
        ({"language": ""}, "not measured in an unnamed language"),
        ({"other": 3.0}, "another version"),
    ],
)
def test_what_cannot_be_corrected_is_said(options, why) -> None:
    """Languages without a measured error, and answers read by another version; the share as read is still given."""
    matched, prose = sides(40, 100, **options)
    found = refusals(matched, prose, 0.95)
    assert found.corrected is None
    assert why in found.why_not
    (named,) = name_changes(
        [matched], rng=np.random.default_rng(0), prose={("e", "s"): prose}, declines=("s",)
    )
    assert named.reading is Reading.TIGHTENING
    assert any(f"is not taken out: {found.why_not}" in each for each in named.caveats)
    assert {each.explanation: each.result for each in named.ruled_out}["grader-error"] == "not checked"


def test_a_detector_that_is_hardly_better_than_a_coin_is_not_corrected_for() -> None:
    """Sensitivity and specificity that add up to about one, or are known from a handful of answers."""
    assert not Detector(Measured(55, 100), Measured(55, 100)).identified
    assert not Detector(Measured(4, 5), Measured(4, 5)).identified
    assert all(Detector(Measured(r.sensitivity.right, r.sensitivity.of), Measured(r.specificity.right, r.specificity.of)).identified for r in RATES.values())  # fmt: skip
    weak = replace(RATES["en"], sensitivity=replace(RATES["en"].sensitivity, right=120))
    found = refusals(*sides(40, 100), 0.95, rates={"en": weak})
    assert "sensitivity + specificity is near one" in found.why_not


def test_a_change_that_the_detectors_doubt_can_make_is_not_named() -> None:
    """Without right answers the corrected share decides: its sentence says so, and what was read stands beside."""
    matched, prose = sides(40, 100)
    (named,) = name_changes(
        [matched], rng=np.random.default_rng(0), prose={("e", "s"): prose}, declines=("s",)
    )
    assert named.effect.method == "rogan-gladen"
    assert "the detector's error taken out" in named.sentence
    assert any("as read: 20.0 to 50.0%" in each for each in named.caveats)
    told = named.as_json()["refusals"]
    assert told["raw"]["before"] == 0.2
    assert told["detector"]["en"]["sensitivity_of"] == 1159


def test_doubt_joins_by_squares() -> None:
    """Numerical derivatives give the delta method's error; p keeps to the widened interval."""
    one = Detector(Measured(90, 100), Measured(95, 100))

    def share(rates):
        return float(true_share(0.4, 1.0, *rates[0]))

    s, c = 0.9, 0.95
    informed, called = s + c - 1, 0.4
    by_hand = np.hypot(
        (called + c - 1) / informed**2 * one.sensitivity.sd, (s - called) / informed**2 * one.specificity.sd
    )
    assert spread([one], share) == pytest.approx(by_hand, rel=0.01)
    interval = Interval(100, 0.1, 0.1 - 0.0588, 0.1 + 0.0588, 0.95, "m")
    same, p = widened(interval, 0.00086, 0.0, "n")
    assert (same.low, p) == (pytest.approx(interval.low), pytest.approx(0.00086))
    for sd, excludes in ((0.04, True), (0.042, False)):
        wider, p = widened(interval, 0.00086, sd, "n")
        assert (wider.low > 0, p < 0.05) == (excludes, excludes)


def test_the_corrected_interval_holds_the_truth_where_the_one_as_read_does_not() -> None:
    """120 simulated pairs, 30 to 60% declined in Chinese, the detector measured anew each time (nominal 95%)."""
    made, raw, taken, _, _ = corrected("zh", 0.3, 0.6, 120)
    assert made >= 110
    assert taken / made >= 0.95 - 2.6 * np.sqrt(0.95 * 0.05 / made)
    assert raw / made < 0.8
    assert len(detector(3)) == 17
