"""False alarms per null year and delays with extra runs that follow the evidence: `python -m tests.confirmation_figures`.

One stream of one endpoint, scored by its pass rate, two-sided, normal scores and bets on ranks averaged, as in use.
Many years at once, each with as many runs as its own evidence asked for.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass
from math import ceil, log

import numpy as np

from harness.findings.ledger import SETTINGS
from harness.stats.normal_scores import grow, log_mean, normal_score
from harness.stats.rank_bets import SPARED, STARTS, WIDTHS
from harness.stats.worlds import Change, World, change_skills, draw_day_effects, draw_skills

DAYS = 372
ALPHA = 0.01
PROBES = 100
RULES = ("none", "same day", "next day", "later")
NULLS = (
    World("identical days"),
    World("day noise, logit sd .2", day_sd=0.2),
    World("day noise, logit sd .4", day_sd=0.4),
    World("10% bad days", bad_days=0.1),
    World("weekend dip", weekend=-0.3),
    World("autocorrelation .5", day_sd=0.2, autocorrelation=0.5),
    World("near-deterministic suite", near_deterministic=True),
)


@dataclass(frozen=True, slots=True)
class Rule:
    """When extra runs are made, and what becomes of them."""

    name: str
    watch: float = 0.5
    """Part of the alarm level, on the log scale, at which evidence asks for more."""
    per_day: int = 1
    per_month: int = 20
    """Extra runs at most, in 30 days."""

    @property
    def wait(self) -> int:
        """Days between the evidence and the extra runs it asks for."""
        return {"same day": 0, "next day": 1}.get(self.name, 2)

    @property
    def runs(self) -> int:
        """Units the year's budget has to be made for."""
        return 365 + (0 if self.name == "none" else ceil(self.per_month * 365 / 30))


class Streams:
    """One stream in each of many years; each takes a unit when it has one."""

    def __init__(self, years: int, most: int) -> None:
        self.n = np.zeros(years, dtype=np.int64)
        self.scores = np.full((years, most), np.inf)
        self.shifts = np.array(SETTINGS.shifts)
        self.sums = np.full((2, years, 1, self.shifts.size), -np.inf)
        self.bets = np.zeros((2, years, len(WIDTHS), STARTS))
        self.log_e = np.full(years, -np.inf)

    def take(self, which: np.ndarray, score: np.ndarray, u: np.ndarray) -> None:
        """Take one unit into the years `which`, as `normal_scores` and `rank_bets` do."""
        past = self.scores[which]
        number = self.n[which] + 1
        below = (past < score[:, None]).sum(1)
        equal = (past == score[:, None]).sum(1)
        p = (below + u * (1 + equal)) / number
        self.scores[which, number - 1] = score
        self.n[which] = number
        counted = number > SETTINGS.burn_in
        which, p, number = which[counted], p[counted], number[counted]
        if not which.size:
            return
        z = normal_score(p)[:, None]
        # The newest date is the last column; dates before the first that counts hold nothing.
        ages = np.arange(STARTS, 0, -1)
        share = np.minimum(1.0, np.array(WIDTHS)[None, :, None] * ages / number[:, None, None])
        sides = []
        for side, (sign, rank) in enumerate(((-1, p), (1, 1 - p))):
            self.sums[side, which] = grow(self.sums[side, which], z, sign * self.shifts, SETTINGS.temper)
            bets = np.concatenate(
                [self.bets[side, which][..., 1:], np.ones((which.size, len(WIDTHS), 1))], axis=-1
            )
            bets *= (
                np.where(rank[:, None, None] <= share, SPARED + (1 - SPARED) / share, SPARED)
                ** SETTINGS.temper
            )
            self.bets[side, which] = bets
            by_rank = np.log(bets.sum((1, 2))) - log(len(WIDTHS))
            sides.append(np.logaddexp(log_mean(self.sums[side, which], (1, 2)), by_rank) - log(2))
        self.log_e[which] = np.logaddexp(*sides) - log(2)


def live(
    world: World, change: Change, rule: Rule, years: int, seed: int, days: int = DAYS, streams: int = 1
) -> tuple[np.ndarray, np.ndarray]:
    """Return the day of the alarm (-1: none) and the extra runs made, per year.

    Args:
        world: how days differ; every run of a day meets the same day.
        change: what changes, and when.
        rule: when extra runs are made.
        years: repetitions.
        seed: of everything.
        days: lived through.
        streams: that share the budget.
    """
    rng = np.random.default_rng(seed)
    before = draw_skills(world, years, PROBES, rng)
    after = change_skills(before, change, rng)
    shift = draw_day_effects(world, years, days, rng)
    bad = rng.random((years, days)) < world.bad_days
    lost = np.where(bad, np.minimum(rng.exponential(0.04, (years, days)), 1.0), 0.0)
    state = Streams(years, days + rule.per_month * (days // 30 + 2))
    bar = log(rule.runs * streams / ALPHA)
    watch = rule.watch * bar
    alarmed = np.full(years, -1)
    extra = np.zeros((years, days), dtype=np.int64)
    levels = np.zeros((days, years), dtype=bool)
    """Whether the evidence at the end of a day asks for more."""

    for day in range(days):
        chance = after if day >= change.first_run else before
        odds = np.exp(shift[:, day, None])
        chance = chance * odds / (1 - chance + chance * odds) * (1 - lost[:, day, None])

        def draw(which: np.ndarray, chance: np.ndarray = chance) -> np.ndarray:
            drawn = rng.random((which.size, PROBES)) < chance[which]
            return drawn.sum(1).astype(np.float64)

        def left(day: int = day) -> np.ndarray:
            return rule.per_month - extra[:, max(0, day - 29) : day + 1].sum(1)

        alive = np.flatnonzero(alarmed < 0)
        state.take(alive, draw(alive), rng.random(alive.size))
        for _ in range(rule.per_day if rule.name != "none" else 0):
            high = state.log_e >= watch
            if rule.wait:
                high = levels[day - rule.wait] if day >= rule.wait else np.zeros(years, dtype=bool)
            now = np.flatnonzero(high & (alarmed < 0) & (state.log_e < bar) & (left() > 0))
            if now.size:
                state.take(now, draw(now), rng.random(now.size))
                extra[now, day] += 1
        levels[day] = state.log_e >= watch
        alarmed[(alarmed < 0) & (state.log_e >= bar)] = day
    return alarmed, extra.sum(1)


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--years", type=int, default=1000)
    parser.add_argument("--per-day", type=int, default=1)
    parser.add_argument("--rules", nargs="*", default=RULES)
    wanted = parser.parse_args()
    rules = [Rule(name, per_day=wanted.per_day) for name in wanted.rules]
    out = sys.stdout
    out.write(
        f"false alarms per null year, {wanted.years} years\n| world | " + " | ".join(wanted.rules) + " |\n"
    )
    for world in NULLS:
        cells = []
        for rule in rules:
            alarmed, extra = live(world, Change(), rule, wanted.years, 1)
            cells.append(f"{100 * (alarmed >= 0).mean():.1f}% ({extra.mean():.1f})")
        out.write(f"| {world.name} | " + " | ".join(cells) + " |\n")
        out.flush()
    for world in (World("identical days"), World("day noise, logit sd .2", day_sd=0.2)):
        for size in (0.05, 0.1, 0.2):
            cells = []
            for rule in rules:
                alarmed, extra = live(world, Change("uniform", size), rule, 300, 2, days=90)
                late = np.where(alarmed < 0, 999, alarmed - 29)[(alarmed < 0) | (alarmed >= 30)]
                cells.append(
                    f"{np.quantile(late, 0.5):.0f}/{np.quantile(late, 0.8):.0f} ({extra.mean():.1f})"
                )
            out.write(f"| -{100 * size:.0f}, {world.name} | " + " | ".join(cells) + " |\n")
            out.flush()


if __name__ == "__main__":
    main()
