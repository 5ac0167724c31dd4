"""Near-tie answers and token counts on two sides: is the same model likely behind the name?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np

from harness.claims import Kind, Verdict
from harness.findings import snapshot_words as words
from harness.findings.facts import LEAST_TEXTS
from harness.findings.snapshot_named import Named
from harness.findings.snapshot_words import Reading
from harness.findings.streams import NEAR_TIE, TOKENS
from harness.stats.identity_test import IdentityTest, identity_test
from harness.stats.intervals import Floats
from harness.tables.matched import Matched, SideCounts

Said: TypeAlias = Sequence[Mapping[str, Mapping[str, int]]]
"""For each run: near-tie prompt -> answer -> how often."""


@dataclass(frozen=True, slots=True)
class NearTies:
    """What both sides said to the near-tie prompts of a suite, run by run."""

    first: Said
    second: Said


def identifies(matched: Matched) -> bool:
    """Say whether a suite is there to tell models apart: its answers are neither right nor wrong."""
    return bool({NEAR_TIE, TOKENS} & set(matched.tags["family"]))


def distance(
    matched: Matched, said: NearTies | None, level: float, rng: np.random.Generator
) -> IdentityTest | None:
    """Return how far apart the answers to near-tie prompts lie; None where none was answered on both sides.

    Args:
        matched: one endpoint and suite.
        said: the answers.
        level: one minus the probability of a false difference.
        rng: for random permutations.
    """
    if said is None:
        return None
    prompts = sorted({prompt for side in (said.first, said.second) for run in side for prompt in run})
    answers = sorted(
        {
            answer
            for side in (said.first, said.second)
            for run in side
            for each in run.values()
            for answer in each
        }
    )
    counts = []
    for side in (said.first, said.second):
        grid = np.zeros((len(side), len(prompts), len(answers)))
        for i, run in enumerate(side):
            for prompt, given in run.items():
                for answer, n in given.items():
                    grid[i, prompts.index(prompt), answers.index(answer)] = n
        counts.append(grid)
    if not prompts or not all(len(grid) for grid in counts):
        return None
    shared = matched.shared_runs and len(counts[0]) == len(counts[1])
    return identity_test(counts[0], counts[1], rng=rng, shared=shared, alpha=1 - level)


def named(
    matched: Matched, found: IdentityTest | None, p: float | None, questions: int, level: float
) -> list[Named]:
    """Return what the near ties of one endpoint and suite show, and texts that are counted as other numbers of tokens.

    Never `no change`: two models can agree on every prompt that was asked.

    Args:
        matched: one endpoint and suite.
        found: the distance.
        p: its p-value after Holm.
        questions: over so many.
        level: one minus the probability of a false change.
    """
    sure = found is not None and p is not None and p <= 1 - level
    caveats = () if found is None else (words.exchanged(found, level, questions),)
    made = [
        Named(
            matched.endpoint, matched.suite,
            Verdict.CHANGE if sure else Verdict.INCONCLUSIVE,
            Reading.NEAR_TIES if sure else Reading.INCONCLUSIVE,
            Kind.IDENTITY if sure else None,
            words.near_ties(matched.endpoint, matched.suite, found, p, questions, sure=sure),
            p=p, questions=questions, caveats=caveats,
        )
    ]  # fmt: skip
    told = _tokens(matched)
    if told is not None:
        said = words.tokens(matched.endpoint, matched.suite, *told)
        fact = replace(made[0], verdict=Verdict.CHANGE, reading=Reading.TOKENS, kind=Kind.IDENTITY)
        made.append(replace(fact, sentence=said, p=None, questions=0, caveats=()))
    return made


def _tokens(matched: Matched) -> tuple[int, int, str, float, float] | None:
    """Return how many fixed texts are counted otherwise, of how many, and the first: name, before, after."""
    fixed = matched.where("family", TOKENS)
    before, after = (_per_answer(side) for side in (matched.left, matched.right))
    known = np.flatnonzero(fixed & (before > 0) & (after > 0))
    other = [place for place in known.tolist() if round(float(before[place] - after[place]), 6)]
    if not other or (len(other) < LEAST_TEXTS and 2 * len(other) < len(known)):
        return None
    first = other[0]
    return len(other), len(known), matched.probes[first], float(before[first]), float(after[first])


def _per_answer(side: SideCounts) -> Floats:
    total, n = side.input_tokens.sum(0), side.measured.sum(0)
    with np.errstate(invalid="ignore", divide="ignore"):
        each: Floats = np.where(n > 0, total / n, 0.0)
    return each
