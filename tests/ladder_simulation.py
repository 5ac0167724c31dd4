"""Calibrations simulated from known curves: how well the point is found, and what the chosen probes come to.

`python -m tests.ladder_simulation` prints the table in docs/statistics.md.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass

import numpy as np

from harness.stats.ladder import Tally, expected_score, fit_ladder, next_questions
from harness.stats.near_half import choose

FAMILIES, PER_RUNG, CALLS, PER_FAMILY = 10, 6, 120, 12
RUNGS = (1, 2, 3, 4, 5, 6)


@dataclass(frozen=True, slots=True)
class Result:
    """One simulated calibration and one run of what it chose."""

    calls: int
    score: float
    """Of the run."""
    held: bool
    """The predictive interval holds it."""
    errors: tuple[float, ...]
    """Point found minus true point, families whose point is on the ladder."""
    covered: tuple[bool, ...]
    """The interval of the point holds the true one, the same families."""
    probes: int


def calibrate_once(rng: np.random.Generator, ability: float, misfit: float) -> Result:
    """Simulate one calibration.

    Args:
        rng: for everything.
        ability: rung on which half of the answers are right, on average over families (sd 1 between them).
        misfit: sd, in logits, by which each rung of each family is off its curve.
    """
    names = [f"family-{number}" for number in range(FAMILIES)]
    points = {name: ability + rng.standard_normal() for name in names}
    slopes = {name: np.exp(rng.normal(0, 0.4)) for name in names}
    rates = {
        name: 1
        / (
            1
            + np.exp(
                slopes[name] * (np.array(RUNGS) - points[name]) + misfit * rng.standard_normal(len(RUNGS))
            )
        )
        for name in names
    }
    tallies = {name: [Tally() for _ in RUNGS] for name in names}
    left = {name: [PER_RUNG for _ in RUNGS] for name in names}
    used = 0
    while used < CALLS:
        for name, rung in next_questions(
            {name: (RUNGS, tallies[name]) for name in names}, left, CALLS - used
        ):
            place = RUNGS.index(rung)
            left[name][place] -= 1
            tallies[name][place] = tallies[name][place].plus(float(rng.random() < rates[name][place]))
            used += 1
    fits = {name: fit_ladder(RUNGS, tallies[name]) for name in names}
    chosen = choose(fits, {name: dict.fromkeys(RUNGS, PER_RUNG) for name in names}, PER_FAMILY)
    expected = expected_score(
        [(fits[name], choice.counts) for name, choice in chosen.items()], rng, draws=1_000
    )
    right = sum(
        rng.binomial(number, rates[name][RUNGS.index(rung)])
        for name, choice in chosen.items()
        for rung, number in choice.counts.items()
    )
    probes = sum(sum(choice.counts.values()) for choice in chosen.values())
    score = right / probes
    assert expected.low is not None
    assert expected.high is not None
    inside = [name for name in names if RUNGS[0] <= points[name] <= RUNGS[-1]]
    found = {name: fits[name].point for name in inside}
    return Result(
        calls=used,
        score=score,
        held=expected.low <= score <= expected.high,
        errors=tuple(float((found[name].estimate or 0) - points[name]) for name in inside),
        covered=tuple(
            bool((found[name].low or 0) <= points[name] <= (found[name].high or 0)) for name in inside
        ),
        probes=probes,
    )


def main(repetitions: int = 200) -> None:
    """Print the table of docs/statistics.md."""
    lines = [
        "| half right at rung | off the curve | scores 30–70% | mean score | interval holds the score | error of the point "
        "(rms, rungs) | its interval holds it | probes |",
        "|--:|--:|--:|--:|--:|--:|--:|--:|",
    ]
    for misfit in (0.0, 0.7):
        for ability in range(8):
            rng = np.random.default_rng([ability, int(10 * misfit)])
            done = [calibrate_once(rng, ability, misfit) for _ in range(repetitions)]
            score = np.array([each.score for each in done])
            errors = np.concatenate([each.errors for each in done])
            cells = (
                f"{np.mean((score >= 0.3) & (score <= 0.7)):.0%}",
                f"{score.mean():.2f}",
                f"{np.mean([each.held for each in done]):.2f}",
                f"{np.sqrt(np.mean(errors**2)):.2f}",
                f"{np.mean(np.concatenate([each.covered for each in done])):.2f}",
                f"{np.mean([each.probes for each in done]):.0f}",
            )
            lines.append(f"| {ability} | {misfit:g} | {' | '.join(cells)} |")
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
