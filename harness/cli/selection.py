"""What `harness compare A B` may name: runs, dates, endpoints, models, vantages, and combinations of them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING, TypeAlias

from harness.errors import EvidenceError, UsageError
from harness.observe import read_reply
from harness.records import Message, Probe
from harness.store import Origin, Store
from harness.tables import Answers

if TYPE_CHECKING:
    import pandas as pd

HELP = (
    "A run (3, run:3), several (run:3-7), a day or a window in UTC (2026-11-21, 2026-11-01..2026-11-07), an endpoint "
    "(endpoint:NAME), a model (model:NAME), a vantage (vantage:NAME); joined with commas they narrow one another"
)
_RUNS = re.compile(r"^(?:run:)?(\d+)(?:-(\d+))?$")
_WINDOW = re.compile(r"^(\d{4}-\d\d-\d\d)?(\.\.)?(\d{4}-\d\d-\d\d)?$")


@dataclass(frozen=True, slots=True)
class Selection:
    """One side of a comparison; None leaves a thing unrestricted."""

    text: str
    run_ids: tuple[int, ...] | None = None
    since_us: int | None = None
    until_us: int | None = None
    endpoint: str | None = None
    model: str | None = None
    vantage: str | None = None

    def tallies(self, store: Store, origin: Origin = "own") -> pd.DataFrame:
        """Read the tallies of this side: of the runs it names, else of our own, imported ones or all.

        Raises:
            EvidenceError: there are none.
        """
        frame = store.tallies(
            endpoints=None if self.endpoint is None else [self.endpoint],
            run_ids=self.run_ids,
            since_us=self.since_us,
            until_us=self.until_us,
            origin=origin if self.run_ids is None else None,
        )
        if self.model is not None:
            frame = frame[frame["model"] == self.model]
        if self.vantage is not None:
            asked = {
                (run_id, each.name)
                for run_id in frame["run_id"].unique().tolist()
                for each in store.endpoints(run_id)
                if each.vantage == self.vantage
            }
            frame = frame[[pair in asked for pair in zip(frame["run_id"], frame["endpoint"], strict=True)]]
        if frame.empty:
            count = store.run_count()
            there = f"runs 1 to {count}" if count else "no runs yet"
            raise EvidenceError(
                f"{self.text}: no finished exchanges there; the database has {there} (harness status)"
            )
        return frame


def parse(text: str, endpoints: list[str], models: list[str]) -> Selection:
    """Read one side of a comparison.

    Args:
        text: as typed.
        endpoints: names of endpoints in the database, so that a bare name can be understood.
        models: requested models in the database, likewise.

    Raises:
        UsageError: a part cannot be read or names nothing that is there.
    """
    chosen = Selection(text)
    for part in (piece.strip() for piece in text.split(",")):
        chosen = _narrow(chosen, part, text, endpoints, models)
    return chosen


def _narrow(chosen: Selection, part: str, text: str, endpoints: list[str], models: list[str]) -> Selection:
    if match := _RUNS.match(part):
        first, last = int(match[1]), int(match[2] or match[1])
        if last < first or last - first > 1_000_000:
            raise UsageError(f"{text!r}: {part!r} is no range of runs; the first number comes first")
        return replace(chosen, run_ids=tuple(range(first, last + 1)))
    if part and (match := _WINDOW.match(part)) and part != "..":
        try:
            since = date.fromisoformat(match[1]) if match[1] else None
            until = date.fromisoformat(match[3]) if match[3] else None
        except ValueError as error:
            raise UsageError(f"{text!r}: {part!r} names no day of the calendar ({error})") from None
        if match[2] is None:
            until = since
        return replace(chosen, since_us=_start_us(since), until_us=_start_us(until, days=1))
    kind, colon, name = part.partition(":")
    if colon and kind == "endpoint":
        return replace(chosen, endpoint=_there("endpoint", name, endpoints))
    if colon and kind == "model":
        return replace(chosen, model=_there("model", name, models))
    if colon and kind == "vantage":
        return replace(chosen, vantage=name)
    if part in endpoints:
        return replace(chosen, endpoint=part)
    if part in models:
        return replace(chosen, model=part)
    raise UsageError(f"{text!r}: cannot tell what {part!r} is. {HELP}")


def _there(kind: str, name: str, have: list[str]) -> str:
    if name not in have:
        raise UsageError(f"the database has no {kind} {name!r}; it has: {', '.join(have) or 'none'}")
    return name


def _start_us(day: date | None, days: int = 0) -> int | None:
    if day is None:
        return None
    moment = datetime.combine(day, time(), UTC) + timedelta(days=days)
    return int(moment.timestamp() * 1e6)


_COMPARED_AT_MOST = 50_000
_FENCE = "```"
Fenced: TypeAlias = Mapping[tuple[str, str, str], tuple[int, int]]
"""(endpoint, suite, probe) -> answers with a code fence, answers read."""


@dataclass(frozen=True, slots=True)
class AnswersRead:
    """What reading both sides' answers shows beyond their grades."""

    same: Answers
    fenced: tuple[Fenced, Fenced]
    """By side: how often an answer stood in code fences, and how many were read."""


def read_answers(store: Store, left: pd.DataFrame, right: pd.DataFrame) -> AnswersRead | None:
    """Count answers that are the same, byte for byte, among calls asked on both sides, and those in code fences.

    Paired by endpoint (where the sides share them), suite, probe and sample, the latest run of each side counting. None
    when there are so many that reading them again would take minutes.
    """
    if int(left["n"].sum()) + int(right["n"].sum()) > _COMPARED_AT_MOST:
        return None
    shared = set(left["endpoint"]) & set(right["endpoint"])
    (ours, our_form), (theirs, their_form) = (_texts(store, side, bool(shared)) for side in (left, right))
    both = ours.keys() & theirs.keys()
    same = Answers(sum(ours[key] == theirs[key] for key in both), len(both))
    return AnswersRead(same, (our_form, their_form))


_Question = tuple[str, str, str, int, tuple[Message, ...]]


def _texts(store: Store, frame: pd.DataFrame, by_endpoint: bool) -> tuple[dict[_Question, str], Fenced]:
    """Return answers by what was asked (a fresh probe with other values is another question), and their form."""
    texts: dict[_Question, str] = {}
    fenced: dict[tuple[str, str, str], tuple[int, int]] = {}
    endpoints = set(frame["endpoint"])
    for run_id in sorted(frame["run_id"].unique().tolist()):
        messages = {
            (used.name, probe.id): probe.messages for used in store.suites(run_id) for probe in used.probes
        }
        for stored in store.exchanges(run_id=run_id):
            exchange = stored.exchange
            reply = read_reply(exchange)
            if exchange.endpoint in endpoints and reply is not None and reply.text:
                place = exchange.endpoint if by_endpoint else ""
                asked = messages[exchange.suite, exchange.probe_id]
                texts[place, exchange.suite, exchange.probe_id, exchange.sample, asked] = reply.text
                key = (exchange.endpoint, exchange.suite, exchange.probe_id)
                inside, read = fenced.get(key, (0, 0))
                fenced[key] = (inside + (_FENCE in reply.text), read + 1)
    return texts, fenced


def redefined(store: Store, left: pd.DataFrame, right: pd.DataFrame) -> set[tuple[str, str]]:
    """Return (suite, probe id) of the probes that ask something else on the two sides, fresh ones apart."""
    ours, theirs = _definitions(store, left), _definitions(store, right)
    return {key for key in ours.keys() & theirs.keys() if ours[key] != theirs[key]}


def _definitions(store: Store, frame: pd.DataFrame) -> dict[tuple[str, str], set[Probe]]:
    found: dict[tuple[str, str], set[Probe]] = {}
    seen: set[tuple[str, str]] = set()
    for run_id in sorted(frame["run_id"].unique().tolist()):
        for suite in store.suites(run_id):
            # Of one suite, runs may ask different parts.
            key = (suite.content_hash, str(suite.header.get("selection")))
            if key in seen:
                continue
            seen.add(key)
            for probe in suite.probes:
                if not probe.fresh:
                    found.setdefault((suite.name, probe.id), set()).add(probe)
    return found


def with_makers(
    store: Store, identities: pd.DataFrame, left: pd.DataFrame, right: pd.DataFrame
) -> pd.DataFrame:
    """Return the identities with `makers`: the versions, among code that judged both sides, that judged each run."""
    parts: dict[int, set[str]] = {
        run_id: {part for makers in store.makers(run_id) for part in makers.split()}
        for run_id in {*left["run_id"].tolist(), *right["run_id"].tolist()}
    }

    def names(frame: pd.DataFrame) -> set[str]:
        return {
            part.partition("/")[0] for run_id in frame["run_id"].unique().tolist() for part in parts[run_id]
        }

    both = names(left) & names(right)
    words = {
        run_id: " ".join(sorted(part for part in used if part.partition("/")[0] in both))
        for run_id, used in parts.items()
    }
    return identities.assign(makers=identities["run_id"].map(words).fillna(""))
