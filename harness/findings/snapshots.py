"""Two snapshots -> what changed between them, named: never more than `consistent with`, and often `inconclusive`.

A comparison of two sets of runs knows nothing of the days between. It can say that the two differ and how the
difference looks; that something changed on a date, and stayed so, is for findings over time.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from harness.findings.snapshot_facts import facts, notices
from harness.findings.snapshot_identity import NearTies, distance, identifies, named
from harness.findings.snapshot_judging import Judge
from harness.findings.snapshot_named import MARGIN, Fences, Named
from harness.findings.snapshot_questions import Questions, ask
from harness.findings.snapshot_refusals import Prose, Refusals, refusals
from harness.findings.streams import NEAR_TIE
from harness.stats.identity_test import IdentityTest
from harness.stats.multiplicity import holm
from harness.tables.matched import Matched


def name_changes(
    matched: Sequence[Matched],
    *,
    level: float = 0.95,
    margin: float = MARGIN,
    arms: Mapping[str, Sequence[str]] | None = None,
    targets: Mapping[tuple[str, str], str] | None = None,
    fences: Mapping[tuple[str, str], Fences] | None = None,
    identities: pd.DataFrame | None = None,
    prose: Mapping[tuple[str, str], tuple[Prose, Prose]] | None = None,
    declines: Collection[str] = (),
    near_ties: Mapping[tuple[str, str], NearTies] | None = None,
    rng: np.random.Generator,
) -> tuple[Named, ...]:
    """Say of each endpoint and suite what the difference between the two sides is consistent with.

    Every question of the comparison (shares right, declined and unreadable; each topic, and each language of a
    topic, against its controls; each class of right answers; answers in code fences;
    the distance of near-tie answers) goes into one Holm
    correction, so that the probability of naming any change where there is none is at most 1 - level.

    Args:
        matched: from a comparison.
        level: of the intervals, and one minus the probability of a false change.
        margin: within which a share counts as unchanged, e.g. 0.05.
        arms: suite -> names of a pair's sides, first the watched one, last a control; suites without stay out.
        targets: (suite, probe) -> its right answer.
        fences: (endpoint, suite) -> whether answers stood in code fences.
        identities: served models by run and endpoint, as the store gives them.
        prose: (endpoint, suite) -> what the refusal detector did on both sides.
        declines: suites without right answers, of which it is told only whether an answer declines.
        near_ties: (endpoint, suite) -> what was said to prompts on which models are undecided.
        rng: for random permutations.

    Raises:
        ValueError: a margin that is not within 0..1.
    """
    if not 0 < margin < 1:
        raise ValueError(f"the margin must lie within 0..1, got {margin}")
    asked: list[_Asked] = []
    for each in matched:
        key = each.endpoint, each.suite
        if identifies(each):
            found = distance(each, (near_ties or {}).get(key), level, rng)
            asked.append(_Asked(each, {} if found is None else {NEAR_TIE: found.p}, near=found))
            continue
        form = (fences or {}).get(key)
        right = {probe: text for (suite, probe), text in (targets or {}).items() if suite == each.suite}
        questions = ask(
            each,
            level,
            (arms or {}).get(each.suite, ()),
            right,
            None if form is None else (form.first, form.second),
            declines=each.suite in declines,
        )
        read = (prose or {}).get(key)
        declined = None if read is None else refusals(each, read, level)
        if declined is not None and declined.corrected is not None:
            questions = replace(questions, whole={**questions.whole, "declined": declined.corrected})
        asked.append(_Asked(each, questions.hypotheses(), questions, form, declined))
    adjusted = holm([p for each in asked for p in each.hypotheses.values()]).tolist()
    made: list[Named] = []
    for one in asked:
        own, adjusted = adjusted[: len(one.hypotheses)], adjusted[len(one.hypotheses) :]
        p = dict(zip(one.hypotheses, own, strict=True))
        count = sum(len(each.hypotheses) for each in asked)
        if one.questions is None:
            made += named(one.matched, one.near, p.get(NEAR_TIE), count, level)
            continue
        pair = (arms or {}).get(one.matched.suite, ())
        judged = Judge(
            one.matched, one.questions, one.form, one.refusals, p, pair, count, level, margin
        ).named()
        made += [judged, *notices(one.matched, pair, judged)]
    return (*facts(matched, identities), *made)


@dataclass(frozen=True, slots=True)
class _Asked:
    """One endpoint and suite with what was asked of it."""

    matched: Matched
    hypotheses: Mapping[str, float]
    questions: Questions | None = None
    """None for a suite that tells models apart: its answers are neither right nor wrong."""
    form: Fences | None = None
    refusals: Refusals | None = None
    near: IdentityTest | None = None
