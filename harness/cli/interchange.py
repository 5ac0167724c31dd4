"""Data out and in: harness export, harness import."""

from __future__ import annotations

import sys
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Annotated, Literal

import typer

from harness.cli.bar import Bar
from harness.cli.context import (
    DEFAULT_CONFIG,
    ConfigOption,
    DbOption,
    EndpointOption,
    JsonOption,
    OriginOption,
    SuiteOption,
    database_path,
    err,
    out,
    print_json,
    reading,
)
from harness.errors import UsageError
from harness.interchange import Choice, export_folder, export_lines, import_export, is_export
from harness.limits import RealClock
from harness.store import Store

_Since = Annotated[
    str | None, typer.Option("--since", metavar="DATE", help="Only runs from this day on, UTC (2026-11-01).")
]
_Until = Annotated[
    str | None, typer.Option("--until", metavar="DATE", help="Only runs up to and including this day, UTC.")
]


def register(app: typer.Typer) -> None:
    """Add this group's commands."""
    app.command()(export)
    app.command("import")(import_)


def export(
    config: ConfigOption = DEFAULT_CONFIG,
    db: DbOption = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "-o",
            "--output",
            metavar="FOLDER",
            help="A file per kind of record; by default JSON lines on stdout.",
        ),
    ] = None,
    form: Annotated[
        Literal["jsonl", "csv", "parquet"],
        typer.Option("--format", help="JSON lines, CSV or Parquet (the last needs the extra parquet)."),
    ] = "jsonl",
    run: Annotated[list[int] | None, typer.Option("--run", help="Only this run; may be given again.")] = None,
    endpoint: EndpointOption = None,
    suite: SuiteOption = None,
    since: _Since = None,
    until: _Until = None,
    origin: OriginOption = "own",
    force: Annotated[bool, typer.Option("--force", help="Replace files that are there.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Write exchanges, observations and all they refer to in harness's own data format (docs/data-format.md)."""
    choice = Choice(
        tuple(run) if run else None,
        tuple(endpoint) if endpoint else None,
        tuple(suite) if suite else None,
        _day(since, "--since"),
        _day(until, "--until", days=1),
        origin,
    )
    if output is None and (form != "jsonl" or as_json):
        raise UsageError("tables and --json need a folder to write to: add -o FOLDER")
    with reading(config, db) as store:
        if output is None:
            counts = export_lines(store, choice, sys.stdout)
            err.print(", ".join(f"{count:,} {kind} records" for kind, count in counts.items()), markup=False)
            return
        files = export_folder(store, choice, output, form, force=force)
    if as_json:
        print_json({"folder": str(output), "format": form, "files": dict(files)})
        return
    for name, count in files.items():
        out.print(f"wrote {output / name}: {count:,} records", markup=False)


def _day(text: str | None, option: str, days: int = 0) -> int | None:
    if text is None:
        return None
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise UsageError(f"{option} {text}: must be a day such as 2026-11-01") from None
    return int((datetime.combine(day, time(), UTC) + timedelta(days=days)).timestamp()) * 1_000_000


def import_(
    source: Annotated[
        Path,
        typer.Argument(metavar="SOURCE", help="An export of harness: a file of JSON lines, or a folder."),
    ],
    config: ConfigOption = DEFAULT_CONFIG,
    db: DbOption = None,
    as_json: JsonOption = False,
) -> None:
    """Bring in what harness exported elsewhere. Imported runs are marked and kept apart."""
    if not source.exists():
        raise UsageError(f"{source}: there is no such file or folder")
    with Store.open(database_path(config, db), mode="write") as store, Bar("importing") as bar:
        if not is_export(source):
            raise UsageError(f"{source}: is not an export of harness (docs/data-format.md)")
        found = import_export(store, source, RealClock().now_us(), bar)
    for note in found.notes:
        err.print(f"note: {note}", markup=False)
    if as_json:
        print_json(
            {
                "source": found.source,
                "file": found.file,
                "file_sha256": found.file_sha256,
                "added": [
                    {"run_id": each.run_id, "label": each.label, "exchanges": each.exchanges}
                    for each in found.added
                ],
                "already_there": list(found.there),
                "counts": dict(found.counts),
                "notes": list(found.notes),
            }
        )
        return
    counted = ", ".join(f"{count:,} {kind}" for kind, count in found.counts.items())
    out.print(f"{found.file}: read as {found.source}: {counted}; {found.file_sha256[:16]}…", markup=False)
    for each in found.added:
        out.print(f"added run {each.run_id}: {each.label}, {each.exchanges:,} exchanges", markup=False)
    if found.there:
        names = ", ".join(map(str, found.there))
        out.print(f"already there, nothing added: run {names}", markup=False)
    if found.added:
        out.print(
            "imported runs are shown with --origin imported, and by number: harness status --origin imported"
        )
