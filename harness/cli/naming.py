"""`harness compare` names what changed: gathers from the store what the names rest on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from harness.cli.selection import AnswersRead, Fenced
from harness.findings.snapshot_identity import NearTies, identifies
from harness.findings.snapshot_named import Fences, Named
from harness.findings.snapshot_refusals import Prose
from harness.findings.snapshots import name_changes
from harness.findings.streams import CONTROL_ARMS, NEAR_TIE
from harness.graders.refusal_error import RATES
from harness.store import Store
from harness.tables import Comparison, Matched
from harness.tables.matched import SideCounts

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
    answered: dict[tuple[str, str], bool] = {}
    for run_id in (*found.left.run_ids[-1:], *found.right.run_ids[-1:]):
        for suite in store.suites(run_id):
            declared = suite.header.get("arms")
            sides = tuple(str(each) for each in declared) if isinstance(declared, list | tuple) else ()
            if len(sides) == 2 and sides[-1] in CONTROL_ARMS:
                arms[suite.name] = sides
            for probe in suite.probes:
                answered[suite.name, probe.id] = probe.grader != "refusal"
                if probe.target and not probe.fresh:
                    targets[suite.name, probe.id] = probe.target[0]
    fences = {}
    if answers is not None:
        fences = {(each.endpoint, each.suite): _fences(each, answers.fenced) for each in found.matched}
    declines = {
        each.suite
        for each in found.matched
        if not any(answered.get((each.suite, p), True) for p in each.probes)
    }
    return name_changes(
        found.matched,
        level=found.level,
        margin=margin,
        arms=arms,
        targets=targets,
        fences=fences,
        identities=identities,
        prose=_prose(store, found, answered),
        declines=declines,
        near_ties={
            (each.endpoint, each.suite): _near_ties(store, each) for each in found.matched if identifies(each)
        },
        # From the runs compared, so that the same comparison prints the same again.
        rng=np.random.default_rng([*found.left.run_ids, *found.right.run_ids]),
    )


def _near_ties(store: Store, matched: Matched) -> NearTies:
    """Return what was said to a suite's near-tie prompts on both sides, run by run; runs without any are left out."""
    sides = []
    for side in (matched.left, matched.right):
        runs = []
        for run_id in side.run_ids:
            said = store.findings.answers(run_id, matched.suite, (NEAR_TIE,))
            mine = {
                probe: dict(answers)
                for (endpoint, _, probe), answers in said.items()
                if endpoint == side.endpoint and probe in matched.probes
            }
            if mine:
                runs.append(mine)
        sides.append(runs)
    return NearTies(sides[0], sides[1])


def _prose(
    store: Store, found: Comparison, answered: Mapping[tuple[str, str], bool]
) -> dict[tuple[str, str], tuple[Prose, Prose]]:
    """Return what the refusal detector did, as arrays beside each match; a right answer is never called a refusal."""
    version = next(iter(RATES.values())).version
    runs = sorted({*found.left.run_ids, *found.right.run_ids})
    table = store.refusal_readings(runs, version)
    rows = {
        (str(row["endpoint"]), str(row["suite"]), int(row["run_id"]), str(row["probe_id"])): row
        for row in table[table["read"] > 0].to_dict("records")
    }

    def side(matched: Matched, counts: SideCounts) -> Prose:
        read, called = np.zeros(counts.measured.shape), np.zeros(counts.measured.shape)
        other = 0.0
        for i, run_id in enumerate(counts.run_ids):
            for j, probe in enumerate(matched.probes):
                row = rows.get((counts.endpoint, matched.suite, run_id, probe))
                if row is not None:
                    right = row["right"] if answered.get((matched.suite, probe), True) else 0
                    read[i, j], called[i, j] = row["read"] - right, row["called"]
                    other += row["other"]
        return Prose(read, called, other)

    return {
        (each.endpoint, each.suite): (side(each, each.left), side(each, each.right)) for each in found.matched
    }


def _fences(matched: Matched, fenced: tuple[Fenced, Fenced]) -> Fences:
    sides = []
    for side, counts in zip((matched.left, matched.right), fenced, strict=True):
        pairs = [counts.get((side.endpoint, matched.suite, probe), (0, 0)) for probe in matched.probes]
        sides.append(np.array([inside / read if read else np.nan for inside, read in pairs]))
    return Fences(sides[0], sides[1])
