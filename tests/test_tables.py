"""The store's tallies turned into shares, scores, twin differences, bands and comparisons."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime, timedelta

import numpy as np
import pandas as pd
import pytest

from harness.errors import EvidenceError
from harness.stats import Interval, PairedDifference, wilson
from harness.tables import (
    NOT_A_FINDING,
    OUTCOMES,
    Answers,
    Evidence,
    bands,
    compare,
    control_arm,
    coverage,
    overview,
    shares,
    summarise,
    twins,
)
from harness.tables.words import difference_words, moment, percent, plural, points, printable, score_words
from tests.synthetic import START, make_evidence

BLANK = dict.fromkeys(OUTCOMES, 0)


def tally(probe_id: str, *, run_id: int = 1, **fields: object) -> dict[str, object]:
    """One row of tallies: one right answer unless told otherwise."""
    row = {
        "run_id": run_id, "started_at": START + timedelta(days=run_id - 1), "endpoint": "e", "model": "m",
        "suite": "s", "suite_version": 1, "suite_hash": "sha256:aaaaaaaaaa", "probe_id": probe_id,
        "family": "f", "topic": None, "arm": None, "pair": None, "n": 1, **BLANK, "answered": 1, "graded": 1,
        "score_sum": 1.0,
    }  # fmt: skip
    if unknown := set(fields) - set(row) - {"fresh", "makers", "kind"}:
        raise KeyError(unknown)
    return row | fields


def frame(*rows: dict[str, object]) -> pd.DataFrame:
    """Tallies as the store gives them."""
    made = pd.DataFrame(list(rows))
    made["started_at"] = pd.to_datetime(made["started_at"], utc=True)
    return made


FAILED = {"answered": 0, "failed": 1, "graded": 0, "score_sum": 0.0}
REFUSED = {"answered": 0, "refused": 1, "graded": 0, "score_sum": 0.0}
WRONG = {"score_sum": 0.0}


def test_a_refusal_is_no_success_and_a_failure_is_missing() -> None:
    """The score is over measured exchanges; accuracy is over answers that could be read; failed is coverage."""
    row = summarise(frame(tally("a"), tally("b", **WRONG), tally("c", **REFUSED), tally("d", **FAILED))).iloc[
        0
    ]
    assert (row["n"], row["measured"], row["tasks"], row["probes"]) == (4, 3, 3, 4)
    assert row["score"] == pytest.approx(1 / 3)
    assert row["accuracy"] == pytest.approx(1 / 2)
    assert row["coverage"] == pytest.approx(3 / 4)
    expected = wilson(1, 3)
    assert (row["low"], row["high"]) == pytest.approx((expected.low, expected.high))


def test_the_mean_is_over_probes_and_not_over_answers() -> None:
    """A probe asked often does not outweigh one asked once."""
    table = frame(tally("a", n=10, answered=10, graded=10, score_sum=10.0), tally("b", **WRONG))
    assert summarise(table)["score"].iloc[0] == 0.5


def test_twins_are_one_task() -> None:
    """Two wordings of one question are averaged before they count, and counted once."""
    table = frame(
        tally("a1", pair="a", arm="topic"),
        tally("a2", pair="a", arm="plain", **WRONG),
        tally("b", **WRONG),
        tally("c", **WRONG),
    )
    row = summarise(table).iloc[0]
    assert (row["probes"], row["tasks"]) == (4, 3)
    assert row["score"] == pytest.approx(0.5 / 3)
    assert list(summarise(table, "arm")["tasks"]) == [1, 1]


def test_a_run_that_learnt_nothing_has_no_score() -> None:
    """All failed: no score, no interval, no zero; the row is there with its coverage."""
    row = summarise(frame(tally("a", **FAILED), tally("b", **FAILED))).iloc[0]
    assert (row["tasks"], row["coverage"]) == (0, 0)
    assert np.isnan([row["score"], row["low"], row["high"], row["accuracy"]]).all()


def test_probes_without_a_tag_are_in_no_group() -> None:
    """Grouping by topic leaves out probes that have none."""
    table = frame(tally("a", topic="law"), tally("b", topic=None), tally("c", topic=""))
    assert list(summarise(table, "topic")["group"]) == ["law"]


def test_shares_are_of_measured_exchanges_and_failed_has_none() -> None:
    """All eight outcomes in fixed order; shares add to 1 without `failed`, which is missing data."""
    table = shares(frame(tally("a"), tally("b", **REFUSED), tally("c", **FAILED), tally("d")))
    assert list(table["outcome"]) == list(OUTCOMES)
    assert table["share"].sum() == pytest.approx(1.0)
    failed = table[table["outcome"] == "failed"].iloc[0]
    assert failed["count"] == 1
    assert np.isnan([failed["share"], failed["low"], failed["high"]]).all()


def test_twin_difference_is_watched_minus_plain_within_pairs() -> None:
    """A pair counts where both sides were measured; topic "" stands for all pairs."""
    table = frame(
        tally("a1", pair="a", arm="topic", topic="law", **WRONG), tally("a2", pair="a", arm="neutral", topic="law"),
        tally("b1", pair="b", arm="topic", topic="tax"), tally("b2", pair="b", arm="neutral", topic="tax"),
        tally("c1", pair="c", arm="topic", topic="tax", **FAILED), tally("c2", pair="c", arm="neutral", topic="tax"),
    )  # fmt: skip
    found = twins(table).set_index("topic")
    assert (found.loc["", "arm"], found.loc["", "control"]) == ("topic", "neutral")
    assert (found.loc["", "pairs"], found.loc["", "difference"]) == (2, -0.5)
    assert (found.loc["law", "pairs"], found.loc["law", "difference"]) == (1, -1.0)
    assert np.isnan([found.loc["law", "low"], found.loc["law", "high"]]).all()
    assert found.loc["tax", "difference"] == 0


def test_tables_without_pairs_give_no_twin_rows() -> None:
    """No pairs, or a pair of which one arm was never asked, is nothing to compare."""
    assert twins(frame(tally("a"))).empty
    assert twins(frame(tally("a", pair="p", arm="topic"))).empty
    assert "difference" in twins(frame(tally("a"))).columns


@pytest.mark.parametrize(
    ("arms", "declared", "control"),
    [
        (["topic", "neutral"], (), "neutral"),
        (["neutral", "topic"], ("neutral", "topic"), "topic"),
        (["b", "a"], (), "b"),
        (["alike", "harmful"], ("alike", "harmful"), "harmful"),
        (["only"], (), None),
    ],
)
def test_the_control_arm_never_depends_on_the_order_of_data(
    arms: list[str], declared: tuple[str, ...], control: str | None
) -> None:
    """The suite's declaration decides, then convention, then the alphabet."""
    assert control_arm(arms, declared) == control_arm(arms[::-1], declared) == control


def test_coverage_counts_calls_never_sent() -> None:
    """Coverage of a run is measured over planned: unsent and failed are both missing."""
    evidence = make_evidence(2, failed=0.1)
    runs = evidence.runs.assign(planned=lambda table: table["planned"] + 76, status=["done", "interrupted"])
    table = coverage(replace(evidence, runs=runs))
    assert (table["coverage"] == table["measured"] / 300).all()
    assert (table["failed"] > 0).all()


def test_bands_begin_where_a_name_changes() -> None:
    """Served model and suite content start new bands; a run that names nothing does not."""
    evidence = make_evidence(6, suites=("capability",), served=("m-1", "m-2"))
    named = evidence.identities.copy()
    named.loc[named["run_id"] == 2, ["served_model", "fingerprint"]] = None
    tallies = evidence.tallies.copy()
    tallies.loc[tallies["run_id"] == 6, ["suite_version", "suite_hash"]] = [2, "sha256:bbbbbbbbbbb"]
    found = bands(replace(evidence, identities=named, tallies=tallies), "smollm2", "capability")
    assert [(band.first, band.last) for band in found] == [(0, 2), (3, 4), (5, 5)]
    assert found[1].changes == ("served model m-1 → m-2",)
    assert found[2].kinds == ("suite version",)
    assert "2 (bbbbbbbb)" in found[2].changes[0]


def test_bands_show_a_change_of_graders_where_the_table_tells() -> None:
    """A `makers` column, where present, is watched like the other names."""
    evidence = make_evidence(2, suites=("capability",))
    makers = evidence.identities.assign(makers=["graders.numeric/1", "graders.numeric/2"])
    found = bands(replace(evidence, identities=makers), "smollm2", "capability")
    assert found[1].changes == ("graders graders.numeric/1 → graders.numeric/2",)


def test_overview_holds_each_endpoint_and_suite_once() -> None:
    """Parts come in alphabetical order with their own rows only."""
    parts = overview(make_evidence(3, endpoints=("b", "a")))
    assert list(parts) == [(e, s) for e in ("a", "b") for s in ("capability", "topic-pairs")]
    part = parts["b", "topic-pairs"]
    assert set(part.runs["endpoint"]) == {"b"}
    assert len(part.runs) == 3
    assert set(part.latest(part.twins)["run_id"]) == {3}
    assert parts["a", "capability"].twins.empty


# --- comparison -------------------------------------------------------------------------------


def run_of(evidence: Evidence, number: int) -> pd.DataFrame:
    return evidence.tallies[evidence.tallies["run_id"] == number]


def test_comparing_a_run_with_itself_shows_no_difference_and_no_certainty() -> None:
    """All tasks the same, estimate 0, an interval with width around it, and no probe listed."""
    evidence = make_evidence(1)
    found = compare(run_of(evidence, 1), run_of(evidence, 1), answers=Answers(224, 224))
    for row in found.rows:
        assert row.difference.interval.estimate == 0
        assert row.difference.interval.excludes_zero is False
        assert row.difference.higher == row.difference.lower == 0
    assert found.changed == ()
    assert found.as_json()["answers"] == {"identical": 224, "compared": 224}


def test_a_halved_skill_is_seen_on_the_suites() -> None:
    """A real drop gives negative differences whose intervals exclude zero, per endpoint and suite."""
    evidence = make_evidence(2, drop_at=1, per_group=30)
    found = compare(run_of(evidence, 1), run_of(evidence, 2), identities=evidence.identities)
    suites = [row for row in found.rows if row.by in {"all", "suite"}]
    assert [row.suite for row in suites] == ["", "capability", "topic-pairs"]
    for row in suites:
        assert row.difference.interval.high < 0
        assert row.difference.lower > row.difference.higher
    assert {row.by for row in found.rows} == {"all", "suite", "family", "arm", "topic"}
    assert found.left.served_models == ("smollm2-135m-instruct",)
    gaps = [abs(one.right - one.left) for one in found.changed]
    assert gaps == sorted(gaps, reverse=True)


def test_a_probe_on_one_side_only_is_missing_and_named() -> None:
    """Neither a probe asked once nor one that failed once is scored zero."""
    left = frame(tally("a"), tally("b"), tally("c"), tally("gone"))
    right = frame(
        tally("a", run_id=2), tally("b", run_id=2), tally("c", run_id=2, **FAILED), tally("new", run_id=2)
    )
    found = compare(left, right, left_label="run 1", right_label="run 2")
    row = found.rows[0]
    assert (row.difference.interval.n, row.difference.interval.estimate) == (2, 0)
    assert row.right.coverage == pytest.approx(2 / 3)
    assert found.notes == (
        "1 probe asked in run 1 only: missing on the other side, left out.",
        "1 probe asked in run 2 only: missing on the other side, left out.",
        "1 probe asked on both sides but without a measured answer on one: missing, left out of the difference.",
    )


def test_several_runs_on_a_side_are_pooled_per_probe() -> None:
    """A window of runs counts each probe once, with its mean."""
    left = frame(tally("a"), tally("a", run_id=2, **WRONG), tally("b"), tally("b", run_id=2))
    right = frame(tally("a", run_id=3), tally("b", run_id=3))
    found = compare(left, right)
    assert found.left.run_ids == (1, 2)
    assert found.rows[0].difference.interval.n == 2
    assert found.rows[0].difference.interval.estimate == pytest.approx(0.25)


def test_a_changed_suite_is_compared_on_unchanged_probes_and_said() -> None:
    """Same id but other tags, or named as redefined, is another question: left out."""
    other = {"run_id": 2, "suite_version": 2, "suite_hash": "sha256:bbbbbbbbbb"}
    left = frame(tally("a"), tally("b"), tally("c"), tally("d"))
    right = frame(
        tally("a", **other),
        tally("b", **other),
        tally("c", **other, family="g"),
        tally("d", **other, **WRONG),
    )
    found = compare(left, right, redefined=[("s", "d")])
    assert found.rows[0].difference.interval.n == 2
    assert found.notes == (
        "Suite s differs between the sides (version 1, aaaaaaaa against version 2, bbbbbbbb): only probes with the "
        "same id and tags on both sides are compared.",
        "2 probes changed between the suite versions: left out.",
    )


def test_other_graders_and_fresh_probes_are_said() -> None:
    """The reader is told when the two sides were judged by different code, or asked fresh values."""
    left = frame(
        tally("a", makers="graders.exact/1", fresh=True), tally("b", makers="graders.exact/1", fresh=False)
    )
    right = frame(
        tally("a", run_id=2, makers="graders.exact/2", fresh=True),
        tally("b", run_id=2, makers="graders.exact/2", fresh=False),
    )
    notes = " ".join(compare(left, right).notes)
    assert "graders.exact/1 against graders.exact/2" in notes
    assert "`harness regrade`" in notes
    assert "1 probe fresh in each run" in notes


def test_endpoints_are_compared_with_themselves_or_one_with_one() -> None:
    """Equal sets stay apart; one against one is paired across; what is on one side only is left out and named."""
    both = frame(tally("a"), tally("b"), tally("a", endpoint="f"), tally("b", endpoint="f"))
    assert [row.endpoint for row in compare(both, both).rows if row.by == "suite"] == ["e", "f"]
    across = compare(both[both["endpoint"] == "e"], both[both["endpoint"] == "f"])
    assert across.rows[0].endpoint == "e → f"
    partly = compare(both, both[both["endpoint"] == "f"])
    assert partly.notes == ("Endpoints asked on one side only are left out: e.",)


@pytest.mark.parametrize(
    ("left", "right", "message"),
    [
        (frame(tally("a")).iloc[:0], frame(tally("a")), "A: no finished exchanges there"),
        (frame(tally("a")), frame(tally("a")).iloc[:0], "B: no finished exchanges there"),
        (frame(tally("a")), frame(tally("b")), "A and B have no probe in common"),
        (
            frame(tally("a"), tally("a", endpoint="f")),
            frame(tally("a", endpoint="g"), tally("a", endpoint="h")),
            "different endpoints on the two sides",
        ),
    ],
)
def test_what_cannot_be_compared_is_refused_in_words(
    left: pd.DataFrame, right: pd.DataFrame, message: str
) -> None:
    """Evidence that is not there ends in one line and its own exit code."""
    with pytest.raises(EvidenceError, match=message):
        compare(left, right)


def test_one_shared_task_has_an_estimate_and_no_interval() -> None:
    """One task is no sample: the difference is shown with the reason why it has no interval."""
    found = compare(frame(tally("a")), frame(tally("a", run_id=2, **WRONG)))
    interval = found.rows[0].difference.interval
    assert (interval.estimate, interval.low) == (-1.0, None)
    assert interval.insufficient == "only one task on both sides measured: an interval needs two"


def test_a_comparison_is_json_and_a_table_without_nan() -> None:
    """Missing numbers are null in JSON, and the caution travels with the data."""
    found = compare(frame(tally("a"), tally("b", **FAILED)), frame(tally("a"), tally("b")))
    data = json.loads(json.dumps(found.as_json(), allow_nan=False))
    assert data["caution"] == NOT_A_FINDING
    assert data["rows"][0]["difference"]["low"] is None
    assert set(data["rows"][0]["left"]["outcomes"]) == set(OUTCOMES)
    table = found.table()
    assert len(table) == len(found.rows)
    assert table["left_failed"].iloc[0] == 1


# --- evidence and words -----------------------------------------------------------------------


def test_evidence_refuses_tables_that_are_not_the_stores() -> None:
    """A missing column is named at once, not met deep inside a plot."""
    evidence = make_evidence(1)
    with pytest.raises(ValueError, match="tallies: columns missing: suite_hash, probe_id"):
        replace(evidence, tallies=evidence.tallies.drop(columns=["probe_id", "suite_hash"]))
    with pytest.raises(ValueError, match="aware time"):
        replace(evidence, generated_at=datetime(2026, 1, 1))  # noqa: DTZ001


def test_one_simulated_run_marks_the_evidence() -> None:
    """A single rehearsed run is enough to mark everything made from it."""
    evidence = make_evidence(2)
    assert not evidence.simulated
    assert replace(evidence, runs=evidence.runs.assign(clock=["real", "simulated"])).simulated


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0, "0%"), (0.001, "<1%"), (0.004, "<1%"), (0.58, "58%"), (0.998, ">99%"), (1.0, "100%"), (None, "–")],
)
def test_a_share_never_reads_as_none_or_all_when_it_is_neither(value: float | None, text: str) -> None:
    """Rounding does not turn rare into never."""
    assert percent(value) == text


def test_differences_and_counts_read_as_words() -> None:
    """Signs, singular and plural, and reasons instead of missing intervals."""
    assert [points(value) for value in (0.12, -0.01, 0.0, None)] == [
        "+12 points",
        "−1 point",
        "0 points",
        "–",
    ]
    assert (plural(1, "probe"), plural(1024, "probe")) == ("1 probe", "1,024 probes")
    assert score_words(wilson(37, 64)) == "58% (95% interval 46% to 69%)"
    assert score_words(wilson(1, 1, unit="task")) == "100% (only one task measured: an interval needs two)"
    nothing = PairedDifference(Interval(0, None, None, None, 0.95, "m", "no task"), None, None, 0, 0, 0, 0, 0)
    assert difference_words(nothing) == "no task"
    assert moment(None) == "–"
    assert moment(START) == "2026-03-01 06:00 UTC"


def test_names_are_one_line_of_visible_text() -> None:
    """Control and direction signs vanish, both ends of a long name stay, other scripts are kept."""
    assert printable("a\nb\t\u202egnp\x00") == "a b gnp"
    assert printable("模型-一") == "模型-一"
    long = printable("provider/family-" + "x" * 300 + "-2026-01-01", 40)
    assert len(long) == 40
    assert long.startswith("provider/family-")
    assert long.endswith("-2026-01-01")
