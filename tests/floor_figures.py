"""What lowers the least delay of a rank detector without losing its guarantee, by seeded simulation.

`python -m tests.floor_figures` prints the tables of docs/validation/floor.md (about five minutes on one free core);
with names, only those. Set OPENBLAS_NUM_THREADS=1 on a busy machine.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from math import log
from time import perf_counter

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr
from scipy.stats import beta

from harness.stats import NormalScoreSettings, alarm_threshold, follow, score_paths, tally_p
from harness.stats.rank_bets import SPARED, bet_paths
from harness.stats.worlds import QUIET, WORLDS, Change, Tallies, World, draw_years
from tests.engine_figures import CHANGES, rng_for

Floats = npt.NDArray[np.float64]
SETTINGS = NormalScoreSettings()
ALARM = alarm_threshold(365, 0.01)
DROPS = tuple((name, change) for name, change in CHANGES if name.startswith(("-5", "-10", "-20", "-50")))
_X = np.concatenate([np.linspace(-14, -9, 20, endpoint=False), np.linspace(-9, 9, 1_200)])


def ranks(right: Tallies, answers: int, rng: np.random.Generator) -> Floats:
    """Return the conformal p of both scores, shape (years, 2, runs)."""
    years, runs, probes = right.shape
    asked = np.full((runs, probes), answers)
    u = rng.random((years, runs))
    return np.stack([tally_p(x, asked, draws, SETTINGS) for x, draws in zip(right, u, strict=True)])


def normal_scores(p: Floats) -> Floats:
    """NS-SR, not tempered: log evidence for a drop, shape (years, runs)."""
    years, _, runs = p.shape
    return follow(p, np.tile(np.arange(1, runs + 1), (years, 1)), SETTINGS).log_e_down


def rank_bets(p: Floats) -> Floats:
    """Rank bets, not tempered: log evidence for a drop, shape (years, runs)."""
    return bet_paths(p, np.arange(p.shape[-1]) >= SETTINGS.burn_in)[0]


def both(p: Floats) -> Floats:
    """The mean of NS-SR and rank bets, which findings use tempered."""
    return np.logaddexp(normal_scores(p), rank_bets(p)) - log(2)


def diluted(p: Floats, shifts: tuple[float, ...] = (0.5, 1.0, 1.5, 2.0, 2.5, 3.5), dates: int = 12) -> Floats:
    """Normal shifts that reckon with changed runs among the ranked: for every date, the density of p if a share a of
    all runs so far is shifted by d, f(x + d) / ((1 - a) f(x) + a f(x + d)) at p = (1 - a) F(x) + a F(x + d).
    """
    years, scores, runs = p.shape
    young = np.full((dates, years, scores, len(shifts)), -np.inf)
    old = np.full((years, scores, len(shifts)), -np.inf)
    out = np.full((years, runs), -np.inf)
    for run in range(SETTINGS.burn_in, runs):
        old = np.logaddexp(old, young[-1])
        young = np.concatenate([np.zeros((1, *old.shape)), young[:-1]])
        for place, shift in enumerate(shifts):
            for age in range(dates + 1):
                share = min(0.5, (age + 1) / (run + 1))
                x = np.interp(p[:, :, run], (1 - share) * ndtr(_X) + share * ndtr(_X + shift), _X)
                ratio = -shift * x - shift * shift / 2
                bet = ratio - np.logaddexp(np.log1p(-share), np.log(share) + ratio)
                if age < dates:
                    young[age, :, :, place] += bet
                else:
                    old[:, :, place] += bet
        whole = np.logaddexp(np.logaddexp.reduce(young, axis=0), old)
        out[:, run] = np.logaddexp.reduce(whole, axis=(1, 2)) - log(scores * len(shifts))
    return out


def jumper(p: Floats, jump: float = 0.01) -> Floats:
    """A plain conformal test martingale, Simple Jumper: not restarted, so it alarms at 1 / alpha; scaled to our alarm."""
    wealth = np.tile(np.array([1.0, 1.0, 1.0]) / 3, (*p.shape[:2], 1))
    stakes = np.array([-1.0, 0.0, 1.0])
    log_scale = np.zeros(p.shape[:2])
    out = np.full((p.shape[0], p.shape[2]), -np.inf)
    for run in range(SETTINGS.burn_in, p.shape[2]):
        wealth = (1 - jump) * wealth + jump * wealth.sum(-1, keepdims=True) / 3
        wealth = wealth * (1 + stakes * (p[:, :, run, None] - 0.5))
        total = wealth.sum(-1)
        log_scale += np.log(total)
        wealth /= total[..., None]
        out[:, run] = np.logaddexp.reduce(log_scale, axis=1) - log(p.shape[1]) + log(365)
    return out


def fixed_reference(rates: Floats, reference: int, alpha: float = 0.01) -> Floats:
    """Bets against the first runs alone, valid given them: the idea of conditional conformal martingales.

    With n reference runs the chance of a score below the k-th smallest is at most u_k, the upper alpha/2 quantile of
    Beta(k, n - k + 1) shared over four k; a bet pays (1 - s) 1{below} / u_k + s. The rest of alpha is left to the sum.
    """
    n, kept = reference, np.sort(rates[:, :reference], axis=1)
    places = [k for k in (1, 2, 4, 8) if k <= n // 2]
    upper = [float(beta.ppf(1 - alpha / 2 / len(places), k, n - k + 1)) for k in places]
    sums = np.full((len(rates), len(places)), -np.inf)
    out = np.full(rates.shape, -np.inf)
    for run in range(n, rates.shape[1]):
        below = rates[:, run, None] < kept[:, [k - 1 for k in places]]
        sums = np.logaddexp(sums, 0.0) + np.log(SPARED + (1 - SPARED) * below / np.array(upper))
        out[:, run] = np.logaddexp.reduce(sums, axis=1) - log(len(places)) - log(2)
    return out


def split_days(world: World, change: Change, rng: np.random.Generator, years: int, days: int) -> Tallies:
    """Return four runs a day of the same 25 probes, all under their day's effect, shape (years, 4 days, 25)."""
    whole = draw_years(world, change, rng, years=years, runs=days, probes=25, answers=4)
    order = rng.random((*whole.shape, 4)).argsort(-1).argsort(-1)
    return np.moveaxis(order < whole[..., None], 3, 2).reshape(years, days * 4, 25).astype(np.int16)


def with_reference(
    world: World, change: Change, rng: np.random.Generator, years: int, runs: int
) -> tuple[Floats, Floats]:
    """Return the rate of one endpoint, and its difference to another under the same days; the first alone changes."""
    right = draw_years(world, Change(), rng, years=years, runs=runs, probes=200)
    own = right[:, :, :100]
    if change.shape == "uniform":
        lost = change.size / own[:, : change.first_run].mean((1, 2))
        gone = rng.random(own.shape) < lost[:, None, None]
        gone[:, : change.first_run] = False
        own = np.where(gone, 0, own).astype(np.int16)
    return own.mean(2), own.mean(2) - right[:, :, 100:].mean(2)


def cell(log_e: Floats, first: int, alarm: float = ALARM, per_day: int = 1) -> str:
    """Return the median number of days until the alarm and the share found within 40 runs' days, as a cell."""
    hit = log_e >= alarm
    delay = np.where(hit.any(1), np.ceil((hit.argmax(1) + 1 - first * per_day) / per_day), np.inf)
    delay = delay[delay > 0]
    median = np.median(delay)
    return f"{'–' if np.isinf(median) else f'{median:.0f}'} ({(delay <= 40).mean():.0%})"


def alarms(log_e: Floats, alarm: float = ALARM) -> str:
    """Return the share of years with an alarm, as a cell."""
    return f"{(log_e >= alarm).any(1).mean():.1%}"


METHODS: dict[str, Callable[[Floats], Floats]] = {
    "NS-SR": normal_scores,
    "rank bets": rank_bets,
    "mean of both": both,
    "diluted shifts": diluted,
    "Simple Jumper": jumper,
}


def bets(years: int = 100) -> list[str]:
    """Delays by bet and length of the baseline."""
    rows = [
        f"| runs before | change | {' | '.join(METHODS)} | fixed reference |",
        "|--:|---|" + "--:|" * (len(METHODS) + 1),
    ]
    for first in (30, 60, 120):
        for name, change in DROPS:
            rng = rng_for("floor", name, first)
            planted = Change(change.shape, change.size, first)
            right = draw_years(QUIET, planted, rng, years=years, runs=first + 40)
            p = ranks(right, 1, rng)
            cells = [cell(method(p), first) for method in METHODS.values()]
            cells.append(cell(fixed_reference(right.mean(2), first), first))
            rows.append(f"| {first} | {name} | {' | '.join(cells)} |")
    return rows


def bets_null(years: int = 200) -> list[str]:
    """False alarms per null year, by bet."""
    rows = [f"| days | {' | '.join(METHODS)} | fixed reference |", "|---|" + "--:|" * (len(METHODS) + 1)]
    for world in WORLDS:
        rng = rng_for("floor-null", world.name)
        right = draw_years(world, Change(), rng, years=years)
        p = ranks(right, 1, rng)
        cells = [alarms(method(p)) for method in METHODS.values()]
        cells.append(alarms(fixed_reference(right.mean(2), 30)))
        rows.append(f"| {world.name} | {' | '.join(cells)} |")
    return rows


def schedules(years: int = 100) -> list[str]:
    """One run of 100 against four of 25 a day, by the mean of both bets, at the threshold for so many runs."""
    often = alarm_threshold(4 * 365, 0.01)
    rows = ["| | 100 calls once a day | 25 calls four times a day |", "|---|--:|--:|"]
    for world in WORLDS:
        if world.name in ("near-deterministic suite", "autocorrelation .5"):
            continue
        rng = rng_for("schedule", world.name)
        once = both(ranks(draw_years(world, Change(), rng, years=years), 1, rng))
        four = both(ranks(split_days(world, Change(), rng, years, 372), 1, rng))
        rows.append(f"| false alarms, {world.name} | {alarms(once)} | {alarms(four, often)} |")
    for name, change in DROPS:
        rng = rng_for("schedule", name)
        once = both(ranks(draw_years(QUIET, change, rng, years=years, runs=70), 1, rng))
        four = both(ranks(split_days(QUIET, change, rng, years, 70), 1, rng))
        rows.append(f"| {name}, days | {cell(once, 30)} | {cell(four, 30, often, 4)} |")
    return rows


def references(years: int = 200) -> list[str]:
    """The endpoint's own rate against its difference to a reference endpoint (100 more calls)."""
    rows = ["| | own rate | difference to a reference |", "|---|--:|--:|"]

    def judged(scores: Floats, rng: np.random.Generator) -> Floats:
        paths = score_paths(scores, rng.random(scores.shape))
        return np.logaddexp(paths.log_e_down, rank_bets(paths.p)) - log(2)

    for world in WORLDS:
        if world.name not in ("identical days", "day noise, logit sd .4", "autocorrelation .5"):
            continue
        rng = rng_for("reference", world.name)
        own, apart = (judged(s, rng) for s in with_reference(world, Change(), rng, years, 372))
        rows.append(f"| false alarms, {world.name} | {alarms(own)} | {alarms(apart)} |")
        for name, change in DROPS:
            if change.shape == "uniform":
                own, apart = (judged(s, rng) for s in with_reference(world, change, rng, years, 70))
                rows.append(f"| {name}, {world.name} | {cell(own, 30)} | {cell(apart, 30)} |")
    return rows


TABLES: dict[str, Callable[[], list[str]]] = {
    "bets": bets,
    "bets-null": bets_null,
    "schedules": schedules,
    "references": references,
}

if __name__ == "__main__":
    for wanted in sys.argv[1:] or TABLES:
        began = perf_counter()
        print(
            f"<!-- floor_figures: {wanted} -->", *TABLES[wanted](), "<!-- end -->", "", sep="\n", flush=True
        )
        print(f"{wanted}: {perf_counter() - began:.0f} s", file=sys.stderr, flush=True)
