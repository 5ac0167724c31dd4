"""A copy of the record that is whole, made while a run goes on."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from harness.cli.bar import Bar
from harness.cli.context import (
    DEFAULT_CONFIG,
    ConfigOption,
    DbOption,
    JsonOption,
    database_path,
    err,
    out,
    print_json,
)
from harness.errors import EXIT_DONE, EXIT_ERROR
from harness.store import Store


def register(app: typer.Typer) -> None:
    """Add this group's commands."""
    app.command()(backup)


def backup(
    target: Annotated[Path, typer.Argument(metavar="OUT.db", help="The copy: one file, a database itself.")],
    config: ConfigOption = DEFAULT_CONFIG,
    db: DbOption = None,
    verify: Annotated[
        bool, typer.Option("--verify", help="Check every hash in the copy, as harness verify does.")
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace a file that is there.")] = False,
    as_json: JsonOption = False,
) -> int:
    """Copy the database as it stands into one file, also while a run writes to it; checked, and there whole or not."""
    with Bar("copying") as bar:
        made = Store.back_up(database_path(config, db), target, force=force, progress=bar)
    found = None
    if verify:
        with Store.open(target, mode="read") as store, Bar("checking") as bar:
            found = store.verify(progress=bar)
    if as_json:
        print_json(
            {
                "file": str(made.path),
                "bytes": made.size_bytes,
                "runs": made.runs,
                "exchanges": made.exchanges,
                "observations": made.observations,
                "newest_run": made.newest_run,
                "status": made.status,
                "last_hash": made.last_hash,
                "verified": None if found is None else found.ok,
            }
        )
    else:
        out.print(
            f"wrote {made.path}: {made.runs:,} runs, {made.exchanges:,} exchanges, {made.observations:,} observations, "
            f"{made.size_bytes:,} bytes",
            markup=False,
        )
        if made.newest_run is not None:
            out.print(
                f"newest run {made.newest_run} ({made.status}), last hash {made.last_hash}", markup=False
            )
        if found is not None and found.ok:
            out.print("intact: every hash in the copy holds")
    if found is not None and not found.ok:
        for problem in found.problems:
            err.print(f"not as written: {problem}", markup=False)
        err.print(
            f"error: {target}: NOT INTACT, and so is what it was copied from: harness verify", markup=False
        )
        return EXIT_ERROR
    return EXIT_DONE
