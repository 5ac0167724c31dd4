"""The frozen types of the findings' tables at the store's border."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from harness.claims import Finding, Standing


@dataclass(frozen=True, slots=True)
class PeriodRow:
    """One period of the alpha ledger."""

    id: int
    world: str
    """`real` or `simulated`: the clock of the runs it is for."""
    opened_us: int
    year_us: int
    """When the stretch of time began that the budget is for."""
    reason: str
    ledger: str
    """Canonical JSON."""


@dataclass(frozen=True, slots=True)
class StepRow:
    """What one run did to one stream."""

    stream: str
    """Name of the stream."""
    definition: str
    status: str
    value: float | None
    score: float | None
    n: int
    planned: int
    u: float | None
    log_e_down: float | None
    log_e_up: float | None
    input: bytes
    """Canonical JSON of what was taken in."""
    key: str = ""
    """Canonical JSON of the stream's key."""
    state: bytes = field(default=b"", repr=False)
    """Canonical JSON of the stream's state afterwards; empty when read back."""
    state_sha256: bytes = b""
    run_id: int = 0
    started_us: int = 0
    update_id: int = 0


@dataclass(frozen=True, slots=True)
class EventRow:
    """What became of a finding."""

    finding_id: str
    standing: Standing
    words: str
    at_us: int = 0


@dataclass(frozen=True, slots=True)
class UpdateRow:
    """One run taken into the streams."""

    run_id: int
    period_id: int
    at_us: int
    makers: str
    notes: tuple[str, ...] = ()
    steps: tuple[StepRow, ...] = ()
    findings: tuple[Finding, ...] = ()
    events: tuple[EventRow, ...] = ()
    id: int = 0


@dataclass(frozen=True, slots=True)
class RunCounts:
    """One run's tallies, cheap to read: what its streams are made from."""

    columns: tuple[str, ...]
    """`endpoint`, `suite`, `probe_id` and the counts."""
    rows: Sequence[tuple[object, ...]] = field(repr=False)
    served: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    """Endpoint -> model named in the replies -> how often."""
    denied_for: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Endpoint -> reasons for which access was denied."""
