"""Two snapshots, named: on planted changes, on nothing at all, and on answers that others recorded."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit, logit

from harness.claims import Kind, Lock, Verdict
from harness.cli import run as harness
from harness.findings.snapshot_words import Reading
from harness.findings.snapshots import name_changes
from harness.stats import wilson
from harness.tables import OUTCOMES, SideCounts, compare
from tests.snapshot_figures import TOPICS, counted, covered, snapshots

DATA = Path(__file__).parent.parent / "../shared/data"
NOW = pd.Timestamp("2026-01-01", tz="UTC")


def side(
    run_id: int, right: np.ndarray, declined: np.ndarray, topics: list[str], *, arms: bool = False, n: int = 1
) -> pd.DataFrame:
    """Tallies of one run: shares right and declined come as counts per probe, the rest is wrong."""
    size = len(topics)
    frame = pd.DataFrame({"probe_id": [f"p{place}" for place in range(size)]})
    frame = frame.assign(
        run_id=run_id, started_at=NOW, endpoint="e", model="m", suite="s", suite_version=1, suite_hash="sha256:a",
        family="f", topic=topics, language="en", kind=None, n=n, **dict.fromkeys(OUTCOMES, 0),
    )  # fmt: skip
    pairs = [f"t{place // 2}" if arms else None for place in range(size)]
    names = [("topic", "neutral")[place % 2] if arms else None for place in range(size)]
    frame = frame.assign(pair=pairs, arm=names)
    return frame.assign(
        answered=n - declined, refused=declined, graded=n - declined, score_sum=right.astype(float)
    )


def drawn(
    rng: np.random.Generator, run_id: int, refusal: np.ndarray, topics: list[str], *, arms: bool = False
) -> pd.DataFrame:
    """One run in which every question not refused is answered rightly nine times in ten."""
    declined = (rng.random(refusal.size) < refusal).astype(int)
    right = ((rng.random(refusal.size) < 0.95) & (declined == 0)).astype(int)
    return side(run_id, right, declined, topics, arms=arms)


def named(left: pd.DataFrame, right: pd.DataFrame, **options):
    """What the one endpoint and suite is consistent with."""
    (found,) = name_changes(compare(left, right).matched, rng=np.random.default_rng(0), **options)
    return found


def test_one_topic_refused_while_the_others_stay_is_a_lock() -> None:
    """Explicit, with the topic, its difference and flat controls; a lifted one the other way round."""
    rng = np.random.default_rng(1)
    base, locked = np.full(240, 0.05), np.where(np.array(TOPICS) == "a", 0.6, 0.05)
    before, after = drawn(rng, 1, base, TOPICS), drawn(rng, 2, locked, TOPICS)
    found = named(before, after, margin=0.1)
    assert (found.reading, found.kind, found.lock, found.topics) == (
        Reading.LOCK, Kind.TOPIC_LOCK, Lock.EXPLICIT, ("a",),
    )  # fmt: skip
    assert found.effect.high < 0
    assert "consistent with" in found.sentence
    assert {each.explanation: each.result for each in found.ruled_out}["common-mode"] == "ruled out"
    assert named(after, before, margin=0.1).reading is Reading.LIFTED


def test_wrong_answers_in_a_topics_words_alone_are_a_silent_lock() -> None:
    """Matched pairs: the neutral twin is the control, and topics need no others."""
    rng = np.random.default_rng(2)
    topics = ["a"] * 160
    full, nothing = np.ones(160, dtype=int), np.zeros(160, dtype=int)
    before, after = (side(run_id, full, nothing, topics, arms=True) for run_id in (1, 2))
    after.loc[(after["arm"] == "topic") & (rng.random(160) < 0.5), "score_sum"] = 0.0
    found = named(before, after, margin=0.1, arms={"s": ("topic", "neutral")})
    assert (found.reading, found.lock) == (Reading.LOCK, Lock.SILENT)
    assert "neutral words" in found.sentence
    assert named(before, after, margin=0.1).reading is not Reading.LOCK, (
        "without its twin a topic has no control"
    )


def test_all_topics_alike_is_a_tightening_and_no_lock() -> None:
    """Refusals that rise everywhere."""
    rng = np.random.default_rng(3)
    found = named(drawn(rng, 1, np.full(240, 0.05), TOPICS), drawn(rng, 2, np.full(240, 0.5), TOPICS))
    assert (found.reading, found.kind, found.lock) == (Reading.TIGHTENING, Kind.REFUSAL, None)
    assert "not with a lock on one topic" in found.sentence


def test_wrong_answers_are_capability_and_unreadable_ones_form() -> None:
    """The share that takes the place of right answers decides."""
    nothing, full = np.zeros(60, dtype=int), np.ones(60, dtype=int)
    half = np.arange(60) % 2
    before, wrong = side(1, full, nothing, ["a"] * 60), side(2, half, nothing, ["a"] * 60)
    assert named(before, wrong).reading is Reading.LOSS
    assert named(wrong, before).reading is Reading.GAIN
    unread = wrong.assign(answered=half, unparsed=1 - half, graded=half)
    assert named(before, unread).reading is Reading.FORMAT
    worse = unread.assign(score_sum=half * (np.arange(60) % 3 > 0) * 1.0)
    assert named(before, worse).reading is Reading.FORM_AND_SKILL


def test_a_flipped_default_is_no_lost_skill() -> None:
    """Right answers of one class fall while those of the other rise."""
    yes = np.arange(100) % 2
    targets = {("s", f"p{place}"): "yes" if place % 2 else "no" for place in range(100)}
    nothing = np.zeros(100, dtype=int)
    found = named(side(1, yes, nothing, ["a"] * 100), side(2, 1 - yes, nothing, ["a"] * 100), targets=targets)
    assert found.reading is Reading.FLIP
    assert (
        named(side(1, yes, nothing, ["a"] * 100), side(2, 1 - yes, nothing, ["a"] * 100)).reading
        is not Reading.FLIP
    )


def test_no_change_needs_evidence_and_silence_is_inconclusive() -> None:
    """The same answers on 300 tasks are within five points; on 30 nothing is shown."""
    for size, verdict in ((300, Verdict.NO_CHANGE), (30, Verdict.INCONCLUSIVE), (3, Verdict.INCONCLUSIVE)):
        right, nothing = np.arange(size) % 2, np.zeros(size, dtype=int)
        found = named(side(1, right, nothing, [""] * size), side(2, right, nothing, [""] * size))
        assert (found.verdict, found.kind) == (verdict, None)
        assert found.margin == 0.05


def test_facts_are_named_beside() -> None:
    """Access denied on one side only, and another served name for the same requested model."""
    full, nothing = np.ones(60, dtype=int), np.zeros(60, dtype=int)
    before, after = side(1, full, nothing, ["a"] * 60), side(2, full, nothing, ["a"] * 60)
    after.loc[:5, ["denied", "answered", "graded", "score_sum"]] = [1, 0, 0, 0]
    identities = pd.DataFrame({"run_id": [1, 2], "endpoint": "e", "served_model": ["m-1", "m-2"]})
    found = name_changes(compare(before, after).matched, identities=identities, rng=np.random.default_rng(0))
    assert [each.reading for each in found[:2]] == [Reading.ACCESS, Reading.IDENTITY]
    assert found[2].verdict is not Verdict.CHANGE, "denied calls are no wrong answers"
    json.dumps([each.as_json() for each in found])


@pytest.mark.parametrize(("base", "topic_base"), [(0.1, 0.1), (0.02, 0.1), (0.05, 0.3)])
@pytest.mark.parametrize("shift", [0.0, 1.0])
def test_a_broad_shift_is_no_lock_wherever_topics_start(base, topic_base, shift) -> None:
    """150 pairs of snapshots: nothing, or one logit on every question, of unlike difficulty; false locks within 5%."""
    rng = np.random.default_rng(11)
    start = np.where(np.array(TOPICS) == "a", topic_base, base)
    locks = changes = 0

    def answers(run_id: int, refusal: np.ndarray) -> SideCounts:
        declined = rng.random((1, refusal.size)) < refusal
        return counted((run_id,), (rng.random(declined.shape) < 0.95) & ~declined, declined)

    for _ in range(150):
        each = logit(start) + 0.7 * rng.standard_normal(start.size)
        (found,) = name_changes(
            [snapshots(TOPICS, answers(1, expit(each)), answers(2, expit(each + shift)))], rng=rng
        )
        locks += found.kind is Kind.TOPIC_LOCK
        changes += found.verdict is Verdict.CHANGE
    print(f"SIM base {base} topic {topic_base} shift {shift}: locks {locks}, changes {changes} of 150")
    assert locks <= 150 * 0.05 + 2 * np.sqrt(150 * 0.05 * 0.95)
    if not shift:
        assert changes <= 150 * 0.05 + 2 * np.sqrt(150 * 0.05 * 0.95)


def test_days_that_differ_are_no_change_where_runs_show_it() -> None:
    """Three runs a side, each day with a common shift of logit sd .4, 150 pairs: false changes within 5%."""
    rng = np.random.default_rng(13)
    false = locks = 0

    def answers(first: int, right: np.ndarray) -> SideCounts:
        day = 0.4 * rng.standard_normal((3, 1))
        hits = rng.random((3, right.size)) < expit(right + day)
        return counted((first, first + 1, first + 2), hits, np.zeros(hits.shape))

    for _ in range(150):
        each = 0.8 + rng.standard_normal(240)
        (found,) = name_changes([snapshots(TOPICS, answers(1, each), answers(4, each))], rng=rng)
        false += found.verdict is Verdict.CHANGE
        locks += found.kind is Kind.TOPIC_LOCK
    print(f"DAYS {false} changes, {locks} locks of 150")
    assert false <= 150 * 0.05 + 2 * np.sqrt(150 * 0.05 * 0.95)
    assert locks <= 150 * 0.05


def test_probes_alone_claim_too_much_where_days_differ() -> None:
    """100 pairs of three runs a side, logit sd .4, 15% lost: the interval in use holds the truth, probes alone do not."""
    held = covered((3, 3), 100, 0.4, 1, 100)[:, 0]
    assert held[4] >= 0.95 - 2.6 * np.sqrt(0.95 * 0.05 / 100)
    assert held[0] < 0.9


@pytest.mark.parametrize(("answers", "runs"), [(1, 1), (50, 1), (50, 5)])
def test_halves_of_one_models_answers_hold_no_change(answers, runs) -> None:
    """Recorded samples of one model, each file split at random 100 times: no change is named more often than 5% allows."""
    files = sorted((DATA / "met_null_samples").glob("*.npz"))
    if not files:
        pytest.skip("the recorded samples are not at ../shared/data/met_null_samples")
    rng = np.random.default_rng(12)
    false = total = 0
    for path in files:
        tokens = np.load(path)["tokens"][:, :100].astype(np.int64)
        first, last = tokens[:, :, 0], tokens[:, :, -1]
        modal = np.array([np.bincount(row - row.min()).argmax() + row.min() for row in first])
        hit, common = first == modal[:, None], last < np.median(last) / 2
        topics = [f"t{place % 4}" for place in range(len(tokens))]
        for _ in range(100):
            order = rng.permutation(100)[: 2 * answers].reshape(2, runs, -1)
            halves = [
                counted(
                    tuple(half * runs + place for place in range(runs)),
                    np.array([(hit[:, some] & ~common[:, some]).sum(1) for some in order[half]]),
                    np.array([common[:, some].sum(1) for some in order[half]]),
                    answers // runs,
                )
                for half in (0, 1)
            ]
            (found,) = name_changes([snapshots(topics, *halves)], rng=rng)
            false += found.verdict is Verdict.CHANGE
            total += 1
    print(f"NULL {answers} answers, {runs} runs: {false} of {total}, {wilson(false, total)}")
    assert wilson(false, total).low <= 0.05


@pytest.mark.parametrize(
    ("mapping", "table", "readings"),
    [
        ("llmdrift-primes", "llmdrift/PRIME_FULL_EVAL.csv.gz", (Reading.FLIP, Reading.FLIP)),
        ("llmdrift-sensitive", "llmdrift/SENSITIVEQ_EVAL.csv.gz", (Reading.LOOSENING, Reading.TIGHTENING)),
        ("llmdrift-code", "llmdrift/LEETCODE_EASY_EVAL.csv.gz", (Reading.FORMAT, Reading.FORMAT)),
        ("llmdrift-code-stripped", "llmdrift/LEETCODE_EASY_EVAL.csv.gz", (Reading.FORM_ONLY, Reading.GAIN)),
    ],
)
def test_recorded_version_pairs_are_rightly_described(tmp_path, capsys, mapping, table, readings) -> None:
    """GPT-3.5 and GPT-4 of 2023: a flipped default, refusals, code fences, better code once they are off."""
    if not (DATA / table).exists():
        pytest.skip("the recorded data of LLMDrift is not at ../shared/data")
    db, example = tmp_path / "r.db", Path(__file__).parent.parent / "docs" / "examples" / f"{mapping}.toml"
    assert harness(["import", str(DATA / table), "--mapping", str(example), "--db", str(db)]) == 0
    capsys.readouterr()
    for place, reading in enumerate(readings):
        sides = [f"run:{2 * place + 1}", f"run:{2 * place + 2}"]
        assert harness(["compare", *sides, "--db", str(db), "--json"]) == 0
        (found,) = json.loads(capsys.readouterr().out)["changes"]
        assert (found["verdict"], found["reading"]) == ("change", reading.value)
        assert "consistent with" in found["sentence"]


def test_a_recorded_lock_and_a_recorded_loosening_are_told_apart(tmp_path, capsys) -> None:
    """China questions in each language with the others flat; and everything at once, which is no lock."""
    table = DATA / "speechmap" / "dev.jsonl.gz"
    if not table.exists():
        pytest.skip("the recorded data of SpeechMap is not at ../shared/data")
    db, example = tmp_path / "r.db", Path(__file__).parent.parent / "docs" / "examples" / "speechmap.toml"
    assert harness(["import", str(table), "--mapping", str(example), "--db", str(db)]) == 0
    capsys.readouterr()
    found = {}
    for one, two in (
        ("deepseek/deepseek-chat", "deepseek/deepseek-chat-v3-0324"),
        ("anthropic/claude-3-5-sonnet-20241022", "anthropic/claude-3-7-sonnet-20250219"),
    ):
        sides = (f"model:{one}", f"model:{two}")
        assert harness(["compare", *sides, "--origin", "imported", "--db", str(db), "--json"]) == 0
        (found[one],) = json.loads(capsys.readouterr().out)["changes"]
    lock, loosening = found.values()
    assert (lock["reading"], lock["lock"]) == ("topic-lock", "explicit")
    assert lock["topics"] == ["china", "china (en)", "china (fi)", "china (zh)"]
    assert (loosening["reading"], loosening["lock"]) == ("loosening", None)
    assert "not with a lock" in loosening["sentence"]
