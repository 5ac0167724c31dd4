"""NS-SR: exact under exchangeability, the same step by step as at once, small, and silent when nothing happens."""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats as scipy_stats
from scipy.special import ndtri

from harness.stats import (
    NormalScoreSettings,
    TallyState,
    follow,
    from_bytes,
    restart,
    score_paths,
    score_state,
    start_scores,
    start_tallies,
    step_score,
    step_tallies,
    tally_p,
    tally_paths,
    tally_state,
    to_bytes,
)
from harness.stats.normal_scores import tally_scores
from harness.stats.worlds import QUIET, WORLDS, Change, draw_years

ALARM = np.log(365 / 0.01)


def history(
    seed: int, runs: int, probes: int, answers: int = 1, missing: float = 0.0
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return successes and trials (runs, probes) and one uniform number a run."""
    rng = np.random.default_rng(seed)
    trials = np.where(rng.random((runs, probes)) < missing, 0, answers)
    trials[:, 0] = answers
    right = rng.binomial(trials, rng.beta(1.2, 0.6, probes))
    return right, trials, rng.random(runs)


def stepped(right: np.ndarray, trials: np.ndarray, u: np.ndarray) -> tuple[TallyState, list[float]]:
    """Return the state after stepping through a history, and the evidence for a drop after each run."""
    state, evidence = start_tallies(right.shape[1]), []
    for x, r, draw in zip(right, trials, u, strict=True):
        state, step = step_tallies(state, x, r, draw)
        evidence.append(step.log_e_down)
    return state, evidence


@given(st.lists(st.integers(0, 3), min_size=2, max_size=5), st.integers(0, 4))
@settings(max_examples=60, deadline=None)
def test_p_is_exactly_uniform_over_all_orders(values: list[int], twentieths: int) -> None:
    """Over all orders of the same scores, ties included, the mean of P(p <= c) is c to rounding: exchangeability is all."""
    c = 0.05 + 0.2 * twentieths
    total = count = 0.0
    for order in permutations(values):
        state = start_scores()
        for value in order[:-1]:
            state, _ = step_score(state, value, 0.5)
        _, first = step_score(state, order[-1], 0.0)
        _, last = step_score(state, order[-1], 1.0)
        # p is linear in u, so P(p <= c) given the order is the share of u's below.
        total += float(np.clip((c - first.p[0]) / (last.p[0] - first.p[0]), 0, 1))
        count += 1
    assert total / count == pytest.approx(c, abs=1e-9)


def test_p_of_tallies_is_exactly_uniform_over_all_orders() -> None:
    """The same for both scores of tallies, probes missing and all, over the 120 orders of five runs."""
    right, trials, _ = history(3, 5, 6, answers=2, missing=0.3)
    for c in (0.05, 0.3, 0.72):
        shares = []
        for order in permutations(range(5)):
            low = tally_p(right[list(order)], trials[list(order)], np.zeros(5), NormalScoreSettings())[:, -1]
            high = tally_p(right[list(order)], trials[list(order)], np.ones(5), NormalScoreSettings())[:, -1]
            shares.append(np.clip((c - low) / (high - low), 0, 1))
        assert np.mean(shares, axis=0) == pytest.approx([c, c], abs=1e-9)


def test_p_is_uniform_and_independent_over_simulated_years() -> None:
    """Kolmogorov-Smirnov on 200 null years of ties keeps uniformity, and neighbouring z do not correlate (5 errors)."""
    rng = np.random.default_rng(8)
    paths = score_paths(rng.binomial(12, 0.9, (200, 100)), rng.random((200, 100)))
    p, z = paths.p[:, 0, 7:].ravel(), paths.z[:, 0, 7:]
    assert scipy_stats.kstest(p, "uniform").pvalue > 0.001
    assert abs(np.mean(z[:, 1:] * z[:, :-1])) < 5 / np.sqrt(z[:, 1:].size)


def test_the_rank_and_the_sums_by_hand() -> None:
    """Two below, one equal, u = 1/4 among nine: p = (2 + 2/4) / 9; the sums follow the formula."""
    fixed = NormalScoreSettings(shifts=(1.0,), burn_in=8)
    state = start_scores(fixed)
    for score in (1, 2, 3, 4, 5, 6, 7, 8):
        state, step = step_score(state, score, 0.5)
        assert not step.counted
        assert step.log_e_down == -np.inf
    state, step = step_score(state, 3, 0.25)
    assert step.counted
    assert step.p == ((2 + 0.25 * 2) / 9,)
    z = ndtri(2.5 / 9)
    assert (step.log_e_down, step.log_e_up) == pytest.approx((-z - 0.5, z - 0.5))
    _, after = step_score(state, 0, 0.5)
    z = ndtri(0.05)
    assert after.log_e_down == pytest.approx(np.log1p(np.exp(step.log_e_down)) - z - 0.5)
    tempered, same = step_score(replace(state, settings=replace(fixed, temper=0.5)), 0, 0.5)
    assert (tempered.scores[-1], same.p) == (0.0, (0.05,))
    assert same.log_e_down == pytest.approx(np.log1p(np.exp(step.log_e_down)) + (-z - 0.5) / 2)


def test_complete_runs_are_ranked_by_pass_rate_and_by_the_leave_one_out_ratio() -> None:
    """With every probe asked alike the raw score orders as the pass rate, the weighted one as -sum of LLR."""
    right, trials, _ = history(5, 30, 40, answers=2)
    state, _ = stepped(right, trials, np.full(30, 0.5))
    raw, weighted = tally_scores(state.codes(), state.pairs, state.settings)
    assert np.array_equal(np.argsort(raw.round(9), kind="stable"), np.argsort(right.sum(1), kind="stable"))
    a, b, d = state.settings.prior_right, state.settings.prior_wrong, state.settings.loss
    q = (right.sum(0) - right + a) / (trials.sum(0) - trials + a + b)
    ratio = (right * np.log(1 - d) + (trials - right) * np.log((1 - q * (1 - d)) / (1 - q))).sum(1)
    assert weighted - weighted[0] == pytest.approx(ratio[0] - ratio, abs=1e-9)


def test_missing_hard_probes_do_not_look_like_a_rise() -> None:
    """Runs without the probes that are never right have a higher pass rate, yet p stays uniform (KS, 200 years)."""
    rng = np.random.default_rng(6)
    skill = np.repeat([0.9, 0.0], [30, 30])
    later = []
    for _ in range(200):
        right = (rng.random((60, 60)) < skill).astype(int)
        trials = np.ones((60, 60), dtype=int)
        right[50:, 30:], trials[50:, 30:] = 0, 0
        assert right[:50].sum(1).max() / 60 < right[50:].sum(1).min() / 30, "the rate itself jumps"
        later.append(tally_p(right, trials, rng.random(60), NormalScoreSettings())[:, 50:])
    assert min(scipy_stats.kstest(p.ravel(), "uniform").pvalue for p in np.stack(later, 1)) > 0.001


@pytest.mark.parametrize(("answers", "missing"), [(1, 0.0), (1, 0.1), (3, 0.05)])
def test_steps_and_paths_agree_to_the_last_bit(answers: int, missing: float) -> None:
    """A history taken in at once gives the same p, evidence and state as run by run."""
    right, trials, u = history(11, 60, 25, answers, missing)
    state, evidence = stepped(right, trials, u)
    paths = tally_paths(right, trials, u)
    assert paths.log_e_down[0].tolist() == evidence
    assert tally_state(right, trials, paths) == state


def test_many_streams_with_gaps_agree_with_steps() -> None:
    """A missed run leaves a stream as it was; every stream ends in the state its own steps lead to."""
    rng = np.random.default_rng(12)
    scores, u = rng.normal(size=(6, 50)).round(1), rng.random((6, 50))
    scores[rng.random(scores.shape) < 0.2] = np.nan
    paths = score_paths(scores, u)
    for stream, (row, draws) in enumerate(zip(scores, u, strict=True)):
        state, last = start_scores(), -np.inf
        for run, (score, draw) in enumerate(zip(row, draws, strict=True)):
            if not np.isnan(score):
                state, step = step_score(state, float(score), float(draw))
                last = step.log_e_down
            assert paths.log_e_down[stream, run] == last
        assert score_state(scores, paths, stream) == state


@given(st.integers(0, 10_000), st.integers(0, 12), st.integers(1, 9), st.integers(1, 5))
@settings(max_examples=40, deadline=None)
def test_states_survive_storage(seed: int, runs: int, probes: int, answers: int) -> None:
    """Both forms of state come back from bytes as they were."""
    right, trials, u = history(seed, runs, probes, answers, missing=0.2)
    state, _ = stepped(right, trials, u)
    assert from_bytes(to_bytes(state)) == state
    scores = start_scores()
    for x, draw in zip(right, u, strict=True):
        scores, _ = step_score(scores, float(x.mean()), draw)
    assert from_bytes(to_bytes(scores)) == scores


def test_a_year_of_a_hundred_probes_is_a_few_kilobytes() -> None:
    """365 runs of 100 probes take under 5 kB, 365 scores under 4 kB."""
    right = draw_years(QUIET, Change(), np.random.default_rng(1), years=1, runs=365)[0]
    u = np.random.default_rng(2).random(365)
    paths = tally_paths(right, np.ones_like(right), u)
    assert len(to_bytes(tally_state(right, np.ones_like(right), paths))) < 5_000
    rates = right.mean(1)[None, :]
    assert len(to_bytes(score_state(rates, score_paths(rates, u[None, :]), 0))) < 4_000


@pytest.mark.parametrize("damage", [b"", b"NSSR", b"JUNKJUNKJUNKJUNK"])
def test_what_is_no_state_is_refused(damage: bytes) -> None:
    """Bytes that are no state raise ValueError and nothing else."""
    with pytest.raises(ValueError, match="NS-SR"):
        from_bytes(damage)


def test_a_damaged_or_foreign_state_is_refused() -> None:
    """Another version, a cut state and flipped bytes are told as such."""
    right, trials, u = history(1, 20, 5)
    stored = to_bytes(stepped(right, trials, u)[0])
    with pytest.raises(ValueError, match="version 9"):
        from_bytes(stored[:4] + b"\x09" + stored[5:])
    for at in range(5, len(stored)):
        with pytest.raises(ValueError, match="NS-SR"):
            from_bytes(stored[:at])
        broken = bytearray(stored)
        broken[at] ^= 0xFF
        with pytest.raises(ValueError, match="NS-SR"):
            from_bytes(bytes(broken))


def test_a_new_period_forgets_the_evidence_and_keeps_the_history() -> None:
    """After `restart` the ranks go on as before and the sums start from nothing."""
    right, trials, u = history(21, 40, 10)
    state, _ = stepped(right[:39], trials[:39], u[:39])
    _, old = step_tallies(state, right[39], trials[39], u[39])
    _, new = step_tallies(restart(state), right[39], trials[39], u[39])
    assert new.p == old.p
    expected = np.mean([np.exp(-d * z - d * d / 2) for z in new.z for d in state.settings.shifts])
    assert np.exp(new.log_e_down) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("right", "trials", "words"),
    [
        ([1, 1], [1, 0], "within 0 .. trials"),
        ([0, 0], [0, 0], "missing"),
        ([1], [1], "shape"),
        ([1, np.nan], [1, 1], "finite"),
        ([1, 0.5], [1, 0.5], "whole numbers"),
    ],
)
def test_impossible_tallies_are_refused(right: list[float], trials: list[float], words: str) -> None:
    """Out of range, unmeasured, misshapen and fractional tallies raise with the reason."""
    with pytest.raises(ValueError, match=words):
        step_tallies(start_tallies(2), right, trials, 0.5)


def test_impossible_scores_and_settings_are_refused() -> None:
    """A NaN score, a u outside 0..1 and settings that mean nothing raise."""
    with pytest.raises(ValueError, match="finite"):
        step_score(start_scores(), float("nan"), 0.5)
    with pytest.raises(ValueError, match="u must"):
        step_score(start_scores(), 0.0, 1.5)
    for wrong in (
        {"shifts": ()},
        {"burn_in": 0},
        {"loss": 1.0},
        {"prior_right": 0.0},
        {"temper": 0.0},
        {"temper": 1.1},
    ):
        with pytest.raises(ValueError):
            NormalScoreSettings(**wrong)


def false_alarms(world: str, years: int, seed: int) -> tuple[float, float]:
    """Return the share of null years with an alarm for a drop, and for a rise."""
    chosen = next(w for w in WORLDS if w.name == world)
    rng = np.random.default_rng(seed)
    right = draw_years(chosen, Change(), rng, years=years)
    u = rng.random(right.shape[:2])
    asked = np.ones(right.shape[1:])
    p = np.stack([tally_p(x, asked, draws, NormalScoreSettings()) for x, draws in zip(right, u, strict=True)])
    paths = follow(p, np.tile(np.arange(1, right.shape[1] + 1), (years, 1)), NormalScoreSettings())
    return float((paths.log_e_down >= ALARM).any(1).mean()), float((paths.log_e_up >= ALARM).any(1).mean())


@pytest.mark.parametrize("world", [w.name for w in WORLDS if not w.autocorrelation])
def test_pass_rates_raise_no_more_false_alarms_than_budgeted(world: str) -> None:
    """At most 1% plus three Monte Carlo errors (.015) of 400 null years, in either direction."""
    chosen = next(w for w in WORLDS if w.name == world)
    rng = np.random.default_rng(40)
    rates = draw_years(chosen, Change(), rng, years=400, probes=25).mean(2)
    paths = score_paths(rates, rng.random(rates.shape))
    for evidence in (paths.log_e_down, paths.log_e_up):
        assert (evidence >= ALARM).any(1).mean() <= 0.01 + 3 * np.sqrt(0.01 * 0.99 / 400)


def test_tallies_raise_no_more_false_alarms_than_budgeted() -> None:
    """At most 1% plus three Monte Carlo errors (.038) of 60 null years with 10% bad days, in either direction."""
    assert max(false_alarms("10% bad days", 60, 41)) <= 0.01 + 3 * np.sqrt(0.01 * 0.99 / 60)


@pytest.mark.slow
@pytest.mark.parametrize("world", [w.name for w in WORLDS if not w.autocorrelation])
def test_false_alarms_stay_below_one_percent_of_a_thousand_null_years(world: str) -> None:
    """At most 1% plus three Monte Carlo errors (.0094) of 1,000 null years in every exchangeable world."""
    down, up = false_alarms(world, 1_000, 42)
    assert max(down, up) <= 0.01 + 3 * np.sqrt(0.01 * 0.99 / 1_000)


def test_a_drop_of_ten_points_is_found_in_about_eight_runs() -> None:
    """Half of 40 simulated years find it within 10 runs of the change, and none before it."""
    rng = np.random.default_rng(43)
    right = draw_years(QUIET, Change("uniform", 0.10), rng, years=40, runs=60)
    u, asked = rng.random((40, 60)), np.ones((60, 100))
    first = []
    for x, draws in zip(right, u, strict=True):
        hit = tally_paths(x, asked, draws).log_e_down[0] >= ALARM
        first.append(int(hit.argmax()) - 29 if hit.any() else 10**6)
    assert min(first) > 0
    assert np.median(first) <= 10
