"""Near-tie answers between two snapshots: the identity distance, its permutation test, and what is said of it."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.claims import Kind, Verdict
from harness.cli import run as cli
from harness.findings.snapshot_identity import NearTies
from harness.findings.snapshot_words import Reading
from harness.findings.snapshots import name_changes
from harness.runner import Stop
from harness.stats import identity_distance, wilson
from harness.stats.identity_test import identity_test
from harness.stats.worlds import Border, draw_border_counts
from harness.tables import Matched, SideCounts


def grids(border: Border, runs: int, answers: int, reps: int, seed: int = 1) -> np.ndarray:
    """Counts of two answers to 20 prompts, shape (reps, 2 * runs, prompts, 2); the change lies in the middle."""
    counts, _ = draw_border_counts(
        replace(border, first_run=runs),
        np.random.default_rng(seed),
        years=reps,
        runs=2 * runs,
        answers=answers,
    )
    return np.stack([counts, answers - counts], axis=3)


def test_the_distance_is_the_one_of_findings_and_p_is_the_share_of_divisions() -> None:
    """Against `identity_distance` and against all 20 ways to divide six runs, tried one by one."""
    runs = grids(Border(shift_sd=0.1), 3, 10, 1)[0]

    def apart(first) -> float:
        chosen = np.isin(np.arange(6), first)
        a, b = runs[chosen].sum(0), runs[~chosen].sum(0)
        return identity_distance(b, a / a.sum(1, keepdims=True)) / len(a)

    found = identity_test(runs[:3], runs[3:], rng=np.random.default_rng(0))
    every = [apart(first) for first in combinations(range(6), 3)]
    assert found.distance == pytest.approx(apart((0, 1, 2)))
    assert found.by_chance == pytest.approx(np.mean(every))
    assert found.p == pytest.approx(np.mean([each >= apart((0, 1, 2)) - 1e-9 for each in every]))
    assert (found.by, found.least_p, found.prompts) == ("runs", 0.1, 20)


@pytest.mark.parametrize("border", [Border(), Border(day=1.0), Border(bad_days=0.5)])
def test_days_with_other_numerics_are_no_difference_where_runs_are_exchanged(border) -> None:
    """200 pairs of four runs a side without any change: p at or below 5% within the nominal rate."""
    rng = np.random.default_rng(3)
    p = np.array([identity_test(each[:4], each[4:], rng=rng).p for each in grids(border, 4, 10, 200)])
    assert wilson(int((p <= 0.05).sum()), 200).low <= 0.05
    assert p.mean() > 0.4


def test_single_answers_are_exchanged_only_where_runs_cannot_be() -> None:
    """One run a side: equal sources pass, coarser weights do not; with one answer each there is nothing to exchange."""
    rng = np.random.default_rng(4)
    null = [identity_test(each[:1], each[1:], rng=rng) for each in grids(Border(), 1, 10, 40)]
    assert {each.by for each in null} == {"answers"}
    assert wilson(sum(each.p <= 0.05 for each in null), 40).low <= 0.05
    coarse = [
        identity_test(each[:1], each[1:], rng=rng).p for each in grids(Border(shift_sd=0.35), 1, 10, 10)
    ]
    assert max(coarse) < 0.01
    single = identity_test(*grids(Border(shift_sd=0.35), 1, 1, 1)[0][:, None], rng=rng)
    assert (single.p, single.least_p) == (1.0, 1.0)
    many = grids(Border(), 11, 10, 1)[0]
    assert identity_test(many[:1], many[1:], rng=rng).by == "runs", "one against twenty-one can reach 5%"


def test_two_endpoints_asked_in_the_same_runs_exchange_their_halves() -> None:
    """Numerics that move both endpoints alike in a run drop out; six runs can reach 3%."""
    rng = np.random.default_rng(5)
    runs = grids(Border(shift_sd=0.35), 6, 10, 1)[0]
    found = identity_test(runs[:6], runs[6:], rng=rng, shared=True)
    assert (found.by, found.p, found.least_p) == ("sides of each run", 2 / 64, 2 / 64)
    with pytest.raises(ValueError, match="equally many"):
        identity_test(runs[:5], runs[6:], rng=rng, shared=True)


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 5), st.integers(1, 5), st.integers(0, 2**32 - 1))
def test_p_is_never_zero_and_the_sides_may_be_swapped(first, second, seed) -> None:
    """Any counts, prompts without answers included: 0 < p <= 1, a distance within 0..2, the same either way round."""
    rng = np.random.default_rng(seed)
    counts = rng.integers(0, 3, (first + second, 4, 3))
    found = identity_test(counts[:first], counts[first:], rng=np.random.default_rng(1))
    if found is None:
        assert not ((counts[:first].sum((0, 2)) > 0) & (counts[first:].sum((0, 2)) > 0)).any()
        return
    assert 0 < found.p <= 1
    assert 0 <= found.distance <= 2 + 1e-12
    swapped = identity_test(counts[first:], counts[:first], rng=np.random.default_rng(1))
    assert swapped.distance == pytest.approx(found.distance)
    if found.by == "runs":
        assert swapped.p == pytest.approx(found.p)


def test_counts_that_are_none_are_turned_away() -> None:
    """Shapes that do not match, and numbers that count nothing."""
    good = np.ones((2, 3, 2))
    for wrong in (np.ones((2, 3)), np.ones((2, 4, 2)), -good, good * np.nan):
        with pytest.raises(ValueError, match=r"must be"):
            identity_test(good, wrong, rng=np.random.default_rng(0))


def matched(runs: int, families: tuple[str, ...], tokens: tuple[float, float] = (20.0, 20.0)) -> Matched:
    """An identity suite asked by so many runs a side; its texts count so many tokens on either."""
    size = (runs, len(families))
    counts = {name: np.zeros(size) for name in ("right", "wrong", "declined")} | {"unreadable": np.ones(size)}
    sides = [
        SideCounts(
            *("e", ("m",), tuple(range(first, first + runs)), np.ones(size), np.ones(size)),
            *(np.zeros(size), np.zeros(size), counts, np.full(size, n)),
        )
        for first, n in ((1, tokens[0]), (1 + runs, tokens[1]))
    ]
    probes = tuple(f"p{place:02d}" for place in range(len(families)))
    tags = dict.fromkeys(("kind", "arm", "pair", "topic"), ("",) * len(families))
    tags |= {"family": families, "language": ("en",) * len(families), "task": probes}
    return Matched("e", "identity", probes, tags, *sides)


def said(answer: str, runs: int) -> list[dict[str, dict[str, int]]]:
    """The same answer to every prompt in every run."""
    return [{f"p{place:02d}": {answer: 1} for place in range(10)} for _ in range(runs)]


def test_what_is_said_depends_on_what_could_be_shown() -> None:
    """A difference is called no more than consistent with another model; too few runs, and silence, are inconclusive."""
    rng = np.random.default_rng(6)
    for runs, first, second, reading in (
        (4, "a", "b", Reading.NEAR_TIES),
        (3, "a", "b", Reading.INCONCLUSIVE),
        (1, "a", "b", Reading.INCONCLUSIVE),
        (4, "a", "a", Reading.INCONCLUSIVE),
    ):
        near = {("e", "identity"): NearTies(said(first, runs), said(second, runs))}
        (found,) = name_changes([matched(runs, ("near-tie",) * 10)], near_ties=near, rng=rng)
        assert found.reading is reading
        assert found.kind is (Kind.IDENTITY if reading is Reading.NEAR_TIES else None)
        assert ("consistent with another model" in found.sentence) == (reading is Reading.NEAR_TIES)
        assert found.verdict is not Verdict.NO_CHANGE
        if runs == 3:
            assert "it takes 4 runs a side" in found.caveats[0]
        if runs == 1:
            assert "one answer a prompt" in found.caveats[0]
    (found,) = name_changes([matched(4, ("near-tie",) * 10)], rng=rng)
    assert "no near-tie prompt was answered on both sides" in found.sentence


def test_other_token_counts_for_fixed_texts_are_a_fact() -> None:
    """All ten texts counted two tokens longer: another tokenizer, model or wrapping; equal counts say nothing."""
    rng = np.random.default_rng(7)
    first, other = name_changes([matched(1, ("tokens",) * 10, (20.0, 22.0))], rng=rng)
    assert first.reading is Reading.INCONCLUSIVE
    assert (other.reading, other.kind) == (Reading.TOKENS, Kind.IDENTITY)
    assert "10 of 10 fixed texts" in other.sentence
    assert len(name_changes([matched(1, ("tokens",) * 10)], rng=rng)) == 1


WORLD = """
title = "coarser weights"
days = 8
start = 2026-03-01
[models.heron]
[endpoints.quantised]
model = "heron"
[endpoints.same]
model = "heron"
[suites.identity]
families = ["near-tie"]
probes = 20
samples = 2
[[events]]
kind = "quantise"
endpoint = "quantised"
day = 4
amount = 0.6
"""


def test_coarser_weights_show_between_two_weeks_and_not_beside_them(tmp_path, capsys) -> None:
    """Eight runs against the simulated provider on loopback, four before and four after, as `compare` names them."""
    pytest.importorskip("starlette", reason="the rehearsal extra is not installed")
    from harness.rehearsal.life import live
    from harness.rehearsal.reading import load_suites, load_world

    path, db = tmp_path / "world.toml", tmp_path / "h.db"
    path.write_text(WORLD, encoding="utf-8")
    world = load_world(path)
    asyncio.run(live(world, load_suites(world, tmp_path, path), db, stop=Stop()))
    capsys.readouterr()
    found = {}
    for name in ("quantised", "same"):
        sides = [f"run:{span},endpoint:{name}" for span in ("1-4", "5-8")]
        assert cli(["compare", *sides, "--db", str(db), "--json"]) == 0
        (found[name],) = json.loads(capsys.readouterr().out)["changes"]
    assert (found["quantised"]["kind"], found["quantised"]["reading"]) == ("identity", "near-tie answers")
    assert (found["same"]["kind"], found["same"]["verdict"]) == (None, "inconclusive")
