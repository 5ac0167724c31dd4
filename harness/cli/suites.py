"""Suites as files: harness suite import, harness suite check."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Annotated

import typer

from harness.cli.context import JsonOption, err, out, print_json
from harness.errors import ConfigError
from harness.interchange import FIELDS, Imported, Wanted, import_suite, parse_mapping
from harness.limits import RealClock
from harness.records import JSON, utc_text
from harness.suites import Suite, check_suite, load_suite, record_hash

app = typer.Typer(help="Suites: make one from a dataset, check one.", no_args_is_help=True)


@app.command("import")
def import_(
    source: Annotated[
        Path, typer.Argument(metavar="SOURCE", help="JSON lines, a JSON list, CSV or TSV; gzipped or not.")
    ],
    folder: Annotated[
        Path,
        typer.Option("-o", "--output", metavar="FOLDER", help="Where the suite goes, such as probes/NAME."),
    ],
    grader: Annotated[
        str | None,
        typer.Option(
            "--grader",
            metavar="NAME",
            help="Grader of every probe; by default chosen by looking at the targets.",
        ),
    ] = None,
    columns: Annotated[
        list[str] | None,
        typer.Option(
            "--map",
            metavar="FIELD=COLUMN,...",
            help=f"Which column holds what: {', '.join(FIELDS)}. A dot goes into objects (metadata.subject), "
            "choices=a+b+c takes several columns.",
        ),
    ] = None,
    limit: Annotated[int | None, typer.Option("--limit", min=1, help="Only the first rows.")] = None,
    licence: Annotated[
        str | None, typer.Option("--licence", help="Licence of the data, such as MIT.")
    ] = None,
    language: Annotated[str, typer.Option("--language", help="Language of the questions.")] = "en",
    leave_out: Annotated[
        bool,
        typer.Option("--leave-out", help="Leave out rows with mistakes, and name them, instead of stopping."),
    ] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Replace the suite that is there, as its next version.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Turn a dataset into a suite: Inspect samples, lm-eval samples, GSM8K, or plain columns."""
    wanted = Wanted(
        source, folder, grader, parse_mapping(columns or []), limit, licence, language, force, leave_out
    )
    made = import_suite(wanted, utc_text(RealClock().now_us())[:10])
    for line in made.left_out:
        err.print(f"left out: {line}", markup=False)
    for note in made.notes:
        err.print(f"note: {note}", markup=False)
    if as_json:
        print_json(made.as_json())
        return
    _say(made)


def _say(made: Imported) -> None:
    mapped = ", ".join(f"{field} from {column}" for field, column in made.mapping.items())
    graded = ", ".join(f"{name} {count:,}" for name, count in made.graders.items())
    less = f", {made.repeated:,} repeated" if made.repeated else ""
    less += f", {made.left_out_rows:,} left out" if made.left_out_rows else ""
    out.print(f"{made.source}: {made.rows:,} rows{less}; read as {made.form}: {mapped}", markup=False)
    out.print(f"graders: {graded}", markup=False)
    if set(made.families) != {""}:
        out.print(f"families: {len(made.families):,}", markup=False)
    out.print(
        f"{made.folder}: version {made.version}, {made.probes:,} probes, {made.content_hash}", markup=False
    )
    out.print(f"next: name it under [suites.{made.name}] in config.toml, then harness check", markup=False)


@app.command()
def check(
    folders: Annotated[list[Path], typer.Argument(metavar="FOLDER...", help="Folders of suites.")],
    as_json: JsonOption = False,
) -> None:
    """Check suites more closely than loading does, and record the hash of each one's current version."""
    mistakes: list[str] = []
    sound: list[Suite] = []
    for folder in folders:
        try:
            found = check_suite(load_suite(folder))
            mistakes += found
            if not found:
                sound.append(record_hash(folder))
        except ConfigError as error:
            mistakes += error.mistakes
    if as_json:
        print_json([_counts(suite) for suite in sound])
    else:
        for suite in sound:
            counted = _counts(suite)
            graded = ", ".join(f"{name} {count:,}" for name, count in _graders(suite).items())
            out.print(
                f"{suite.name} {suite.version}: {counted['probes']:,} probes ({counted['fresh']:,} fresh, "
                f"{counted['pairs']:,} pairs) in {counted['families']:,} families; {graded}; {suite.content_hash}",
                markup=False,
            )
    if mistakes:
        raise ConfigError(mistakes)


def _graders(suite: Suite) -> dict[str, int]:
    return dict(Counter(probe.grader for probe in suite.probes))


def _counts(suite: Suite) -> dict[str, JSON]:
    return {
        "name": suite.name,
        "version": suite.version,
        "content_hash": suite.content_hash,
        "probes": len(suite.probes),
        "fresh": sum(probe.fresh for probe in suite.probes),
        "pairs": len({probe.pair for probe in suite.probes} - {None}),
        "families": len(suite.families),
        "graders": _graders(suite),
    }
