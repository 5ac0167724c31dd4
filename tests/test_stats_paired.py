"""Pairs, locks, differences over time and equivalence: against scipy and statsmodels, and by simulation."""

from __future__ import annotations

from fractions import Fraction
from math import comb

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate
from scipy import stats as scipy_stats

from harness.stats import (
    Interval,
    against_references,
    difference_in_differences,
    equivalence,
    identity_distance,
    log_e_mcnemar,
    logprob_distance,
    mcnemar,
    paired_difference,
    rate_differences,
    run_difference,
    split_lock,
    tost_runs,
)

TABLES = [(0, 0), (1, 0), (5, 5), (9, 2), (2, 9), (40, 22), (0, 12)]


@pytest.mark.parametrize(("b", "c"), TABLES)
def test_mcnemar_agrees_with_statsmodels_and_scipy(b: int, c: int) -> None:
    """Exact p equals statsmodels' (two-sided) and scipy's binomial test (one-sided)."""
    tables = pytest.importorskip(
        "statsmodels.stats.contingency_tables", reason="statsmodels is not installed"
    )
    assert mcnemar(b, c).p == pytest.approx(tables.mcnemar([[7, b], [c, 9]], exact=True).pvalue)
    if b + c:
        for side, theirs in (("first", "greater"), ("second", "less")):
            assert mcnemar(b, c, side).p == pytest.approx(scipy_stats.binomtest(b, b + c, 0.5, theirs).pvalue)


@pytest.mark.parametrize(("b", "c"), TABLES)
def test_mid_p_weighs_the_observed_table_half(b: int, c: int) -> None:
    """By exact fractions: one-sided mid-p is P(more) + P(equal) / 2; two-sided the doubled smaller, at most 1."""
    n = b + c
    chance = [Fraction(comb(n, k), 2**n) for k in range(n + 1)]
    up = sum(chance[b + 1 :], Fraction()) + chance[b] / 2
    down = sum(chance[:b], Fraction()) + chance[b] / 2
    assert mcnemar(b, c, "first").mid_p == pytest.approx(float(up))
    assert mcnemar(b, c, "second").mid_p == pytest.approx(float(down))
    whole = 1 - chance[b] / 2 if b == c else min(Fraction(1), 2 * min(up, down))
    assert mcnemar(b, c).mid_p == pytest.approx(float(whole))


@pytest.mark.parametrize(("b", "c"), TABLES)
def test_the_e_value_is_the_mixed_likelihood_ratio(b: int, c: int) -> None:
    """E equals quadrature of (2 theta)^b (2 - 2 theta)^c over theta uniform on the alternative."""

    def ratio(theta: float) -> float:
        return float((2 * theta) ** b * (2 - 2 * theta) ** c)

    assert np.exp(mcnemar(b, c, "first").log_e) == pytest.approx(2 * integrate.quad(ratio, 0.5, 1)[0])
    assert np.exp(mcnemar(b, c, "second").log_e) == pytest.approx(2 * integrate.quad(ratio, 0, 0.5)[0])
    assert np.exp(mcnemar(b, c).log_e) == pytest.approx(integrate.quad(ratio, 0, 1)[0])


@given(st.integers(0, 40))
@settings(max_examples=41, deadline=None)
def test_the_e_value_has_mean_one_under_the_null(n: int) -> None:
    """Exactly: the binomial mean of E over all tables of n pairs is 1, for each alternative."""
    b = np.arange(n + 1)
    weights = scipy_stats.binom.pmf(b, n, 0.5)
    for side in ("first", "second", "both"):
        assert weights @ np.exp(log_e_mcnemar(b, n - b, side)) == pytest.approx(1)


@pytest.mark.parametrize(("b", "c"), [(0, 2_000), (3, 1_500), (300, 2_400), (100_000, 120_000)])
def test_overwhelming_evidence_for_the_other_side_is_no_evidence(b: int, c: int) -> None:
    """Where the tail underflows, E equals quadrature of the scaled integrand and stays far below one."""
    peak = 0.5  # the integrand falls from theta = 1/2 on

    def ratio(v: float) -> float:
        theta = peak + v / (b + c)
        return float(np.exp(b * np.log(2 * theta) + c * np.log(2 - 2 * theta)))

    expected = 2 * integrate.quad(ratio, 0, min(200.0, 0.499 * (b + c)), limit=400)[0] / (b + c)
    assert log_e_mcnemar(b, c, "first") == pytest.approx(np.log(expected), rel=1e-6)
    assert log_e_mcnemar(b, c, "first") < 0
    assert log_e_mcnemar(b, c, "second") > 100


def test_the_e_process_may_be_watched() -> None:
    """Looked at after each of 600 discordant pairs, 400 nulls reach E = 100 in at most 1% plus three errors."""
    favours = np.random.default_rng(1).random((400, 600)) < 0.5
    b = np.cumsum(favours, 1)
    crossed = (log_e_mcnemar(b, np.arange(1, 601) - b, "first") >= np.log(100)).any(1)
    assert crossed.mean() <= 0.01 + 3 * np.sqrt(0.01 * 0.99 / 400)


def test_pairs_are_split_by_their_notices_and_add_up() -> None:
    """A refusal comes before an announced fallback, what failed is dropped, the parts sum to the whole."""
    #          same  refused  announced  both notices  silent  silent, reverse  failed
    neutral = [1, 1, 1, 1, 1, 0, np.nan]
    topic = [1, 0, 0, 0, 0, 1, 0]
    refused = [0, 1, 0, 1, 0, 0, 1]
    announced = [1, 0, 1, 1, 0, 0, 0]
    found = split_lock(neutral, topic, refused=refused, announced=announced, failed=[0] * 6 + [1])
    assert (found.n, found.dropped) == (6, 1)
    assert (found.neutral_only, found.topic_only) == ((2, 1, 1), (0, 0, 1))
    assert (found.explicit, found.announced, found.silent) == pytest.approx((2 / 6, 1 / 6, 0.0))
    assert found.explicit + found.announced + found.silent == pytest.approx(found.neutral - found.topic)


def test_a_split_without_pairs_has_no_shares() -> None:
    """All pairs failed: no share is made up, the loss is counted; misshapen input and U outside 0..1 raise."""
    found = split_lock([1.0], [0.0], refused=[0], announced=[0], failed=[1])
    assert (found.n, found.dropped, found.neutral, found.silent) == (0, 1, None, None)
    with pytest.raises(ValueError, match="one by one"):
        split_lock([1.0], [0.0, 1.0], refused=[0], announced=[0], failed=[0])
    with pytest.raises(ValueError, match="within"):
        split_lock([2.0], [0.0], refused=[0], announced=[0], failed=[0])


def test_differences_of_runs_agree_with_scipy() -> None:
    """Welch's interval equals scipy's; missing runs are left out."""
    rng = np.random.default_rng(2)
    before, after = rng.normal(0, 1, 12), rng.normal(0.4, 2, 9)
    theirs = scipy_stats.ttest_ind(after, before, equal_var=False).confidence_interval(0.9)
    ours = run_difference([*before, np.nan], [np.nan, *after], 0.9)
    assert (ours.low, ours.high, ours.n) == pytest.approx((theirs.low, theirs.high, 9))


def test_runs_without_spread_or_number_give_a_reason() -> None:
    """One run on a side, or runs that never differ: the estimate, no interval, and why."""
    for before, after in (([1.0], [2.0, 3.0]), ([1.0, 1.0], [2.0, 2.0]), ([], [1.0])):
        found = run_difference(before, after)
        assert found.low is None
        assert found.insufficient


def test_difference_in_differences_is_that_of_the_pairs() -> None:
    """A shift of both arms drops out; the interval is the paired one at twice the scale; missing pairs are left out."""
    rng = np.random.default_rng(3)
    control, watched = rng.random((2, 50)) * 0.5
    found = difference_in_differences(control, watched, control + 0.3, watched + 0.3)
    assert found.estimate == pytest.approx(0)
    later = rng.random((2, 50))
    later[0, 3] = np.nan
    found = difference_in_differences(control, watched, later[0], later[1])
    plain = paired_difference((1 + watched - control) / 2, (1 + later[1] - later[0]) / 2).interval
    assert (found.n, found.low, found.high) == pytest.approx((49, 2 * plain.low, 2 * plain.high))


@pytest.mark.parametrize(("n", "drop"), [(30, 0.0), (60, 0.2), (200, 0.05)])
def test_difference_in_differences_holds_the_truth(n: int, drop: float) -> None:
    """Yes/no pairs whose watched arm loses `drop`: at least .95 of 1,000 less three Monte Carlo errors."""
    rng, held = np.random.default_rng(n), 0
    for _ in range(1_000):
        skill = rng.beta(3, 1, n)
        c0, w0, c1 = (rng.random((3, n)) < skill).astype(float)
        w1 = (rng.random(n) < skill * (1 - drop)).astype(float)
        found = difference_in_differences(c0, w0, c1, w1)
        held += found.low <= -drop * 0.75 <= found.high
    assert held / 1_000 >= 0.95 - 3 * np.sqrt(0.95 * 0.05 / 1_000)


def test_a_common_shift_drops_out_against_references() -> None:
    """With two references that move alike nothing is left; a missing one is replaced only if levels are fixed."""
    shift = np.array([0.0, -0.2, 0.1, 0.3])
    target, references = 0.7 + shift, np.array([0.5 + shift, 0.9 + shift])
    assert against_references(target, references) == pytest.approx(0.0)
    references[1, 2] = np.nan
    assert np.isnan(against_references(target, references)).tolist() == [False, False, True, False]
    assert against_references(target, references, [0.5, 0.9]) == pytest.approx([0.7] * 4)
    with pytest.raises(ValueError, match="references must"):
        against_references(target, references[:, :2])


def test_a_broad_shift_looks_alike_in_matched_arms_only() -> None:
    """A logit shift of 1.35 moves arms at 10% alike (transformed difference under .01), arms at 10% and 2% not."""
    shifted = [1 / (1 + 9 * np.exp(-1.35)), 1 / (1 + 49 * np.exp(-1.35))]
    n = 1_000_000
    matched = rate_differences(shifted[0] * n, n, shifted[0] * n, n) - rate_differences(
        0.1 * n, n, 0.1 * n, n
    )
    apart = rate_differences(shifted[0] * n, n, shifted[1] * n, n) - rate_differences(0.1 * n, n, 0.02 * n, n)
    assert abs(float(matched)) < 0.01
    assert float(apart) > 0.05
    jittered = rate_differences([3, 4], 40, [3, 0], [40, 0], np.random.default_rng(1))
    assert np.isnan(jittered).tolist() == [False, True]


def test_two_one_sided_tests_agree_with_statsmodels() -> None:
    """P equals statsmodels' TOST with unequal variances, and decides as the 90% interval does."""
    weight = pytest.importorskip("statsmodels.stats.weightstats", reason="statsmodels is not installed")
    rng = np.random.default_rng(4)
    for shift in (0.0, 0.1, 0.5):
        before, after = rng.normal(0, 0.3, 20), rng.normal(shift, 0.2, 15)
        theirs = weight.ttost_ind(after, before, -0.25, 0.25, usevar="unequal")[0]
        ours = tost_runs(before, after, 0.25)
        assert ours.p == pytest.approx(theirs)
        assert ours.equivalent == (theirs < 0.05)


def test_silence_is_no_equivalence() -> None:
    """Too little data leaves it open, a wide interval does not show it; margins and levels that mean nothing raise."""
    assert tost_runs([0.5], [0.5], 0.1).equivalent is None
    assert equivalence(Interval(9, 0.0, -0.2, 0.05, 0.9, "any"), 0.1).equivalent is False
    shown = equivalence(Interval(9, 0.0, -0.05, 0.05, 0.9, "any"), 0.1)
    assert shown.equivalent
    assert shown.alpha == pytest.approx(0.05)
    with pytest.raises(ValueError, match="margin"):
        equivalence(Interval(9, 0.0, -0.2, 0.05, 0.9, "any"), 0.0)
    with pytest.raises(ValueError, match="alpha"):
        tost_runs([0.5], [0.5], 0.1, alpha=0.5)


def test_equivalence_is_claimed_falsely_at_most_as_often_as_stated() -> None:
    """A change as large as the margin passes as none in at most 5% plus three errors of 1,000 pairs of periods."""
    rng = np.random.default_rng(5)
    claims = [
        bool(tost_runs(rng.normal(0, 0.05, 20), rng.normal(0.05, 0.05, 20), 0.05).equivalent)
        for _ in range(1_000)
    ]
    assert np.mean(claims) <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / 1_000)


def test_identity_distance_by_hand_and_with_missing_prompts() -> None:
    """(.7-.5)^2 + (.3-.5)^2 for one prompt; an unanswered prompt is missing and the mean fills its place."""
    reference = [[0.5, 0.5], [1.0, 0.0]]
    assert identity_distance([[7, 3], [10, 0]], reference) == pytest.approx(0.08)
    assert identity_distance([[7, 3], [0, 0]], reference) == pytest.approx(0.16)
    assert logprob_distance([[-1.0, np.nan], [-2.0, -3.0]], [[-1.5, -9.0], [-2.0, -3.0]]) == pytest.approx(
        1 / 3
    )
    for wrong in ([[0, 0], [0, 0]], [[1, 2]], [[-1, 2], [1, 1]]):
        with pytest.raises(ValueError):
            identity_distance(wrong, reference)
    with pytest.raises(ValueError, match="leave it out"):
        logprob_distance([np.nan], [-1.0])
