"""A world lived through the real pipeline: plan, runner, HTTP, store, findings; only the clock is simulated."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from harness.config import Config
from harness.monitor import Access, Summary, run_cycle
from harness.monitor.beginning import next_seed
from harness.plan import make_plan
from harness.rehearsal.apart import provider_apart
from harness.rehearsal.clock import VirtualClock
from harness.rehearsal.server import BASE_PATHS
from harness.rehearsal.state import skew_s
from harness.rehearsal.world import World
from harness.runner import Stop
from harness.store import Store
from harness.suites import Suite

TRIGGER = "rehearsal"
FIRST_HOUR = 6
KEY = "rehearsal-key-of-no-value"


@dataclass(frozen=True, slots=True)
class Lived:
    """What a life came to."""

    world: World
    database: Path
    runs: int
    calls: int
    seconds: float
    """Of the machine's clock."""
    calls_per_day: Mapping[str, float]
    """Planned calls, by endpoint."""


def config_of(world: World, address: str) -> Config:
    """Return the config that a rehearsal runs with: the world's endpoints on loopback, its suites, no budgets."""
    endpoints = {
        name: {
            "protocol": endpoint.protocol,
            "url": f"{address}/{name}/api{BASE_PATHS[endpoint.protocol]}",
            "model": endpoint.model,
            "stream": endpoint.stream,
            "reference": endpoint.reference,
            "limits": {"concurrency": 16, "attempts": 5, "backoff_s": 1.0},
        }
        for name, endpoint in world.endpoints.items()
    }
    return Config.model_validate(
        {
            "endpoints": endpoints,
            "suites": {name: use.model_dump() for name, use in world.suites.items()},
            "run": {"seed": world.seed},
        }
    )


async def live(
    world: World,
    suites: Mapping[str, Suite],
    database: Path,
    *,
    stop: Stop,
    on_day: Callable[[int, Summary], None] = lambda _day, _summary: None,
) -> Lived:
    """Live through a world's days.

    Args:
        world: what happens.
        suites: the suites it names.
        database: a new database for it.
        stop: set it to end early, between runs or within one.
        on_day: called after every run with the day and the run.

    Raises:
        UsageError: a probe's answers cannot be made up.
        StoreError: the database cannot be written.
    """
    clock = VirtualClock(moment_us(world, 0.0))
    begun = datetime.now(UTC)
    runs = calls = 0
    with (
        provider_apart(world, suites, key=KEY, pace=clock.pace) as remote,
        Store.open(database, mode="write") as store,
    ):
        config = config_of(world, remote.address)
        planned = calls_per_day(world, config, suites)
        access = Access(dict.fromkeys(config.endpoints, KEY), dict.fromkeys(config.endpoints))
        for at in run_days(world):
            if stop.is_set():
                break
            clock.jump_to(moment_us(world, at))
            clock.skew_s = skew_s(world, at)
            runs += 1
            seed = next_seed(config, store)
            remote.begin_run(runs, at, seed)
            summary = await run_cycle(
                config, suites, store, access, clock=clock, stop=stop, trigger=TRIGGER, seed=seed
            )
            calls += summary.sent_now
            on_day(int(at), summary)
    return Lived(
        world,
        database,
        runs,
        calls,
        (datetime.now(UTC) - begun).total_seconds(),
        planned,
    )


def run_days(world: World) -> Iterator[float]:
    """Yield when each run of a world begins, in days after its start."""
    for day in range(world.days):
        for turn in range(world.runs_per_day):
            yield day + FIRST_HOUR / 24 + turn / world.runs_per_day * (1 - FIRST_HOUR / 24)


def moment_us(world: World, day: float) -> int:
    """Return a moment of a world, in days after its start, as UTC microseconds since 1970."""
    start = datetime.combine(world.start, datetime.min.time(), UTC)
    return round((start + timedelta(days=day)).timestamp() * 1e6)


def calls_per_day(world: World, config: Config, suites: Mapping[str, Suite]) -> dict[str, float]:
    """Return how many calls a day plans, by endpoint."""
    plan = make_plan(config, suites, world.seed)
    return {name: plan.total(name).calls * world.runs_per_day for name in config.endpoints}
