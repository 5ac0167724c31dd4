"""What the incident tier does with identity in null years, and how fast it finds coarser weights, by simulation.

`python -m tests.identity_figures` prints the tables of docs/validation/identity.md from their seeds (about fifteen
minutes on one free core); with names, only those. Set OPENBLAS_NUM_THREADS=1 on a busy machine.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from math import log
from time import perf_counter

import numpy as np
import numpy.typing as npt
from scipy.special import expit, logit

from harness.stats import DayEffectSettings, alarm_threshold, day_effect_paths
from harness.stats.new_levels import new_levels_paths
from tests.engine_figures import rng_for
from tests.robust_figures import share

Floats = npt.NDArray[np.float64]
TOKENS = 8
TIE_SD, SHARPNESS = 1.2, 3.0
"""Of the simulated provider: logits of first tokens, sharpened. Two thirds of its answers are the usual token."""
ALPHA = 0.02


@dataclass(frozen=True, slots=True)
class Brink:
    """Near-tie prompts and how days move the answers to them."""

    name: str
    prompts: int = 40
    decided: float = 0.0
    """Share of prompts that are answered alike 999 times in 1,000."""
    close: float = 0.0
    """Share of prompts whose two leading tokens share the answers about evenly (.3 to .7)."""
    day_sd: float = 0.0
    """Of the day's effect on the logit of agreement, common to all prompts and to the runs of a day."""
    bad_days: float = 0.0
    """Share of days with another token in place of the usual one in an exponential share of answers, mean 4%."""
    per_day: int = 1
    reference: int = 3
    """Runs that make the frozen reference."""
    samples: int = 1
    """Answers per prompt and run."""
    together: bool = False
    """Whether the answers to a prompt in one run are all the same, as in one batch at temperature 0."""
    autocorrelation: float = 0.0
    """Between neighbouring days' effects."""


NULLS = (
    Brink("identical days"),
    Brink("day noise, logit sd .2", day_sd=0.2),
    Brink("day noise, logit sd .4", day_sd=0.4),
    Brink("10% bad days", bad_days=0.1),
    Brink("near-deterministic prompts (9 in 10)", decided=0.9, close=0.1),
    Brink("all prompts near .5, day noise .4", close=1.0, day_sd=0.4),
    Brink("reference of one run, day noise .4", reference=1, day_sd=0.4),
)
"""Years in which nothing changes."""


def draw_shares(brink: Brink, years: int, shift: float, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Return the first tokens' shares before and after coarser weights, shape (years, prompts, tokens)."""
    own = rng.standard_normal((years, brink.prompts, TOKENS)) * TIE_SD
    kind = rng.random((years, brink.prompts))
    sides = []
    for logits in (own, own + shift * rng.standard_normal(own.shape)):
        raised = np.exp(SHARPNESS * (logits - logits.max(-1, keepdims=True)))
        shares = raised / raised.sum(-1, keepdims=True)
        first = np.where(
            kind < brink.decided, 0.999, np.where(kind < brink.decided + brink.close, np.nan, -1.0)
        )
        even = rng.uniform(0.3, 0.7, first.shape)
        first = np.where(np.isnan(first), even, first)
        two = np.zeros_like(shares)
        two[..., 0], two[..., 1] = first, 1 - first
        sides.append(np.where((first >= 0)[..., None], two, shares))
    return sides[0], sides[1]


def draw_agreement(
    brink: Brink,
    rng: np.random.Generator,
    *,
    years: int,
    runs: int,
    shift: float = 0.0,
    visit: tuple[int, int] = (0, 0),
) -> Floats:
    """Return each prompt's share of answers that are the reference's usual token, shape (years, runs, prompts).

    The reference is made from `brink.reference` runs of its own, before these, on days of their own.

    Args:
        brink: the prompts and the days.
        rng: seeded.
        years: how many.
        runs: in each, after the reference.
        shift: sd of the shift of each token's logit under coarser weights, before sharpening.
        visit: first run with coarser weights, and the first one without them again.
    """
    before, after = draw_shares(brink, years, shift, rng)
    days = (brink.reference + runs) // brink.per_day + 1
    fresh = rng.standard_normal((years, days))
    for day in range(1, days):
        rho = brink.autocorrelation
        fresh[:, day] = rho * fresh[:, day - 1] + np.sqrt(1 - rho * rho) * fresh[:, day]
    bad = rng.random((years, days)) < brink.bad_days
    lost = np.where(bad, np.minimum(rng.exponential(0.04, (years, days)), 1.0), 0.0)
    # The effect of a day moves agreement with the token that leads; the reference may have taken another one.
    lead = before.argmax(-1)
    usual: npt.NDArray[np.int64] | None = None
    seen = np.zeros((years, brink.prompts, TOKENS), dtype=np.int64)
    out = np.empty((years, runs, brink.prompts))
    for run in range(-brink.reference, runs):
        day = (run + brink.reference) // brink.per_day
        shares = after if visit[0] <= run < visit[1] else before
        shares = _moved(shares, lead, brink.day_sd * fresh[:, day], lost[:, day])
        drawn = rng.multinomial(1 if brink.together else brink.samples, shares)
        if run < 0:
            seen += drawn
            continue
        if usual is None:
            usual = seen.argmax(-1)
        out[:, run] = np.take_along_axis(drawn, usual[..., None], -1)[..., 0] / drawn[0, 0].sum()
    return out


def _moved(shares: Floats, lead: npt.NDArray[np.int64], z: Floats, lost: Floats) -> Floats:
    """Return shares of tokens after the day's effect on the leading one's logit, and on a bad day with less of it."""
    place = lead[..., None]
    first = np.clip(np.take_along_axis(shares, place, -1), 1e-12, 1 - 1e-12)
    now = expit(logit(first) + z[:, None, None]) * (1 - lost[:, None, None])
    moved = shares * (1 - now) / (1 - first)
    np.put_along_axis(moved, place, now, -1)
    kept: Floats = moved / moved.sum(-1, keepdims=True)
    return kept


def largest(brink: Brink, years: int, rng: np.random.Generator) -> Floats:
    """Return the largest log statistic of each null year."""
    runs = 365 * brink.per_day
    most = [
        new_levels_paths(draw_agreement(brink, rng, years=20, runs=runs), 1).max(1)
        for _ in range(years // 20)
    ]
    return np.concatenate(most)


def null_years(years: int = 300) -> list[str]:
    """False incidents per null year at H / alpha, alpha = .02, H the year's runs."""
    rows = [
        "| prompts and days | years | false incidents | largest evidence, share of the level |",
        "|---|--:|--:|--:|",
    ]
    for brink in NULLS:
        most = largest(brink, years, rng_for("identity", brink.name))
        bar = alarm_threshold(365 * brink.per_day, ALPHA)
        rows.append(f"| {brink.name} | {years} | {share(most >= bar)} | {np.exp(most.max() - bar):.2g} |")
    return rows


SHIFTS = (0.3, 0.6, 1.0)
"""Small; as in `quantised-weekend`; large."""


def visits(years: int = 400) -> list[str]:
    """Share of visits of coarser weights found while they last, by runs in the visit and a day."""
    rows = [
        "| shift | runs a day | runs in the visit | level | found within the visit | with drops everywhere or in few "
        "(EB-DE) | median evidence at its end, share of the level |",
        "|--:|--:|--:|--:|--:|--:|--:|",
    ]
    for shift in SHIFTS:
        for per_day, inside in ((1, 2), (1, 3), (2, 4), (2, 5), (3, 7), (4, 10)):
            brink = replace(Brink(f"visit {shift} {per_day} {inside}", day_sd=0.1), per_day=per_day)
            first = 37 * per_day - brink.reference
            # Two suites share the tier, as in the world: half the weight is twice the level.
            bar = log(2 * 365 * per_day / 0.05)
            x = draw_agreement(
                brink,
                rng_for(brink.name),
                years=years,
                runs=first + inside,
                shift=shift,
                visit=(first, first + inside),
            )
            levels = new_levels_paths(x, 1)[:, first:]
            drops = [
                day_effect_paths(x, 1, DayEffectSettings(direction=way)).log_e[:, first:]
                for way in ("down", "up")
            ]
            both = np.logaddexp(*drops) - log(2)
            rows.append(
                f"| {shift:g} | {per_day} | {inside} | {np.exp(bar):,.0f} | {share((levels >= bar).any(1))} | "
                f"{share((both >= bar).any(1))} | {np.exp(np.median(levels[:, -1]) - bar):.2g} |"
            )
    return rows


def most_possible(prompts: int = 1500, draws: int = 1500) -> list[str]:
    """What a test that knew everything could gather: evidence of 40 prompts after each run of a visit.

    It knows each prompt's shares before, and the law (not the outcome) of the shifts: the best there is on average.
    Measured with the shares known, and with the agreement with the usual token alone.
    """
    rng = rng_for("identity-bound")
    own = rng.standard_normal((prompts, TOKENS)) * TIE_SD

    def log_shares(logits: Floats) -> Floats:
        scaled = SHARPNESS * logits
        shares: Floats = scaled - np.logaddexp.reduce(scaled, axis=-1, keepdims=True)
        return shares

    before = log_shares(own)
    after = log_shares(own + 0.6 * rng.standard_normal(own.shape))
    answers = (after[None] + rng.gumbel(size=(5, *after.shape))).argmax(-1).T
    usual = before.argmax(-1)[:, None]
    others = [log_shares(own + 0.6 * rng.standard_normal(own.shape)) for _ in range(draws)]
    rows = ["| runs in the visit | all tokens known | agreement known |", "|--:|--:|--:|"]
    agrees = answers == usual

    def told(shares: Floats) -> tuple[Floats, Floats]:
        first = np.minimum(np.take_along_axis(shares, usual, -1), -1e-12)
        binary = np.where(agrees, first, np.log(-np.expm1(first)))
        return np.take_along_axis(shares, answers, -1).cumsum(1), binary.cumsum(1)

    base, each = told(before), [told(other) for other in others]
    gains = []
    for side in (0, 1):
        mean = np.logaddexp.reduce([one[side] for one in each], axis=0) - log(draws)
        gains.append(40 * (mean - base[side]).mean(0))
    return rows + [f"| {run + 1} | {gains[0][run]:.1f} | {gains[1][run]:.1f} |" for run in range(5)]


TABLES: dict[str, Callable[[], list[str]]] = {"null": null_years, "visits": visits, "bound": most_possible}

if __name__ == "__main__":
    for wanted in sys.argv[1:] or TABLES:
        began = perf_counter()
        print(
            f"<!-- identity_figures: {wanted} -->",
            *TABLES[wanted](),
            "<!-- end -->",
            "",
            sep="\n",
            flush=True,
        )
        print(f"{wanted}: {perf_counter() - began:.0f} s", file=sys.stderr, flush=True)
