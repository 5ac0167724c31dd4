"""`harness compare` names what changed: gathers from the store what the names rest on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from harness.cli.selection import AnswersRead, Fenced
from harness.findings.snapshot_named import Fences, Named
from harness.findings.snapshots import name_changes
from harness.findings.streams import CONTROL_ARMS
from harness.store import Store
from harness.tables import Comparison, Matched

if TYPE_CHECKING:
    import pandas as pd


def names_of(
    store: Store, found: Comparison, identities: pd.DataFrame, answers: AnswersRead | None, margin: float
) -> tuple[Named, ...]:
    """Return what each endpoint and suite of a comparison is consistent with.

    Args:
        store: where suites are read: right answers, and which arm of a pair is a control.
        found: the comparison.
        identities: served models, imported runs included.
        answers: both sides' answers, where there were few enough to read.
        margin: within which a share counts as unchanged.
    """
    arms: dict[str, tuple[str, ...]] = {}
    targets: dict[tuple[str, str], str] = {}
    for run_id in (*found.left.run_ids[-1:], *found.right.run_ids[-1:]):
        for suite in store.suites(run_id):
            declared = suite.header.get("arms")
            sides = tuple(str(each) for each in declared) if isinstance(declared, list | tuple) else ()
            if len(sides) == 2 and sides[-1] in CONTROL_ARMS:
                arms[suite.name] = sides
            for probe in suite.probes:
                if probe.target and not probe.fresh:
                    targets[suite.name, probe.id] = probe.target[0]
    fences = {}
    if answers is not None:
        fences = {(each.endpoint, each.suite): _fences(each, answers.fenced) for each in found.matched}
    return name_changes(
        found.matched,
        level=found.level,
        margin=margin,
        arms=arms,
        targets=targets,
        fences=fences,
        identities=identities,
    )


def _fences(matched: Matched, fenced: tuple[Fenced, Fenced]) -> Fences:
    sides = []
    for side, counts in zip((matched.left, matched.right), fenced, strict=True):
        pairs = [counts.get((side.endpoint, matched.suite, probe), (0, 0)) for probe in matched.probes]
        sides.append(np.array([inside / read if read else np.nan for inside, read in pairs]))
    return Fences(sides[0], sides[1])
