"""Do two sets of runs answer near-tie prompts alike? The identity distance with its permutation distribution."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from math import comb
from typing import Literal

import numpy as np
import numpy.typing as npt

from harness.stats.intervals import Floats

EXACT = 20_000
"""Up to so many ways to divide the runs, all are tried."""
DRAWS = 9_999
"""Random ways otherwise."""
By = Literal["runs", "sides of each run", "answers"]
_SAME = 1e-9


@dataclass(frozen=True, slots=True)
class IdentityTest:
    """How far apart two sides' answers lie, and how far apart chance puts them."""

    distance: float
    """Squared distance of the answer shares, mean over prompts: 0 for equal shares, 2 for no answer in common."""
    by_chance: float
    """The same, mean over the ways to divide what was exchanged."""
    p: float
    """One-sided: the share of those ways that puts the sides at least as far apart."""
    least_p: float
    """The smallest that this design could have given; 1 where answers could not be exchanged."""
    prompts: int
    """Answered on both sides."""
    moved: int
    """Of these, prompts whose commonest answer differs between the sides."""
    by: By
    """What was exchanged between the sides."""


def identity_test(
    first: npt.ArrayLike,
    second: npt.ArrayLike,
    *,
    rng: np.random.Generator,
    shared: bool = False,
    alpha: float = 0.05,
) -> IdentityTest | None:
    """Test whether two sides' answers to the same prompts come from one source.

    The statistic is the identity distance between the sides' pooled shares of answers,

        D = mean_j sum_v (p_jv - q_jv)^2

    as `identity_distance` has it against a reference. Whole runs are exchanged between the sides: valid where runs
    are exchangeable, whatever a run does to all its answers. Where both sides are the same runs (two endpoints asked
    side by side), each run's two halves are. With a single run on a side, whose exchange could not reach alpha, single
    answers of each prompt are exchanged: valid only if answers are independent given the prompt, so that what one run
    does to all its answers alike counts as a difference of the sides.

    Hypothesis: one source. Direction: far apart. Every way to divide the runs is tried up to `EXACT` of them, else
    `DRAWS` random ones with the actual one added (Phipson and Smyth 2010).

    Args:
        first: Answers by run, prompt and answer, shape (runs, prompts, answers).
        second: The same prompts and answers.
        rng: For random ways.
        shared: The runs of both sides are the same, in the same order.
        alpha: Level that the design is chosen for, never the data.

    Returns:
        None where no prompt was answered on both sides.

    Raises:
        ValueError: shapes that do not match, or counts that are none.

    Source: the squared maximum mean discrepancy with the Hamming kernel, as in Gao, Liang and Guestrin (2024),
    2410.20247; Phipson and Smyth (2010), Statistical Applications in Genetics and Molecular Biology 9, 39.
    """
    one, other = (np.asarray(side, dtype=np.float64) for side in (first, second))
    if one.ndim != 3 or other.ndim != 3 or one.shape[1:] != other.shape[1:]:
        raise ValueError(f"both sides must be (runs, prompts, answers), got {one.shape} and {other.shape}")
    if any((side < 0).any() or not np.isfinite(side).all() for side in (one, other)):
        raise ValueError("counts must be finite and not negative")
    if shared and len(one) != len(other):
        raise ValueError("sides that share their runs must have equally many")
    both = (one.sum((0, 2)) > 0) & (other.sum((0, 2)) > 0)
    if not both.any():
        return None
    one, other = one[:, both], other[:, both]
    pooled = np.stack([one.sum(0), other.sum(0)])
    actual = float(_distances(pooled[:1], pooled[1:])[0])
    runs = len(one), len(other)
    ways = 2 ** runs[0] if shared else comb(sum(runs), runs[0])
    least_p = (2 if shared or runs[0] == runs[1] else 1) / ways
    by: By
    if min(runs) == 1 and least_p > alpha:
        by, (drawn, exact) = "answers", _by_answer(pooled, rng)
        # One answer on each side: exchanging them leaves every distance as it is.
        least_p = 1.0 if np.ptp(drawn) < _SAME else 1 / (1 + DRAWS)
    elif shared:
        by, (drawn, exact) = "sides of each run", _by_halves(one, other, rng)
    else:
        by, (drawn, exact) = "runs", _by_run(np.concatenate([one, other]), runs[0], rng)
    reached = int((drawn >= actual - _SAME).sum())
    p = reached / drawn.size if exact else (1 + reached) / (1 + drawn.size)
    moved = int((pooled[0].argmax(1) != pooled[1].argmax(1)).sum())
    return IdentityTest(
        actual,
        float(drawn.mean()),
        p,
        least_p if not exact else max(least_p, 1 / drawn.size),
        int(both.sum()),
        moved,
        by,
    )


def _distances(first: Floats, second: Floats) -> Floats:
    """Return the distance of each pair of pooled counts, shapes (ways, prompts, answers); missing prompts left out."""
    n, m = first.sum(2), second.sum(2)
    with np.errstate(invalid="ignore", divide="ignore"):
        apart = ((first / n[:, :, None] - second / m[:, :, None]) ** 2).sum(2)
    there = (n > 0) & (m > 0)
    found: Floats = np.where(there, apart, 0.0).sum(1) / np.maximum(there.sum(1), 1)
    return found


def _signs(ways: npt.NDArray[np.bool_], one: Floats, other: Floats) -> Floats:
    """Return distances where each way says which rows of `one` stay on the first side; `other` gets the rest."""
    found = []
    for some in np.array_split(ways.astype(np.float64), max(1, len(ways) // 500)):
        first = np.tensordot(some, one, 1) + np.tensordot(1 - some, other, 1)
        second = np.tensordot(1 - some, one, 1) + np.tensordot(some, other, 1)
        found.append(_distances(first, second))
    return np.concatenate(found)


def _by_run(runs: Floats, size: int, rng: np.random.Generator) -> tuple[Floats, bool]:
    total = len(runs)
    exact = comb(total, size) <= EXACT
    chosen = (
        list(combinations(range(total), size))
        if exact
        else [rng.permutation(total)[:size].tolist() for _ in range(DRAWS)]
    )
    ways = np.zeros((len(chosen), total), dtype=bool)
    for row, places in enumerate(chosen):
        ways[row, list(places)] = True
    return _signs(ways, runs, np.zeros_like(runs)), exact


def _by_halves(one: Floats, other: Floats, rng: np.random.Generator) -> tuple[Floats, bool]:
    runs = len(one)
    exact = runs < 63 and 2**runs <= EXACT
    every = (np.arange(2**runs)[:, None] >> np.arange(runs)) % 2 == 0 if exact else None
    ways = rng.random((DRAWS, runs)) < 0.5 if every is None else every
    return _signs(ways, one, other), exact


def _by_answer(pooled: Floats, rng: np.random.Generator) -> tuple[Floats, bool]:
    total = pooled.sum(0).astype(np.int64)
    sizes = pooled[0].sum(1).astype(np.int64)
    found = np.zeros(DRAWS)
    for counts, size in zip(total, sizes, strict=True):
        seen = counts[counts > 0]
        first = rng.multivariate_hypergeometric(seen, size, size=DRAWS, method="marginals").astype(np.float64)
        second = seen - first
        found += ((first / size - second / (seen.sum() - size)) ** 2).sum(1)
    return found / len(total), False
