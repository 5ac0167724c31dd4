"""Calls chosen while a run goes on: batch after batch to one endpoint, kept and sealed like those of any run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from harness.limits import Budget, Clock
from harness.monitor.keeping import Flusher, Progress, Writer
from harness.plan import Plan
from harness.records import Call, RunStatus, derive_seed
from harness.runner import Sent, Stop, Target, run
from harness.store import Store


async def send_batches(
    name: str,
    target: Target,
    plan: Plan,
    store: Store,
    next_batch: Callable[[int], Sequence[Call]],
    learn: Callable[[Sent], None],
    *,
    budget: Budget,
    clock: Clock,
    stop: Stop,
    progress: Progress,
    on_progress: Callable[[Progress], None],
) -> tuple[RunStatus, str | None]:
    """Send batches until so many calls were made as the run planned, and seal the run.

    Args:
        name: the endpoint.
        target: how to reach it.
        plan: its suites hold every probe that may be asked.
        store: the run has begun there.
        next_batch: given how many calls are left, returns the next ones; their index is filled in here.
        learn: told of every call's last attempt, before the next batch.
        budget: asked before every request.
        clock: passed in.
        stop: set it to end.
        progress: with the run's number and how many calls are planned.
        on_progress: called after every commit.

    Returns:
        How the run ended, and why where it is not done.
    """
    writer = Writer(store, progress.run_id, plan, {name: target.endpoint}, progress)
    set_aside: dict[str, str] = {}
    status, sent_so_far = RunStatus.INTERRUPTED, 0
    async with Flusher(writer, on_progress=lambda: on_progress(progress)) as flusher:
        try:
            while sent_so_far < progress.planned and not (stop.is_set() or set_aside or budget.exhausted):
                batch = [
                    replace(call, index=sent_so_far + place)
                    for place, call in enumerate(next_batch(progress.planned - sent_so_far))
                ]
                sent_so_far += len(batch)
                async for sent in run(
                    {name: batch},
                    {name: target},
                    budget=budget,
                    clock=clock,
                    stop=stop,
                    rng_seed=derive_seed("batch", plan.seed, sent_so_far),
                    on_set_aside=set_aside.__setitem__,
                ):
                    await flusher.put(sent)
                    if sent.exchange.final:
                        learn(sent)
            if budget.exhausted is not None:
                status = RunStatus.BUDGET
            elif not stop.is_set() and not set_aside:
                status = RunStatus.DONE
        finally:
            await flusher.finish(lambda: store.finish_run(progress.run_id, status, clock.now_us()))
    if status is RunStatus.INTERRUPTED:
        return status, f"{name} was set aside: {set_aside[name]}" if set_aside else "stopped by hand"
    return status, budget.exhausted
