"""Looking: status, compare, report. They read only and never disturb a run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from harness import tables
from harness.cli.claims import open_json
from harness.cli.context import (
    DEFAULT_CONFIG,
    ConfigOption,
    DbOption,
    JsonOption,
    OriginOption,
    database_path,
    load_project,
    out,
    print_json,
    reading,
)
from harness.cli.results import evidence_of, grid, percent, print_comparison, print_named
from harness.cli.selection import HELP, parse, read_answers, redefined, with_makers
from harness.errors import UsageError
from harness.monitor import standing
from harness.monitor.confirmation import standing_of
from harness.monitor.spending import Untold, dollars, untold
from harness.records import JSON, utc_text
from harness.store import Store


def register(app: typer.Typer) -> None:
    """Add this group's commands."""
    app.command()(status)
    app.command()(compare)
    app.command()(report)


def status(
    config: ConfigOption = DEFAULT_CONFIG,
    db: DbOption = None,
    last: Annotated[int, typer.Option("--last", min=1, help="How many of the latest runs to list.")] = 10,
    origin: OriginOption = "own",
    as_json: JsonOption = False,
) -> None:
    """Say what ran, what is due and what was missed, coverage, spend, findings, and what has no place in our tables."""
    project = load_project(config, db) if config.exists() or db is None else None
    schedules = project.config.schedules if project is not None else {}
    now = datetime.now(UTC)
    with reading(config, db) as store:
        evidence = evidence_of(store, database_path(config, db), now, origin=origin)
        covered = tables.coverage(evidence)
        costs = evidence.runs.set_index("run_id")["cost_usd"]
        more = untold(store, [int(each) for each in covered["run_id"]])
        runs: list[dict[str, JSON]] = [
            {
                "run_id": int(row["run_id"]),
                "started_at": utc_text(int(row["started_at"].timestamp() * 1e6)),
                "status": _standing(store, int(row["run_id"]), str(row["status"])),
                "trigger": "import" if int(row["run_id"]) in evidence.imported else str(row["trigger"]),
                "origin": evidence.imported.get(int(row["run_id"])),
                "clock": str(row["clock"]),
                "planned": int(row["planned"]),
                "completed": int(row["completed"]),
                "measured": int(row["measured"]),
                "failed": int(row["failed"]),
                "coverage": None if row["planned"] == 0 else round(float(row["coverage"]), 6),
                "cost_usd": round(cost := float(costs.get(row["run_id"], 0.0)), 6),
                "cost_usd_at_most": round(cost + more.get(int(row["run_id"]), Untold()).usd_at_most, 6),
            }
            for row in covered.to_dict("records")
        ]
        standings = [
            standing(name, schedule.cron, _starts(covered, name), now) for name, schedule in schedules.items()
        ]
        unmapped = store.unmapped()
        access = tables.access_events(evidence.tallies, store.denials())
        others = len(store.origins.labels())
        found = open_json(store)
        reserve = None
        if project is not None and project.config.confirmation.runs_per_month:
            reserve = standing_of(project.config, project.suites(), store, now)
    due: list[dict[str, JSON]] = [
        {
            "schedule": each.schedule,
            "cron": each.cron,
            "last_run": _iso(each.last_run),
            "next_run": _iso(each.next_run),
            "missed": each.missed,
            "last_missed": _iso(each.last_missed),
        }
        for each in standings
    ]
    unknown: list[dict[str, JSON]] = [
        {"endpoint": name, "value": value, "count": n} for name, value, n in unmapped
    ]
    if as_json:
        print_json(
            {
                "runs": list(runs),
                "schedules": list(due),
                "access": [_access_json(each) for each in access],
                "unmapped": list(unknown),
                "findings": found,
                "confirmation": None if reserve is None else reserve.as_json(),
            }
        )
        return
    table = grid(
        "run", "started (UTC)", "trigger", "status", "planned", "done", "failed", "coverage", "cost", right=5
    )
    for run in runs[-last:]:
        coverage: Any = run["coverage"]
        table.add_row(
            str(run["run_id"]),
            str(run["started_at"])[:19].replace("T", " "),
            str(run["trigger"]),
            str(run["status"]),
            f"{run['planned']:,}",
            f"{run['completed']:,}",
            f"{run['failed']:,}",
            percent(coverage),
            dollars(float(str(run["cost_usd"])), float(str(run["cost_usd_at_most"]))),
        )
    out.print(table)
    if len(runs) > last:
        out.print(f"the latest {last} of {len(runs)} runs; more with --last")
    for run_id, label in sorted(evidence.imported.items())[-last:]:
        out.print(f"run {run_id} was imported from {label}", markup=False)
    if origin == "own" and others:
        out.print(f"{others} imported runs are not shown; show them with --origin imported")
    for each in standings:
        missed = f"; missed {each.missed}, last {each.last_missed:%Y-%m-%d %H:%M}" if each.last_missed else ""
        ran = f"last run {each.last_run:%Y-%m-%d %H:%M}" if each.last_run else "has not run yet"
        out.print(
            f"schedule {each.schedule} ({each.cron}): {ran}, next {each.next_run:%Y-%m-%d %H:%M} UTC{missed}",
            markup=False,
        )
    for line in reserve.words() if reserve is not None else ():
        out.print(line, markup=False)
    for event in access:
        why = f" ({', '.join(event.reasons)})" if event.reasons else ""
        since = f", was otherwise {event.before_at:%Y-%m-%d %H:%M}" if event.before_at else ""
        out.print(
            f"access {event.kind}: {event.endpoint} ({event.model}){why}, "
            f"first seen {event.seen_at:%Y-%m-%d %H:%M} UTC in run {event.run_id}{since}",
            markup=False,
        )
    for each_found in found:
        out.print(f"finding {_short(each_found)}", markup=False)
    for name, value, count in unmapped:
        out.print(
            f"unmapped: {name} sent {value} {count} times; kept as it is, given the nearest safe outcome",
            markup=False,
        )


def _short(found: JSON) -> str:
    assert isinstance(found, Mapping)
    return f"{found['id']} ({found['tier']}, {found['standing']}): {found['headline']}"


def _access_json(event: tables.AccessEvent) -> JSON:
    return {
        "endpoint": event.endpoint,
        "model": event.model,
        "kind": event.kind,
        "run_id": event.run_id,
        "first_seen": _iso(event.seen_at),
        "last_seen_otherwise": _iso(event.before_at),
        "denied": event.denied,
        "reasons": list(event.reasons),
    }


def _standing(store: Store, run_id: int, status: str) -> str:
    """A run marked as running whose process is gone was interrupted."""
    if status == "running" and not (Store.writer(store.path) is not None and run_id == store.run_count()):
        return "interrupted"
    return status


def _starts(covered: Any, schedule: str) -> list[datetime]:
    return [moment.to_pydatetime() for moment in covered.loc[covered["trigger"] == schedule, "started_at"]]


def _iso(moment: datetime | None) -> str | None:
    return None if moment is None else moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def compare(
    a: Annotated[str, typer.Argument(metavar="A", help=HELP + ".")],
    b: Annotated[str, typer.Argument(metavar="B", help="Likewise.")],
    config: ConfigOption = DEFAULT_CONFIG,
    db: DbOption = None,
    groups: Annotated[
        bool,
        typer.Option(
            "--groups", help="Also every family, kind, arm, topic and language, however many there are."
        ),
    ] = False,
    margin: Annotated[
        float,
        typer.Option(
            "--margin",
            min=0.1,
            max=50,
            metavar="POINTS",
            help="A share that is shown to have moved by less has not changed.",
        ),
    ] = 5.0,
    plot: Annotated[Path | None, typer.Option("--plot", metavar="FILE.png", help="Draw it too.")] = None,
    origin: OriginOption = "own",
    as_json: JsonOption = False,
) -> None:
    """Compare two runs, windows, endpoints, models or vantages: paired by probe, B minus A, with an interval.

    Says of each endpoint and suite what the difference is consistent with, or that it is inconclusive.
    Two snapshots are not yet a finding: two ordinary days can differ as much.
    """
    from harness.cli.naming import names_of

    with reading(config, db) as store:
        named = store.identities(origin=origin)
        known = sorted(named["endpoint"].unique()), sorted(named["model"].unique())
        left, right = parse(a, *known).tallies(store, origin), parse(b, *known).tallies(store, origin)
        identities = store.identities(origin="all")
        answers = read_answers(store, left, right)
        found = tables.compare(
            left,
            right,
            left_label=f"run {a}" if a.isdigit() else a,
            right_label=f"run {b}" if b.isdigit() else b,
            identities=with_makers(store, identities, left, right),
            answers=None if answers is None else answers.same,
            redefined=redefined(store, left, right),
        )
        changes = names_of(store, found, identities, answers, margin / 100)
        shown = {*left["run_id"].tolist(), *right["run_id"].tolist()}
        simulated = any(store.run_header(run_id).clock == "simulated" for run_id in shown)
        imported = {run_id: label for run_id, label in store.origins.labels().items() if run_id in shown}
    if imported:
        notes = [
            f"Run {run_id} was imported from {label}." for run_id, label in sorted(imported.items())[:10]
        ]
        if len(imported) > len(notes):
            notes.append(f"{len(imported) - len(notes)} more of the runs compared were imported.")
        found = replace(found, notes=(*notes, *found.notes))
    if plot is not None:
        from harness.plots import comparison_plot

        try:
            comparison_plot(found, simulated=simulated).png(plot)
        except OSError as error:
            raise UsageError(f"{plot}: cannot write it there ({error.strerror})") from error
    if as_json:
        print_json({**found.as_json(), "changes": [each.as_json() for each in changes]})
        return
    print_comparison(found, groups)
    print_named(changes)
    out.print(found.caution, markup=False)


def report(
    config: ConfigOption = DEFAULT_CONFIG,
    db: DbOption = None,
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", metavar="DIR", help="Where to write; by default the results folder."),
    ] = None,
    origin: OriginOption = "own",
    as_json: JsonOption = False,
) -> None:
    """Write report.html, report.md and pictures from everything in the database."""
    from harness.report import write_report

    folder = output if output is not None else load_project(config, db).results
    with reading(config, db) as store:
        evidence = evidence_of(store, database_path(config, db), origin=origin)
    try:
        written = write_report(evidence, folder)
    except OSError as error:
        raise UsageError(
            f"{folder}: cannot write the report there ({error.strerror}); choose another folder with -o"
        ) from error
    if as_json:
        print_json(
            {
                "html": str(written.html),
                "markdown": str(written.markdown),
                "pictures": [str(path) for path in written.pictures],
            }
        )
        return
    out.print(f"wrote {written.html}", markup=False)
    out.print(f"wrote {written.markdown}", markup=False)
    out.print(
        f"wrote {len(written.pictures)} pictures to {written.pictures[0].parent if written.pictures else folder}",
        markup=False,
    )
