"""Calibration: a ladder of difficulty sampled where each answer says most, as one run with evidence like any other."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from harness.config import Config, Endpoint, SuiteUse
from harness.errors import EvidenceError, UsageError
from harness.graders.judge import judge_of
from harness.limits import Budget, Clock
from harness.local import Servers
from harness.monitor.beginning import Access, endpoint_record, next_seed, run_header
from harness.monitor.keeping import Progress
from harness.monitor.sending import send_batches
from harness.monitor.spending import spent_before
from harness.observe import observe
from harness.plan import Plan, make_plan
from harness.records import JSON, Call, Observation, Outcome, RunStatus, canonical_json, derive_seed, sha256
from harness.runner import Sent, Stop, Target
from harness.stats.intervals import Interval
from harness.stats.ladder import METHOD, LadderFit, Tally, expected_score, fit_ladder, next_questions
from harness.stats.near_half import Choice, choose
from harness.store import TRIGGER_PREFIX, Store, suite_record
from harness.suites import Suite

TRIGGER = "calibrate"
"""What such a run records as its trigger; it cannot be resumed: a new one costs as little."""
_LEAST_ANSWERS = 3
"""Below it, a family is not measured."""
_MOST_UNREAD = 0.5
"""Share of answers without a score, above which a family is not measured: its rungs are not what fails."""


@dataclass(frozen=True, slots=True)
class Family:
    """What calibration found about one family."""

    name: str
    fit: LadderFit
    choice: Choice | None
    """None: too few answers, too few that could be read, or a single rung."""
    unread: int
    """Of the answers, those without a score (unparsed, refused, truncated, ...): they count as not right."""
    too_long: int
    """Probes left out because they are longer than the limit."""


@dataclass(frozen=True, slots=True)
class Calibration:
    """What one calibration came to."""

    run_id: int
    status: RunStatus
    stopped_by: str | None
    endpoint: str
    model: str
    suite: Suite
    seed: int
    calls: int
    """Finished."""
    started_us: int
    cost_usd: float
    cost_at_most_usd: float
    """With the upper estimate for requests whose cost nobody told."""
    seconds: float
    families: tuple[Family, ...]
    taken: tuple[str, ...]
    """Ids of the probes chosen, in the suite's order."""
    expected: Interval
    """Mean score to expect of those probes, with a predictive interval."""


@dataclass(slots=True)
class _Ladder:
    """One family while it is being sampled."""

    rungs: tuple[int, ...]
    waiting: dict[int, deque[Call]]
    tallies: dict[int, Tally]
    unread: int = 0
    too_long: set[str] = field(default_factory=set)

    def learn(self, call: Call, meant: Observation) -> None:
        """Count an answer as tables do: one that cannot be read is not right; a call that failed is missing."""
        rung = call.probe.difficulty
        assert rung is not None
        if meant.outcome in (Outcome.FAILED, Outcome.DENIED):
            return
        self.unread += meant.score is None
        self.tallies[rung] = self.tallies[rung].plus(meant.score or 0.0)

    def in_order(self) -> list[Tally]:
        return [self.tallies[rung] for rung in self.rungs]


async def calibrate(
    config: Config,
    name: str,
    suite: Suite,
    store: Store,
    access: Access,
    *,
    calls: int,
    per_family: int,
    max_input_tokens: int | None,
    clock: Clock,
    stop: Stop,
    seed: int | None = None,
    folder: Path = Path(),
    on_progress: Callable[[Progress], None] = lambda _: None,
    on_note: Callable[[str], None] = lambda _: None,
) -> Calibration:
    """Sample a suite's ladders for one endpoint and choose the probes it gets about half right.

    Each round asks every family one probe, on the rung that says most about where half the answers are right; a last,
    shorter round goes to the families that are known least. No probe is asked twice.

    Args:
        config: the endpoint, and the budgets.
        name: the endpoint.
        suite: with a ladder (`difficulty`) in its families and without pairs.
        store: open for writing; the run is stored under the suite's name with `-calibration` added, since rates of
            probes chosen by their answers must not be mixed with those of a suite that is asked as it is.
        access: keys and proxies.
        calls: how many to send at most.
        per_family: probes to choose from one family at most.
        max_input_tokens: longer probes (estimated) are left out; by default those that do not fit the context of a
            local server that harness starts.
        clock: passed in.
        stop: set it to end.
        seed: of the order and of fresh probes; by default that of the next run.
        folder: where the config lies.
        on_progress: called after every commit.
        on_note: told in words what a person should know while it runs.

    Raises:
        UsageError: the suite has no ladder, or pairs.
        EvidenceError: no answer could be read.
    """
    endpoint = config.endpoints[name]
    seed = next_seed(config, store) if seed is None else seed
    asked = replace(suite, name=f"{suite.name}-calibration")
    config = config.model_copy(update={"suites": {asked.name: SuiteUse(path=suite.place)}})
    plan = make_plan(config, {asked.name: asked}, seed, only_endpoints=[name])
    ladders = _ladders(plan, suite, _limit(endpoint) if max_input_tokens is None else max_input_tokens)
    planned = min(calls, sum(len(each) for ladder in ladders.values() for each in ladder.waiting.values()))
    what: list[JSON] = [METHOD, plan.plan_hash, planned, max_input_tokens]
    header = run_header(config, plan, clock, TRIGGER)
    header = replace(header, planned=planned, plan_hash=sha256(canonical_json(what)))
    started_us = clock.now_us()
    async with Servers(folder=folder, notice=on_note) as servers:
        if endpoint.launch is not None:
            endpoint = endpoint.model_copy(update={"url": await servers.url(endpoint, name)})
        target = Target(endpoint, access.keys.get(name), access.proxies.get(name), tls=access.tls.get(name))
        run_id = store.begin_run(
            header,
            [suite_record(each) for each in plan.suites.values()],
            [endpoint_record(name, config.endpoints[name])],
        )
        progress = Progress(run_id, planned, started_s=clock.monotonic_s())

        def learn(sent: Sent) -> None:
            meant = observe(sent.exchange, sent.call.probe, endpoint, sent.reply)
            ladders[sent.call.probe.family].learn(sent.call, meant)

        status, stopped_by = await send_batches(
            name,
            target,
            plan,
            store,
            lambda left: _round(ladders, left),
            learn,
            budget=Budget(config.budgets, *spent_before(store, clock.now_us())),
            clock=clock,
            stop=stop,
            progress=progress,
            on_progress=on_progress,
        )
    families = _chosen(ladders, suite, per_family)
    rng = np.random.default_rng(derive_seed("calibration", seed))
    parts = [(each.fit, each.choice.counts) for each in families if each.choice and each.choice.counts]
    if not any(each.fit.point.n > each.unread for each in families):
        raise EvidenceError(
            f"endpoints.{name}: none of {progress.done} replies held an answer that could be read (run {run_id}, "
            f"{stopped_by or status.value}); look at them: harness show --run {run_id}"
        )
    return Calibration(
        run_id=run_id,
        status=status,
        stopped_by=stopped_by,
        endpoint=name,
        model=endpoint.model,
        suite=suite,
        seed=seed,
        calls=progress.done,
        started_us=started_us,
        cost_usd=progress.cost_usd,
        cost_at_most_usd=progress.cost_at_most_usd,
        seconds=clock.monotonic_s() - progress.started_s,
        families=families,
        taken=_taken(plan, ladders, families, suite),
        expected=expected_score(parts, rng),
    )


def resumable(store: Store) -> list[int]:
    """Return the runs that can be finished, oldest first.

    A calibration is none of them: each of its rounds depends on the answers before it, so it is done again instead.
    Nor is a judge's run: what it left is asked for in a new one.
    """
    found = [(run_id, store.run_info(run_id).trigger) for run_id in store.resumable()]
    return [
        run_id for run_id, trigger in found if trigger != TRIGGER and not trigger.startswith(TRIGGER_PREFIX)
    ]


def _limit(endpoint: Endpoint) -> int | None:
    """Return the tokens of context that a call has on a server we start ourselves; elsewhere the provider knows."""
    return None if endpoint.launch is None else endpoint.launch.context // endpoint.launch.slots


def _ladders(plan: Plan, suite: Suite, limit: int | None) -> dict[str, _Ladder]:
    """Return each family's probes by rung, in the plan's random order.

    Raises:
        UsageError: there is nothing to climb.
    """
    if any(probe.pair is not None for probe in suite.probes):
        raise UsageError(
            f"suite {suite.name} has pairs, which are not chosen by difficulty; calibrate on a suite without, "
            "such as capability"
        )
    if any(judge_of(probe) is not None for probe in suite.probes):
        raise UsageError(
            f"suite {suite.name} has probes that a judge grades, after the run; calibrate on a suite without, such as "
            "capability"
        )
    ladders: dict[str, _Ladder] = {}
    fits_limit: Callable[[Call], bool] = lambda call: (  # noqa: E731
        limit is None or call.estimate.input_tokens + call.estimate.output_tokens <= limit
    )
    for call in plan:
        probe = call.probe
        if probe.difficulty is None or not probe.family:
            continue
        ladder = ladders.setdefault(probe.family, _Ladder((), {}, {}))
        if fits_limit(call):
            ladder.waiting.setdefault(probe.difficulty, deque()).append(call)
        else:
            ladder.too_long.add(probe.id)
    for ladder in ladders.values():
        ladder.rungs = tuple(sorted(ladder.waiting))
        ladder.tallies = dict.fromkeys(ladder.rungs, Tally())
    if not any(len(ladder.rungs) > 1 for ladder in ladders.values()):
        raise UsageError(
            f"suite {suite.name} has no ladder to climb; calibrate on one whose probes have a difficulty, such as "
            "capability"
        )
    order = {family: place for place, family in enumerate(suite.families)}
    return dict(sorted(ladders.items(), key=lambda item: order.get(item[0], len(order))))


def _round(ladders: Mapping[str, _Ladder], count: int) -> list[Call]:
    """Take the next round's calls: one for each family that has any left."""
    open_ladders = {family: ladder for family, ladder in ladders.items() if any(ladder.waiting.values())}
    wanted = next_questions(
        {family: (ladder.rungs, ladder.in_order()) for family, ladder in open_ladders.items()},
        {
            family: [len(ladder.waiting[rung]) for rung in ladder.rungs]
            for family, ladder in open_ladders.items()
        },
        count,
    )
    return [ladders[family].waiting[rung].popleft() for family, rung in wanted]


def _usable(suite: Suite, ladders: Mapping[str, _Ladder]) -> dict[str, dict[int, list[str]]]:
    """Return the ids that may be chosen, by family and rung."""
    found: dict[str, dict[int, list[str]]] = {}
    for probe in suite.probes:
        ladder = ladders.get(probe.family)
        if ladder is not None and probe.difficulty is not None and probe.id not in ladder.too_long:
            found.setdefault(probe.family, {}).setdefault(probe.difficulty, []).append(probe.id)
    return found


def _chosen(ladders: Mapping[str, _Ladder], suite: Suite, per_family: int) -> tuple[Family, ...]:
    usable = _usable(suite, ladders)
    fits = {family: fit_ladder(each.rungs, each.in_order()) for family, each in ladders.items() if each.rungs}
    measured = {
        family: fit
        for family, fit in fits.items()
        if fit.point.n >= _LEAST_ANSWERS
        and ladders[family].unread <= _MOST_UNREAD * fit.point.n
        and len(fit.rungs) > 1
    }
    available = {
        family: {rung: len(ids) for rung, ids in usable.get(family, {}).items()} for family in measured
    }
    choices = choose(measured, available, per_family)
    return tuple(
        Family(family, fits[family], choices.get(family), each.unread, len(each.too_long))
        for family, each in ladders.items()
        if family in fits
    )


def _taken(
    plan: Plan, ladders: Mapping[str, _Ladder], families: tuple[Family, ...], suite: Suite
) -> tuple[str, ...]:
    """Return the probes to take: on each rung anchors first, then fresh ones, either in the plan's random order."""
    usable = _usable(suite, ladders)
    place = {call.probe.id: number for number, call in enumerate(plan)}
    anchors = {probe.id for probe in suite.probes if probe.anchor}
    taken: set[str] = set()
    for each in families:
        for rung, number in each.choice.counts.items() if each.choice else ():
            ids = sorted(usable[each.name][rung], key=lambda probe: (probe not in anchors, place[probe]))
            taken.update(ids[:number])
    return tuple(probe.id for probe in suite.probes if probe.id in taken)
