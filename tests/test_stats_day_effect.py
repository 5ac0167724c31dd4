"""EB-DE: its integrals against quadrature, step and batch alike, a bounded state, and what it is (not) good for."""

from __future__ import annotations

from typing import Literal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate
from scipy import stats as scipy_stats
from scipy.special import expit, logit

from harness.stats import (
    CONTAMINATED,
    PLAIN,
    DayEffect,
    DayEffectSettings,
    DayEffectState,
    DayEffectStep,
    day_effect_from_bytes,
    day_effect_paths,
    day_effect_to_bytes,
    day_prior,
    fit_prior,
    restart_day_effect,
    start_day_effect,
    step_day_effect,
)
from harness.stats.day_effect import (
    changed_odds,
    fit_levels,
    learn_hits,
    levels_before,
    predicted_chances,
    run_ratios,
)
from harness.stats.days import NARROW, day_nodes, learn_spread
from harness.stats.worlds import QUIET, World, draw_years
from harness.stats.worlds import Change as Shift

ALARM = np.log(365 / 0.01)
SETTINGS = [
    DayEffectSettings(),
    DayEffectSettings(effects=CONTAMINATED),
    DayEffectSettings(direction="up", forgetting=0.1),
]


def stepped(
    right: np.ndarray, trials: np.ndarray, fixed: DayEffectSettings
) -> tuple[DayEffectState, list[DayEffectStep]]:
    """Return the state after a history (runs, probes), and what each run did."""
    state, steps = start_day_effect(right.shape[1], fixed), []
    for x, r in zip(right, trials, strict=True):
        state, step = step_day_effect(state, x, r)
        steps.append(step)
    return state, steps


@pytest.mark.parametrize(
    "effects", [(DayEffect(1.0, 0.25),), (DayEffect(0.9, 0.25), DayEffect(0.1, 0.8)), day_prior(0.3, 0.2)]
)
@pytest.mark.parametrize("answers", [1, 3])
def test_ratios_agree_with_numerical_integration(effects: tuple[DayEffect, ...], answers: int) -> None:
    """Ratios and the day's posterior mean equal scipy's quadrature of binomials over the effect's density."""
    rng = np.random.default_rng(1)
    q = rng.uniform(0.2, 0.95, 20)
    r = np.where(np.arange(20) == 3, 0, np.where(np.arange(20) == 4, 2 * answers - 1, answers)).astype(float)
    x = rng.binomial(r.astype(int), q * 0.8).astype(float)
    fixed = DayEffectSettings(
        effects=effects, spreads=NARROW, losses=(0.12,), shifts=(0.6,), sparse_losses=(0.5,)
    )
    log_hit = rng.normal(0, 2, (1, 1, 20))
    ratios, day, told = run_ratios(x[None], r[None], changed_odds(q[None], log_hit, fixed), day_nodes(fixed))
    nodes = day_nodes(fixed)

    def whole(chance: np.ndarray, moment: int = 0) -> float:
        total = 0.0
        for effect in effects:
            mine = np.unique(nodes.lost[nodes.lost > 0]) if effect.lost else np.zeros(1)
            mass = [np.exp(nodes.log_weight[0, nodes.lost == lost]).sum() for lost in mine]
            for lost, share in zip(mine, mass if effect.lost else [effect.weight], strict=True):

                def part(z: float, sd: float = effect.sd, lost: float = lost) -> float:
                    some = scipy_stats.binom.pmf(x, r, (1 - lost) * expit(logit(chance) + z)).prod()
                    return float(z**moment * scipy_stats.norm.pdf(z, scale=sd) * some * 1e9)

                total += share * integrate.quad(part, -4, 4, limit=300, points=[-0.5, 0.0, 0.5])[0]
        return total

    null = whole(q)
    hit = 1 / (1 + 9 * np.exp(-log_hit[0, 0]))
    drops = [q * 0.88, expit(logit(q) - 0.6), q * (1 - hit * 0.5)]
    assert ratios[0] == pytest.approx([np.log(whole(drop) / null) for drop in drops], abs=2e-3)
    assert day[0] == pytest.approx(whole(q, 1) / null, abs=2e-3)
    # The likelihood leaves out what does not depend on the chances.
    choices = scipy_stats.binom.pmf(x, r, q).prod() / (q**x * (1 - q) ** (r - x)).prod()
    assert told[0, 0] == pytest.approx(np.log(null / 1e9 / choices), abs=2e-3)


def test_the_lost_shares_have_the_mass_of_their_law() -> None:
    """The points on bad days have the weight of bad days together, and the mean of the exponential to a hundredth."""
    nodes = day_nodes(DayEffectSettings(effects=day_prior(0.3, 0.2, 0.05), spreads=NARROW))
    weight = np.exp(nodes.log_weight[0])
    bad = nodes.lost > 0
    assert weight.sum() == pytest.approx(1)
    assert weight[bad].sum() == pytest.approx(0.2)
    assert (weight * nodes.lost)[bad].sum() / 0.2 == pytest.approx(0.05, abs=0.01)
    rise = day_nodes(DayEffectSettings(direction="up"))
    assert not rise.lost.any()
    weight = np.exp(rise.log_weight)
    assert weight.sum(1) == pytest.approx([1, 1, 1])
    # Half of a normal law, the widest cut at 2.4 of its sds.
    sds = np.sqrt((weight * rise.at**2).sum(1))
    assert sds[:2] == pytest.approx([0.3, 0.6], rel=1e-3)
    assert sds[2] == pytest.approx(scipy_stats.truncnorm.std(-2.5, 2.5, scale=1.2), rel=0.01)


def test_the_spread_of_days_is_learnt_by_bayes_rule() -> None:
    """A run twice as likely in wide days doubles their odds; one part in a hundred goes back to the weights at first."""
    fixed = DayEffectSettings(spreads=((1.0, 0.75), (3.0, 0.25)))
    nodes = day_nodes(fixed)
    after = np.exp(learn_spread(nodes.log_spread[None], np.log([[1.0, 2.0]]), nodes, fixed))
    assert after[0] == pytest.approx([0.99 * 0.6 + 0.01 * 0.75, 0.99 * 0.4 + 0.01 * 0.25])


@pytest.mark.parametrize(("sd", "wide"), [(0.1, False), (0.9, True)])
def test_quiet_days_are_told_from_wide_ones(sd: float, wide: bool) -> None:
    """After 60 runs the weight of the narrow spread has risen on quiet days and is nearly gone on wide ones (20 streams)."""
    right = draw_years(World("", day_sd=sd), Shift(), np.random.default_rng(6), years=20, runs=60)
    weights = []
    for stream in right:
        state, _ = stepped(stream, np.ones_like(stream), DayEffectSettings())
        weights.append(float(np.exp(state.log_spread[0])))
    assert (np.mean(weights) < 0.1) if wide else (np.mean(weights) > 0.85)


@pytest.mark.slow
@pytest.mark.parametrize("direction", ["down", "up"])
def test_wide_days_and_bad_days_of_a_whole_year_raise_no_incidents(direction: Literal["down", "up"]) -> None:
    """Days of sd .25, a tenth of them a whole logit worse: at most 2% plus three errors (.024) of 300 null years alarm."""
    rng = np.random.default_rng(9)
    hits = 0
    for _ in range(15):
        right = draw_years(
            World("", day_sd=0.25, autocorrelation=0.3, weekend=-0.3, worse_days=0.1, worse=1.0),
            Shift(),
            rng,
            years=20,
        )
        log_e = day_effect_paths(right, 1, DayEffectSettings(direction=direction)).log_e
        hits += int((log_e >= np.log(365 / 0.02)).any(1).sum())
    assert hits / 300 <= 0.02 + 3 * np.sqrt(0.02 * 0.98 / 300)


@pytest.mark.parametrize("bad", [0.0, 0.3])
def test_ratios_have_mean_one_when_nothing_changed(bad: float) -> None:
    """With known chances and days drawn from the prior, the mean ratio over 15,000 runs is 1 within four errors."""
    rng = np.random.default_rng(2)
    fixed = DayEffectSettings(effects=day_prior(0.25, bad) if bad else (DayEffect(1.0, 0.25),))
    q = np.tile(rng.uniform(0.3, 0.9, 10), (15_000, 1))
    nodes = day_nodes(fixed)
    days = rng.choice(nodes.at.size, len(q), p=np.exp(nodes.log_spread) @ np.exp(nodes.log_weight))
    chance = (1 - nodes.lost[days, None]) * expit(logit(q) + nodes.at[days, None])
    x = (rng.random(q.shape) < chance).astype(float)
    log_hit = np.tile(rng.normal(0, 2, (1, 2, 10)), (len(q), 1, 1))
    ratios = np.exp(run_ratios(x, np.ones_like(x), changed_odds(q, log_hit, fixed), nodes)[0])
    assert (np.abs(ratios.mean(0) - 1) < 4 * ratios.std(0) / np.sqrt(len(q))).all()


def test_what_is_learnt_of_the_probes_hit_by_hand() -> None:
    """A failure at chance .8 gains (1 - .4) / .2, a right answer costs half; a little is forgotten first."""
    fixed = DayEffectSettings(sparse_losses=(0.5,), forgetting=0.1)
    before = np.log(np.array([[[1.0, 5.0, 1.0]]]))
    got = learn_hits(
        before, np.array([[0.0, 1.0, 0.0]]), np.array([[1.0, 1.0, 0.0]]), np.full((1, 3), 0.8), fixed
    )
    assert np.exp(got[0, 0]) == pytest.approx([0.6 / 0.2, (0.1 + 0.9 * 5) * 0.5, 1.0])
    odds = changed_odds(np.full((1, 3), 0.8), got, fixed)[0, -1]
    hit = np.exp(got[0, 0]) * 0.1 / (0.9 + 0.1 * np.exp(got[0, 0]))
    assert odds / (1 + odds) == pytest.approx(0.8 * (1 - 0.5 * hit))


@pytest.mark.parametrize("fixed", SETTINGS)
@pytest.mark.parametrize("answers", [1, 3])
def test_steps_and_paths_agree(fixed: DayEffectSettings, answers: int) -> None:
    """Run by run and many years at once give the same statistics, with missing probes and a short window."""
    rng = np.random.default_rng(4)
    right = draw_years(QUIET, Shift("uniform", 0.1, 15), rng, years=2, runs=30, probes=20, answers=answers)
    trials = np.where(rng.random(right.shape) < 0.1, 0, answers)
    right = np.minimum(right, trials)
    paths = day_effect_paths(right, trials, fixed)
    for year in range(2):
        _, steps = stepped(right[year], trials[year], fixed)
        assert [s.log_e for s in steps] == pytest.approx(paths.log_e[year].tolist(), abs=1e-9)
        assert [s.log_sparse for s in steps] == pytest.approx(paths.log_sparse[year].tolist(), abs=1e-9)
        assert [s.day for s in steps[7:]] == pytest.approx(paths.day[year, 7:].tolist(), abs=1e-9)
        assert not any(s.counted for s in steps[:7])


@given(st.integers(0, 10_000), st.integers(0, 14), st.integers(1, 9))
@settings(max_examples=25, deadline=None)
def test_states_survive_storage_and_go_on_alike(seed: int, runs: int, probes: int) -> None:
    """A state comes back from bytes as it was, replay leads to the same state, and the next step is the same."""
    rng = np.random.default_rng(seed)
    trials = rng.integers(1, 4, (runs + 1, probes))
    right = rng.binomial(trials, 0.7)
    fixed = DayEffectSettings()
    state, _ = stepped(right[:-1], trials[:-1], fixed)
    back = day_effect_from_bytes(day_effect_to_bytes(state))
    assert back == state == stepped(right[:-1], trials[:-1], fixed)[0]
    assert step_day_effect(back, right[-1], trials[-1]) == step_day_effect(state, right[-1], trials[-1])


def test_the_state_does_not_grow() -> None:
    """After 200 runs of 100 probes it takes under 4 kB, as after 30."""
    right = draw_years(QUIET, Shift(), np.random.default_rng(5), years=1, runs=200)[0]
    sizes = [
        len(day_effect_to_bytes(stepped(right[:runs], np.ones_like(right[:runs]), DayEffectSettings())[0]))
        for runs in (30, 200)
    ]
    assert max(sizes) < 4_000
    assert sizes[1] < sizes[0] + 300


def test_damaged_and_foreign_states_are_refused() -> None:
    """Cut states, flipped bytes and another version raise ValueError and nothing else."""
    right = np.ones((12, 4), dtype=int)
    stored = day_effect_to_bytes(stepped(right, right, DayEffectSettings())[0])
    with pytest.raises(ValueError, match="version 7"):
        day_effect_from_bytes(stored[:4] + b"\x07" + stored[5:])
    for at in range(0, len(stored), 3):
        broken = bytearray(stored)
        broken[at] ^= 0xFF
        for bad in (stored[:at], bytes(broken)):
            with pytest.raises(ValueError, match="EB-DE"):
                day_effect_from_bytes(bad)


def test_a_new_period_forgets_the_evidence_and_keeps_the_probes() -> None:
    """After a restart the predictions go on; the statistic starts from one run's ratio."""
    right = draw_years(QUIET, Shift(), np.random.default_rng(6), years=1, runs=31, probes=30)[0]
    trials = np.ones_like(right)
    state, _ = stepped(right[:30], trials[:30], DayEffectSettings())
    again, step = step_day_effect(restart_day_effect(state), right[30], trials[30])
    assert (again.right, again.levels) == (
        step_day_effect(state, right[30], trials[30])[0].right,
        state.levels,
    )
    assert step.log_e < 3


def test_the_prior_is_the_likeliest_of_the_grid() -> None:
    """The fit beats every other grid point in scipy's beta-binomial likelihood, and recovers a planted prior roughly."""
    rng = np.random.default_rng(7)
    n = np.full(2_000, 7)
    s = rng.binomial(n, rng.beta(1.5, 1.0, 2_000))
    a, b = fit_prior(s, n)
    best = scipy_stats.betabinom.logpmf(s, n, a, b).sum()
    for mean in np.linspace(0.05, 0.97, 24)[::3]:
        for size in (0.15, 0.6, 2.5, 8.0):
            assert scipy_stats.betabinom.logpmf(s, n, mean * size, (1 - mean) * size).sum() <= best + 1e-6
    assert a / (a + b) == pytest.approx(0.6, abs=0.05)
    assert 1.5 <= a + b <= 4


def test_the_mixture_of_chances_predicts_what_comes_next() -> None:
    """Of 4,000 probes, half always right and half Beta(2, 1), groups with the same count do as well next as predicted."""
    rng = np.random.default_rng(7)
    chances = np.where(np.arange(4_000) % 2, 1.0, rng.beta(2, 1, 4_000))
    s, n = rng.binomial(14, chances).astype(float), np.full(4_000, 14.0)
    weights = fit_levels(s, n)
    assert weights.sum() == pytest.approx(1)
    predicted = predicted_chances(weights, s, n)
    for count in (5, 8, 11, 13, 14):
        here = s == count
        error = np.sqrt((chances[here] * (1 - chances[here])).mean() / here.sum())
        assert predicted[here].mean() == pytest.approx(chances[here].mean(), abs=4 * error + 0.015)
    assert (predicted[s == 14] > 0.985).all()


def test_a_prior_that_was_fixed_is_used_in_place_of_the_fit() -> None:
    """With Beta(6, 2) the chance after 3 of 4 is 9 of 12, whatever the other probes did."""
    fixed = DayEffectSettings(prior=(6.0, 2.0))
    weights = levels_before(7, fixed, np.zeros(5), np.full(5, 7.0))
    assert weights is not None
    assert predicted_chances(weights, np.array([3.0]), np.array([4.0]))[0] == pytest.approx(0.75, abs=1e-3)
    assert levels_before(8, fixed, np.zeros(5), np.full(5, 8.0)) is None


def test_a_drop_is_found_within_days() -> None:
    """Median delay over 30 simulated years: 10 points within 4 runs, half of a tenth of the probes within 6."""
    rng = np.random.default_rng(8)
    for change, most in ((Shift("uniform", 0.10), 4), (Shift("sparse", 0.5), 6)):
        hit = day_effect_paths(draw_years(QUIET, change, rng, years=30, runs=45), 1).log_e >= ALARM
        delay = np.where(hit.any(1), hit.argmax(1) - 29, 10**6)
        assert delay.min() > 0
        assert np.median(delay) <= most


def test_a_rise_is_found_by_the_upward_form_alone() -> None:
    """Swapping right and wrong: ten points up raise the upward statistic and not the downward one."""
    rng = np.random.default_rng(9)
    right = 1 - draw_years(QUIET, Shift("uniform", 0.10), rng, years=5, runs=40)
    up = day_effect_paths(right, 1, DayEffectSettings(direction="up"))
    down = day_effect_paths(right, 1)
    assert (up.log_e[:, -1] >= ALARM).all()
    assert (down.log_e < ALARM).all()


@pytest.mark.parametrize("noise", [0.0, 0.2])
def test_false_alarms_on_quiet_days_stay_below_the_budget(noise: float) -> None:
    """At most 1% plus three Monte Carlo errors of 40 null years of 50 probes while days are as assumed."""
    right = draw_years(World("", day_sd=noise), Shift(), np.random.default_rng(10), years=40, probes=50)
    alarms = (day_effect_paths(right, 1).log_e >= ALARM).any(1).mean()
    assert alarms <= 0.01 + 3 * np.sqrt(0.01 * 0.99 / 40)


def test_bad_days_break_the_plain_prior_and_not_the_robust_one() -> None:
    """With 10% bad days most of 20 null years raise an alarm if no bad days are foreseen, and none if they are."""
    right = draw_years(World("", bad_days=0.1), Shift(), np.random.default_rng(11), years=20, runs=250)
    assert (day_effect_paths(right, 1, DayEffectSettings(effects=PLAIN)).log_e >= ALARM).any(1).mean() > 0.5
    assert not (day_effect_paths(right, 1).log_e >= ALARM).any()


def test_one_lost_day_raises_no_alarm_and_two_do() -> None:
    """A run that lost four answers in ten leaves the statistic below the alarm; the same loss next day crosses it."""
    right = draw_years(QUIET, Shift("uniform", 0.28), np.random.default_rng(12), years=20, runs=32)
    log_e = day_effect_paths(right, 1).log_e
    assert (log_e[:, 30] >= ALARM).mean() < 0.5
    assert (log_e[:, 31] >= ALARM).all()


def test_settings_that_mean_nothing_are_refused() -> None:
    """Weights that do not sum to one, losses outside 0..1, no window, a prior of zero, no probes."""
    for wrong in (
        {"effects": (DayEffect(0.5, 0.25),)},
        {"effects": (DayEffect(1.0, -1.0),)},
        {"losses": (1.0,)},
        {"shifts": (0.0,)},
        {"forgetting": 0.0},
        {"sparse_losses": ()},
        {"effects": (DayEffect(1.0, 0.3, lost=1.0),)},
        {"prior": (0.0, 1.0)},
    ):
        with pytest.raises(ValueError):
            DayEffectSettings(**wrong)
    with pytest.raises(ValueError, match="probe"):
        start_day_effect(0)
    with pytest.raises(ValueError, match="within"):
        day_effect_paths(np.full((1, 2, 3), 2), 1)
