"""Intervals and differences: against scipy, statsmodels and published examples, and what must always hold."""

from __future__ import annotations

import math
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats as scipy_stats

from harness.stats import (
    mean_score,
    newcombe,
    newcombe_paired,
    normal_quantile,
    paired_bounds,
    paired_difference,
    wilson,
    wilson_bounds,
)

scores = st.lists(st.floats(0, 1), min_size=2, max_size=60)


@pytest.mark.parametrize(
    ("right", "n"), [(0, 2), (1, 2), (0, 64), (64, 64), (37, 64), (1, 1000), (500, 1000)]
)
@pytest.mark.parametrize("level", [0.8, 0.95, 0.99])
def test_wilson_agrees_with_scipy(right: int, n: int, level: float) -> None:
    """Bounds for counts equal those of scipy's binomial test."""
    theirs = scipy_stats.binomtest(right, n).proportion_ci(level, method="wilson")
    ours = wilson(right, n, level)
    assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high), abs=1e-12)
    assert ours.estimate == right / n


def test_unpaired_newcombe_agrees_with_statsmodels() -> None:
    """Bounds for two independent proportions equal those of statsmodels, sign turned: ours is second minus first."""
    proportion = pytest.importorskip("statsmodels.stats.proportion", reason="statsmodels is not installed")
    for first, n1, second, n2 in [
        (48, 80, 56, 70),
        (0, 10, 0, 20),
        (9, 10, 3, 10),
        (15, 15, 0, 15),
        (3, 200, 9, 150),
    ]:
        low, high = proportion.confint_proportions_2indep(
            second, n2, first, n1, method="newcomb", compare="diff"
        )
        ours = newcombe(first, n1, second, n2)
        assert (ours.low, ours.high) == pytest.approx((low, high), abs=1e-9)


def test_unpaired_newcombe_reproduces_the_published_example() -> None:
    """56/70 against 48/80 gives .0524 to .3339, as in Newcombe's comparison of eleven methods."""
    ours = newcombe(48, 80, 56, 70)
    assert (ours.low, ours.high) == pytest.approx((0.0524, 0.3339), abs=5e-5)


def test_paired_newcombe_reproduces_the_published_example() -> None:
    """Complete response before and after therapy (59, 6, 16, 80): -.1186 to -.0046 for first minus second."""
    ours = newcombe_paired(both=59, first_only=16, second_only=6, neither=80)
    assert ours.estimate == pytest.approx(-10 / 161)
    assert (ours.low, ours.high) == pytest.approx((-0.1186, -0.0046), abs=5e-5)


def test_paired_difference_reproduces_the_published_example() -> None:
    """For one yes/no answer on each side the interval is Bonett and Price's: -.1195 to -.0032 on the same table."""
    first = np.repeat([1.0, 1.0, 0.0, 0.0], [59, 16, 6, 80])
    second = np.repeat([1.0, 0.0, 1.0, 0.0], [59, 16, 6, 80])
    found = paired_difference(first, second)
    assert found.interval.method == "bonett-price"
    assert (found.interval.low, found.interval.high) == pytest.approx((-0.1195, -0.0032), abs=5e-5)
    assert (found.higher, found.lower, found.same) == (6, 16, 139)


def test_paired_difference_approaches_the_t_interval_with_many_pairs() -> None:
    """With thousands of graded differences the imagined pairs no longer matter."""
    rng = np.random.default_rng(3)
    first, second = rng.beta(2, 2, 20_000), rng.beta(2, 2, 20_000)
    theirs = scipy_stats.ttest_1samp(second - first, 0).confidence_interval(0.95)
    ours = paired_difference(first, second).interval
    assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high), abs=2e-4)


@pytest.mark.parametrize("n", [2, 10, 60])
def test_no_difference_still_has_an_interval_with_width(n: int) -> None:
    """Identical scores are no proof of identity: the interval is centred on 0 and narrows with n."""
    found = paired_difference(np.ones(n), np.ones(n))
    assert found.interval.estimate == 0
    assert found.interval.low == pytest.approx(-found.interval.high)
    assert found.interval.width == pytest.approx(2 * min(1.0, 1.959964 * math.sqrt(2) / (n + 2)), abs=1e-5)
    assert found.interval.excludes_zero is False
    assert newcombe_paired(n, 0, 0, 0).width > 0


def test_a_unit_missing_on_one_side_is_left_out_and_counted() -> None:
    """NaN is missing, never zero: the mean is over the units measured on both sides."""
    first = np.array([1.0, np.nan, 0.5, 0.0, np.nan])
    second = np.array([1.0, 0.0, np.nan, 1.0, np.nan])
    found = paired_difference(first, second)
    assert found.interval.n == 2
    assert found.interval.estimate == 0.5
    assert (found.only_first, found.only_second) == (1, 1)
    assert (found.first_mean, found.second_mean) == (0.5, 1.0)


@pytest.mark.parametrize(
    ("result", "reason"),
    [
        (wilson(0, 0, unit="probe"), "no probe measured"),
        (wilson(1, 1, unit="probe"), "only one probe measured: an interval needs two"),
        (mean_score([np.nan, np.nan]), "no probe measured"),
        (newcombe(1, 1, 3, 9), "only one unit on one side measured: an interval needs two"),
        (newcombe_paired(0, 0, 0, 0), "no pair measured"),
        (
            paired_difference([0.5], [1.0]).interval,
            "only one probe on both sides measured: an interval needs two",
        ),
        (paired_difference([], []).interval, "no probe on both sides measured"),
    ],
)
def test_fewer_than_two_units_give_no_interval_and_a_reason(result: object, reason: str) -> None:
    """There is no bound, no NaN, and zero is neither in nor out."""
    assert result.insufficient == reason
    assert (result.low, result.high, result.width, result.excludes_zero) == (None, None, None, None)


def test_vectorised_bounds_equal_the_single_ones_and_mark_too_few() -> None:
    """The table functions give the same numbers, and NaN where there is no interval."""
    low, high = wilson_bounds([3, 0.5, 7], [9, 1, 7])
    assert (low[0], high[0]) == (wilson(3, 9).low, wilson(3, 9).high)
    assert np.isnan([low[1], high[1]]).all()
    assert high[2] == 1.0
    low, high = paired_bounds([2, 1], [1.0, 1.0], [1.0, 1.0])
    assert low[0] == paired_difference([0.0, 0.0], [1.0, 0.0]).interval.low
    assert np.isnan([low[1], high[1]]).all()


@pytest.mark.parametrize("level", [0, 1, -0.5, 1.5])
def test_a_level_outside_zero_and_one_is_refused(level: float) -> None:
    """Every interval refuses a level that is no probability, also when there is too little data."""
    for ask in (
        lambda: wilson(1, 4, level),
        lambda: wilson(0, 0, level),
        lambda: newcombe(1, 4, 1, 4, level),
        lambda: newcombe_paired(1, 0, 0, 0, level),
        lambda: paired_difference([0.1], [0.2], level),
    ):
        with pytest.raises(ValueError, match="level must lie strictly between 0 and 1"):
            ask()


def test_impossible_data_is_refused() -> None:
    """Scores outside 0..1, more successes than units, and unmatched sides are mistakes, not results."""
    with pytest.raises(ValueError, match=r"within 0 \.\. n, got 5 of 4"):
        wilson(5, 4)
    with pytest.raises(ValueError, match=r"within 0 \.\. n, got -1 of 4"):
        newcombe(-1, 4, 1, 4)
    with pytest.raises(ValueError, match="must not be negative"):
        newcombe_paired(1, -1, 0, 0)
    with pytest.raises(ValueError, match=r"within 0\.\.1"):
        mean_score([0.5, 1.5])
    with pytest.raises(ValueError, match=r"within 0\.\.1"):
        paired_difference([0.5, 2.0], [0.5, 1.0])
    with pytest.raises(ValueError, match="matched one by one"):
        paired_difference([0.5], [0.5, 1.0])


@settings(max_examples=60, deadline=None)
@given(scores, st.sampled_from([0.8, 0.9, 0.95, 0.99]))
def test_a_score_lies_inside_its_interval_which_lies_inside_zero_to_one(
    values: list[float], level: float
) -> None:
    """Whatever the scores, 0 <= low <= estimate <= high <= 1, and the interval has width."""
    found = mean_score(values, level)
    assert 0 <= found.low <= found.estimate + 1e-12
    assert found.estimate - 1e-12 <= found.high <= 1
    assert found.width > 0


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=2, max_size=60))
def test_a_difference_lies_inside_its_interval_and_turns_with_its_sides(
    pairs: list[tuple[float, float]],
) -> None:
    """The bounds hold the estimate within -1..1; swapping the sides mirrors them."""
    first, second = np.array(pairs).T
    found, turned = paired_difference(first, second).interval, paired_difference(second, first).interval
    assert -1 <= found.low <= found.estimate + 1e-12
    assert found.estimate - 1e-12 <= found.high <= 1
    assert (turned.low, turned.high) == pytest.approx((-found.high, -found.low), abs=1e-12)


@settings(max_examples=60, deadline=None)
@given(*[st.integers(0, 40)] * 4)
def test_newcombe_intervals_hold_their_estimate(a: int, b: int, c: int, d: int) -> None:
    """Paired and unpaired bounds lie within -1..1 and hold the difference."""
    for found in (newcombe_paired(a, b, c, d), newcombe(a, a + b, c, c + d)):
        if found.low is not None and found.high is not None and found.estimate is not None:
            assert -1 <= found.low <= found.estimate + 1e-12
            assert found.estimate - 1e-12 <= found.high <= 1


def test_the_normal_quantile_is_the_usual_one() -> None:
    """1.96 at 95%, as scipy has it."""
    assert normal_quantile(0.95) == pytest.approx(scipy_stats.norm.ppf(0.975), abs=1e-9)


def test_importing_statistics_is_cheap() -> None:
    """`import harness.stats` loads neither scipy nor pandas nor matplotlib."""
    program = (
        "import harness.stats, sys; print([n for n in ('scipy', 'pandas', 'matplotlib') if n in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
