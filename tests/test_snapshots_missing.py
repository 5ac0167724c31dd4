"""Answers missing on one side: worst-case limits in the table, the picture and the words, and no claim beyond them."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.claims import Verdict
from harness.cli.results import print_comparison
from harness.findings.snapshot_words import Reading
from harness.findings.snapshots import name_changes
from harness.plots import comparison_plot
from harness.stats import paired_difference
from harness.stats.worst_case import worst_case
from harness.tables import compare
from tests.test_snapshots import side


def lost(
    frame: pd.DataFrame, share: float, *, outcome: str = "failed", every: int | None = None
) -> pd.DataFrame:
    """The same run with its last answers gone, or one in so many."""
    size = len(frame)
    gone = np.arange(size) % every == 0 if every else np.arange(size) >= size * (1 - share)
    out = frame.copy()
    out.loc[gone, [outcome, "answered", "refused", "graded", "score_sum"]] = [1, 0, 0, 0, 0.0]
    return out


def whole(found):
    return next(row for row in found.rows if row.by == "suite")


def run(run_id: int, right: np.ndarray, topics: list[str] | None = None) -> pd.DataFrame:
    return side(run_id, right, np.zeros(right.size, dtype=int), topics or ["a"] * right.size)


def test_the_limits_are_the_two_extremes() -> None:
    """A fifth missing after: as failures and as successes; half of the tasks right before, all the rest after."""
    before, after = run(1, np.arange(100) % 2), lost(run(2, np.ones(100, dtype=int)), 0.2)
    row = whole(compare(before, after))
    assert row.difference.interval.estimate == pytest.approx(0.5)
    assert (row.worst.low, row.worst.high) == pytest.approx((0.3, 0.5))
    low = paired_difference(np.arange(100) % 2, np.r_[np.ones(80), np.zeros(20)]).interval.low
    assert row.worst.interval_low == pytest.approx(low)
    assert row.uneven
    assert whole(compare(before, run(2, np.ones(100, dtype=int)))).worst is None


@settings(max_examples=60, deadline=None)
@given(st.integers(2, 12), st.integers(0, 2**32 - 1))
def test_whatever_was_missing_the_difference_lies_within(units, seed) -> None:
    """Any truth, any part of it missing on either side: the true mean difference is inside the limits."""
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, 2, (2, units, 3))
    seen = rng.random(truth.shape) < rng.random()
    got, gone = (truth * seen).sum(2), (~seen).sum(2)
    found = worst_case((got[0], got[1]), (gone[0], gone[1]), (np.full(units, 3), np.full(units, 3)))
    true = truth[1].mean() - truth[0].mean()
    assert found.interval_low <= found.low <= true + 1e-12
    assert true - 1e-12 <= found.high <= found.interval_high


def test_a_change_that_missing_answers_could_make_is_not_said_to_be_beyond_them() -> None:
    """Five of ten right on every task, then five of seven, three lost: named with limits that reach zero."""
    none = np.zeros(60, dtype=int)
    before, after = (side(run_id, none + 5, none, ["a"] * 60, n=10) for run_id in (1, 2))
    after = after.assign(failed=3, answered=7, graded=7)
    (named,) = name_changes(compare(before, after).matched, rng=np.random.default_rng(0))
    told = {each.explanation: each for each in named.ruled_out}["missing-data"]
    assert named.reading is Reading.GAIN
    assert "share right would have moved by +0.0 to +30.0 points" in told.words
    assert told.result == "not ruled out"
    assert any(each.startswith("Missing data: measured 100.0%") for each in named.caveats)


def test_no_change_is_not_claimed_beyond_what_is_missing() -> None:
    """The same answers on 400 tasks are no change; with a tenth missing on one side they are inconclusive."""
    right, rng = np.arange(400) % 2, np.random.default_rng(0)
    (same,) = name_changes(compare(run(1, right), run(2, right)).matched, rng=rng)
    (short,) = name_changes(compare(run(1, right), lost(run(2, right), 0.1)).matched, rng=rng)
    assert (same.verdict, short.verdict) == (Verdict.NO_CHANGE, Verdict.INCONCLUSIVE)
    assert "would have moved by -5.0 to +5.0 points" in short.caveats[0]


def test_a_locks_limits_are_those_of_its_contrast() -> None:
    """The locked topic's answers a quarter missing: with all of them right the difference in differences still stands."""
    topics = [topic for topic in ("a", "b", "c", "d") for _ in range(60)]
    full, rng = np.ones(240, dtype=int), np.random.default_rng(0)
    locked = side(2, np.where(np.array(topics) == "a", 0, 1), (np.array(topics) == "a").astype(int), topics)
    (found,) = name_changes(
        compare(run(1, full, topics), lost(locked, 0.0, every=4)).matched, rng=rng, margin=0.1
    )
    told = {each.explanation: each for each in found.ruled_out}["missing-data"]
    assert found.reading is Reading.LOCK
    assert "the topic against its controls would have moved by -100.0 to -50.0 points" in told.words
    assert told.result == "ruled out"


def test_the_table_and_the_picture_show_them(capsys) -> None:
    """A table of limits under the differences, dotted ends in the picture; neither where nothing is missing."""
    right = np.arange(100) % 2
    short, even = (compare(run(1, right), after) for after in (lost(run(2, right), 0.2), run(2, right)))
    print_comparison(short, every_row=False)
    said = capsys.readouterr().out
    assert "had every failed or denied call gone the worst way" in said
    assert "80.0%" in said
    assert "Dotted" in " ".join(text.get_text() for text in comparison_plot(short).figure.texts)
    print_comparison(even, every_row=False)
    assert "worst way" not in capsys.readouterr().out
    assert "Dotted" not in " ".join(text.get_text() for text in comparison_plot(even).figure.texts)


def test_single_probes_that_differ_are_listed(capsys) -> None:
    """Ten answers a probe on each side: the two that turned round stand under the table, the steady ones do not."""
    right = np.array([10, 10, 5, 9, 0, 8])
    before, after = (
        side(run_id, count, np.zeros(6, dtype=int), ["a"] * 6, n=10)
        for run_id, count in ((1, right), (2, np.array([0, 10, 5, 9, 10, 8])))
    )
    print_comparison(compare(before, after), every_row=False)
    said = capsys.readouterr().out
    assert "2 of 2 that scored differently" in said
    lines = [line.split() for line in said.splitlines() if line.startswith("e ")]
    assert [line[2:5] for line in lines if line[2] in ("p0", "p4")] == [
        ["p0", "100.0", "0.0"],
        ["p4", "0.0", "100.0"],
    ]
