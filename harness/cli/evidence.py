"""The record: verify it, judge it again."""

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
    load_project,
    out,
    print_json,
    reading,
)
from harness.cli.custody import roots_of
from harness.cli.running import access_of, stoppable
from harness.custody import check_seals, read_public_key, read_roots, verify_bundle
from harness.errors import EXIT_DONE, EXIT_ERROR, StoreError, UsageError
from harness.limits import RealClock
from harness.monitor import judge_run
from harness.monitor import regrade as regrading
from harness.runner import Stop
from harness.store import Store, Verification


def register(app: typer.Typer) -> None:
    """Add this group's commands."""
    app.command()(verify)
    app.command()(regrade)


def verify(
    bundle: Annotated[
        Path | None,
        typer.Argument(
            metavar="[BUNDLE]", help="A bundle to check instead of the database; needs nothing else."
        ),
    ] = None,
    key: Annotated[
        str | None,
        typer.Option(
            "--key",
            metavar="KEY",
            help="For a bundle: whose seals count, as a fingerprint (SHA256:...) or a public key file.",
        ),
    ] = None,
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
    """Check every hash, the chain, the tallies, the seals and the file itself; exit 0 only if all is as written.

    With BUNDLE, check that archive, whoever made it, without database and config; nothing of it is unpacked.
    """
    if bundle is not None:
        with Bar("checking") as bar:
            roots = () if timestamp_ca is None else read_roots(timestamp_ca)
            found = verify_bundle(bundle, fingerprint=_fingerprint(key), roots=roots, progress=bar)
    else:
        if key is not None:
            raise UsageError("--key is for bundles: harness verify BUNDLE --key ...")
        found = _verify_database(config, db, timestamp_ca)
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


def _verify_database(config: Path, db: Path | None, timestamp_ca: Path | None) -> Verification:
    roots = roots_of(load_project(config, None) if db is None else None, timestamp_ca)
    with reading(config, db) as store:
        with Bar("checking") as bar:
            found = store.verify(progress=bar)
        if found.counts.get("seals"):
            with Bar("checking seals") as bar:
                found = found.with_more(*check_seals(store, roots, bar))
    return found


def _fingerprint(key: str | None) -> str | None:
    if key is None or key.startswith("SHA256:"):
        return key
    try:
        return read_public_key(Path(key).read_bytes()).fingerprint
    except (OSError, ValueError) as error:
        raise UsageError(
            f"--key {key}: is neither a fingerprint (SHA256:...) nor a public key file"
        ) from error


def regrade(
    config: ConfigOption = DEFAULT_CONFIG,
    db: DbOption = None,
    run: Annotated[list[int] | None, typer.Option("--run", help="Only this run; may be given again.")] = None,
    suite: Annotated[str | None, typer.Option("--suite", help="Only this suite.")] = None,
    everything: Annotated[
        bool,
        typer.Option("--all", help="Also what the same versions have judged already, as a check of them."),
    ] = False,
    ask_judge: Annotated[
        bool,
        typer.Option(
            "--ask-judge",
            help="First ask judges about answers that wait for one, or that another model, rubric or scale judged.",
        ),
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Judge stored evidence again with the graders at hand, keeping what it replaces; sends nothing unless told."""
    path: Path = database_path(config, db)
    if not path.exists():
        raise StoreError(f"{path}: no database there; nothing to judge")
    if ask_judge:
        _ask_judges(config, path, run or None)
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
                "waiting": found.waiting,
                "unknown": found.unknown,
            }
        )
        return
    out.print(
        f"{found.looked_at:,} observations looked at: {found.same_versions:,} made by these versions already, "
        f"{found.remade:,} made again, {found.changed:,} of them with another outcome or score"
        + (f"; {found.waiting:,} wait for a judge (--ask-judge)" if found.waiting else "")
    )
    if found.unknown:
        err.print(
            f"note: {found.unknown:,} are left as they are: the config stored with their run does not describe their "
            f"endpoint",
            markup=False,
        )


def _ask_judges(config: Path, database: Path, runs: list[int] | None) -> None:
    """Ask the judges of the config about every run of ours that needs one, or about the runs named."""
    project = load_project(config, database)
    access = access_of(project, [judge.endpoint for judge in project.config.judges.values()])
    with Store.open(database, mode="write") as store:
        imported = store.origins.labels()
        every = [each for each in range(1, store.run_count() + 1) if each not in imported]

        async def ask(stop: Stop) -> None:
            for run_id in every if runs is None else runs:
                await judge_run(
                    project.config,
                    store,
                    access,
                    run_id,
                    clock=RealClock(),
                    stop=stop,
                    folder=project.folder,
                    again=True,
                    on_note=lambda words: err.print(f"note: {words}", markup=False),
                )

        stoppable(ask)
