"""What analysis starts from: the store's tables, and when and by what they were read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from harness.claims import Finding
from harness.records import Outcome

if TYPE_CHECKING:
    import pandas as pd

OUTCOMES: tuple[str, ...] = tuple(outcome.value for outcome in Outcome)
"""The closed vocabulary, in the one order in which it is always shown."""

MEASURED_OUTCOMES: tuple[str, ...] = tuple(name for name in OUTCOMES if name != Outcome.FAILED.value)
"""Every outcome that is behaviour; `failed` is missing data and is shown as coverage."""

TALLY_COLUMNS: tuple[str, ...] = (
    "run_id", "started_at", "endpoint", "model", "suite", "suite_version", "suite_hash", "probe_id",
    "family", "topic", "arm", "pair", "n", *OUTCOMES, "graded", "score_sum",
)  # fmt: skip
"""Columns every tally table must have; others are used where present."""

RUN_COLUMNS: tuple[str, ...] = (
    "run_id", "started_at", "finished_at", "status", "trigger", "clock", "planned", "completed", "seed",
    "harness_version",
)  # fmt: skip

IDENTITY_COLUMNS: tuple[str, ...] = (
    "run_id", "started_at", "endpoint", "model", "served_model", "fingerprint", "n",
)  # fmt: skip

CONTROL_ARMS = frozenset(
    {"neutral", "control", "plain", "baseline", "base", "twin", "safe", "benign", "reference", "off"}
)
"""Names of the arm the other is measured against, when a suite does not say which it is."""


@dataclass(frozen=True, slots=True)
class SuiteNote:
    """What a suite's header says about itself, for readers of plots and reports."""

    title: str = ""
    description: str = ""
    arms: tuple[str, ...] = ()
    """Names of the sides of a pair as declared: first the one watched, last the plain one."""


@dataclass(frozen=True, slots=True)
class Claims:
    """What was found, as reports tell it."""

    findings: tuple[Finding, ...]
    """As they stand, oldest first."""
    events: Mapping[str, tuple[tuple[str, int, str], ...]]
    """Finding's id -> (confirmed or withdrawn, when in UTC microseconds, why)."""
    streams: tuple[tuple[str, str, str], ...]
    """(name, `no change` or `inconclusive`, why) of every stream of the newest period."""
    periods: tuple[tuple[int, str, Mapping[str, Any]], ...]
    """(when it began in UTC microseconds, why, the ledger) of the alpha ledger, oldest first."""
    runs: int
    """Runs taken into the streams."""


@dataclass(frozen=True, slots=True, eq=False)
class Evidence:
    """Everything a plot or a report is made from. Reading it again gives the same pictures."""

    runs: pd.DataFrame
    """One row per run, as `Store.runs()` gives it."""
    tallies: pd.DataFrame
    """One row per run, endpoint, suite and probe, as `Store.tallies()` gives it."""
    identities: pd.DataFrame
    """One row per run, endpoint, served model and fingerprint, as `Store.identities()` gives it."""
    generated_at: datetime
    """When the tables were read; aware, UTC."""
    harness_version: str
    database: str
    """Name of the database file, for the reader who wants to check."""
    suites: Mapping[str, SuiteNote] = field(default_factory=dict)
    """What each suite is about; a suite that is not here goes by its name."""
    claims: Claims | None = None
    """Findings and how the streams stand; None where they were not read."""
    imported: Mapping[int, str] = field(default_factory=dict)
    """Where runs come from that were not made here: run -> file and format."""

    def __post_init__(self) -> None:
        """Refuse tables that lack a column, and times without a zone.

        Raises:
            ValueError: a table is not what the store gives.
        """
        for name, frame, wanted in (
            ("runs", self.runs, RUN_COLUMNS),
            ("tallies", self.tallies, TALLY_COLUMNS),
            ("identities", self.identities, IDENTITY_COLUMNS),
        ):
            missing = [column for column in wanted if column not in frame.columns]
            if missing:
                raise ValueError(f"{name}: columns missing: {', '.join(missing)}")
        if self.generated_at.tzinfo is None:
            raise ValueError("generated_at must be an aware time in UTC")

    @property
    def simulated(self) -> bool:
        """Whether any run lived in simulated time: its answers come from a rehearsal, not from the world."""
        return bool((self.runs["clock"] == "simulated").any())


def control_arm(arms: list[str], declared: tuple[str, ...] = ()) -> str | None:
    """Return the arm the others are measured against, or None when there is nothing to compare.

    The last arm the suite declares decides; without a declaration a conventional name (`neutral`,
    `control`, ...), else the last in alphabetical order: never the order of the data.
    """
    names = sorted(set(arms))
    if len(names) < 2:
        return None
    ordered = [name for name in declared if name in names]
    if ordered:
        return ordered[-1]
    known = [name for name in names if name.casefold() in CONTROL_ARMS]
    return known[0] if len(known) == 1 else names[-1]
