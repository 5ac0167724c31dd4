"""All the SQL there is: evidence, judgements and sums in one SQLite file, each row named by a hash."""

from harness.store.backup import Backup
from harness.store.finding_rows import EventRow, PeriodRow, RunCounts, StepRow, UpdateRow
from harness.store.frames import Origin
from harness.store.judgements import SUITE_PREFIX, TRIGGER_PREFIX, Judgement
from harness.store.rows import (
    EndpointRecord,
    LockHolder,
    Problem,
    RunInfo,
    Stored,
    SuiteRecord,
    Verification,
    suite_record,
)
from harness.store.seals import CommitmentRow, RunState, SealRow, Seals, SuiteState
from harness.store.store import Store

__all__ = [
    "SUITE_PREFIX",
    "TRIGGER_PREFIX",
    "Backup",
    "CommitmentRow",
    "EndpointRecord",
    "EventRow",
    "Judgement",
    "LockHolder",
    "Origin",
    "PeriodRow",
    "Problem",
    "RunCounts",
    "RunInfo",
    "RunState",
    "SealRow",
    "Seals",
    "StepRow",
    "Store",
    "Stored",
    "SuiteRecord",
    "SuiteState",
    "UpdateRow",
    "Verification",
    "suite_record",
]
