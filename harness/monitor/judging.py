"""Judging: answers quoted to a judge's endpoint in a run of its own, and its verdicts taken from the evidence.

A judge's question is a probe like any other: it is stored with the judge's run, sent by the runner, kept as evidence,
counted in budgets. A judgement only links an answer to the judge's exchange about it, so a verdict can be read again
from stored bytes. What has no verdict stays unobserved: it is missing, and can be asked about again.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from harness.config import Config, Endpoint, Judge, SuiteUse
from harness.graders import judge as grader
from harness.limits import Budget, Clock
from harness.local import Servers
from harness.monitor.beginning import Access, endpoint_record, next_seed, run_header
from harness.monitor.judges import judge_settings, same_as_named
from harness.monitor.keeping import Progress
from harness.monitor.sending import send_batches
from harness.monitor.spending import spent_before
from harness.monitor.verdicts import Verdicts
from harness.observe import Asked, observe, read_reply, to_judge
from harness.plan import Plan, estimate_call
from harness.records import (
    JSON,
    Call,
    Observation,
    Probe,
    RunStatus,
    canonical_json,
    sha256,
)
from harness.runner import Stop, Target
from harness.store import SUITE_PREFIX, TRIGGER_PREFIX, Store, Stored, suite_record
from harness.suites import Suite


@dataclass(frozen=True, slots=True)
class Judged:
    """What judging one run came to."""

    taken: int = 0
    """Verdicts taken now."""
    unread: int = 0
    """Of these, those that could not be read: their answers are unparsed."""
    waiting: int = 0
    """Answers that are left without a judgement."""
    cost_usd: float = 0.0
    cost_at_most_usd: float = 0.0
    """With the upper estimate for requests whose cost nobody told."""


@dataclass(frozen=True, slots=True)
class _Answer:
    """An answer that has to go to a judge."""

    stored: Stored
    probe: Probe
    endpoint: Asked
    text: str


async def judge_run(
    config: Config,
    store: Store,
    access: Access,
    run_id: int,
    *,
    clock: Clock,
    stop: Stop,
    folder: Path = Path(),
    again: bool = False,
    usd_run: float = 0.0,
    calls_run: int = 0,
    on_progress: Callable[[Progress], None] = lambda _: None,
    on_note: Callable[[str], None] = lambda _: None,
    nonce: Callable[[], str] = lambda: secrets.token_hex(8),
) -> Judged:
    """Ask the judges about the answers of a run that wait for one, and take their verdicts.

    Args:
        config: the judges, their endpoints, the budgets.
        store: open for writing; the run has ended.
        access: keys and proxies of the judges' endpoints.
        run_id: the run whose answers are judged.
        clock: passed in.
        stop: set it to end; what has no verdict then waits.
        folder: where the config lies.
        again: also ask about answers that were judged by another model, rubric, scale or wording than now.
        usd_run: what has been spent of the budget of the run.
        calls_run: calls made of the budget of the run.
        on_progress: called after every commit of a judge's run.
        on_note: told in words what a person should know.
        nonce: random text for the lines around what is quoted.
    """
    verdicts = Verdicts(store, run_id)
    if not verdicts.needed:
        return Judged()
    taken, unread = _take(store, verdicts, clock.now_us(), on_note)
    cost_usd = cost_at_most_usd = 0.0
    for name, answers in _to_ask(config, store, verdicts, again, on_note).items():
        if stop.is_set():
            break
        status, made = await _ask(
            config,
            store,
            access,
            run_id,
            name,
            answers,
            budget=Budget(
                config.budgets,
                *spent_before(store, clock.now_us()),
                usd_run=usd_run + cost_at_most_usd,
                calls_run=calls_run,
            ),
            clock=clock,
            stop=stop,
            folder=folder,
            on_progress=on_progress,
            on_note=on_note,
            nonce=nonce,
        )
        cost_usd += made.cost_usd
        cost_at_most_usd += made.cost_at_most_usd
        calls_run += made.done
        if status is not None:
            on_note(f"judge {name}: {status}")
    more, more_unread = _take(store, verdicts, clock.now_us(), on_note)
    waiting = sum(1 for _ in _waiting(store, verdicts))
    if waiting:
        on_note(
            f"{waiting} answers of run {run_id} wait for a judge and count as missing; harness regrade --ask-judge "
            "asks again"
        )
    return Judged(taken + more, unread + more_unread, waiting, cost_usd, cost_at_most_usd)


def _waiting(store: Store, verdicts: Verdicts) -> Iterator[_Answer]:
    """Yield the answers of a run that have no observation for want of a judge."""
    for stored in store.exchanges(run_id=verdicts.run_id):
        asked = verdicts.asked(stored.exchange) if stored.observation is None else None
        text = to_judge(stored.exchange, *asked) if asked is not None else None
        if asked is not None and text is not None:
            yield _Answer(stored, *asked, text)


def _to_ask(
    config: Config, store: Store, verdicts: Verdicts, again: bool, on_note: Callable[[str], None]
) -> dict[str, list[_Answer]]:
    """Return what to ask, by judge: what waits and, where wanted, what another form of judging graded."""
    answers = list(_waiting(store, verdicts))
    if again:
        found = verdicts.of()
        for stored in store.exchanges(run_id=verdicts.run_id):
            verdict, asked = found.get(stored.row_id), verdicts.asked(stored.exchange)
            if verdict is None or asked is None or stored.observation is None:
                continue
            text = to_judge(stored.exchange, *asked)
            if text is not None and verdict.form != _form(config, asked[0]):
                answers.append(_Answer(stored, *asked, text))
    by_judge: dict[str, list[_Answer]] = {}
    told: set[str] = set()
    for answer in answers:
        name = grader.judge_of(answer.probe) or ""
        why = _why_not(config, name, answer)
        if why is None:
            by_judge.setdefault(name, []).append(answer)
        elif why not in told:
            told.add(why)
            on_note(why)
    return by_judge


def _form(config: Config, probe: Probe) -> str | None:
    name = grader.judge_of(probe) or ""
    judge = config.judges.get(name)
    if judge is None:
        return None
    return grader.form(
        name, config.endpoints[judge.endpoint].model, grader.rubric_of(probe, judge.rubric), probe
    )


def _why_not(config: Config, name: str, answer: _Answer) -> str | None:
    """Say why a judge may not be asked about an answer; None when it may."""
    judge = config.judges.get(name)
    if judge is None:
        return f"judge {name!r} is not in the config: its answers wait"
    model = config.endpoints[judge.endpoint].model
    reply = read_reply(answer.stored.exchange)
    served = reply.served_model if reply is not None else None
    if answer.stored.exchange.endpoint == judge.endpoint or any(
        same_as_named(each, model) for each in (answer.endpoint.model, served) if each
    ):
        shown = served or answer.endpoint.model
        return f"judge {name} is not asked about answers of its own model ({shown}): they wait"
    return None


def _take(store: Store, verdicts: Verdicts, now_us: int, on_note: Callable[[str], None]) -> tuple[int, int]:
    """Link every verdict that is there and not taken yet, and observe its answer; return (taken, of these unread)."""
    by_call = {stored.exchange.call_id: stored for stored in store.exchanges(run_id=verdicts.run_id)}
    linked = store.judgements.taken(verdicts.run_id)
    pairs: list[tuple[int, int]] = []
    observations: dict[int, Observation] = {}
    unread: dict[int, bool] = {}
    for judge_run_id in store.judgements.runs_about(verdicts.run_id):
        for stored in store.exchanges(run_id=judge_run_id):
            if stored.row_id in linked:
                continue
            verdict = verdicts.read(stored)
            if verdict is None:
                continue
            answer = by_call[stored.exchange.probe_id]
            asked = verdicts.asked(answer.exchange)
            if asked is None:
                continue
            if _is_own(verdicts, stored, answer, asked[1].model):
                on_note(
                    f"exchange {stored.row_id}: the judge turned out to be the model it judged: not taken"
                )
                continue
            pairs.append((answer.row_id, stored.row_id))
            observations[answer.row_id] = observe(answer.exchange, *asked, verdict=verdict)
            unread[answer.row_id] = verdict.grade.score is None
    if pairs:
        with store.group():
            store.add_judgements(pairs, now_us)
            store.replace_observations(observations.items(), now_us)
    return len(observations), sum(unread.values())


def _is_own(verdicts: Verdicts, stored: Stored, answer: Stored, own: str) -> bool:
    """Say whether judge and judged turned out to be one model, by what their replies name."""
    requested, served = verdicts.model_of(stored)
    reply = read_reply(answer.exchange)
    theirs = reply.served_model if reply is not None else None
    return any(
        same_as_named(one, other) for one in (requested, served) if one for other in (own, theirs) if other
    )


async def _ask(
    config: Config,
    store: Store,
    access: Access,
    run_id: int,
    name: str,
    answers: Sequence[_Answer],
    *,
    budget: Budget,
    clock: Clock,
    stop: Stop,
    folder: Path,
    on_progress: Callable[[Progress], None],
    on_note: Callable[[str], None],
    nonce: Callable[[], str],
) -> tuple[str | None, Progress]:
    """Ask one judge in a run of its own; return why it is not complete, and what it came to."""
    judge = config.judges[name]
    endpoint = config.endpoints[judge.endpoint]
    seed = next_seed(config, store)
    suite = _suite(run_id, name, judge, endpoint, answers, nonce)
    used = config.model_copy(update={"suites": {suite.name: SuiteUse(endpoints=(judge.endpoint,))}})
    plan = Plan(seed, {judge.endpoint: endpoint}, {suite.name: suite}, (), suite.content_hash)
    header = run_header(used, plan, clock, f"{TRIGGER_PREFIX}{run_id}")
    async with Servers(folder=folder, notice=on_note) as servers:
        reached = endpoint
        if endpoint.launch is not None:
            reached = endpoint.model_copy(update={"url": await servers.url(endpoint, judge.endpoint)})
        target = Target(
            reached,
            access.keys.get(judge.endpoint),
            access.proxies.get(judge.endpoint),
            tls=access.tls.get(judge.endpoint),
        )
        judge_run_id = store.begin_run(
            replace(header, planned=len(answers)),
            [suite_record(suite)],
            [endpoint_record(judge.endpoint, endpoint)],
        )
        progress = Progress(judge_run_id, len(answers), started_s=clock.monotonic_s())
        calls = _calls(suite, judge.endpoint, endpoint, seed)
        status, stopped_by = await send_batches(
            judge.endpoint,
            target,
            plan,
            store,
            lambda _: calls,
            lambda _: None,
            budget=budget,
            clock=clock,
            stop=stop,
            progress=progress,
            on_progress=on_progress,
        )
    why = None if status is RunStatus.DONE else f"run {judge_run_id} is not complete ({stopped_by})"
    return why, progress


def _suite(
    run_id: int,
    name: str,
    judge: Judge,
    endpoint: Endpoint,
    answers: Sequence[_Answer],
    nonce: Callable[[], str],
) -> Suite:
    """Return the judge's questions as a suite: a probe's id is the call it is about."""
    settings = judge_settings(judge, endpoint)
    probes: list[Probe] = []
    for answer in answers:
        rubric = grader.rubric_of(answer.probe, judge.rubric)
        form = grader.form(name, endpoint.model, rubric, answer.probe)
        options: dict[str, JSON] = {"scale": grader.scale_of(answer.probe.options), "form": form}
        messages = grader.question(answer.probe, answer.text, rubric, nonce)
        call_id = answer.stored.exchange.call_id
        probes.append(
            Probe(
                call_id,
                messages,
                grader.NAME,
                options=options,
                family="judging",
                parameters=settings,
                fresh=True,
            )
        )
    header: dict[str, JSON] = {
        "judging": {"run": run_id, "judge": name, "rubric": judge.rubric, "version": grader.VERSION}
    }
    questions: JSON = [[each.id, *(message.content for message in each.messages)] for each in probes]
    return Suite(
        name=f"{SUITE_PREFIX}{name}", version=grader.VERSION, title=f"Questions to judge {name}", description="",
        licence="", languages=("en",), families=("judging",), topics=(), arms=(), topic_words={}, unmatched={},
        parameters={}, versions=(), header=header, content_hash=sha256(canonical_json([header, questions])), items=(),
        probes=tuple(probes), place="",
    )  # fmt: skip


def _calls(suite: Suite, name: str, endpoint: Endpoint, seed: int) -> list[Call]:
    calls: list[Call] = []
    for probe in suite.probes:
        digest = sha256(canonical_json([seed, suite.name, suite.content_hash, probe.id])).removeprefix(
            "sha256:"
        )
        estimate = estimate_call(endpoint, probe)
        call_seed = int(digest[-8:], 16) & 0x7FFFFFFF
        calls.append(Call(0, digest[:20], name, suite.name, probe, 0, call_seed, estimate))
    return calls
