"""Plan -> stream of exchanges: calls sent within their endpoints' limits, each attempt kept as evidence."""

from __future__ import annotations

import asyncio
import random
import ssl
from collections import deque
from collections.abc import AsyncGenerator, Callable, Iterable, Mapping
from pathlib import Path
from typing import TypeAlias

import httpx

from harness.errors import ConfigError
from harness.limits import Budget, Clock
from harness.records import Call
from harness.runner.lane import GIVE_UP_AFTER, LONGEST_PAUSE_S, Lane, Sent, Target

Stop: TypeAlias = asyncio.Event
"""Set it to end a run cleanly."""

_BACKLOG = 256
_BACKLOG_BYTES = 32_000_000


class _Session:
    """What the lanes of one run share: the way out, the budget, and whether the run is ending."""

    def __init__(
        self, budget: Budget, clock: Clock, rng: random.Random, on_set_aside: Callable[[str, str], None]
    ) -> None:
        self.budget = budget
        self.clock = clock
        self.rng = rng
        self.set_aside = on_set_aside
        self.ending = False
        self.lanes: list[Lane] = []
        self.bug: BaseException | None = None
        self.ready = asyncio.Event()
        self._items: deque[Sent] = deque()
        self._bytes = 0
        self._room = asyncio.Event()

    def end(self) -> None:
        if not self.ending:
            self.ending = True
            self._room.set()
            for lane in self.lanes:
                lane.wake()

    async def put(self, sent: Sent) -> None:
        # At the end there is at most one more for each worker, and none may be lost to the grace.
        while not self.ending and (len(self._items) >= _BACKLOG or self._bytes > _BACKLOG_BYTES):
            self._room.clear()
            await self._room.wait()
        self._items.append(sent)
        self._bytes += len(sent.exchange.response_body)
        self.ready.set()

    def take(self) -> Sent | None:
        if not self._items:
            return None
        sent = self._items.popleft()
        self._bytes -= len(sent.exchange.response_body)
        self._room.set()
        return sent

    def retired(self, worker: asyncio.Task[None]) -> None:
        """A worker has no more to do, or has met a bug."""
        if not worker.cancelled() and (error := worker.exception()) is not None:
            self.bug = self.bug or error
        self.ready.set()


def _unheard(endpoint: str, reason: str) -> None:
    """Take no notice."""
    del endpoint, reason


async def run(
    calls: Mapping[str, Iterable[Call]],
    targets: Mapping[str, Target],
    *,
    budget: Budget,
    clock: Clock,
    stop: Stop,
    rng_seed: int,
    grace_s: float = 30.0,
    on_set_aside: Callable[[str, str], None] = _unheard,
) -> AsyncGenerator[Sent, None]:
    """Send every call and yield each attempt as it finishes, in no particular order.

    Exactly one attempt of a finished call is final. Calls that are not finished, because the run was stopped,
    the budget used up (`budget.exhausted` says which) or the endpoint set aside, have none and can be sent
    another time.

    Args:
        calls: endpoint name -> its calls in sending order, consumed as they are sent.
        targets: endpoint name -> how to reach it; at least those in `calls`.
        budget: asked before every request is sent.
        clock: for rates, waits and timings; deadlines are kept in real time, as the network does.
        stop: when set, nothing new is sent; what is in flight is awaited for `grace_s`, then dropped
            unrecorded.
        rng_seed: of the jitter of waits.
        grace_s: real seconds.
        on_set_aside: told (endpoint, reason) when the rest of an endpoint's calls are left unsent because it
            asks for a pause longer than `LONGEST_PAUSE_S` or because `GIVE_UP_AFTER` calls in a row got no
            answer.
    """
    session = _Session(budget, clock, random.Random(rng_seed), on_set_aside)  # noqa: S311 -- spreads waits
    session.ending = stop.is_set()
    workers: set[asyncio.Task[None]] = set()
    watcher: asyncio.Task[None] | None = None
    try:
        tls = _TLS()
        for name, theirs in calls.items():
            target = targets[name]
            lane = Lane(name, target, iter(theirs), session, tls.for_target(target))
            session.lanes.append(lane)
            for _ in range(target.endpoint.limits.concurrency):
                worker = asyncio.create_task(lane.work(), name=f"{name} worker")
                worker.add_done_callback(session.retired)
                workers.add(worker)
        watcher = asyncio.create_task(_end_when(stop, session, workers, grace_s))
        while True:
            while (sent := session.take()) is not None:
                yield sent
            if session.bug is not None:
                raise session.bug
            if all(worker.done() for worker in workers):
                return
            session.ready.clear()
            await session.ready.wait()
    finally:
        leftover = [*workers, *([watcher] if watcher else [])]
        for task in leftover:
            task.cancel()
        await asyncio.gather(*leftover, return_exceptions=True)
        for lane in session.lanes:
            await lane.aclose()


async def _end_when(stop: Stop, session: _Session, workers: set[asyncio.Task[None]], grace_s: float) -> None:
    await stop.wait()
    session.end()
    if workers:
        _, late = await asyncio.wait(workers, timeout=grace_s)
        for worker in late:
            worker.cancel()


class _TLS:
    """Makes the usual TLS context once, and only when a line needs it: loading the authorities is slow."""

    def __init__(self) -> None:
        self._usual: ssl.SSLContext | None = None

    def for_target(self, target: Target) -> ssl.SSLContext:
        if target.tls is not None:
            return target.tls
        addresses = (target.endpoint.url or "", target.endpoint.proxy or target.proxy or "")
        if not any(address.lower().startswith("https:") for address in addresses):
            return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # trusts nobody, and is never asked
        if self._usual is None:
            self._usual = httpx.create_ssl_context(trust_env=False)
        return self._usual


def trusting(certificates: Path, where: str) -> ssl.SSLContext:
    """Return a TLS context that trusts the certificates in a file (PEM), and nobody else.

    Args:
        certificates: the file.
        where: which setting named it, for the message.

    Raises:
        ConfigError: they cannot be read.
    """
    try:
        return ssl.create_default_context(cafile=certificates)
    except (OSError, ValueError) as error:  # SSLError is an OSError
        why = "it holds no certificates (PEM)" if isinstance(error, ssl.SSLError) else error
        why = why.strerror if isinstance(why, OSError) and why.strerror else why
        raise ConfigError(
            f"{where} names {certificates}, which cannot be read: {why}; check the path and the file"
        ) from error


__all__ = ["GIVE_UP_AFTER", "LONGEST_PAUSE_S", "Sent", "Stop", "Target", "run", "trusting"]
