"""Changes that are read off, not estimated: access denied, another served name, other token counts for fixed texts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from harness.claims import Finding, Kind, Lock, Tier, Verdict
from harness.findings.explain import MAKERS, Direction, finding_id
from harness.findings.scores import Floats, Layout, RunTallies, Score
from harness.findings.state import StreamState
from harness.findings.streams import Signal, Stream, control_arm
from harness.records import JSON, canonical_json

LEAST_SHARE = 0.05
"""A served name counts when at least this share of the replies, and two of them, bear it."""
DENIED_SHARE = 0.5
"""Access counts as denied when at least this share of the calls that came back were."""
NOTICE_SHARE = 0.1
"""A topic counts as announced when at least this share of its replies, and two of them, carry a notice."""
LEAST_TEXTS = 3
"""Token counts count as changed when so many fixed texts, or half of them, are counted differently."""


@dataclass(frozen=True, slots=True)
class Fact:
    """What one run showed of a fact."""

    score: Score
    input: bytes
    state: StreamState


def read_fact(
    stream: Stream,
    state: StreamState,
    run: RunTallies,
    layout: Layout,
    columns: Mapping[tuple[str, str], Mapping[str, Floats]],
    period: int,
    simulated: bool,
) -> tuple[Fact | None, list[Finding]]:
    """Return what a run shows of a fact, and a finding when it differs from before; None when it shows nothing."""
    mine = {suite: each for (endpoint, suite), each in columns.items() if endpoint == stream.key.endpoint}
    if stream.signal is Signal.ACCESS:
        seen = _access(stream, state, run, mine)
    elif stream.signal is Signal.SERVED_MODEL:
        seen = _served(stream, state, run)
    elif stream.signal is Signal.NOTICE:
        return _notices(stream, state, run, layout, mine, period, simulated)
    else:
        seen = _tokens(stream, state, layout, mine)
    if seen is None:
        return None, []
    fact, n, said, direction = seen
    new = replace(state, fact=fact)
    found = [_finding(stream, run, period, simulated, said, direction)] if said else []
    return Fact(Score(None, None, n, stream.planned), canonical_json(fact), new), found


Seen = tuple[dict[str, JSON], int, str, Direction | None]
"""What is remembered, calls behind it, the headline of a finding (empty: none), its direction."""


def _access(
    stream: Stream, state: StreamState, run: RunTallies, columns: Mapping[str, Mapping[str, Floats]]
) -> Seen | None:
    came = sum(float((each["n"] - each["failed"]).sum()) for each in columns.values())
    denied = sum(float(each["denied"].sum()) for each in columns.values())
    if came == 0:
        return None
    now, before = denied >= DENIED_SHARE * came, state.fact.get("denied")
    given = sorted(run.denied_for.get(stream.key.endpoint, ()))
    reasons = ", ".join(given) or "no reason given"
    earlier: Any = state.fact.get("reasons", [])
    words = ""
    if before is False and now:
        words = (
            f"{stream.key.endpoint}: access was denied in run {run.run_id} ({reasons}) to {denied:.0f} of {came:.0f} "
            f"calls, after it had answered before: consistent with access being withdrawn for this account or place"
        )
    elif before is True and not now:
        words = f"{stream.key.endpoint}: answers again in run {run.run_id}, after access had been denied"
    elif now and earlier and given and not set(given) & set(earlier):
        words = (
            f"{stream.key.endpoint}: access is denied for another reason since run {run.run_id} ({reasons}) "
            f"than before ({', '.join(earlier)})"
        )
    fact: dict[str, JSON] = {"denied": now, "run": run.run_id, "reasons": given if now else []}
    return fact, int(came), words, "down" if now else "up"


def _served(stream: Stream, state: StreamState, run: RunTallies) -> Seen | None:
    counts = run.served.get(stream.key.endpoint, {})
    total = sum(counts.values())
    names: list[str] = sorted(
        name for name, n in counts.items() if n >= max(2, LEAST_SHARE * total) or total < 4
    )
    if not names:
        return None
    known: Any = state.fact.get("known", [])
    before: Any = state.fact.get("names", [])
    words = ""
    if before and names != before and names not in known:
        words = (
            f"{stream.key.endpoint}: replies now name {_listed(names)} where they named {_listed(before)}: "
            f"consistent with another model or another version of it behind the endpoint"
        )
    sets = [*known, names] if names not in known else list(known)
    return {"names": names, "known": sets, "run": run.run_id}, total, words, None


def _listed(names: list[str]) -> str:
    shown = [name[:60] for name in names[:3]]
    return " and ".join(shown) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


def _notices(
    stream: Stream,
    state: StreamState,
    run: RunTallies,
    layout: Layout,
    columns: Mapping[str, Mapping[str, Floats]],
    period: int,
    simulated: bool,
) -> tuple[Fact | None, list[Finding]]:
    """Return on which topics replies carry a notice, and a finding for each topic where none did before.

    A topic counts where at least `NOTICE_SHARE` of its watched replies, and two of them, carry one; it is a lock of
    the topic when its neutral twins carry less than half as many.
    """
    mine = columns.get(stream.key.suite)
    if mine is None or not mine["measured"].any():
        return None, []
    suite = layout.suites[stream.key.suite]
    control = control_arm(suite)
    now: dict[str, float] = {}
    twins: dict[str, float] = {}
    for topic in suite.topics or ("",):
        members = [i for i, probe in enumerate(suite.probes) if not topic or probe.topic == topic]
        watched = [i for i in members if control is None or suite.probes[i].arm != control]
        pairs = {suite.probes[i].pair for i in watched}
        plain = [i for i, p in enumerate(suite.probes) if control and p.arm == control and p.pair in pairs]
        count, measured = float(mine["noticed"][watched].sum()), float(mine["measured"][watched].sum())
        if measured and count >= 2 and count >= NOTICE_SHARE * measured:
            now[topic] = count / measured
            seen = float(mine["measured"][plain].sum())
            twins[topic] = float(mine["noticed"][plain].sum()) / seen if seen else 0.0
    known: Any = state.fact.get("topics")
    found = []
    for topic in sorted(now) if known is not None else ():
        if topic in known:
            continue
        locked = bool(topic) and control is not None and 2 * twins[topic] < now[topic]
        where = f" in the words of {topic}" if topic else ""
        meaning = "a lock on this topic (announced)" if locked else "an announced hand-over or filter"
        said = (
            f"{stream.key.endpoint} on {stream.key.suite}: {now[topic]:.0%} of the replies{where} now announce that "
            f"another model took over or that an answer is withheld ({twins[topic]:.0%} in neutral words), where none "
            f"did before: consistent with {meaning}"
        )
        made = _finding(stream, run, period, simulated, said, "down")
        found.append(
            replace(
                made,
                id=finding_id(period, f"{stream.name}/{topic}", Tier.PERSISTENT, run.run_id),
                kind=Kind.TOPIC_LOCK if locked else Kind.IDENTITY,
                lock=Lock.ANNOUNCED if locked else None,
                stream=replace(stream.key, topic=topic or None),
            )
        )
    fact: dict[str, JSON] = {"topics": sorted({*(known or ()), *now}), "run": run.run_id}
    score = Score(None, None, int(mine["measured"].sum()), stream.planned)
    return Fact(score, canonical_json(fact), replace(state, fact=fact)), found


def _tokens(
    stream: Stream, state: StreamState, layout: Layout, columns: Mapping[str, Mapping[str, Floats]]
) -> Seen | None:
    mine = columns.get(stream.key.suite)
    if mine is None:
        return None
    places = layout.places(stream)
    measured, total = mine["measured"][places], mine["input_tokens"][places]
    counted = (measured > 0) & (total > 0)
    with np.errstate(invalid="ignore", divide="ignore"):
        each = np.where(counted, total / measured, np.nan)
    now = {
        probe.id: round(float(count), 6)
        for probe, count in zip(layout.probes(stream), each, strict=True)
        if count > 0
    }
    if not now:
        return None
    before: Any = state.fact.get("counts", {})
    both = sorted(set(before) & set(now))
    other = [probe for probe in both if before[probe] != now[probe]]
    words = ""
    if both and (len(other) >= LEAST_TEXTS or 2 * len(other) >= len(both)) and other:
        first = other[0]
        words = (
            f"{stream.key.endpoint}: {len(other)} of {len(both)} fixed texts are counted as other numbers of "
            f"tokens than before ({first}: {before[first]:g} then, {now[first]:g} now): consistent with another "
            f"tokenizer, model or wrapping of the prompt"
        )
    kept: dict[str, JSON] = {"counts": {**before, **now}}
    return kept, int(measured.sum()), words, None


def _finding(
    stream: Stream, run: RunTallies, period: int, simulated: bool, said: str, direction: Direction | None
) -> Finding:
    caveats = ["Read off from the replies, not estimated: it needs no share of the false-alarm budget."]
    if stream.signal is Signal.SERVED_MODEL:
        caveats.append("A name is what the provider says: one name can stand for different weights.")
    if simulated:
        caveats.insert(0, "Simulated: a rehearsal, no real provider was asked.")
    return Finding(
        id=finding_id(period, stream.name, Tier.PERSISTENT, run.run_id),
        kind=Kind.ACCESS if stream.signal is Signal.ACCESS else Kind.IDENTITY,
        tier=Tier.PERSISTENT,
        verdict=Verdict.CHANGE,
        stream=stream.key,
        headline=("Simulated. " if simulated else "") + said + ".",
        found_us=run.started_us,
        run_id=run.run_id,
        period=period,
        direction=direction,
        strength="a fact of the replies",
        caveats=tuple(caveats),
        makers=MAKERS,
    )
