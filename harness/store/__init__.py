"""All the SQL there is: evidence, judgements and sums in one SQLite file, each row named by a hash."""

from harness.store.frames import Origin
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
    "CommitmentRow",
    "EndpointRecord",
    "LockHolder",
    "Origin",
    "Problem",
    "RunInfo",
    "RunState",
    "SealRow",
    "Seals",
    "Store",
    "Stored",
    "SuiteRecord",
    "SuiteState",
    "Verification",
    "suite_record",
]
