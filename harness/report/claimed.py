"""Findings in a report: claims in plain language, what was ruled out, and what silence means."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from harness.claims import Finding, Standing, Tier
from harness.report.views import Table
from harness.tables import Claims, Evidence
from harness.tables.words import moment, plural, printable, signed

SHOWN = 40
"""Most findings that are told one by one; the others are counted."""
PARTS = 8


@dataclass(frozen=True, slots=True)
class Claimed:
    """One finding as it is read."""

    heading: str
    sentences: tuple[str, ...]
    tables: tuple[Table, ...]


@dataclass(frozen=True, slots=True)
class ClaimsView:
    """The section on findings."""

    sentences: tuple[str, ...]
    found: tuple[Claimed, ...]
    tables: tuple[Table, ...]


def claims_view(evidence: Evidence) -> ClaimsView:
    """Return what was found, in words, the newest first; empty sentences where nothing was watched."""
    claims = evidence.claims
    if claims is None or not claims.runs:
        return ClaimsView(
            ("No run was taken into the streams that findings are made from, so nothing is claimed here.",),
            (),
            (),
        )
    newest = tuple(reversed(claims.findings))
    said = [*_summary(claims), *_budget(claims)]
    if len(newest) > SHOWN:
        said.append(f"{len(newest) - SHOWN} older findings are left out here: harness findings shows all.")
    tables = []
    if claims.streams:
        rows = [
            (printable(name, 80), verdict, printable(words, 200)) for name, verdict, words in claims.streams
        ]
        tables.append(Table("How every stream stands just now", ("stream", "verdict", "why"), rows))
    return ClaimsView(tuple(said), tuple(_claimed(each, claims) for each in newest[:SHOWN]), tuple(tables))


def short_claims(evidence: Evidence) -> tuple[str, ...]:
    """Return the lasting findings that stand, for the summary; the newest first."""
    claims = evidence.claims
    if claims is None:
        return ()
    standing = [
        each
        for each in reversed(claims.findings)
        if each.standing is not Standing.WITHDRAWN and each.tier is Tier.PERSISTENT
    ]
    said = [f"Found: {printable(each.headline, 600)}" for each in standing[:5]]
    if len(standing) > 5:
        said.append(f"{len(standing) - 5} more findings: see below.")
    return tuple(said)


def _summary(claims: Claims) -> list[str]:
    lasting = [each for each in claims.findings if each.tier is Tier.PERSISTENT]
    incidents = [each for each in claims.findings if each.tier is Tier.INCIDENT]
    withdrawn = sum(each.standing is Standing.WITHDRAWN for each in incidents)
    over = sum(each.standing is Standing.OVER for each in incidents)
    confirmed = sum(each.standing is Standing.CONFIRMED for each in incidents)
    said = [
        f"{plural(claims.runs, 'run')} taken into the streams gave {plural(len(lasting), 'lasting finding')} and "
        f"{plural(len(incidents), 'incident')}"
        + (f" ({confirmed} confirmed, {over} over, {withdrawn} withdrawn since)." if incidents else ".")
    ]
    unchanged = sum(verdict == "no change" for _, verdict, _ in claims.streams)
    if claims.streams:
        said.append(
            f"Of {plural(len(claims.streams), 'stream')} watched, {unchanged} show no change within their margin just "
            f"now; {len(claims.streams) - unchanged} are inconclusive. Silence is not `no change`."
        )
    return said


def _budget(claims: Claims) -> list[str]:
    if not claims.periods:
        return []
    opened_us, reason, ledger = claims.periods[-1]
    alpha, days, groups = ledger["alpha"], ledger["horizon_days"], ledger["groups"]
    said = [
        f"The alpha ledger, fixed on {_moment(opened_us)} ({printable(reason, 200)}), "
        f"allows at most {alpha:.3g} false lasting findings in {days} days over everything watched on "
        f"{plural(len(groups), 'endpoint')}; the alarm level is {ledger['threshold']:,.0f}."
    ]
    if len(claims.periods) > 1:
        said.append(
            f"It was changed {plural(len(claims.periods) - 1, 'time')}; each change is recorded with its reason."
        )
    return said


def _moment(time_us: int) -> str:
    return moment(datetime.fromtimestamp(time_us / 1e6, UTC))


def _claimed(finding: Finding, claims: Claims) -> Claimed:
    standing = "" if finding.standing is Standing.OPEN else f", {finding.standing.value}"
    when = _moment(finding.found_us)
    said = [printable(finding.headline, 600)]
    if finding.tier is Tier.INCIDENT:
        said.append(
            "An incident is provisional: fast, under stronger assumptions, confirmed, over or withdrawn later."
        )
    if finding.e_value is not None and finding.threshold is not None:
        level = f"Evidence {finding.e_value:,.3g}, alarm level {finding.threshold:,.0f}"
        said.append(f"{level}: {printable(finding.strength, 400)}.")
    said += [
        f"{event.capitalize()} on {_moment(at_us)}: {printable(words, 400)}."
        for event, at_us, words in claims.events.get(finding.id, ())
    ]
    said += [printable(caveat, 400) for caveat in finding.caveats]
    if finding.exchanges:
        said.append(
            f"Shown best by harness show {', '.join(printable(each, 40) for each in finding.exchanges[:3])}."
        )
    return Claimed(
        f"{finding.kind.value} on {printable(finding.stream.endpoint, 40)} ({finding.tier.value}{standing}), {when}",
        tuple(said),
        tuple(_tables(finding)),
    )


def _tables(finding: Finding) -> Sequence[Table]:
    made = []
    if finding.ruled_out:
        rows = [(each.explanation, each.result, printable(each.words, 300)) for each in finding.ruled_out]
        made.append(Table("Other explanations", ("explanation", "result", "evidence"), rows))
    if finding.parts:
        cells = [
            (
                printable(part.name, 60),
                f"{100 * part.before:.0f}",
                f"{100 * part.after:.0f}",
                f"{signed(part.low)} to {signed(part.high)}",
            )
            for part in finding.parts[:PARTS]
        ]
        made.append(
            Table("Where it sits, in percent", ("class", "before", "after", "change, points"), cells, 3)
        )
    return made
