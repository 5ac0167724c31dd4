"""Observations made again from stored evidence, without a call; what they replace is kept."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from harness.config import Endpoint
from harness.observe import makers, observe
from harness.records import Probe
from harness.store import EndpointRecord, Filter, Store


@dataclass(frozen=True, slots=True)
class Regraded:
    """What regrading came to."""

    looked_at: int
    same_versions: int
    """Left as they are: made by the versions at hand."""
    remade: int
    """Made again by newer (or older) versions."""
    changed: int
    """Of those, how many now have another outcome or score."""


def regrade(
    store: Store, chosen: Filter, *, everything: bool = False, on_progress: Callable[[int, int], None] = lambda *_: None
) -> Regraded:
    """Judge stored exchanges again with the code at hand.

    Probes and endpoints are taken from the database as they were used, so that a suite edited since does not matter.

    Args:
        store: open for writing.
        chosen: which exchanges.
        everything: also those already judged by the same versions; they come out the same unless a version was not
            bumped, which this shows.
        on_progress: called with (looked at, in all).
    """
    looked_at = same = remade = changed = 0
    in_all = store.final_count(chosen)
    probes: dict[int, dict[tuple[str, str], Probe]] = {}
    endpoints: dict[int, dict[str, Endpoint]] = {}
    for stored in store.finals(chosen):
        looked_at += 1
        exchange, old = stored.exchange, stored.observation
        if stored.run_id not in probes:
            probes[stored.run_id] = store.probes(stored.run_id)
            endpoints[stored.run_id] = {each.name: _endpoint(each) for each in store.endpoints(stored.run_id)}
        probe = probes[stored.run_id][exchange.suite, exchange.probe_id]
        if old is not None and not everything and old.makers == makers(exchange.protocol, probe.grader):
            same += 1
        else:
            new = observe(exchange, probe, endpoints[stored.run_id][exchange.endpoint])
            remade += 1
            if old is None or (new.outcome, new.score) != (old.outcome, old.score):
                changed += 1
            if new != old:
                store.replace_observation(stored.row_id, new)
        if looked_at % 500 == 0 or looked_at == in_all:
            on_progress(looked_at, in_all)
    return Regraded(looked_at, same, remade, changed)
