"""The record: verify it, judge it again."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Self

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from harness.cli.context import (
    DEFAULT_CONFIG,
    ConfigOption,
    DbOption,
    JsonOption,
    database_path,
    err,
    load_project,
    out,
    print_json,
    reading,
)
from harness.cli.custody import roots_of
from harness.custody import check_seals
from harness.errors import EXIT_DONE, EXIT_ERROR, StoreError
from harness.limits import RealClock
from harness.monitor import regrade as regrading
from harness.store import Store


def register(app: typer.Typer) -> None:
    """Add this group's commands."""
    app.command()(verify)
    app.command()(regrade)


class Bar:
    """A bar on a terminal, nothing elsewhere; call it with (done, in all)."""

    def __init__(self, words: str) -> None:
        self._bar = Progress(
            TextColumn(words), BarColumn(bar_width=30), MofNCompleteColumn(), TimeRemainingColumn(),
            console=err, disable=not err.is_terminal,
        )  # fmt: skip
        self._task = self._bar.add_task(words, total=None)

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def __call__(self, done: int, total: int) -> None:
        """Show how far it is."""
        self._bar.update(self._task, completed=done, total=total)


def verify(
    config: ConfigOption = DEFAULT_CONFIG,
    db: DbOption = None,
    timestamp_ca: Annotated[
        Path | None,
        typer.Option(
            "--timestamp-ca", metavar="FILE", help="Certificates (PEM) by which timestamps are trusted."
        ),
    ] = None,
    as_json: JsonOption = False,
) -> int:
    """Check every hash, the chain, the tallies, the seals and the file itself; exit 0 only if all is as written."""
    roots = roots_of(load_project(config, None) if db is None else None, timestamp_ca)
    with reading(config, db) as store:
        with Bar("checking") as bar:
            found = store.verify(progress=bar)
        if found.counts.get("seals"):
            with Bar("checking seals") as bar:
                found = found.with_more(*check_seals(store, roots, bar))
    if as_json:
        print_json(
            {
                "ok": found.ok,
                "counts": dict(found.counts),
                "problem_count": found.problem_count,
                "problems": [
                    {"table": each.table, "row": each.row, "what": each.what} for each in found.problems
                ],
                "notes": list(found.notes),
            }
        )
        return EXIT_DONE if found.ok else EXIT_ERROR
    counted = ", ".join(f"{count:,} {name}" for name, count in found.counts.items())
    for note in found.notes:
        out.print(f"note: {note}", markup=False)
    if found.ok:
        out.print(f"intact: {counted}", markup=False)
        return EXIT_DONE
    for problem in found.problems:
        err.print(f"not as written: {problem}", markup=False)
    if found.problem_count > len(found.problems):
        err.print(f"and {found.problem_count - len(found.problems):,} more")
    err.print(f"NOT INTACT: {found.problem_count:,} problems in {counted}", markup=False)
    return EXIT_ERROR


def regrade(
    config: ConfigOption = DEFAULT_CONFIG,
    db: DbOption = None,
    run: Annotated[list[int] | None, typer.Option("--run", help="Only this run; may be given again.")] = None,
    suite: Annotated[str | None, typer.Option("--suite", help="Only this suite.")] = None,
    everything: Annotated[
        bool,
        typer.Option("--all", help="Also what the same versions have judged already, as a check of them."),
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Judge stored evidence again with the graders at hand; sends nothing, keeps what it replaces."""
    path: Path = database_path(config, db)
    if not path.exists():
        raise StoreError(f"{path}: no database there; nothing to judge")
    with Store.open(path, mode="write") as store, Bar("judging") as bar:
        found = regrading(
            store,
            run_ids=run or None,
            suite=suite,
            everything=everything,
            now_us=RealClock().now_us(),
            on_progress=bar,
        )
    if as_json:
        print_json(
            {
                "looked_at": found.looked_at,
                "same_versions": found.same_versions,
                "remade": found.remade,
                "changed": found.changed,
            }
        )
        return
    out.print(
        f"{found.looked_at:,} observations looked at: {found.same_versions:,} made by these versions already, "
        f"{found.remade:,} made again, {found.changed:,} of them with another outcome or score"
    )
