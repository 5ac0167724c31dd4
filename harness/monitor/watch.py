"""The daemon: cycles on the config's cron lines, one after the other, until stopped."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from apscheduler.schedulers.asyncio import AsyncIOScheduler

from harness.config import Config
from harness.errors import LaunchError, UsageError
from harness.limits import Clock
from harness.monitor.beginning import Access
from harness.monitor.calibration import resumable
from harness.monitor.confirmation import TRIGGER, Extra, standing_of
from harness.monitor.cycle import Summary, run_cycle
from harness.monitor.schedule import GRACE, moments, next_moment, trigger
from harness.runner import Stop
from harness.store import Store
from harness.suites import Suite

CHECK_S = 60.0
"""How often a watcher looks whether an extra run is due."""


class Watch:
    """Runs each schedule's cycle when it comes due.

    A schedule that comes due while a cycle is running waits for it; coming due again meanwhile adds nothing (one run
    answers both, and `harness status` counts the other as missed). A cycle that cannot start, because a local server
    does not come up, is said and the next one is tried as usual.
    """

    def __init__(
        self,
        config: Config,
        suites: Mapping[str, Suite],
        store: Store,
        access: Access,
        *,
        clock: Clock,
        stop: Stop,
        folder: Path = Path(),
    ) -> None:
        self._config = config
        self._suites = suites
        self._store = store
        self._access = access
        self._clock = clock
        self._stop = stop
        self._folder = folder
        self._due: asyncio.Queue[str] = asyncio.Queue()
        self._waiting: set[str] = set()
        self.on_say: Callable[[str], None] = lambda _: None
        self.on_end: Callable[[Summary], None] = lambda _: None

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._clock.now_us() / 1e6, UTC)

    def _come_due(self, name: str) -> None:
        if name not in self._waiting:
            self._waiting.add(name)
            self._due.put_nowait(name)

    async def run(self) -> None:
        """Watch until the stop flag is set; a cycle under way is then ended cleanly and can be resumed."""
        scheduler = AsyncIOScheduler(timezone=UTC)
        for name, schedule in self._config.schedules.items():
            scheduler.add_job(
                self._come_due,
                trigger(schedule.cron),
                args=[name],
                id=name,
                coalesce=True,
                misfire_grace_time=int(GRACE.total_seconds()),
                max_instances=1,
            )
            self.on_say(
                f"{name}: next run {next_moment(schedule.cron, self._now()):%Y-%m-%d %H:%M} UTC ({schedule.cron})"
            )
        if self._config.confirmation.runs_per_month:
            scheduler.add_job(self._come_due, "interval", args=[TRIGGER], id=TRIGGER, seconds=CHECK_S)
        scheduler.start()
        stopped = asyncio.ensure_future(self._stop.wait())
        try:
            await self._resume()
            while not self._stop.is_set():
                due = asyncio.ensure_future(self._due.get())
                await asyncio.wait({due, stopped}, return_when=asyncio.FIRST_COMPLETED)
                if not due.done():
                    due.cancel()
                    with suppress(asyncio.CancelledError):
                        await due
                    break
                name = due.result()
                self._waiting.discard(name)
                if name == TRIGGER:
                    await self.confirm()
                else:
                    await self._cycle(name, None)
        finally:
            scheduler.shutdown(wait=False)
            stopped.cancel()
            with suppress(asyncio.CancelledError):
                await stopped

    async def _resume(self) -> None:
        """Finish the latest run if it was interrupted and its schedule has not come due again since."""
        unfinished = resumable(self._store)
        if not unfinished:
            return
        info = self._store.run_info(unfinished[-1])
        schedule = self._config.schedules.get(info.trigger)
        started = datetime.fromtimestamp(info.started_us / 1e6, UTC)
        if schedule is None or any(True for _ in moments(schedule.cron, started, self._now(), most=1)):
            self.on_say(
                f"run {info.run_id} stays unfinished ({info.completed} of {info.planned} calls); "
                "harness run --resume finishes it"
            )
            return
        self.on_say(f"resuming run {info.run_id} ({info.completed} of {info.planned} calls)")
        await self._cycle(info.trigger, info.run_id)

    async def confirm(self) -> None:
        """Make the extra runs that are due now, if the rule asks for any."""
        now = self._now()
        standing = standing_of(self._config, self._suites, self._store, now, self._clock.kind)
        for extra in standing.extras if standing is not None else ():
            if extra.at <= now and not self._stop.is_set():
                self.on_say(extra.why)
                await self._cycle(TRIGGER, None, extra)

    async def _cycle(self, name: str, resume: int | None, extra: Extra | None = None) -> None:
        only_suites: tuple[str, ...] | None = None
        only_endpoints: tuple[str, ...] | None = None
        if extra is not None:
            only_suites, only_endpoints = (extra.suite,), (extra.endpoint,)
        elif resume is None:
            schedule = self._config.schedules[name]
            only_suites, only_endpoints = schedule.suites, schedule.endpoints
        try:
            summary = await run_cycle(
                self._config,
                self._suites,
                self._store,
                self._access,
                clock=self._clock,
                stop=self._stop,
                trigger=name,
                resume=resume,
                only_suites=only_suites,
                only_endpoints=only_endpoints,
                folder=self._folder,
                why=extra.why if extra is not None else "",
                on_note=self.on_say,
            )
        except (LaunchError, UsageError) as error:
            self.on_say(f"{name}: no run: {error}")
            return
        self.on_end(summary)
