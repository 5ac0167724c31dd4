"""Evidence handed on: bundles, and bundles with bodies left out."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from harness import custody
from harness.cli.bar import Bar
from harness.cli.context import DEFAULT_CONFIG, ConfigOption, DbOption, JsonOption, out, print_json, reading
from harness.cli.custody import key_path, project_if_any
from harness.cli.results import evidence_of
from harness.errors import UsageError
from harness.store import Store


def register(app: typer.Typer) -> None:
    """Add this group's commands."""
    app.command()(bundle)
    app.command()(redact)


def signing_key(config: Path, db: Path | None) -> custody.SigningKey | None:
    """Return the signing key, if there is one where the config or the account says."""
    path = key_path(project_if_any(config, db))
    return custody.load_key(path) if path.exists() else None


def bundle(
    target: Annotated[Path, typer.Argument(metavar="OUT", help="The archive to write: a .zip or .tar file.")],
    only: Annotated[
        list[str] | None,
        typer.Option(
            "--only",
            metavar="KIND:VALUE",
            help="Only run:3, endpoint:NAME, suite:NAME or call:ID, with proofs; may be given again.",
        ),
    ] = None,
    config: ConfigOption = DEFAULT_CONFIG,
    db: DbOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write one archive that anyone can check without us: exchanges, suites, findings, seals, a report.

    The same evidence gives the same bytes. `harness verify OUT` checks it with nothing else at hand.
    """
    selection = custody.read_selection(only or ())
    key = signing_key(config, db)
    with reading(config, db) as store, Bar("bundling") as bar:
        report = None if selection.words else _report(store)
        made = custody.write_bundle(store, target, selection=selection, key=key, report=report, progress=bar)
    counts = made.index.counts
    if as_json:
        print_json(
            {
                "path": str(target),
                "counts": dict(counts),
                "seals": [each.model_dump() for each in made.index.seals],
                "unsealed": made.unsealed,
                "signed": made.index.public_key is not None,
            }
        )
        return
    words = ", ".join(f"{count:,} {name}" for name, count in counts.items())
    out.print(f"wrote {target}: {words}, {len(made.index.seals)} seals", markup=False)
    if made.unsealed:
        out.print(f"note: {made.unsealed:,} exchanges are under no seal; harness seal first", markup=False)
    if key is None:
        out.print("note: the list of files is not signed; harness key makes a key", markup=False)


def _report(store: Store) -> bytes | None:
    """Return the report as one page, dated by the newest run so that the same evidence gives the same bytes."""
    from harness.report.content import compose
    from harness.report.writing import render_html

    newest = max((state.finished_us or state.started_us for state in store.seals.run_states()), default=0)
    evidence = evidence_of(store, store.path, datetime.fromtimestamp(newest / 1e6, UTC))
    if evidence.tallies.empty or evidence.runs.empty:
        return None
    return render_html(compose(evidence)).encode()


def redact(
    source: Annotated[
        Path, typer.Argument(metavar="BUNDLE", help="The bundle to derive from; it is not changed.")
    ],
    target: Annotated[Path, typer.Option("-o", "--output", metavar="OUT", help="The bundle to write.")],
    body: Annotated[
        list[str] | None,
        typer.Option("--body", metavar="HASH", help="Leave out this body (its SHA-256, or how that begins)."),
    ] = None,
    call: Annotated[
        list[str] | None, typer.Option("--call", metavar="ID", help="Leave out both bodies of this call.")
    ] = None,
    probe: Annotated[
        list[str] | None,
        typer.Option(
            "--probe",
            metavar="SUITE/PROBE",
            help="Leave out this probe's text, and the bodies of all its calls.",
        ),
    ] = None,
    config: ConfigOption = DEFAULT_CONFIG,
    as_json: JsonOption = False,
) -> None:
    """Derive a bundle in which bodies are replaced by their hash; it says so, and verifies as before.

    The words of observations that may quote such a body, and the report, are left out too.
    """
    wish = custody.Wish(tuple(body or ()), tuple(call or ()), custody.parse_probes(probe or ()))
    if source.resolve() == target.resolve():
        raise UsageError(f"{target}: a bundle is never changed; name another file with -o")
    key = signing_key(config, None if config.exists() else Path())
    made = custody.redact_bundle(source, target, wish, key)
    gone = made.redacted
    if as_json:
        print_json(
            {"path": str(target), "redacted": gone.model_dump(mode="json"), "derived_from": made.derived_from}
        )
        return
    out.print(
        f"wrote {target}: left out {len(gone.bodies)} bodies, {len(gone.probes)} probes and the words of "
        f"{gone.observations} observations" + (f", and {', '.join(gone.files)}" if gone.files else ""),
        markup=False,
    )
