"""The store's tables turned into the tables that plots, reports and commands show."""

from harness.tables.access import AccessEvent, access_events
from harness.tables.bands import Band, bands
from harness.tables.compare import compare
from harness.tables.comparison import NOT_A_FINDING, Answers, Comparison, GroupSide, ProbeChange, Row, Side
from harness.tables.evidence import MEASURED_OUTCOMES, OUTCOMES, Claims, Evidence, SuiteNote, control_arm
from harness.tables.marks import Mark, marks
from harness.tables.matched import Matched, SideCounts
from harness.tables.overview import Part, overview
from harness.tables.summary import coverage, pool, shares, summarise, task_scores, twins, with_scores

__all__ = [
    "MEASURED_OUTCOMES",
    "NOT_A_FINDING",
    "OUTCOMES",
    "AccessEvent",
    "Answers",
    "Band",
    "Claims",
    "Comparison",
    "Evidence",
    "GroupSide",
    "Mark",
    "Matched",
    "Part",
    "ProbeChange",
    "Row",
    "Side",
    "SideCounts",
    "SuiteNote",
    "access_events",
    "bands",
    "compare",
    "control_arm",
    "coverage",
    "marks",
    "overview",
    "pool",
    "shares",
    "summarise",
    "task_scores",
    "twins",
    "with_scores",
]
