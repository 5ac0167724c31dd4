"""Data out and in: harness export, harness import."""

from __future__ import annotations

import sys
from dataclasses import replace
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
from harness.graders import GRADERS, judge
from harness.interchange import (
    Choice,
    Mapped,
    Result,
    export_folder,
    export_inspect,
    export_lines,
    import_export,
    load_mapping,
    parse_map,
    read_log,
    recognise_log,
    write_log,
)
from harness.interchange.mapping import FIELDS
from harness.limits import RealClock
from harness.records import JSON
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
        Literal["jsonl", "csv", "parquet", "inspect"],
        typer.Option(
            "--format", help="JSON lines, CSV, Parquet (needs the extra parquet), or logs for Inspect AI."
        ),
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
        raise UsageError("tables, logs and --json need a folder to write to: add -o FOLDER")
    with reading(config, db) as store:
        if output is None:
            counts = export_lines(store, choice, sys.stdout)
            err.print(", ".join(f"{count:,} {kind} records" for kind, count in counts.items()), markup=False)
            return
        if form == "inspect":
            files = export_inspect(store, choice, output, force=force)
        else:
            files = export_folder(store, choice, output, form, force=force)
    if as_json:
        print_json({"folder": str(output), "format": form, "files": dict(files)})
        return
    for name, count in files.items():
        what = "samples" if form == "inspect" else "records"
        out.print(f"wrote {output / name}: {count:,} {what}", markup=False)


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
        typer.Argument(metavar="SOURCE", help="An export of harness, a log of another tool, or a table."),
    ],
    config: ConfigOption = DEFAULT_CONFIG,
    db: DbOption = None,
    form: Annotated[
        Literal["auto", "harness", "inspect", "lm-eval", "promptfoo", "columns"],
        typer.Option("--format", help="What it is; by default told by looking at it."),
    ] = "auto",
    mapping: Annotated[
        Path | None,
        typer.Option(
            "--mapping", metavar="FILE.toml", help="Which column holds what, and what its values mean."
        ),
    ] = None,
    columns: Annotated[
        list[str] | None,
        typer.Option(
            "--map", metavar="FIELD=COLUMN,...", help=f"Which column holds what: {', '.join(FIELDS)}."
        ),
    ] = None,
    grader: Annotated[
        str | None,
        typer.Option(
            "--grader", metavar="NAME", help="Judge the answers with this grader instead of the log's labels."
        ),
    ] = None,
    suite: Annotated[
        str | None,
        typer.Option(
            "--suite", metavar="NAME", help="Name of the suite; by default the log's or the file's."
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Bring in an export of harness, or the log of another tool. Imported runs are marked and kept apart."""
    if not source.exists():
        raise UsageError(f"{source}: there is no such file or folder")
    named: str = form
    if form == "auto":
        named = "columns" if mapping is not None or columns else recognise_log(source)
    wanted = _wanted(named, mapping, columns, grader, suite)
    path = database_path(config, db)
    log = read_log(source, named, wanted) if named != "harness" else None
    with Store.open(path, mode="write") as store, Bar("importing") as bar:
        now_us = RealClock().now_us()
        found = (
            import_export(store, source, now_us, bar) if log is None else write_log(store, log, now_us, bar)
        )
    for note in found.notes:
        err.print(f"note: {note}", markup=False)
    if as_json:
        print_json(_result_json(found))
        return
    counted = ", ".join(f"{count:,} {kind}" for kind, count in found.counts.items())
    out.print(
        f"{found.file}: read as {found.source}: {counted}; sha256 {found.file_sha256[:16]}…", markup=False
    )
    for each in found.added:
        out.print(f"added run {each.run_id}: {each.label}, {each.exchanges:,} exchanges", markup=False)
    if found.there:
        out.print(f"already there, nothing added: run {', '.join(map(str, found.there))}", markup=False)
    if found.added:
        out.print("imported runs are shown when asked for: harness status --origin imported", markup=False)


def _wanted(
    form: str, mapping: Path | None, columns: list[str] | None, grader: str | None, suite: str | None
) -> Mapped:
    """Return the mapping that the options make; for formats that need none, grader and suite alone count."""
    if form != "columns" and (mapping is not None or columns):
        raise UsageError(
            f"--mapping and --map are for tables; a log of the format {form} says itself what is where"
        )
    if form == "harness" and (grader or suite):
        raise UsageError("an export of harness comes in as it is; --grader and --suite are for other logs")
    if grader is not None and grader not in GRADERS:
        raise UsageError(f"--grader: there is none named {grader!r}; use one of {', '.join(GRADERS)}")
    if grader == judge.NAME:
        raise UsageError(
            "--grader judge: another model judges only what harness asked itself; use another grader"
        )
    wanted = load_mapping(mapping) if mapping is not None else Mapped({})
    fields = {**wanted.fields, **parse_map(columns or [])}
    return replace(wanted, fields=fields, grader=grader or wanted.grader, suite=suite or wanted.suite)


def _result_json(found: Result) -> JSON:
    return {
        "source": found.source,
        "file": found.file,
        "file_sha256": found.file_sha256,
        "added": [
            {"run_id": each.run_id, "label": each.label, "exchanges": each.exchanges} for each in found.added
        ],
        "already_there": list(found.there),
        "counts": dict(found.counts),
        "notes": list(found.notes),
    }
