"""Observations made again from stored evidence, without a call; what they replace is kept."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from harness.config import Endpoint
from harness.observe import makers, observe
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
    edited since matters.

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
    looked_at = same = remade = changed = 0
    imported = store.origins.labels()
    every = range(1, store.run_count() + 1)
    wanted = list(run_ids) if run_ids is not None else [each for each in every if each not in imported]
    in_all = sum(store.run_info(run_id).completed for run_id in wanted)
    for run_id in wanted:
        probes = {(used.name, probe.id): probe for used in store.suites(run_id) for probe in used.probes}
        endpoints = _endpoints(store.run_header(run_id).config_json)
        batch: list[tuple[int, Observation]] = []
        for stored in store.exchanges(run_id=run_id, suite=suite):
            looked_at += 1
            exchange, old = stored.exchange, stored.observation
            probe = probes[exchange.suite, exchange.probe_id]
            if old is not None and not everything and old.makers == makers(exchange.protocol, probe.grader):
                same += 1
            else:
                new = observe(exchange, probe, endpoints[exchange.endpoint])
                remade += 1
                changed += old is None or (new.outcome, new.score) != (old.outcome, old.score)
                batch.append((stored.row_id, new))
            if len(batch) >= _BATCH:
                store.replace_observations(batch, now_us)
                batch = []
                on_progress(looked_at, in_all)
        store.replace_observations(batch, now_us)
        on_progress(looked_at, in_all)
    return Regraded(looked_at, same, remade, changed)


def _endpoints(config_json: str) -> Mapping[str, Endpoint]:
    """Return the endpoints as a run's own config had them."""
    tables = json.loads(config_json)["endpoints"]
    return {name: Endpoint.model_validate_json(json.dumps(table)) for name, table in tables.items()}
