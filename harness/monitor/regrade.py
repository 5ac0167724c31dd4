"""Observations made again from stored evidence, without a call; what they replace is kept."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from harness.monitor.verdicts import Verdicts
from harness.observe import makers, observe, to_judge
from harness.records import Observation
from harness.store import Store

_BATCH = 500


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
    waiting: int
    """Left without an observation: their judge has not been heard."""
    unknown: int = 0
    """Left as they are: the config stored with their run does not describe their endpoint."""


def regrade(
    store: Store,
    *,
    run_ids: Sequence[int] | None = None,
    suite: str | None = None,
    everything: bool = False,
    now_us: int,
    on_progress: Callable[[int, int], None] = lambda *_: None,
) -> Regraded:
    """Judge stored exchanges again with the code at hand.

    Probes, endpoints and prices are taken from the database as they were used, so that neither a suite nor a config
    edited since matters. What a judge made of an answer is read again from the judge's stored exchange.

    Args:
        store: open for writing.
        run_ids: which runs; all of our own by default.
        suite: only this suite's exchanges.
        everything: also those already judged by the same versions; they come out the same unless a version was not
            bumped, which this shows.
        now_us: when, for the record of what is replaced.
        on_progress: called with (looked at, in all).

    Raises:
        StoreError: there is no such run.
    """
    looked_at = same = remade = changed = waiting = unknown = 0
    imported = store.origins.labels()
    every = range(1, store.run_count() + 1)
    wanted = list(run_ids) if run_ids is not None else [each for each in every if each not in imported]
    in_all = sum(store.run_info(run_id).completed for run_id in wanted)
    for run_id in wanted:
        verdicts = Verdicts(store, run_id)
        found = verdicts.of()
        batch: list[tuple[int, Observation]] = []
        for stored in store.exchanges(run_id=run_id, suite=suite):
            looked_at += 1
            exchange, old = stored.exchange, stored.observation
            asked = verdicts.asked(exchange)
            if asked is None:
                unknown += 1
                continue
            probe, endpoint = asked
            verdict = found.get(stored.row_id)
            made = makers(exchange.protocol, probe.grader, verdict.form if verdict else None)
            if old is not None and not everything and old.makers == made:
                same += 1
            elif verdict is None and to_judge(exchange, probe, endpoint) is not None:
                waiting += 1
            else:
                new = observe(exchange, probe, endpoint, verdict=verdict)
                remade += 1
                changed += old is None or (new.outcome, new.score) != (old.outcome, old.score)
                batch.append((stored.row_id, new))
            if len(batch) >= _BATCH:
                store.replace_observations(batch, now_us)
                batch = []
                on_progress(looked_at, in_all)
        store.replace_observations(batch, now_us)
        on_progress(looked_at, in_all)
    return Regraded(looked_at, same, remade, changed, waiting, unknown)
