"""Tallies in, claims out: which streams are watched, what each may spend of the false-alarm budget, what was found.

Pure: no I/O, no clock. `streams` and `ledger` follow from the config and its suites before the first day; `update`
takes one finished run into the streams and raises findings; `replay` makes the states again from stored steps.
"""

from harness.findings.alarms import Event, Step, evidence
from harness.findings.history import History, Point
from harness.findings.ledger import VERSION, Ledger, changes, ledger
from harness.findings.memory import InMemory
from harness.findings.replay import Replayed, replay
from harness.findings.scores import COUNTS, Layout, RunTallies, Score
from harness.findings.standing import Past, StreamStanding, standings
from harness.findings.state import StreamState, decode
from harness.findings.streams import FACTS, MEANINGS, Signal, Stream, streams
from harness.findings.update import Update, update

__all__ = [
    "COUNTS",
    "FACTS",
    "MEANINGS",
    "VERSION",
    "Event",
    "History",
    "InMemory",
    "Layout",
    "Ledger",
    "Past",
    "Point",
    "Replayed",
    "RunTallies",
    "Score",
    "Signal",
    "Step",
    "Stream",
    "StreamStanding",
    "StreamState",
    "Update",
    "changes",
    "decode",
    "evidence",
    "ledger",
    "replay",
    "standings",
    "streams",
    "update",
]
