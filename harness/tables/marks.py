"""Findings that stand, as marks along time: from which date, and what kind."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from harness.claims import Finding, Standing, Tier, Verdict
from harness.tables.evidence import Claims
from harness.tables.words import printable


@dataclass(frozen=True, slots=True)
class Mark:
    """One date from which something is found to have changed, by one finding or several."""

    at: datetime
    """Start of the first run after the change, UTC."""
    words: tuple[str, ...]
    """Kind and tier of each finding, each once."""


def marks(
    claims: Claims | None, endpoint: str, suite: str, first: datetime, last: datetime
) -> tuple[Mark, ...]:
    """Return the marks of one endpoint's answers to one suite, oldest first.

    Persistent findings and incidents that were not withdrawn are marked; those about the whole endpoint (access, the
    served name) with every suite.

    Args:
        claims: what was found; None where that was not read.
        endpoint: its name.
        suite: its name.
        first: start of the first run shown: what changed before the second one cannot be seen.
        last: start of the last one.
    """
    found: dict[int, list[str]] = defaultdict(list)
    for each in claims.findings if claims is not None else ():
        stands = each.verdict is Verdict.CHANGE and each.standing is not Standing.WITHDRAWN
        if stands and each.stream.endpoint == endpoint and each.stream.suite in (suite, ""):
            found[each.since.best_us if each.since is not None else each.found_us].append(_words(each))
    made = [Mark(_moment(at_us), tuple(dict.fromkeys(found[at_us]))) for at_us in sorted(found)]
    return tuple(mark for mark in made if first < mark.at <= last)


def _moment(at_us: int) -> datetime:
    # Whole microseconds: a float of seconds would land beside the start of the run.
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=at_us)


def _words(finding: Finding) -> str:
    topic = f" on {printable(finding.stream.topic, 40)}" if finding.stream.topic else ""
    confirmed = ", confirmed" if finding.standing is Standing.CONFIRMED else ""
    provisional = ", provisional" if finding.tier is Tier.INCIDENT and not confirmed else ""
    return f"{finding.kind.value}{topic} ({finding.tier.value}{confirmed or provisional})"
