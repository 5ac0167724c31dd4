"""Two snapshots -> what changed between them, named: never more than `consistent with`, and often `inconclusive`.

A comparison of two sets of runs knows nothing of the days between. It can say that the two differ and how the
difference looks; that something changed on a date, and stayed so, is for findings over time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd

from harness.claims import Kind, Verdict
from harness.findings import snapshot_words as words
from harness.findings.snapshot_judging import Judge
from harness.findings.snapshot_named import MARGIN, Fences, Named
from harness.findings.snapshot_questions import (
    Questions,
    ask,
)
from harness.findings.snapshot_words import Reading
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

    Raises:
        ValueError: a margin that is not within 0..1.
    """
    if not 0 < margin < 1:
        raise ValueError(f"the margin must lie within 0..1, got {margin}")
    asked: list[tuple[Matched, Questions, Fences | None]] = []
    for each in matched:
        form = (fences or {}).get((each.endpoint, each.suite))
        right = {probe: text for (suite, probe), text in (targets or {}).items() if suite == each.suite}
        found = ask(
            each,
            level,
            (arms or {}).get(each.suite, ()),
            right,
            None if form is None else (form.first, form.second),
        )
        asked.append((each, found, form))
    hypotheses = [questions.hypotheses() for _, questions, _ in asked]
    adjusted = holm([p for each in hypotheses for p in each.values()])
    made: list[Named] = []
    used = 0
    for (each, questions, form), mine in zip(asked, hypotheses, strict=True):
        p = dict(zip(mine, adjusted[used : used + len(mine)].tolist(), strict=True))
        used += len(mine)
        made.append(Judge(each, questions, form, p, len(adjusted), level, margin).named())
    return (*_facts(matched, identities), *made)


def _facts(matched: Sequence[Matched], identities: pd.DataFrame | None) -> list[Named]:
    """Return what is read off: another served model under the same requested name, access denied or given again."""
    made = []
    for endpoint in dict.fromkeys(each.endpoint for each in matched):
        mine = [each for each in matched if each.endpoint == endpoint]
        first, second = (
            (float(sum(s.denied.sum() for s in sides)), float(sum(s.asked.sum() for s in sides)))
            for sides in ([each.left for each in mine], [each.right for each in mine])
        )
        shares = [denied / asked if asked else 0.0 for denied, asked in (first, second)]
        if (shares[0] == 0) != (shares[1] == 0):
            made.append(
                Named(
                    endpoint, "", Verdict.CHANGE, Reading.ACCESS, Kind.ACCESS,
                    words.access(endpoint, shares[0], shares[1]),
                )
            )  # fmt: skip
        left, right = mine[0].left, mine[0].right
        if identities is None or left.models != right.models:
            continue
        names = [_served(identities, side.endpoint, side.run_ids) for side in (left, right)]
        if all(names) and names[0] != names[1]:
            made.append(
                Named(
                    endpoint, "", Verdict.CHANGE, Reading.IDENTITY, Kind.IDENTITY,
                    words.served(endpoint, names[0], names[1]),
                )
            )  # fmt: skip
    return made


def _served(identities: pd.DataFrame, endpoint: str, run_ids: Sequence[int]) -> tuple[str, ...]:
    mine = identities[(identities["endpoint"] == endpoint) & identities["run_id"].isin(run_ids)]
    return tuple(sorted({str(each) for each in mine["served_model"].dropna().unique() if each != ""}))
