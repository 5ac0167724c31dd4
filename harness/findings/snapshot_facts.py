"""What two snapshots show without any estimate: access denied, another served name, notices of a hand-over."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from harness.claims import Kind, Lock, Verdict
from harness.findings import snapshot_words as words
from harness.findings.facts import NOTICE_SHARE
from harness.findings.snapshot_named import Named
from harness.findings.snapshot_questions import twins_of
from harness.findings.snapshot_words import Reading
from harness.tables.matched import Bools, Matched, SideCounts


def facts(matched: Sequence[Matched], identities: pd.DataFrame | None) -> list[Named]:
    """Return what is read off each endpoint: access denied or given again, another model under the same name.

    Args:
        matched: from a comparison.
        identities: served models by run and endpoint, as the store gives them.
    """
    made = []
    for endpoint in dict.fromkeys(each.endpoint for each in matched):
        mine = [each for each in matched if each.endpoint == endpoint]
        first, second = (
            (float(sum(s.denied.sum() for s in sides)), float(sum(s.asked.sum() for s in sides)))
            for sides in ([each.left for each in mine], [each.right for each in mine])
        )
        shares = [denied / asked if asked else 0.0 for denied, asked in (first, second)]
        if (shares[0] == 0) != (shares[1] == 0):
            said = words.access(endpoint, shares[0], shares[1])
            made.append(Named(endpoint, "", Verdict.CHANGE, Reading.ACCESS, Kind.ACCESS, said))
        left, right = mine[0].left, mine[0].right
        if identities is None or left.models != right.models:
            continue
        names = [_served(identities, side.endpoint, side.run_ids) for side in (left, right)]
        if all(names) and names[0] != names[1]:
            said = words.served(endpoint, names[0], names[1])
            made.append(Named(endpoint, "", Verdict.CHANGE, Reading.IDENTITY, Kind.IDENTITY, said))
    return made


def notices(matched: Matched, arms: Sequence[str], named: Named) -> list[Named]:
    """Return the topics whose replies announce a hand-over or a filter on one side only.

    A topic counts where at least a tenth of its replies, and two of them, carry a notice and are no refusals. It is a
    lock of the topic when its controls (the same tasks in neutral words, or else the other topics) carry less than
    half as many; otherwise the notices are of the whole endpoint. A lock that is named already is not named again.

    Args:
        matched: one endpoint and suite.
        arms: names of a pair's sides where the last one is a control.
        named: what the shares of this endpoint and suite are consistent with.
    """
    found: dict[bool, list[tuple[str, float, float]]] = {True: [], False: []}
    twins = twins_of(matched, arms)
    places = np.arange(len(matched.probes))
    whole: list[float] = []
    for topic in matched.values("topic"):
        mine = matched.where("topic", topic)
        watched = mine & np.isin(places, list(twins)) if twins else mine
        others = (
            np.isin(places, [twins[place] for place in np.flatnonzero(watched).tolist()]) if twins else ~mine
        )
        before, after = (_noticed(side, watched) for side in (matched.left, matched.right))
        if (before is None) == (after is None):
            continue
        added = after is not None
        side = matched.right if added else matched.left
        share = after if after is not None else before or 0.0
        if 2 * _share(side, others) < share:
            found[added].append((topic, _share(matched.left, watched), _share(matched.right, watched)))
        else:
            whole = [_share(each, places >= 0) for each in (matched.left, matched.right)]
    known = set(named.topics) if named.lock is not None else set()
    made = []
    for added, topics in found.items():
        new = [each for each in topics if each[0] not in known]
        if new:
            said = words.announced(matched.endpoint, matched.suite, new, added=added)
            reading = Reading.LOCK if added else Reading.LIFTED
            names = tuple(topic for topic, _, _ in new)
            made.append(
                Named(
                    matched.endpoint, matched.suite, Verdict.CHANGE, reading, Kind.TOPIC_LOCK, said,
                    topics=names, lock=Lock.ANNOUNCED, caveats=(words.ONLY_NOTICES,),
                )
            )  # fmt: skip
    if whole:
        said = words.handed_over(matched.endpoint, matched.suite, whole[0], whole[1])
        made.append(
            Named(matched.endpoint, matched.suite, Verdict.CHANGE, Reading.HANDED_OVER, Kind.IDENTITY, said)
        )
    return made


def _noticed(side: SideCounts, where: Bools) -> float | None:
    """Return the share of replies with a notice where there are enough of them; else None."""
    share = _share(side, where)
    return share if _count(side, where) >= 2 and share >= NOTICE_SHARE else None


def _count(side: SideCounts, where: Bools) -> float:
    """Return replies with a notice that answer something: a refusal that gives its reason is an explicit one."""
    return float(np.maximum(side.noticed - side.counts["declined"], 0.0)[:, where].sum())


def _share(side: SideCounts, where: Bools) -> float:
    total = float(side.measured[:, where].sum())
    return _count(side, where) / total if total else 0.0


def _served(identities: pd.DataFrame, endpoint: str, run_ids: Sequence[int]) -> tuple[str, ...]:
    mine = identities[(identities["endpoint"] == endpoint) & identities["run_id"].isin(run_ids)]
    return tuple(sorted({str(each) for each in mine["served_model"].dropna().unique() if each != ""}))
