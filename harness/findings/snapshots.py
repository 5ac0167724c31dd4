"""Two snapshots -> what changed between them, named: never more than `consistent with`, and often `inconclusive`.

A comparison of two sets of runs knows nothing of the days between. It can say that the two differ and how the
difference looks; that something changed on a date, and stayed so, is for findings over time.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

import pandas as pd

from harness.findings.snapshot_facts import facts, notices
from harness.findings.snapshot_judging import Judge
from harness.findings.snapshot_named import MARGIN, Fences, Named
from harness.findings.snapshot_questions import Questions, ask
from harness.findings.snapshot_refusals import Prose, Refusals, refusals
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
) -> tuple[Named, ...]:
    """Say of each endpoint and suite what the difference between the two sides is consistent with.

    Every question of the comparison (shares right, declined and unreadable; each topic, and each language of a
    topic, against its controls; each class of right answers; answers in code fences) goes into one Holm
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

    Raises:
        ValueError: a margin that is not within 0..1.
    """
    if not 0 < margin < 1:
        raise ValueError(f"the margin must lie within 0..1, got {margin}")
    asked: list[tuple[Matched, Questions, Fences | None, Refusals | None]] = []
    for each in matched:
        form = (fences or {}).get((each.endpoint, each.suite))
        right = {probe: text for (suite, probe), text in (targets or {}).items() if suite == each.suite}
        found = ask(
            each,
            level,
            (arms or {}).get(each.suite, ()),
            right,
            None if form is None else (form.first, form.second),
            declines=each.suite in declines,
        )
        read = (prose or {}).get((each.endpoint, each.suite))
        declined = None if read is None else refusals(each, read, level)
        if declined is not None and declined.corrected is not None:
            found = replace(found, whole={**found.whole, "declined": declined.corrected})
        asked.append((each, found, form, declined))
    hypotheses = [questions.hypotheses() for _, questions, _, _ in asked]
    adjusted = holm([p for each in hypotheses for p in each.values()])
    made: list[Named] = []
    used = 0
    for (each, questions, form, declined), mine in zip(asked, hypotheses, strict=True):
        p = dict(zip(mine, adjusted[used : used + len(mine)].tolist(), strict=True))
        used += len(mine)
        found_here = Judge(each, questions, form, declined, p, len(adjusted), level, margin).named()
        made += [found_here, *notices(each, (arms or {}).get(each.suite, ()), found_here)]
    return (*facts(matched, identities), *made)
