"""harness calibrate: find where on a ladder of difficulty an endpoint stands, and write a suite for it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from harness import local
from harness.cli.context import (
    DEFAULT_CONFIG,
    ConfigOption,
    DbOption,
    JsonOption,
    Project,
    err,
    load_project,
    out,
    print_json,
)
from harness.cli.planning import SeedOption
from harness.cli.progress import Display
from harness.cli.results import grid, percent, span
from harness.cli.running import access_of, stoppable
from harness.config import SuiteUse
from harness.errors import EXIT_DONE, EXIT_ERROR, ConfigError, EvidenceError, UsageError
from harness.limits import RealClock
from harness.monitor.calibrated import (
    calibration_json,
    check_place,
    config_lines,
    write_calibrated,
)
from harness.monitor.calibration import Calibration, Family, calibrate
from harness.monitor.spending import dollars
from harness.records import RunStatus
from harness.store import Store
from harness.suites import Suite, configured, find_suite

_WANTED = (0.3, 0.7)


def register(app: typer.Typer) -> None:
    """Add this group's commands."""
    app.command("calibrate")(calibrate_)


def calibrate_(
    endpoint: Annotated[str, typer.Argument(metavar="ENDPOINT", help="Endpoint of the config.")],
    config: ConfigOption = DEFAULT_CONFIG,
    db: DbOption = None,
    suite: Annotated[
        str, typer.Option("--suite", metavar="NAME", help="Suite whose ladders are sampled.")
    ] = "capability",
    calls: Annotated[int, typer.Option("--calls", min=10, help="Calls to send at most.")] = 120,
    per_family: Annotated[
        int, typer.Option("--per-family", min=2, help="Probes to choose from one family at most.")
    ] = 12,
    max_input_tokens: Annotated[
        int | None,
        typer.Option(
            "--max-input-tokens",
            min=1,
            help="Leave out probes with more tokens (estimated, their answer included); by default those that do not "
            "fit the context of a local server that harness starts.",
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--out",
            metavar="FOLDER",
            help="Where the suite goes; by default probes/SUITE-ENDPOINT beside the config.",
        ),
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Replace the suite that is there, as its next version.")
    ] = False,
    seed: SeedOption = None,
    as_json: JsonOption = False,
) -> int:
    """Sample a ladder of difficulty cheaply; write a suite of the probes an endpoint gets about half right."""
    project = load_project(config, db)
    if endpoint not in project.config.endpoints:
        have = ", ".join(project.config.endpoints)
        raise UsageError(f"no endpoint named {endpoint!r} in {config}; it has: {have}")
    use = project.config.suites.get(suite, SuiteUse())
    source = find_suite(suite, project.folder, use.path)
    loaded = configured(suite, use, project.folder, config)
    folder = output if output is not None else project.folder / "probes" / f"{suite}-{endpoint}"
    earlier = check_place(folder, force)
    missing = local.problems(project.config.endpoints[endpoint], endpoint, folder=project.folder)
    if missing:
        raise ConfigError(missing)
    access = access_of(project, [endpoint])
    with Store.open(project.database, mode="write") as store, Display() as display:
        found = stoppable(
            lambda stop: calibrate(
                project.config,
                endpoint,
                loaded,
                store,
                access,
                calls=calls,
                per_family=per_family,
                max_input_tokens=max_input_tokens,
                clock=RealClock(),
                stop=stop,
                seed=seed,
                folder=project.folder,
                on_progress=display,
                on_note=lambda words: err.print(f"note: {words}", markup=False),
            )
        )
    written = None
    if found.taken and found.status is not RunStatus.INTERRUPTED:
        written = write_calibrated(found, source, folder, earlier)
    if as_json:
        print_json(dict(calibration_json(found, written)))
    else:
        _say(found, project, folder, written)
    if found.status is RunStatus.INTERRUPTED:
        err.print(f"error: {found.stopped_by}; nothing was written: calibrate again", markup=False)
        return EXIT_ERROR
    if written is None:
        raise EvidenceError(
            f"endpoints.{endpoint}: no family of {suite} has a rung near one half; use a suite with easier or harder "
            "rungs"
        )
    _caution(found)
    return EXIT_DONE


def _say(found: Calibration, project: Project, folder: Path, written: Suite | None) -> None:
    table = grid(
        "family",
        "standing",
        "asked",
        "right",
        "half right at rung",
        "95%",
        "taken (rung: probes)",
        "expected",
    )
    for each in found.families:
        table.add_row(*_row(each))
    out.print(table)
    long = sum(each.too_long for each in found.families)
    if long:
        out.print(f"{long:,} probes were left out as too long (--max-input-tokens)")
    stopped = f" ({found.stopped_by})" if found.stopped_by else ""
    out.print(
        f"run {found.run_id} {found.status.value}{stopped}: {found.calls} calls, "
        f"{dollars(found.cost_usd, found.cost_at_most_usd)}, {found.seconds:.0f} s",
        markup=False,
    )
    if written is None:
        return
    place = project.folder / "probes" / written.name
    path = None if folder.resolve() == place.resolve() else str(folder)
    expected = found.expected
    out.print(
        f"wrote {written.place}: version {written.version}, {len(written.probes)} probes, {written.content_hash[:23]}",
        markup=False,
    )
    out.print(
        f"expected: {percent(expected.estimate)} right {span(expected.low, expected.high)} in one run of it",
        markup=False,
    )
    out.print("to ask it, add to the config:\n")
    for line in config_lines(written.name, found.endpoint, path):
        out.print(f"    {line}", markup=False)


def _row(family: Family) -> tuple[str, ...]:
    fit, choice = family.fit, family.choice
    asked = f"{fit.point.n}" + (f" ({family.unread} unread)" if family.unread else "")
    right = f"{sum(each.right for each in fit.tallies):g}"
    if choice is None:
        return family.name, "not measured: left out", asked, right, "", "", "", ""
    left_out = "" if choice.counts else ": left out"
    beyond = {"too easy": f"> {fit.rungs[-1]}", "too hard": f"< {fit.rungs[0]}"}.get(choice.standing)
    return (
        family.name,
        {"between": "near, between rungs"}.get(choice.standing, choice.standing) + left_out,
        asked,
        right,
        beyond or f"{fit.point.estimate:.1f}",
        f"[{fit.point.low:.1f}, {fit.point.high:.1f}]",
        ", ".join(f"{rung}: {number}" for rung, number in sorted(choice.counts.items())),
        percent(choice.expected),
    )


def _caution(found: Calibration) -> None:
    expected = found.expected.estimate
    if expected is None or _WANTED[0] <= expected <= _WANTED[1]:
        return
    which = "hard" if expected > _WANTED[1] else "easy"
    err.print(
        f"note: {percent(expected)} is expected, not about half: {found.suite.name} has no rungs that are {which} "
        f"enough for {found.endpoint}; changes will show later than they could",
        markup=False,
    )
