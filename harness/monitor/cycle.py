"""One cycle: plan -> runner -> store -> observations, with the evidence committed before it is judged."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from pathlib import Path

from harness.claims import Finding, finding_json
from harness.config import AlertKind, Config, Endpoint
from harness.errors import UsageError
from harness.limits import Budget, Clock
from harness.local import Servers
from harness.monitor import claims
from harness.monitor.beginning import Access, endpoint_record, next_seed, run_header
from harness.monitor.judges import check_judges
from harness.monitor.judging import judge_run
from harness.monitor.keeping import Flusher, Progress, Writer
from harness.monitor.spending import dollars, spent_before, spent_in_run
from harness.plan import Plan, make_plan
from harness.records import JSON, Outcome, RunStatus
from harness.runner import Stop, Target, run
from harness.store import EventRow, Store, suite_record
from harness.suites import Suite


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
    """As told by the replies."""
    cost_at_most_usd: float
    """With the plan's upper estimate for requests whose cost nobody told."""
    seconds: float
    stopped_by: str | None
    """Which budget, or why it was stopped; None for a finished run."""
    waiting: int = 0
    """Answers that came back and wait for their judge."""
    findings: tuple[Finding, ...] = ()
    """Claims that this run gave reason to raise."""
    events: tuple[EventRow, ...] = ()
    """Earlier findings that this run confirmed or withdrew."""

    @property
    def coverage(self) -> float:
        """Share of the planned calls that taught us something: completed, and not failed for want of a reply."""
        measured = self.completed - self.outcomes.get(Outcome.FAILED.value, 0) - self.waiting
        return measured / self.planned if self.planned else 1.0

    def words(self) -> str:
        """Return one line for a log."""
        counts = ", ".join(f"{name} {count}" for name, count in sorted(self.outcomes.items()))
        ended = f" ({self.stopped_by})" if self.stopped_by else ""
        return (
            f"run {self.run_id} {self.status.value}{ended}: {self.completed} of {self.planned} calls"
            f"{', ' + counts if counts else ''}, {dollars(self.cost_usd, self.cost_at_most_usd)}, {self.seconds:.0f} s"
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
            "cost_usd_at_most": round(self.cost_at_most_usd, 6),
            "seconds": round(self.seconds, 3),
            "stopped_by": self.stopped_by,
            "waiting": self.waiting,
            "findings": [finding_json(each) for each in self.findings],
            "events": [
                {"finding": each.finding_id, "standing": each.standing.value, "words": each.words}
                for each in self.events
            ],
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
        for finding in self.findings:
            yield (
                "finding",
                f"{finding.headline} ({finding.tier.value}; harness findings shows it, id {finding.id})",
            )
        for event in self.events:
            yield "finding", f"Finding {event.finding_id} is {event.standing.value}: {event.words}"
        if self.coverage < coverage_below:
            yield "incomplete", f"{self.words()}. Coverage {self.coverage:.0%} is below {coverage_below:.0%}."


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
    why: str = "",
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
        trigger: `manual`, the schedule's name, or `confirm` for an extra run.
        seed: of the plan; by default that of the next run.
        resume: id of an unfinished run to finish instead of starting one.
        only_suites: ask only these.
        only_endpoints: ask only these.
        folder: where the config lies; relative paths in it start there.
        why: of an extra run, the reason for it; kept with the run, and with what it did to the streams.
        on_progress: called after every commit.
        on_note: told in words what a person should know while it runs.

    Raises:
        UsageError: the run to resume was planned from another config or other suites; a judge is missing, or would
            judge itself.
        LaunchError: a local server did not start.
        StoreError: the evidence could not be written.
    """
    if resume is not None:
        header = store.run_header(resume)
        only_suites, only_endpoints = tuple(header.suites), header.endpoints
        seed = header.seed
    seed = next_seed(config, store) if seed is None else seed
    check_judges(config, suites)
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
            name: Target(endpoint, access.keys.get(name), access.proxies.get(name), tls=access.tls.get(name))
            for name, endpoint in endpoints.items()
        }
        watched = claims.open_claims(config, suites, store, clock.now_us(), clock.kind)
        for note in watched.notes:
            on_note(note)
        if resume is None:
            run_id = store.begin_run(
                run_header(config, plan, clock, trigger, why),
                [suite_record(suite) for suite in plan.suites.values()],
                [endpoint_record(name, endpoint) for name, endpoint in plan.endpoints.items()],
            )
            done: bytearray | None = None
        else:
            run_id = resume
            store.resume_run(run_id, clock.now_us())
            done = store.done_indexes(run_id)
        progress = Progress(run_id, len(plan), sum(done) if done else 0, started_s=clock.monotonic_s())
        progress.outcomes.update(store.outcomes(run_id))
        summary = await _send(config, plan, store, run_id, targets, done, clock, stop, progress, on_progress)
    if not stop.is_set():
        judged = await judge_run(
            config,
            store,
            access,
            run_id,
            clock=clock,
            stop=stop,
            folder=folder,
            on_note=on_note,
            usd_run=summary.cost_at_most_usd,
            calls_run=summary.completed,
        )
        summary = replace(
            summary,
            outcomes=store.outcomes(run_id),
            waiting=judged.waiting,
            cost_usd=summary.cost_usd + judged.cost_usd,
            cost_at_most_usd=summary.cost_at_most_usd + judged.cost_at_most_usd,
        )
    if summary.status is not RunStatus.DONE:
        return summary
    taken = claims.take_in(config, watched, store, run_id, clock.now_us())
    if taken is None:
        return summary
    for note in taken.notes:
        on_note(note)
    return replace(summary, findings=taken.findings, events=taken.events)


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
    writer = Writer(
        store, run_id, plan, {name: target.endpoint for name, target in targets.items()}, progress
    )
    budget = Budget(
        config.budgets,
        *spent_before(store, clock.now_us()),
        usd_run=spent_in_run(store, run_id),
        calls_run=already,
    )
    calls = {name: plan.calls_of(name, done) for name in targets}
    set_aside: dict[str, str] = {}
    status = RunStatus.INTERRUPTED
    async with Flusher(writer, on_progress=lambda: on_progress(progress)) as flusher:
        try:
            attempts = run(
                calls,
                targets,
                budget=budget,
                clock=clock,
                stop=stop,
                rng_seed=plan.seed,
                on_set_aside=set_aside.__setitem__,
            )
            # Closed at once, whatever ends it: connections left to the garbage collector complain on stderr.
            async with aclosing(attempts):
                async for sent in attempts:
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
        cost_at_most_usd=progress.cost_at_most_usd,
        seconds=clock.monotonic_s() - progress.started_s,
        stopped_by=stopped_by,
    )
