"""Evidence for others: a key, seals."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from harness import custody
from harness.cli.context import (
    DEFAULT_CONFIG,
    ConfigOption,
    DbOption,
    JsonOption,
    Project,
    environment,
    err,
    load_project,
    out,
    print_json,
)
from harness.errors import EXIT_DONE, EXIT_ERROR, HarnessError, StoreError, UsageError
from harness.limits import RealClock
from harness.records import utc_text
from harness.runner.posting import post
from harness.store import Store


def register(app: typer.Typer) -> None:
    """Add this group's commands."""
    app.command()(key)
    app.command()(seal)


def key_path(project: Project | None) -> Path:
    """Return where the signing key is: the config's, else the user's own."""
    configured = project.config.custody.key if project is not None else None
    if project is None or configured is None:
        return custody.default_path(environment())
    return project.folder / configured


def roots_of(project: Project | None, given: Path | None) -> tuple[custody.Certificate, ...]:
    """Return the certificates by which timestamps are trusted, from the command line or the config."""
    if given is not None:
        return custody.read_roots(given)
    configured = project.config.custody.timestamp_ca if project is not None else None
    return () if project is None or configured is None else custody.read_roots(project.folder / configured)


def service_of(project: Project | None) -> custody.TimeService | None:
    """Return the timestamp service the config names, if any."""
    if project is None or project.config.custody.timestamp_url is None:
        return None
    return custody.TimeService(project.config.custody.timestamp_url, roots_of(project, None), post)


def seals_folder(project: Project | None, database: Path) -> Path:
    """Return where a seal's files go."""
    return (project.results if project is not None else database.parent) / "seals"


def seal_after_run(project: Project, store: Store) -> None:
    """Seal what a run has added, if the config asks for it; what keeps it from that is said and changes nothing."""
    if not project.config.custody.seal_runs:
        return
    try:
        key = custody.load_key(key_path(project))
        made = custody.make_seal(store, key, now_us=RealClock().now_us(), service=service_of(project))
        if made is None:
            return
        custody.write_seal_files(made.row, seals_folder(project, store.path))
    except HarnessError as error:
        err.print(f"note: not sealed: {error}", markup=False)
        return
    words = f", without a timestamp: {made.warning}" if made.warning is not None else ""
    err.print(f"note: sealed in seal {made.manifest.number}{words}", markup=False)


def project_if_any(config: Path, db: Path | None) -> Project | None:
    """Return the project; None where the database is named and there is no config beside it."""
    return load_project(config, db) if config.exists() or db is None else None


def key(
    output: Annotated[
        Path | None,
        typer.Option(
            "--out",
            metavar="FILE",
            help="Where to keep it; by default as the config says, or with your account.",
        ),
    ] = None,
    config: ConfigOption = DEFAULT_CONFIG,
    as_json: JsonOption = False,
) -> None:
    """Make the key that signs seals (Ed25519). It stays outside the database and is never overwritten."""
    path = output
    if path is None:
        path = key_path(load_project(config, None) if config.exists() else None)
    made = custody.make_key(path)
    if as_json:
        print_json(
            {
                "path": str(path),
                "public_key_path": f"{path}.pub",
                "public_key_pem": made.public.pem,
                "public_key_openssh": made.public.openssh,
                "fingerprint": made.public.fingerprint,
            }
        )
        return
    out.print(f"wrote {path} (private: keep it, show it to nobody) and {path}.pub", markup=False)
    out.print(made.public.pem.rstrip(), markup=False)
    out.print(made.public.openssh, markup=False)
    out.print(f"fingerprint {made.public.fingerprint}", markup=False)
    out.print(
        "publish the fingerprint where you cannot change it later: it is what others compare", markup=False
    )


def moment_us(text: str, option: str) -> int:
    """Return a day or a time, UTC, as microseconds since 1970.

    Raises:
        UsageError: it is neither.
    """
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise UsageError(
            f"{option} {text}: is not a day or time; write 2026-11-01 or 2026-11-01T06:00:00Z"
        ) from error
    moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    since_epoch = moment - datetime(1970, 1, 1, tzinfo=UTC)
    return (since_epoch.days * 86_400 + since_epoch.seconds) * 1_000_000 + since_epoch.microseconds


def seal(
    since: Annotated[
        str | None,
        typer.Option("--since", metavar="TIME", help="Runs that started from this UTC day or time on."),
    ] = None,
    until: Annotated[
        str | None,
        typer.Option("--until", metavar="TIME", help="Runs that started before this UTC day or time."),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "-o", "--output", metavar="DIR", help="Where to write the files; by default results/seals."
        ),
    ] = None,
    config: ConfigOption = DEFAULT_CONFIG,
    db: DbOption = None,
    as_json: JsonOption = False,
) -> int:
    """Sign what is there: a manifest of all runs no seal has yet (or of a period), with their Merkle root.

    With a timestamp service in the config the manifest is stamped too. The seal is kept in the database and written
    as files that openssl can check: keep or publish them where the database's owner cannot change them.
    """
    project = project_if_any(config, db)
    database = project.database if project is not None else db
    assert database is not None
    if not database.exists():
        raise StoreError(
            f"{database}: no database there yet; harness run makes it (or name another with --db)"
        )
    folder = output or seals_folder(project, database)
    signing, service = custody.load_key(key_path(project)), service_of(project)
    period = custody.Period(
        None if since is None else moment_us(since, "--since"),
        None if until is None else moment_us(until, "--until"),
    )
    with Store.open(database, mode="write") as store:
        made = custody.make_seal(store, signing, now_us=RealClock().now_us(), period=period, service=service)
        if made is None:
            number = store.seals.all()[-1].number
            if as_json:
                print_json({"seal": None, "newest": number})
            else:
                out.print(f"nothing new since seal {number}: everything is sealed as it stands", markup=False)
            return EXIT_DONE
    files = custody.write_seal_files(made.row, folder)
    manifest = made.manifest
    if as_json:
        print_json(
            {
                "seal": manifest.number,
                "root": manifest.root,
                "sha256": custody.manifest_sha256(made.row),
                "runs": [run.run for run in manifest.runs],
                "exchanges": manifest.leaves.exchanges,
                "missing_calls": manifest.gaps.calls,
                "unfinished_runs": list(manifest.gaps.unfinished),
                "fingerprint": signing.public.fingerprint,
                "timestamp": None if made.timestamp is None else utc_text(made.timestamp.at_us),
                "files": [str(path) for path in files],
            }
        )
    else:
        _print_seal(made, signing.public.fingerprint, files)
    if made.warning is not None:
        err.print(
            f"error: seal {manifest.number} is made, but has no timestamp: {made.warning}", markup=False
        )
        err.print("the next seal covers it: its timestamp will hold for this one too", markup=False)
        return EXIT_ERROR
    return EXIT_DONE


def _print_seal(made: custody.Sealed, fingerprint: str, files: list[Path]) -> None:
    manifest = made.manifest
    leaves, gaps = manifest.leaves, manifest.gaps
    out.print(
        f"seal {manifest.number}: {leaves.runs:,} runs, {leaves.exchanges:,} exchanges, {leaves.suites} suites, "
        f"{leaves.findings} findings, {leaves.commitments} commitments",
        markup=False,
    )
    if gaps.calls or gaps.unfinished:
        runs = ", ".join(str(run) for run in gaps.unfinished) or "none"
        out.print(
            f"gaps: {gaps.calls:,} planned calls have no answer kept; runs not done: {runs}", markup=False
        )
    out.print(f"root {manifest.root}", markup=False)
    out.print(f"signed by {fingerprint}", markup=False)
    if made.timestamp is not None:
        stamp = made.timestamp
        out.print(
            f"timestamp {utc_text(stamp.at_us)} by {stamp.service}, serial {stamp.serial}", markup=False
        )
    for path in files:
        out.print(f"wrote {path}", markup=False)
