"""What has come back, kept: batches committed by one thread, judged once they are on disk."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Self

from harness.config import Endpoint
from harness.observe import observe, to_judge
from harness.plan import Plan
from harness.records import Exchange, Observation, Probe
from harness.runner import Sent
from harness.store import Store

FLUSH_S = 0.02
"""Finished exchanges wait at most this long, and the commit itself, before they are on disk."""
BATCH = 256
_BACKLOG = 4 * BATCH


@dataclass(slots=True)
class Progress:
    """How a run stands while it goes; updated in place."""

    run_id: int
    planned: int
    done: int = 0
    retried: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    cost_usd: float = 0.0
    """As told by the replies."""
    cost_at_most_usd: float = 0.0
    """With the upper estimate of what nobody told the cost of."""
    started_s: float = 0.0
    note: str = ""


class Writer:
    """The one writer: a thread of its own that commits batches, then observes what has been committed.

    An observation goes into the transaction after its exchange's, so a kill can lose a judgement, which is made
    again from the evidence, but not the evidence.
    """

    def __init__(
        self, store: Store, run_id: int, plan: Plan, endpoints: Mapping[str, Endpoint], progress: Progress
    ) -> None:
        self._store = store
        self._run_id = run_id
        self._endpoints = endpoints
        self._progress = progress
        self._probes: dict[tuple[str, str], Probe] = {
            (suite.name, probe.id): probe for suite in plan.suites.values() for probe in suite.probes
        }
        self._pending: list[tuple[int, Observation]] = []

    def observe_left_over(self) -> None:
        """Observe what an earlier, killed cycle of this run stored but did not judge."""
        for row_id, exchange in self._store.unobserved(self._run_id):
            if not self._waits(exchange, None):
                self._pending.append((row_id, self._observe(exchange, None)))
        self.write([])

    def write(self, batch: Sequence[Sent]) -> None:
        """Commit a batch, with the judgements on the batch before it; then judge this one."""
        row_ids = self._store.append(self._run_id, [sent.exchange for sent in batch], self._pending)
        self._pending = [
            (row_id, self._observe(sent.exchange, sent))
            for row_id, sent in zip(row_ids, batch, strict=True)
            if sent.exchange.final and not self._waits(sent.exchange, sent)
        ]
        progress = self._progress
        for sent in batch:
            if sent.exchange.final:
                progress.done += 1
            else:
                progress.retried += 1
            progress.cost_usd += sent.cost_usd or 0.0
            estimate = sent.call.estimate.cost_usd
            progress.cost_at_most_usd += estimate if sent.cost_usd is None else sent.cost_usd
        for _, observation in self._pending:
            progress.outcomes[observation.outcome.value] += 1

    def _waits(self, exchange: Exchange, sent: Sent | None) -> bool:
        """Say whether an answer has to go to a judge before it can be observed."""
        probe = self._probes[exchange.suite, exchange.probe_id]
        reply = sent.reply if sent else None
        return to_judge(exchange, probe, self._endpoints[exchange.endpoint], reply) is not None

    def _observe(self, exchange: Exchange, sent: Sent | None) -> Observation:
        probe = self._probes[exchange.suite, exchange.probe_id]
        return observe(exchange, probe, self._endpoints[exchange.endpoint], sent.reply if sent else None)


class Flusher:
    """Collects finished exchanges and hands them to the writer's thread, at the latest after `FLUSH_S`."""

    def __init__(self, writer: Writer, on_progress: Callable[[], None]) -> None:
        self._writer = writer
        self._on_progress = on_progress
        self._batch: list[Sent] = []
        self._some = asyncio.Event()
        self._full = asyncio.Event()
        self._room = asyncio.Event()
        self._closing = False
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="store")
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        await self._in_thread(self._writer.observe_left_over)
        self._task = asyncio.create_task(self._flush_forever())
        return self

    async def __aexit__(self, *_: object) -> None:
        self._thread.shutdown(wait=True)

    async def _in_thread(self, work: Callable[[], None]) -> None:
        await asyncio.get_running_loop().run_in_executor(self._thread, work)

    async def put(self, sent: Sent) -> None:
        """Take one finished exchange; waits when the disk is slower than the network.

        Raises:
            StoreError: an earlier batch could not be written.
        """
        assert self._task is not None
        self._batch.append(sent)
        self._some.set()
        if len(self._batch) >= BATCH:
            self._full.set()
        while len(self._batch) >= _BACKLOG and not self._task.done():
            self._room.clear()
            await self._room.wait()
        if self._task.done():
            self._task.result()

    async def _flush_forever(self) -> None:
        try:
            while not (self._closing and not self._batch):
                await self._some.wait()
                if not self._closing:
                    with suppress(TimeoutError):
                        await asyncio.wait_for(self._full.wait(), FLUSH_S)
                batch, self._batch = self._batch, []
                self._some.clear()
                self._full.clear()
                if self._closing:
                    self._some.set()
                await self._in_thread(partial(self._writer.write, batch))
                self._room.set()
                self._on_progress()
        finally:
            self._room.set()

    async def finish(self, seal: Callable[[], None]) -> None:
        """Write what is left, judge it, and seal the run."""
        assert self._task is not None
        self._closing = True
        self._some.set()
        self._full.set()
        await self._task
        await self._in_thread(partial(self._writer.write, []))
        await self._in_thread(seal)
        self._on_progress()
