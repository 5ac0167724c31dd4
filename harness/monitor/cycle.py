"""One cycle: plan -> runner -> store -> observations, with the evidence committed before it is judged."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Self

from harness import __version__
from harness.config import AlertKind, Config, Endpoint, config_hash, config_json
from harness.errors import UsageError
from harness.limits import Budget, Clock
from harness.local import Servers
from harness.monitor import provenance
from harness.observe import observe
from harness.plan import Plan, make_plan
from harness.records import JSON, Exchange, Observation, Outcome, Probe, RunHeader, RunStatus, derive_seed
from harness.runner import Sent, Stop, Target, run
from harness.store import EndpointRecord, Store, suite_record
from harness.suites import Suite

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
    started_s: float = 0.0
    note: str = ""


@dataclass(frozen=True, slots=True)
class Summary:
    """What one cycle came to."""

    run_id: int
    status: RunStatus
    planned: int
    completed: int
    sent_now: int
    """Calls finished by this cycle; less than `completed` after a resume."""
    outcomes: Mapping[str, int]
    cost_usd: float
    seconds: float
    stopped_by: str | None
    """Which budget, or why it was stopped; None for a finished run."""

    @property
    def coverage(self) -> float:
        """Share of the planned calls that taught us something: completed, and not failed for want of a reply."""
        measured = self.completed - self.outcomes.get(Outcome.FAILED.value, 0)
        return measured / self.planned if self.planned else 1.0

    def words(self) -> str:
        """Return one line for a log."""
        counts = ", ".join(f"{name} {count}" for name, count in sorted(self.outcomes.items()))
        ended = f" ({self.stopped_by})" if self.stopped_by else ""
        return (
            f"run {self.run_id} {self.status.value}{ended}: {self.completed} of {self.planned} calls"
            f"{', ' + counts if counts else ''}, ${self.cost_usd:.4f}, {self.seconds:.0f} s"
        )

    def as_json(self) -> dict[str, JSON]:
        """Return the summary as JSON data."""
        return {
            "run_id": self.run_id,
            "status": self.status.value,
            "planned": self.planned,
            "completed": self.completed,
            "sent_now": self.sent_now,
            "outcomes": dict(self.outcomes),
            "coverage": round(self.coverage, 6),
            "cost_usd": round(self.cost_usd, 6),
            "seconds": round(self.seconds, 3),
            "stopped_by": self.stopped_by,
        }

    def incidents(self, coverage_below: float) -> Iterator[tuple[AlertKind, str]]:
        """Yield (kind, words) for everything about the run that someone may want to be told."""
        if self.status is RunStatus.BUDGET:
            yield "budget", f"{self.words()}. Calls left out are recorded as missing."
        denied = self.outcomes.get(Outcome.DENIED.value, 0)
        if denied:
            yield (
                "denied",
                f"{self.words()}. {denied} calls were denied access: harness show --run {self.run_id} --outcome denied",
            )
        if self.coverage < coverage_below:
            yield "incomplete", f"{self.words()}. Coverage {self.coverage:.0%} is below {coverage_below:.0%}."


@dataclass(frozen=True, slots=True)
class Access:
    """What is needed to reach the endpoints and must never be stored: keys and proxies, by endpoint name."""

    keys: Mapping[str, str | None]
    proxies: Mapping[str, str | None]


def next_seed(config: Config, store: Store | None) -> int:
    """Return the seed of the next run: from the config's base seed and the number of runs so far."""
    return derive_seed("run", config.run.seed, (store.run_count() if store is not None else 0) + 1)


class _Writer:
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
            self._pending.append((row_id, self._observe(exchange, None)))
        self.write([])

    def write(self, batch: Sequence[Sent]) -> None:
        row_ids = self._store.append(self._run_id, [sent.exchange for sent in batch], self._pending)
        self._pending = [
            (row_id, self._observe(sent.exchange, sent))
            for row_id, sent in zip(row_ids, batch, strict=True)
            if sent.exchange.final
        ]
        progress = self._progress
        for sent in batch:
            if sent.exchange.final:
                progress.done += 1
            else:
                progress.retried += 1
            progress.cost_usd += sent.cost_usd or 0.0
        for _, observation in self._pending:
            progress.outcomes[observation.outcome.value] += 1

    def _observe(self, exchange: Exchange, sent: Sent | None) -> Observation:
        probe = self._probes[exchange.suite, exchange.probe_id]
        return observe(exchange, probe, self._endpoints[exchange.endpoint], sent.reply if sent else None)


class _Flusher:
    """Collects finished exchanges and hands them to the writer's thread, at the latest after `FLUSH_S`."""

    def __init__(self, writer: _Writer, on_progress: Callable[[], None]) -> None:
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


async def run_cycle(
    config: Config,
    suites: Mapping[str, Suite],
    store: Store,
    access: Access,
    *,
    clock: Clock,
    stop: Stop,
    trigger: str = "manual",
    seed: int | None = None,
    resume: int | None = None,
    only_suites: Sequence[str] | None = None,
    only_endpoints: Sequence[str] | None = None,
    folder: Path = Path(),
    on_progress: Callable[[Progress], None] = lambda _: None,
    on_note: Callable[[str], None] = lambda _: None,
) -> Summary:
    """Run every planned call once and keep the evidence.

    Args:
        config: what to ask of whom.
        suites: name -> suite, at least those the config names.
        store: open for writing.
        access: keys and proxies.
        clock: passed in; simulated runs bring their own.
        stop: set it to end cleanly: nothing new is sent, what is in flight is awaited and kept.
        trigger: `manual` or the schedule's name.
        seed: of the plan; by default that of the next run.
        resume: id of an unfinished run to finish instead of starting one.
        only_suites: ask only these.
        only_endpoints: ask only these.
        folder: where the config lies; relative paths in it start there.
        on_progress: called after every commit.
        on_note: told in words what a person should know while it runs.

    Raises:
        UsageError: the run to resume was planned from another config or other suites.
        LaunchError: a local server did not start.
        StoreError: the evidence could not be written.
    """
    if resume is not None:
        header = store.run_header(resume)
        only_suites, only_endpoints = tuple(header.suites), header.endpoints
        seed = header.seed
    seed = next_seed(config, store) if seed is None else seed
    plan = make_plan(config, suites, seed, only_suites=only_suites, only_endpoints=only_endpoints)
    if resume is not None and plan.plan_hash != header.plan_hash:
        raise UsageError(
            f"run {resume} cannot be resumed: the endpoints or suites in the config are no longer those it was planned "
            f"from. Put them back, or start a new run: harness run"
        )
    async with Servers(folder=folder, notice=on_note) as servers:
        endpoints: dict[str, Endpoint] = {}
        for name, endpoint in plan.endpoints.items():
            if endpoint.launch is not None:
                url = await servers.url(endpoint, name)
                endpoint = endpoint.model_copy(update={"url": url})
            endpoints[name] = endpoint
        targets = {
            name: Target(endpoint, access.keys.get(name), access.proxies.get(name))
            for name, endpoint in endpoints.items()
        }
        if resume is None:
            run_id = store.begin_run(
                _header(config, plan, clock, trigger),
                [suite_record(suite) for suite in plan.suites.values()],
                [_endpoint_record(name, endpoint) for name, endpoint in plan.endpoints.items()],
            )
            done: bytearray | None = None
        else:
            run_id = resume
            store.resume_run(run_id, clock.now_us())
            done = store.done_indexes(run_id)
        progress = Progress(run_id, len(plan), sum(done) if done else 0, started_s=clock.monotonic_s())
        progress.outcomes.update(store.outcomes(run_id))
        return await _send(config, plan, store, run_id, targets, done, clock, stop, progress, on_progress)


async def _send(
    config: Config,
    plan: Plan,
    store: Store,
    run_id: int,
    targets: Mapping[str, Target],
    done: bytearray | None,
    clock: Clock,
    stop: Stop,
    progress: Progress,
    on_progress: Callable[[Progress], None],
) -> Summary:
    already = progress.done
    writer = _Writer(
        store, run_id, plan, {name: target.endpoint for name, target in targets.items()}, progress
    )
    budget = Budget(
        config.budgets,
        *spent_before(store, clock.now_us()),
        usd_run=store.run_cost_usd(run_id),
        calls_run=already,
    )
    calls = {name: plan.calls_of(name, done) for name in targets}
    set_aside: dict[str, str] = {}
    status = RunStatus.INTERRUPTED
    async with _Flusher(writer, on_progress=lambda: on_progress(progress)) as flusher:
        try:
            async for sent in run(
                calls,
                targets,
                budget=budget,
                clock=clock,
                stop=stop,
                rng_seed=plan.seed,
                on_set_aside=set_aside.__setitem__,
            ):
                await flusher.put(sent)
            if budget.exhausted is not None:
                status = RunStatus.BUDGET
            elif not stop.is_set() and not set_aside:
                status = RunStatus.DONE
        finally:
            # Whatever ended the run, what has come back is kept.
            await flusher.finish(lambda: store.finish_run(run_id, status, clock.now_us()))
    stopped_by = budget.exhausted
    if status is RunStatus.INTERRUPTED:
        stopped_by = (
            "; ".join(f"{name} was set aside: {why}" for name, why in set_aside.items()) or "stopped by hand"
        )
    return Summary(
        run_id=run_id,
        status=status,
        planned=len(plan),
        completed=progress.done,
        sent_now=progress.done - already,
        outcomes=dict(progress.outcomes),
        cost_usd=progress.cost_usd,
        seconds=clock.monotonic_s() - progress.started_s,
        stopped_by=stopped_by,
    )


def spent_before(store: Store, now_us: int) -> tuple[float, float, int]:
    """Return (US dollars this UTC day, US dollars this UTC month, calls this UTC day) before this run."""
    today = datetime.fromtimestamp(now_us / 1e6, UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    day_usd, day_calls = store.spent(int(today.timestamp() * 1e6))
    month_usd, _ = store.spent(int(today.replace(day=1).timestamp() * 1e6))
    return day_usd, month_usd, day_calls


def _header(config: Config, plan: Plan, clock: Clock, trigger: str) -> RunHeader:
    revision, dirty = provenance.git_state()
    return RunHeader(
        seed=plan.seed,
        started_us=clock.now_us(),
        clock=clock.kind,
        planned=len(plan),
        plan_hash=plan.plan_hash,
        config_hash=config_hash(config),
        config_json=config_json(config),
        suites={name: suite.content_hash for name, suite in plan.suites.items()},
        endpoints=tuple(plan.endpoints),
        trigger=trigger,
        vantage={name: json.dumps(vantage.model_dump()) for name, vantage in config.vantages.items()},
        harness_version=__version__,
        packages=provenance.packages(),
        python=provenance.python_version(),
        platform=provenance.platform_name(),
        git_revision=revision,
        git_dirty=dirty,
    )


def _endpoint_record(name: str, endpoint: Endpoint) -> EndpointRecord:
    """Return what decides who answers and how: a change of any of it makes another endpoint of the same name."""
    asked = endpoint.model_dump(
        mode="json", include={"parameters", "headers", "body", "stream", "proxy", "launch"}
    )
    return EndpointRecord(
        name=name,
        model=endpoint.model,
        protocol=endpoint.protocol,
        url=endpoint.url,
        vantage=endpoint.vantage,
        parameters=asked,
    )
