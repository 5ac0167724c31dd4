"""Claims: findings, with what became of them and how everything else stands."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Literal

import typer

from harness.claims import Finding, Standing, Verdict
from harness.cli.context import (
    DEFAULT_CONFIG,
    ConfigOption,
    DbOption,
    EndpointOption,
    JsonOption,
    load_project,
    out,
    print_json,
    reading,
)
from harness.errors import EXIT_DONE, EXIT_ERROR, EXIT_FINDINGS, UsageError
from harness.monitor import Overview, overview, replay_streams
from harness.records import JSON, utc_text
from harness.store import Store

FailOption = Annotated[
    bool, typer.Option("--fail-on-findings", help="Exit with code 3 when there is a finding of change.")
]


def register(app: typer.Typer) -> None:
    """Add this group's commands."""
    app.command()(findings)


def findings(
    config: ConfigOption = DEFAULT_CONFIG,
    db: DbOption = None,
    tier: Annotated[
        Literal["persistent", "incident"] | None, typer.Option("--tier", help="Only this tier.")
    ] = None,
    endpoint: EndpointOption = None,
    since: Annotated[
        str | None,
        typer.Option("--since", metavar="DATE", help="Only those found at or after this UTC date or time."),
    ] = None,
    fail_on_findings: FailOption = False,
    replay: Annotated[
        bool, typer.Option("--replay", help="Make every stream again from its stored steps and compare.")
    ] = False,
    as_json: JsonOption = False,
) -> int:
    """Say what was found to have changed, how sure that is, and how everything else stands."""
    since_us = None if since is None else moment_us(since)
    with reading(config, db) as store:
        if replay:
            project = load_project(config, db)
            made = replay_streams(project.config, project.suites(), store)
            wrong = [f"{each.stream}: {words}" for each in made for words in each.differs]
            steps = sum(each.steps for each in made)
            older = sum(not each.compared for each in made)
            if as_json:
                print_json({"streams": len(made), "steps": steps, "differs": list(wrong), "older": older})
            else:
                for words in wrong:
                    out.print(words, markup=False)
                out.print(
                    f"{len(made)} streams made again from {steps:,} steps: "
                    + ("they differ" if wrong else "all as stored")
                )
                if older:
                    out.print(
                        f"not compared: {older} of the stored states, which an earlier version of the rule or of its "
                        f"settings made; the next run computes them anew from the stored runs"
                    )
            return EXIT_ERROR if wrong else EXIT_DONE
        found = overview(store)
    chosen = tuple(
        each
        for each in found.findings
        if (tier is None or each.tier.value == tier)
        and (endpoint is None or each.stream.endpoint in endpoint)
        and (since_us is None or each.found_us >= since_us)
    )
    shown = Overview(
        *(chosen, found.events),
        tuple(each for each in found.streams if endpoint is None or each.key.endpoint in endpoint),
        *(found.periods, found.runs),
    )
    if as_json:
        print_json(shown.as_json())
    else:
        print_findings(shown)
    return EXIT_FINDINGS if fail_on_findings and changed(chosen) else EXIT_DONE


def changed(found: tuple[Finding, ...] | list[Finding]) -> bool:
    """Say whether any finding of change stands."""
    return any(each.verdict is Verdict.CHANGE and each.standing is not Standing.WITHDRAWN for each in found)


def moment_us(text: str) -> int:
    """Return a date or time in UTC as microseconds since 1970.

    Raises:
        UsageError: it is neither.
    """
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise UsageError(
            f"--since {text}: is no date; write it like 2026-11-30 or 2026-11-30T06:00Z"
        ) from error
    aware = moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
    return round(aware.timestamp() * 1e6)


def print_findings(found: Overview) -> None:
    """Print findings for people, the newest last, then how the other streams stand."""
    if not found.findings:
        out.print(f"no findings in {found.runs} run(s) taken into the streams")
    for each in found.findings:
        print_finding(each)
        for event in found.events.get(each.id, []):
            out.print(f"  {event.standing.value} {utc_text(event.at_us)[:16]}: {event.words}", markup=False)
    if found.streams:
        same = [each for each in found.streams if each.verdict is Verdict.NO_CHANGE]
        rest = len(found.streams) - len(same)
        out.print(
            f"streams: {len(same)} show no change within their margin just now, {rest} are inconclusive "
            f"(silence is not `no change`); each with --json"
        )
    if found.periods:
        newest = found.periods[-1]
        out.print(
            f"alpha ledger: period {newest.id} since {utc_text(newest.opened_us)[:16]} ({newest.reason})",
            markup=False,
        )


def print_finding(finding: Finding) -> None:
    """Print one finding: the claim, the evidence, what was ruled out."""
    standing = "" if finding.standing is Standing.OPEN else f", {finding.standing.value}"
    out.print(
        f"{finding.id}  {utc_text(finding.found_us)[:16]}  {finding.kind.value} ({finding.tier.value}{standing})",
        markup=False,
    )
    out.print(f"  {finding.headline}", markup=False)
    if finding.e_value is not None:
        out.print(
            f"  evidence {finding.e_value:,.3g}, alarm level {finding.threshold:,.0f}: {finding.strength}",
            markup=False,
        )
    for ruled in finding.ruled_out:
        if ruled.result != "not checked":
            out.print(f"  {ruled.explanation}: {ruled.result}: {ruled.words}", markup=False)
    for part in finding.parts[:6]:
        out.print(
            f"  {part.name}: {part.before:.0%} to {part.after:.0%} "
            f"(change {100 * part.low:+.0f} to {100 * part.high:+.0f} points)",
            markup=False,
        )
    for caveat in finding.caveats:
        out.print(f"  note: {caveat}", markup=False)
    if finding.exchanges:
        out.print(f"  shown best by: harness show {finding.exchanges[0]}", markup=False)


def open_json(store: Store) -> list[JSON]:
    """Return the standing findings of change in short, for `harness status`."""
    return [
        {
            "id": each.id,
            "kind": each.kind.value,
            "tier": each.tier.value,
            "standing": each.standing.value,
            "endpoint": each.stream.endpoint,
            "found_at": utc_text(each.found_us),
            "headline": each.headline,
        }
        for each in store.findings.findings()
        if each.verdict is Verdict.CHANGE and each.standing is not Standing.WITHDRAWN
    ]
