"""Others' detectors of another model behind the same name, from how often each border input got its first token.

benchmarks.rivals compares them with ours. All take counts out of ten answers, shape (years, runs, prompts), and the
frozen reference's shares out of a hundred, shape (years, 1, prompts).
"""

from __future__ import annotations

from types import ModuleType
from typing import Any

import numpy as np
import numpy.typing as npt

from harness.stats.worlds import Tallies

Floats = npt.NDArray[np.float64]
Counts = npt.NDArray[np.int64]
_CORRECTED = 36_500
"""Permutations of which none may reach the statistic at .01 / 365: the fewest that can tell."""


def b3it(counts: Tallies, reference: Floats) -> npt.NDArray[np.bool_]:
    """B3IT's production rule (2602.11083): the mean distance to the reference leaves its last fourteen days, before the
    latest four, by four of their standard deviations and by .2, three days running.
    """
    apart = np.abs(counts / 10 - reference).mean(2)
    hit = np.zeros(apart.shape, dtype=bool)
    streak = np.zeros(len(apart))
    for run in range(9, apart.shape[1]):
        before = apart[:, max(0, run - 18) : run - 4]
        off = np.abs(apart[:, run] - before.mean(1))
        streak = np.where((off > 0.2) & (off > 4 * before.std(1, ddof=1)), streak + 1, 0)
        hit[:, run] = streak >= 3
    return hit


def mmd_hamming(counts: Tallies, reference: Floats, rng: np.random.Generator) -> npt.NDArray[np.bool_]:
    """MMD with the Hamming kernel on one-token answers, 199 permutations within prompts, daily at .01."""
    before = np.rint(reference * 100).astype(np.int64)
    seen = ((counts / 10 - reference) ** 2).sum(2)
    pooled = before + counts
    larger = np.zeros(seen.shape)
    for _ in range(199):
        drawn = rng.hypergeometric(pooled, 110 - pooled, 10)
        larger += ((drawn / 10 - (pooled - drawn) / 100) ** 2).sum(2) >= seen
    hit: npt.NDArray[np.bool_] = (1 + larger) / 200 <= 0.01
    return hit


def mmd(one: Counts, other: Counts) -> Floats:
    """Return model-equality-testing's statistic for one-token answers, from how often each token was given.

    The squared MMD with the Hamming kernel, zero between prompts, over all pairs of answers to the same prompt;
    shape (..., prompts, tokens) twice, and (...). Same sums in the same order, so that ties are the package's ties.
    """
    many, more = one.sum(-1), other.sum(-1)
    within, across, beyond = (
        equal.sum((-1, -2)) / pairs.sum(-1)
        for equal, pairs in (
            (one * (one - 1), many * (many - 1)),
            (one * other, many * more),
            (other * (other - 1), more * (more - 1)),
        )
    )
    apart: Floats = within - 2 * across + beyond
    return apart


def model_equality(
    package: ModuleType, torch: ModuleType, counts: Tallies, reference: Floats, rng: np.random.Generator
) -> Floats:
    """model-equality-testing by itself, as its README: MMD-Hamming, 100 permutations, daily at .01.

    Ten answers a prompt on both sides. Below .01 of 100 means that no permutation reaches the day's statistic: they are
    asked for one by one, and the rest is spared once one has.

    Raises:
        RuntimeError: The package's statistic is not `mmd`.
    """
    torch.manual_seed(int(rng.integers(2**31)))
    known = rng.hypergeometric(*_frozen(reference), 10)
    tests, permute = package.tests, package.pvalue.two_sample_permutation_pvalue

    def sample(first: Counts) -> Any:
        tokens = (np.arange(10) >= first[:, None]).astype(np.int64).ravel()
        return package.distribution.CompletionSample(
            np.repeat(np.arange(len(first)), 10), tokens, m=len(first)
        )

    out = np.full(len(counts), np.inf)
    for year, days in enumerate(counts.astype(np.int64)):
        before = sample(known[year, 0])
        for number, first in enumerate(days):
            now = sample(first)
            seen = tests.mmd_hamming(before, now)
            if seen != mmd(_both_tokens(known[year, 0], 10), _both_tokens(first, 10)):
                raise RuntimeError(
                    "model-equality-testing computes another statistic than benchmarks.rivals_identity.mmd"
                )
            if not any(permute(before, now, b=1, stat_type="mmd_hamming")(seen) for _ in range(100)):
                out[year] = number + 1
                break
        # The package keeps every sample ever permuted, for its cache.
        package.distribution.CompletionSample.sequences.fget.cache_clear()
    return out


def model_equality_corrected(counts: Tallies, reference: Floats, rng: np.random.Generator) -> Floats:
    """Its test at .01 / 365 against all hundred reference answers, with the fewest permutations that can reach it.

    Shuffling answers over both samples draws the counts of (prompt, token) without replacement: the package's test, not
    the package, which would take most of an hour a day.
    """
    out = np.full(len(counts), np.inf)
    before = np.stack(_frozen(reference), -1)[:, 0]
    for year, days in enumerate(counts.astype(np.int64)):
        for number, first in enumerate(days):
            now = _both_tokens(first, 10)
            cells, seen = before[year] + now, mmd(before[year], now)
            reached = False
            for size in (20, 480, _CORRECTED - 500):  # most days are settled by the first few
                drawn = rng.multivariate_hypergeometric(
                    cells.ravel(), int(now.sum()), size, method="marginals"
                )
                drawn = drawn.reshape(size, *cells.shape)
                reached = bool((mmd(cells - drawn, drawn) >= seen).any())
                if reached:
                    break
            if not reached:
                out[year] = number + 1
                break
    return out


def _frozen(reference: Floats) -> tuple[Counts, Counts]:
    """Return how often each of the two tokens was given, of a hundred."""
    first = np.rint(reference * 100).astype(np.int64)
    return first, 100 - first


def _both_tokens(first: Counts, answers: int) -> Counts:
    return np.stack([first, answers - first], -1)
