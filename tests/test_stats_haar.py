"""Haar-t: the ratio against direct integration, dates and effects that hold the truth, and honest gaps."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import integrate
from scipy import stats as scipy_stats

from harness.stats import HaarSettings, anscombe, anscombe_scores, estimate_change, log_ratios
from harness.stats.worlds import Change, World, draw_years


def integrated(x: np.ndarray, nu: int, tau: float, half: bool = False) -> float:
    """Return the same ratio from its definition: t densities of the pooled two-sample t, mixed over the shift."""
    n, n0 = x.size, nu
    n1 = n - n0
    size = n0 * n1 / n
    pooled = ((x[:n0] - x[:n0].mean()) ** 2).sum() + ((x[n0:] - x[n0:].mean()) ** 2).sum()
    t = (x[n0:].mean() - x[:n0].mean()) * np.sqrt(size) / np.sqrt(pooled / (n - 2))

    def part(delta: float) -> float:
        prior = scipy_stats.norm.pdf(delta, scale=tau)
        return float(scipy_stats.nct.pdf(t, n - 2, delta * np.sqrt(size)) * prior)

    edge = 6 * tau
    if half:
        return 2 * integrate.quad(part, -edge, 0, limit=200)[0] / scipy_stats.t.pdf(t, n - 2)
    return integrate.quad(part, -edge, edge, limit=200, points=[0.0])[0] / scipy_stats.t.pdf(t, n - 2)


@pytest.mark.parametrize("nu", [3, 6, 10])
@pytest.mark.parametrize("tau", [0.5, 1.5])
def test_the_closed_form_is_the_mixed_noncentral_t_ratio(nu: int, tau: float) -> None:
    """Two-sided and one-sided ratios equal quadrature over scipy's noncentral t density."""
    x = np.random.default_rng(nu).normal(size=12)
    x[6:] -= 0.8
    fixed = HaarSettings(scales=(tau,), least_before=nu, least_after=12 - nu)
    assert np.exp(log_ratios(x, "both", fixed))[0] == pytest.approx(integrated(x, nu, tau), rel=1e-4)
    assert np.exp(log_ratios(x, "down", fixed))[0] == pytest.approx(integrated(x, nu, tau, True), rel=1e-4)


def test_level_and_spread_do_not_matter() -> None:
    """Ratios of 3 + 7 x are those of x; turned upside down, a drop is a rise."""
    x = np.random.default_rng(2).normal(size=30)
    assert log_ratios(3 + 7 * x, "down") == pytest.approx(log_ratios(x, "down"))
    assert log_ratios(-x, "up") == pytest.approx(log_ratios(x, "down"))


def test_ratios_average_to_one_when_nothing_changed() -> None:
    """The mean ratio at three dates over 20,000 null series is 1 within four Monte Carlo errors."""
    x = np.random.default_rng(3).normal(size=(20_000, 15))
    ratios = np.exp(log_ratios(x, "down", HaarSettings(scales=(0.5,))))[:, [2, 6, 10]]
    error = ratios.std(0) / np.sqrt(len(ratios))
    assert (np.abs(ratios.mean(0) - 1) < 4 * error).all()


def test_a_planted_step_is_dated_and_measured() -> None:
    """A drop of four sds at run 20 of 40 is found there, with an interval around it that is not of width zero."""
    x = np.random.default_rng(4).normal(size=40)
    x[20:] -= 4
    found = estimate_change(x, "down")
    assert found.best == 20
    assert 20 in found.dates
    assert found.low is not None
    assert found.high is not None
    assert found.low < -4 < found.high < 0
    assert found.low < found.high


@pytest.mark.parametrize("size", [0.03, 0.05, 0.10])
@pytest.mark.parametrize("noise", [0.0, 0.2])
def test_dates_and_effects_hold_the_truth_as_often_as_they_say(size: float, noise: float) -> None:
    """At nominal .95, 400 simulated changes measured 20 runs later: at least .95 less three Monte Carlo errors."""
    world, rng = World("", day_sd=noise), np.random.default_rng(int(1000 * size + 10 * noise))
    right = draw_years(world, Change("uniform", size), rng, years=400, runs=50, answers=3)
    rates = right.sum(2) / 300
    dated = measured = 0
    for row in rates:
        found = estimate_change(row, "down")
        dated += 30 in found.dates
        low = -np.inf if found.low is None else found.low
        measured += low <= -size <= (np.inf if found.high is None else found.high)
    bound = 0.95 - 3 * np.sqrt(0.95 * 0.05 / 400)
    assert dated / 400 >= bound
    assert measured / 400 >= bound


@pytest.mark.parametrize("series", [[], [0.5], [0.5, 0.6], [0.7] * 30])
def test_too_little_gives_a_reason_and_no_number(series: list[float]) -> None:
    """Fewer than three runs, or a score that never varies: no date, no effect, and why."""
    found = estimate_change(series)
    assert found.insufficient
    assert (found.best, found.dates, found.low, found.high) == (None, (), None, None)


def test_a_step_without_any_spread_has_no_interval_of_width_zero() -> None:
    """Fixed answers before and after: the date is known, the size is bounded only by a stated least spread."""
    x = [1.0] * 10 + [0.9] * 10
    bare = estimate_change(x)
    assert (bare.best, bare.dates, bare.low, bare.high) == (10, (10,), None, None)
    floored = estimate_change(x, settings=HaarSettings(least_sd=0.01))
    assert floored.low is not None
    assert floored.high is not None
    assert floored.low < -0.1 < floored.high < 0


def test_the_transform_has_nearly_constant_spread() -> None:
    """The sd of the transformed rate of 40 answers is within 10% of 1 / (2 sqrt(40)) from 5% to 95%."""
    rng = np.random.default_rng(5)
    for rate in (0.05, 0.2, 0.5, 0.95):
        assert anscombe(rng.binomial(40, rate, 40_000), 40).std() * 2 * np.sqrt(40) == pytest.approx(
            1, abs=0.1
        )


def test_jitter_is_seeded_and_missing_stays_missing() -> None:
    """The same seed gives the same scores; no trials give NaN; more successes than trials are refused."""
    first, second = (anscombe_scores([1, 0, 5], [5, 0, 5], np.random.default_rng(6)) for _ in range(2))
    assert np.array_equal(first, second, equal_nan=True)
    assert np.isnan(first).tolist() == [False, True, False]
    with pytest.raises(ValueError, match="within"):
        anscombe(3, 2)


def test_wrong_input_is_refused() -> None:
    """NaN scores, a table of series where one is needed, and levels outside 0..1 raise."""
    with pytest.raises(ValueError, match="finite"):
        log_ratios([1.0, float("nan"), 2.0])
    with pytest.raises(ValueError, match="one series"):
        estimate_change(np.zeros((2, 5)))
    with pytest.raises(ValueError, match="level"):
        estimate_change([1.0, 2.0, 3.0], level=1.0)
    for wrong in ({"scales": ()}, {"least_before": 0}, {"least_sd": -1.0}, {"effect_scale": 0.0}):
        with pytest.raises(ValueError):
            HaarSettings(**wrong)
