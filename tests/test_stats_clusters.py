"""Differences between snapshots of several runs, contrasts of groups, and corrections for many questions."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import expit, logit
from scipy.stats import t as student
from statsmodels.stats.contingency_tables import Table2x2
from statsmodels.stats.multitest import multipletests

from harness.stats import paired_difference
from harness.stats.clusters import clustered_difference, group_contrast, odds_contrast, run_deviations
from harness.stats.multiplicity import benjamini_hochberg, holm


def runs_of(rng: np.random.Generator, p: np.ndarray, runs: int, sd: float) -> np.ndarray:
    """Yes/no answers, a row per run, with a day effect on the logits."""
    day = sd * rng.standard_normal((runs, 1))
    return (rng.random((runs, p.size)) < expit(logit(p) + day)).astype(float)


def test_one_run_on_each_side_is_the_paired_difference() -> None:
    """Nothing measured shows what runs differ by, and nothing is made up; p agrees with the interval."""
    rng = np.random.default_rng(3)
    first, second = rng.integers(0, 2, (2, 60)).astype(float)
    found = clustered_difference(first, second, first[None], second[None])
    assert found.difference == paired_difference(first, second)
    assert not found.runs_counted
    assert (found.p < 0.05) is found.difference.interval.excludes_zero


def test_p_is_below_the_level_exactly_where_the_interval_excludes_zero() -> None:
    """With several runs too, at any level."""
    rng = np.random.default_rng(4)
    for level in (0.8, 0.95, 0.99):
        for _ in range(100):
            p = rng.beta(1.2, 0.6, 30).clip(0.01, 0.99)
            x, y = runs_of(rng, p, 3, 0.3), runs_of(rng, p * rng.uniform(0.6, 1), 2, 0.3)
            found = clustered_difference(x.mean(0), y.mean(0), x, y, level)
            assert found.runs_counted
            assert (found.p < 1 - level) is found.difference.interval.excludes_zero


def test_with_many_alike_probes_it_is_the_tests_of_runs_that_scipy_gives() -> None:
    """Where units hardly vary the interval becomes Student's, of the runs' means, as scipy computes it."""
    rng = np.random.default_rng(5)
    ours, theirs = 0.5 + 0.1 * rng.standard_normal(6), 0.4 + 0.1 * rng.standard_normal(5)
    x, y = (np.repeat(means[:, None], 20_000, axis=1) for means in (ours, theirs))
    interval = clustered_difference(x.mean(0), y.mean(0), x, y).difference.interval
    pooled = np.sqrt((ours.var(ddof=1) * 5 + theirs.var(ddof=1) * 4) / 9 * (1 / 6 + 1 / 5))
    low, high = student.interval(0.95, 9, theirs.mean() - ours.mean(), pooled)
    assert (interval.low, interval.high) == pytest.approx((low, high), abs=2e-3)


def test_what_moves_both_sides_of_the_same_runs_drops_out() -> None:
    """Two endpoints asked in the same runs: their common day costs no width."""
    rng = np.random.default_rng(6)
    day = rng.uniform(-0.3, 0.3, (8, 1))
    x, y = 0.5 + day + np.zeros((8, 40)), 0.45 + day + np.zeros((8, 40))
    apart = clustered_difference(x.mean(0), y.mean(0), x, y).difference.interval
    together = clustered_difference(x.mean(0), y.mean(0), x, y, shared=True).difference.interval
    assert together.width < apart.width / 2


def test_a_run_that_asked_other_probes_is_not_mistaken_for_a_run_that_differs() -> None:
    """Deviations are taken over probes that other runs asked too."""
    grid = np.array([[1.0, 1.0, np.nan, np.nan], [1.0, 1.0, 0.0, 0.0], [np.nan, np.nan, 0.0, 0.0]])
    assert run_deviations(grid) == pytest.approx([0, 0, 0])


@pytest.mark.parametrize(
    ("runs", "sd", "least", "naive"),
    [((3, 3), 0.0, 0.95, 1), ((3, 3), 0.4, 0.95, 0.9), ((7, 2), 0.4, 0.93, 0.93)],
)
def test_the_interval_covers_where_runs_differ(runs, sd, least, naive) -> None:
    """100 probes, 1,000 repetitions, no true difference: nominal .95; without the run part it is too narrow."""
    rng = np.random.default_rng(7)
    p = np.concatenate([np.full(25, 0.99), np.full(5, 0.02), rng.beta(1.2, 0.6, 70)]).clip(0.01, 0.99)
    covered = plain = 0
    for _ in range(1000):
        x, y = runs_of(rng, p, runs[0], sd), runs_of(rng, p, runs[1], sd)
        found = clustered_difference(x.mean(0), y.mean(0), x, y).difference.interval
        covered += found.low <= 0 <= found.high
        base = paired_difference(x.mean(0), y.mean(0)).interval
        plain += base.low <= 0 <= base.high
    assert covered / 1000 >= least
    assert plain / 1000 <= naive


def test_a_contrast_of_groups_keeps_its_level_under_common_noise() -> None:
    """Two groups at one level, days that move both: at most 5% false in 1,000 repetitions, three runs a side."""
    rng = np.random.default_rng(8)
    false = 0
    for _ in range(1000):
        p = np.full(80, 0.7)
        x, y = runs_of(rng, p, 3, 0.5), runs_of(rng, p, 3, 0.5)
        d = y.mean(0) - x.mean(0)
        found = group_contrast(d[:30], d[30:], (x[:, :30], y[:, :30]), (x[:, 30:], y[:, 30:]))
        assert found is not None
        false += found[1] < 0.05
    assert false / 1000 <= 0.05 + 2 * np.sqrt(0.05 * 0.95 / 1000)


def test_log_odds_agree_with_statsmodels() -> None:
    """Each group's log odds ratio and error, half a unit added to each cell, are those of Table2x2."""
    watched, control = (10.0, 30.0, 50), (4.0, 6.0, 80)
    tables = [
        Table2x2(np.array([[after, n - after], [before, n - before]]) + 0.5)
        for before, after, n in (watched, control)
    ]
    found = odds_contrast(watched, control)
    assert found.estimate == pytest.approx(tables[0].log_oddsratio - tables[1].log_oddsratio)
    error = np.hypot(tables[0].log_oddsratio_se, tables[1].log_oddsratio_se)
    assert found.high - found.estimate == pytest.approx(1.959964 * error, rel=1e-5)
    with pytest.raises(ValueError, match="sums must lie"):
        odds_contrast((1, 2, 0), control)


@pytest.mark.parametrize(("ours", "name"), [(holm, "holm"), (benjamini_hochberg, "fdr_bh")])
def test_corrections_agree_with_statsmodels(ours, name) -> None:
    """Adjusted p-values of 30 questions; a question that could not be asked does not count."""
    p = np.random.default_rng(9).random(30) ** 3
    assert ours(p) == pytest.approx(multipletests(p, method=name)[1])
    with_gap = ours([*p[:5], np.nan, *p[5:]])
    assert np.isnan(with_gap[5])
    assert np.delete(with_gap, 5) == pytest.approx(ours(p))
    assert ours([]).size == 0
    with pytest.raises(ValueError, match="p-values within"):
        ours([1.2])
