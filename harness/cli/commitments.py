"""Saying beforehand what will be asked, without showing it; and showing afterwards that it was."""

from __future__ import annotations

import os
import secrets
from pathlib import Path
from typing import Annotated

import typer

from harness import custody
from harness.cli.context import (
    DEFAULT_CONFIG,
    ConfigOption,
    DbOption,
    JsonOption,
    err,
    load_project,
    out,
    print_json,
    reading,
)
from harness.config import config_hash, config_json
from harness.errors import EXIT_DONE, EXIT_ERROR, EXIT_EVIDENCE, UsageError
from harness.limits import RealClock
from harness.records import utc_text
from harness.store import Store

_OPENING = ".opening.json"


def register(app: typer.Typer) -> None:
    """Add this group's commands."""
    app.command()(commit)
    app.command()(reveal)


def _read(path: Path, limit: int = custody.LONGEST) -> bytes:
    try:
        with path.open("rb") as file:
            data = file.read(limit + 1)
    except OSError as error:
        raise UsageError(f"{path}: cannot be read ({error.strerror})") from error
    if len(data) > limit:
        raise UsageError(f"{path}: is longer than {limit:,} bytes")
    return data


def _plan(path: Path | None) -> custody.AnalysisPlan | None:
    if path is None:
        return None
    try:
        return custody.AnalysisPlan(name=path.name, text=_read(path, custody.LONGEST // 4).decode())
    except UnicodeDecodeError as error:
        raise UsageError(f"{path}: is not text in UTF-8; the plan is committed to word by word") from error


def _write_new(path: Path, data: bytes, mode: int) -> None:
    try:
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
        with os.fdopen(file, "wb") as opened:
            opened.write(data)
            opened.flush()
            os.fsync(opened.fileno())
    except OSError as error:
        raise UsageError(
            f"{path}: cannot be written ({error.strerror}); name another file with -o"
        ) from error


def commit(
    output: Annotated[
        Path, typer.Option("-o", "--output", metavar="FILE", help="The commitment to publish; a .json file.")
    ],
    plan: Annotated[
        Path | None,
        typer.Argument(
            metavar="[PLANFILE]", help="A text that lays down the analysis; committed to word by word."
        ),
    ] = None,
    config: ConfigOption = DEFAULT_CONFIG,
    db: DbOption = None,
    as_json: JsonOption = False,
) -> None:
    """Commit to the suites, config, seed and analysis plan of the runs to come, without showing any of it.

    Writes a salted hash to publish, and beside it FILE.opening.json with what it is over: keep that to yourself until
    `harness reveal`. Runs begun from now on name the commitment, and the next seal is over it.
    """
    project = load_project(config, db)
    suites = project.suites()
    opening_path = output.with_name(output.stem + _OPENING)
    for path in (output, opening_path):
        if os.path.lexists(path):
            raise UsageError(
                f"{path}: is there already, and a commitment is never overwritten; name another with -o"
            )
    analysis = _plan(plan)
    with Store.open(project.database, mode="write") as store:
        opening = custody.Opening(
            salt=secrets.token_hex(custody.SALT_BYTES),
            suites=tuple(
                custody.CommittedSuite(name=name, version=suite.version, content_hash=suite.content_hash)
                for name, suite in sorted(suites.items())
            ),
            config_hash=config_hash(project.config),
            config_json=config_json(project.config),
            seed=project.config.run.seed,
            ledger=store.seals.findings_head()[1],
            plan=analysis,
        )
        # The opening first: a commitment that nobody can open any more would be worth nothing.
        _write_new(opening_path, opening.encode(), 0o600)
        document = custody.make_commitment(store, opening, RealClock().now_us())
    _write_new(output, document, 0o644)
    if as_json:
        print_json({"commitment": str(output), "opening": str(opening_path), "suites": sorted(suites)})
        return
    out.print(f"wrote {output}: publish it, and harness seal", markup=False)
    out.print(f"wrote {opening_path}: keep it to yourself until harness reveal {output}", markup=False)


def reveal(
    commitment: Annotated[Path, typer.Argument(metavar="COMMITMENT", help="The commitment as published.")],
    opening: Annotated[
        Path | None,
        typer.Option("--opening", metavar="FILE", help="What was kept; by default COMMITMENT.opening.json."),
    ] = None,
    bundle: Annotated[
        Path | None,
        typer.Option("--bundle", metavar="BUNDLE", help="Compare with a bundle instead of the database."),
    ] = None,
    config: ConfigOption = DEFAULT_CONFIG,
    db: DbOption = None,
    as_json: JsonOption = False,
) -> int:
    """Show that what was run is what was committed; name what differs.

    Exit code 0: it is; 1: it is not; 4: nothing was run under the commitment yet.
    """
    opening = opening or commitment.with_name(commitment.stem + _OPENING)
    document, kept = _read(commitment), _read(opening)
    if bundle is not None:
        checked = custody.verify_bundle(bundle)
        if not checked.ok:
            raise UsageError(f"{bundle}: is not intact ({checked.problems[0]}); harness verify says more")
        record = custody.bundled_record(bundle)
    else:
        with reading(config, db) as store:
            record = custody.stored_record(store)
    try:
        found = custody.reveal(document, kept, record)
    except custody.CommitmentError as error:
        raise UsageError(f"{commitment} or {opening}: {error}") from error
    if as_json:
        print_json(
            {
                "holds": found.holds,
                "opened": found.opened,
                "known": found.known,
                "runs": list(found.runs),
                "not_compared": list(found.others),
                "differences": list(found.differences),
                "incomplete": list(found.incomplete),
                "seals": list(found.seals),
                "made_at": utc_text(found.commitment.made_us),
            }
        )
    else:
        _print(found)
    if found.opened and found.known and not found.runs:
        return EXIT_EVIDENCE
    return EXIT_DONE if found.holds else EXIT_ERROR


def _print(found: custody.Revealed) -> None:
    if not found.opened:
        err.print("NOT REVEALED: the opening is not what was committed to")
        return
    out.print("the opening is what was committed to")
    if not found.known:
        err.print("NOT REVEALED: the record does not have this commitment, so no run is bound to it")
        return
    made = utc_text(found.commitment.made_us)
    seals = ", ".join(str(number) for number in found.seals)
    when = f"sealed in seal {seals}" if seals else "under no seal: harness seal"
    after = found.commitment.chain.runs
    out.print(f"made {made} by the maker's own clock, after run {after}; {when}", markup=False)
    for words in found.incomplete:
        out.print(f"note: incomplete, {words}", markup=False)
    for words in found.differences:
        err.print(f"not as committed: {words}", markup=False)
    if found.others:
        others = ", ".join(str(run) for run in found.others)
        out.print(f"not compared: runs {others}, which judge or calibrate", markup=False)
    runs = ", ".join(str(run) for run in found.runs)
    if not found.runs:
        err.print("nothing was run under it yet")
    elif found.differences:
        err.print(f"NOT AS COMMITTED: {len(found.differences)} differences in runs {runs}", markup=False)
    else:
        out.print(f"as committed: runs {runs}, each begun after it and naming it", markup=False)
