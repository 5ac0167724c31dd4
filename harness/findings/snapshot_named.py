"""What two snapshots of one endpoint and suite are said to show, and what it is made from."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import cast

from harness.claims import Effect, Kind, Lock, Part, RuledOut, Verdict
from harness.findings.snapshot_refusals import Refusals
from harness.findings.snapshot_words import Reading
from harness.records import JSON
from harness.stats.intervals import Floats

VERSION = 2
MAKERS = f"snapshots/{VERSION}"
MARGIN = 0.05
"""Changes smaller than this, shown to be so, are `no change`; controls that moved by less are flat."""
EVEN = 0.02
"""Coverage that falls short by less than this cannot carry a change worth naming."""


@dataclass(frozen=True, slots=True, eq=False)
class Fences:
    """Whether answers stood in code fences, per probe; NaN where none was read."""

    first: Floats
    second: Floats


@dataclass(frozen=True, slots=True)
class Named:
    """What the difference between two snapshots of one endpoint and suite is consistent with."""

    endpoint: str
    suite: str
    """Empty for what is said of the endpoint as a whole."""
    verdict: Verdict
    reading: Reading
    kind: Kind | None
    """None unless something changed."""
    sentence: str
    topics: tuple[str, ...] = ()
    """For a lock: the topics, and their languages that were found one by one."""
    lock: Lock | None = None
    effect: Effect | None = None
    p: float | None = None
    """Of the question that decided, after Holm over all questions of the comparison."""
    questions: int = 0
    """How many those were."""
    margin: float | None = None
    """In shares: what `flat` and `no change` mean."""
    parts: tuple[Part, ...] = ()
    ruled_out: tuple[RuledOut, ...] = ()
    caveats: tuple[str, ...] = ()
    refusals: Refusals | None = None
    """The share declined as read, and with the refusal detector's error taken out; None where nothing was declined."""
    makers: str = MAKERS

    def as_json(self) -> dict[str, JSON]:
        """Return it as JSON data."""
        whole = {name: value for name, value in asdict(self).items() if name != "refusals"}
        told = None if self.refusals is None else self.refusals.as_json()
        return cast("dict[str, JSON]", {**whole, "refusals": told})
