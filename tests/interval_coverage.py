"""How often the candidate intervals hold the truth, by seeded simulation.

`python -m tests.interval_coverage` prints the tables of docs/statistics.md (about a minute); the tests run a part.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import special

from harness.stats import normal_quantile, paired_bounds, wilson_bounds

Floats = npt.NDArray[np.float64]
Bounds = tuple[Floats, Floats]
SEED = 20_261_121
SIZES = (5, 10, 20, 60, 125)
Z = normal_quantile(0.95)
MEAN_SKILL = 0.25 + 0.70 * (1.2 / 1.8)


@dataclass(frozen=True, slots=True)
class World:
    """One way in which two runs over the same probes can come about."""

    name: str
    samples: int
    """Answers per probe and run."""
    fixed: bool
    """The same question always gets the same answer: temperature 0."""
    drop: float
    """Share of right answers lost, spread over all probes."""
    sparse: float
    """Share of probes that lose everything."""


WORLDS = tuple(
    World(f"{kind}, {'fixed answers' if fixed else f'{samples} random'}", samples, fixed, drop, sparse)
    for samples, fixed in ((1, False), (1, True), (3, False), (10, False))
    for kind, drop, sparse in (
        ("no change", 0.0, 0.0),
        ("10% fewer right", 0.1, 0.0),
        ("30% fewer right", 0.3, 0.0),
        ("5% of probes lost", 0.0, 0.05),
        ("20% of probes lost", 0.0, 0.2),
    )
)


def draw(world: World, probes: int, reps: int, rng: np.random.Generator) -> tuple[Floats, Floats, float]:
    """Return both runs' scores, shape (reps, probes), and the true mean difference over all such probes."""
    kind = rng.random((reps, probes))
    skill = np.where(kind < 0.25, 1.0, np.where(kind < 0.30, 0.0, rng.beta(1.2, 0.6, (reps, probes))))
    lost = rng.random((reps, probes)) < world.sparse
    truth = -MEAN_SKILL * (world.drop + world.sparse)
    if world.fixed:
        first = (rng.random((reps, probes)) < skill).astype(float)
        if not world.drop and not world.sparse:  # a new build flips 3% of the answers, either way
            flip = rng.random((reps, probes)) < 0.03
            return first, np.where(flip, 1 - first, first), 0.03 * (1 - 2 * MEAN_SKILL)
        gone = lost | (rng.random((reps, probes)) < world.drop)
        return first, np.where(gone, 0.0, first), truth
    later = np.where(lost, 0.0, skill * (1 - world.drop))
    n = world.samples
    return rng.binomial(n, skill) / n, rng.binomial(n, later) / n, truth


def moments(first: Floats, second: Floats) -> tuple[int, Floats, Floats]:
    """Return pairs, sum and sum of squares of the differences, along the last axis."""
    d = second - first
    return d.shape[-1], d.sum(-1), (d * d).sum(-1)


def student(first: Floats, second: Floats) -> Bounds:
    """The paired t interval."""
    n, total, squares = moments(first, second)
    spread = np.sqrt(np.maximum(squares - total**2 / n, 0) / (n - 1) / n) * special.stdtrit(n - 1, 0.975)
    return total / n - spread, total / n + spread


def agresti_min(first: Floats, second: Floats) -> Bounds:
    """Half an imagined pair at +1, half at -1, one at 0."""
    n, total, squares = moments(first, second)
    size = n + 2
    half = Z * np.sqrt(((squares + 1) / size - (total / size) ** 2) / size)
    return total / size - half, total / size + half


def bonett_price(first: Floats, second: Floats) -> Bounds:
    """The interval in use."""
    return paired_bounds(*moments(first, second))


def newcombe(first: Floats, second: Floats) -> Bounds:
    """Newcombe's paired interval, for one yes/no answer on each side; the arithmetic of `newcombe_paired`."""
    n = first.shape[-1]
    a, b, c = (first * second).sum(-1), (first * (1 - second)).sum(-1), ((1 - first) * second).sum(-1)
    p1, p2 = (a + b) / n, (a + c) / n
    (l1, u1), (l2, u2) = wilson_bounds(a + b, np.full_like(a, n)), wilson_bounds(a + c, np.full_like(a, n))
    product = p1 * (1 - p1) * p2 * (1 - p2) * float(n) ** 4
    cross = a * (n - a - b - c) - b * c
    cross = np.where(cross > 0, np.maximum(cross - n / 2, 0), cross)
    phi = np.divide(cross, np.sqrt(product), out=np.zeros_like(cross), where=product > 0)
    below = np.sqrt(np.maximum((p2 - l2) ** 2 - 2 * phi * (p2 - l2) * (u1 - p1) + (u1 - p1) ** 2, 0))
    above = np.sqrt(np.maximum((u2 - p2) ** 2 - 2 * phi * (u2 - p2) * (p1 - l1) + (p1 - l1) ** 2, 0))
    return p2 - p1 - below, p2 - p1 + above


def bootstrap_t(first: Floats, second: Floats, resamples: int = 300, seed: int = 5) -> Bounds:
    """The studentised bootstrap over pairs."""
    rng = np.random.default_rng(seed)
    low, high = np.empty(len(first)), np.empty(len(first))
    for row, d in enumerate(second - first):
        mean, spread = d.mean(), d.std(ddof=1)
        again = d[rng.integers(0, d.size, (resamples, d.size))]
        each = again.std(1, ddof=1)
        t = np.divide(again.mean(1) - mean, each, out=np.zeros(resamples), where=each > 1e-12)
        least, most = np.quantile(t, [0.025, 0.975])
        low[row], high[row] = mean - most * spread, mean - least * spread
    return low, high


METHODS: dict[str, Callable[[Floats, Floats], Bounds]] = {
    "paired t": student,
    "bootstrap t": bootstrap_t,
    "Agresti-Min": agresti_min,
    "Newcombe paired": newcombe,
    "Bonett-Price": bonett_price,
}


def coverage(method: str, world: World, probes: int, reps: int, seed: int = SEED) -> tuple[float, float]:
    """Return the share of simulated comparisons whose interval holds the truth, and the mean width within -1..1."""
    rng = np.random.default_rng([seed, probes, WORLDS.index(world)])
    first, second, truth = draw(world, probes, reps, rng)
    low, high = METHODS[method](first, second)
    held = (low <= truth + 1e-12) & (truth <= high + 1e-12)
    return float(held.mean()), float((np.minimum(high, 1) - np.maximum(low, -1)).mean())


def paired_table(reps: int = 4000) -> Iterator[str]:
    """Yield the Markdown table of the paired methods: least coverage, mean coverage, mean width."""
    yield "| probes | " + " | ".join(METHODS) + " |"
    yield "|" + "--:|" * (len(METHODS) + 1)
    for probes in SIZES:
        cells = []
        for method in METHODS:
            worlds = [world for world in WORLDS if method != "Newcombe paired" or world.samples == 1]
            found = [
                coverage(method, world, probes, reps // 10 if method == "bootstrap t" else reps)
                for world in worlds
            ]
            held, width = [one for one, _ in found], [min(one, 2.0) for _, one in found]
            cells.append(f"{min(held):.2f} / {np.mean(held):.2f} / {np.mean(width):.2f}")
        yield f"| {probes} | " + " | ".join(cells) + " |"


def score_coverage(probes: int, samples: int, reps: int, *, unit: str, fixed: bool) -> float:
    """Return how often Wilson's interval holds the mean score of all such probes, by what counts as a unit."""
    rng = np.random.default_rng([SEED, probes, samples, int(fixed)])
    kind = rng.random((reps, probes))
    skill = np.where(kind < 0.25, 1.0, np.where(kind < 0.30, 0.0, rng.beta(1.2, 0.6, (reps, probes))))
    right = (rng.random((reps, probes)) < skill) * samples if fixed else rng.binomial(samples, skill)
    n = probes if unit == "probe" else probes * samples
    total = right.sum(1) / samples if unit == "probe" else right.sum(1)
    low, high = wilson_bounds(total, np.full(reps, n))
    return float(((low <= MEAN_SKILL) & (high >= MEAN_SKILL)).mean())


def score_table(reps: int = 4000) -> Iterator[str]:
    """Yield the Markdown table of Wilson's interval for a score, by unit."""
    yield "| probes | samples | answers | probe as unit | answer as unit |"
    yield "|--:|--:|---|--:|--:|"
    for probes in (10, 60):
        for samples, fixed in ((1, False), (5, False), (5, True)):
            cells = [
                f"{score_coverage(probes, samples, reps, unit=unit, fixed=fixed):.2f}"
                for unit in ("probe", "answer")
            ]
            yield f"| {probes} | {samples} | {'fixed' if fixed else 'random'} | {cells[0]} | {cells[1]} |"


if __name__ == "__main__":
    print("\n".join([*paired_table(), "", *score_table()]))
