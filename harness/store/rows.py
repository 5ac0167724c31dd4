"""The frozen types at the store's border."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from harness.records import JSON, Exchange, Observation, Probe, RunHeader, RunStatus

APPLICATION_ID = 0x68726E73
"""Marks the file as ours (`file` and SQLite's `PRAGMA application_id` show it): "hrns"."""


@dataclass(frozen=True, slots=True)
class SuiteRecord:
    """A suite as a run uses it: fresh probes have their text."""

    name: str
    version: int
    content_hash: str
    """Hash of the suite's files; the run's header names the same."""
    header: Mapping[str, JSON] = field(hash=False)
    """As written; where only a part of the suite is asked, its key `selection` says which."""
    probes: tuple[Probe, ...] = ()


@dataclass(frozen=True, slots=True)
class EndpointRecord:
    """An endpoint as a run uses it: what decides who answers and how."""

    name: str
    model: str
    protocol: str
    url: str | None
    vantage: str
    parameters: Mapping[str, JSON] = field(hash=False)
    """Everything else that changes what is sent: sampling settings, extra headers and fields, a launched model."""


class SuiteLike(Protocol):
    """What `suite_record` needs of a suite."""

    @property
    def name(self) -> str: ...  # noqa: D102
    @property
    def version(self) -> int: ...  # noqa: D102
    @property
    def content_hash(self) -> str: ...  # noqa: D102
    @property
    def header(self) -> Mapping[str, JSON]: ...  # noqa: D102
    @property
    def probes(self) -> Sequence[Probe]: ...  # noqa: D102


def suite_record(suite: SuiteLike) -> SuiteRecord:
    """Return what the store keeps of a suite."""
    return SuiteRecord(suite.name, suite.version, suite.content_hash, suite.header, tuple(suite.probes))


@dataclass(frozen=True, slots=True)
class RunInfo:
    """A run as it stands in the database."""

    run_id: int
    header: RunHeader
    status: RunStatus
    """`running` also when its process was killed: ask `Store.writer` whether one is at work."""
    completed: int
    """Calls that have their final exchange."""
    exchanges: int
    """Tries that were repeated included."""
    finished_us: int | None
    resumed_us: tuple[int, ...]
    hash: str
    """The run's own hash, 64 hex digits."""
    last_hash: str
    """Hash of its newest exchange."""

    @property
    def started_us(self) -> int:
        """When the run started, UTC microseconds since 1970."""
        return self.header.started_us

    @property
    def trigger(self) -> str:
        """`manual`, or the schedule's name."""
        return self.header.trigger

    @property
    def planned(self) -> int:
        """Calls in the run's plan."""
        return self.header.planned


@dataclass(frozen=True, slots=True)
class Stored:
    """One exchange as it stands in the database, with what it was judged to mean."""

    row_id: int
    run_id: int
    number: int
    """Place in the run's chain, from 1."""
    exchange: Exchange
    observation: Observation | None
    """None for a try that was repeated, and for an exchange not judged yet."""
    hash: str
    """64 hex digits."""


@dataclass(frozen=True, slots=True)
class LockHolder:
    """The process that writes to a database."""

    pid: int
    command: str


@dataclass(frozen=True, slots=True)
class Problem:
    """Something in the database that is not as it was written."""

    table: str
    row: str
    """Which row, by its key; empty when the whole table or file is meant."""
    what: str

    def __str__(self) -> str:
        """Return one line: table, row and what is wrong."""
        return f"{self.table} {self.row}: {self.what}" if self.row else f"{self.table}: {self.what}"


@dataclass(frozen=True, slots=True)
class Verification:
    """What a check of every hash came to."""

    problems: tuple[Problem, ...]
    """In the order found, at most `PROBLEMS_KEPT`; the first names the first bad row."""
    problem_count: int
    notes: tuple[str, ...]
    """Not wrong, but worth knowing: runs without a seal, exchanges not judged yet."""
    counts: Mapping[str, int]
    """Rows checked, by table."""

    @property
    def ok(self) -> bool:
        """Whether everything is as it was written."""
        return self.problem_count == 0

    def with_more(self, problems: Sequence[Problem], notes: Sequence[str]) -> Verification:
        """Return the same check with what a further part of it found."""
        return Verification(
            (*self.problems, *problems),
            self.problem_count + len(problems),
            (*self.notes, *notes),
            self.counts,
        )
