"""Rehearsing: a simulated provider's life through the real pipeline, and what was found against what was planted."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from harness.cli.context import JsonOption, err, out, print_json
from harness.cli.results import evidence_of, grid, percent
from harness.cli.running import stoppable
from harness.errors import EXIT_DONE, EXIT_ERROR, UsageError
from harness.store import Store

if TYPE_CHECKING:
    from harness.monitor import Summary
    from harness.rehearsal.check import Check
    from harness.rehearsal.repeats import Repeats
    from harness.stats import Interval


def register(app: typer.Typer) -> None:
    """Add this group's commands."""
    app.command()(rehearse)


def rehearse(
    world: Annotated[
        str, typer.Argument(metavar="WORLD", help="A world file, or the name of one that comes with harness.")
    ] = "",
    folder: Annotated[
        Path | None,
        typer.Option(
            "-o",
            "--out",
            metavar="DIR",
            help="Where database and report go; by default results/rehearsals/NAME.",
        ),
    ] = None,
    days: Annotated[int | None, typer.Option("--days", min=1, help="Only the first so many days.")] = None,
    seed: Annotated[
        int | None, typer.Option("--seed", min=0, help="Instead of the world's own seed.")
    ] = None,
    repeat: Annotated[
        int,
        typer.Option("--repeat", min=1, metavar="N", help="Live it N times with other seeds; prints rates."),
    ] = 1,
    jobs: Annotated[
        int | None,
        typer.Option(
            "--jobs", min=1, metavar="J", help="Processes for --repeat; by default one a processor."
        ),
    ] = None,
    no_http: Annotated[
        bool,
        typer.Option(
            "--no-http", help="With --repeat: replies go straight to adapter and graders; many times faster."
        ),
    ] = False,
    list_worlds: Annotated[
        bool, typer.Option("--list", help="List the worlds that come with harness.")
    ] = False,
    as_json: JsonOption = False,
) -> int:
    """Live a simulated provider's life through the real pipeline, and hold what was found against what was planted."""
    if importlib.util.find_spec("starlette") is None or importlib.util.find_spec("rstr") is None:
        raise UsageError("rehearsals need the simulated provider: pip install 'harness[rehearsal]'")
    from harness.rehearsal.check import check_json
    from harness.rehearsal.life import live
    from harness.rehearsal.reading import load_suites, load_world, shipped_worlds, shortened, world_path
    from harness.rehearsal.repeats import check_life, repeats_json
    from harness.rehearsal.repeats import repeat as live_often
    from harness.report import write_report

    if list_worlds:
        _list({name: load_world(path).title for name, path in shipped_worlds().items()}, as_json)
        return EXIT_DONE
    if not world:
        raise UsageError(f"name a world: a file, or one of {', '.join(shipped_worlds())}")
    path = world_path(world)
    lived_in = load_world(path)
    if seed is not None:
        lived_in = lived_in.model_copy(update={"seed": seed})
    if days is not None:
        lived_in = shortened(lived_in, days)
    if no_http and repeat == 1:
        raise UsageError("--no-http keeps no evidence to look at: it goes with --repeat")
    suites = load_suites(lived_in, path.resolve().parent, path)
    if repeat > 1:
        done = live_often(
            lived_in, suites, repeat, jobs=jobs, http=not no_http,
            on_done=lambda count: err.print(f"{count} of {repeat} lives lived"),
        )  # fmt: skip
        if as_json:
            print_json(repeats_json(done))
        else:
            _print_rates(done)
        return EXIT_DONE
    place = folder or Path("results/rehearsals") / path.stem
    database = _fresh(place / "harness.db")
    total = lived_in.days
    err.print(f"{lived_in.title}: {total} days, simulated", markup=False)

    def on_day(day: int, summary: Summary) -> None:
        if day % 10 == 9 or day + 1 == total:
            err.print(f"day {day + 1} of {total}: {summary.words()}", markup=False)

    lived = stoppable(lambda stop: live(lived_in, suites, database, stop=stop, on_day=on_day))
    checked = check_life(lived_in, suites, lived)
    with Store.open(database, mode="read") as store:
        paths = write_report(evidence_of(store, database), place)
    if as_json:
        print_json(
            check_json(checked)
            | {"runs": lived.runs, "calls": lived.calls, "database": str(database), "report": str(paths.html)}
        )
    else:
        _print_check(checked)
        out.print(f"{lived.runs} runs, {lived.calls:,} calls, {lived.seconds:.0f} s", markup=False)
        out.print(f"report: {paths.html}", markup=False)
    return EXIT_DONE if lived.runs >= total * lived_in.runs_per_day else EXIT_ERROR


def _fresh(database: Path) -> Path:
    """Return the path of a database that is not there; an earlier rehearsal's is removed.

    Raises:
        UsageError: what is there is no rehearsal's.
    """
    database.parent.mkdir(parents=True, exist_ok=True)
    if not database.exists():
        return database
    with Store.open(database, mode="write") as store:
        runs = store.runs()
        if not (runs["clock"] == "simulated").all():
            raise UsageError(f"{database}: holds runs of real models; name another folder with --out")
    for end in ("", "-wal", "-shm", ".lock"):
        database.with_name(database.name + end).unlink(missing_ok=True)
    return database


def _list(worlds: dict[str, str], as_json: bool) -> None:
    if as_json:
        print_json(dict(worlds))
        return
    table = grid("world", "what happens")
    for name, title in worlds.items():
        table.add_row(name, title)
    out.print(table)


def _mark(value: bool | None) -> str:
    return "" if value is None else "yes" if value else "no"


def _print_check(checked: Check) -> None:
    if not checked.detections and not checked.false:
        out.print("nothing was planted that deserves a finding, and nothing was found")
    table = grid(
        "planted",
        "endpoint",
        "day",
        "found",
        "after days",
        "first alert",
        "calls",
        "kind",
        "topic",
        "date",
        "effect",
    )
    for each in checked.detections:
        finding = each.finding
        table.add_row(
            each.planted.words,
            each.planted.endpoint,
            f"{each.planted.day:g}",
            "missed" if finding is None else f"{finding.kind.value} ({finding.tier.value})",
            "" if each.delay_days is None else f"{each.delay_days:.1f}",
            "" if each.incident_days is None else f"{each.incident_days:.1f}",
            "" if each.calls is None else f"{each.calls:,}",
            _mark(each.right_kind),
            _mark(each.right_topic),
            _mark(each.date_covers),
            _mark(each.effect_covers),
        )
    if checked.detections:
        out.print(table)
        out.print(
            "first alert: days to a provisional finding; kind, topic: right or not; date, effect: covered or not"
        )
    for cried in checked.false:
        out.print(f"false: {cried.standing.value} {cried.tier.value} finding: {cried.headline}", markup=False)
    years = sum(checked.null_days.values()) / 365
    out.print(
        f"{len(checked.false)} false findings; {years:.2f} endpoint-years without anything planted",
        markup=False,
    )


def _print_rates(done: Repeats) -> None:
    def share(interval: Interval) -> str:
        if interval.estimate is None:
            return ""
        bounds = "" if interval.low is None else f" [{percent(interval.low)}, {percent(interval.high)}]"
        return f"{percent(interval.estimate)}{bounds}"

    table = grid(
        "planted",
        "endpoint",
        "detected",
        "median days",
        "first alert",
        "median calls",
        "date covers",
        "effect covers",
    )
    for rate in done.rates:
        table.add_row(
            rate.words,
            rate.endpoint,
            share(rate.detected),
            "" if rate.median_delay_days is None else f"{rate.median_delay_days:.1f}",
            "" if rate.median_incident_days is None else f"{rate.median_incident_days:.1f}",
            "" if rate.median_calls is None else f"{rate.median_calls:,.0f}",
            share(rate.date_covers),
            share(rate.effect_covers),
        )
    if done.rates:
        out.print(table)
    for tier, cried in done.false.items():
        if cried.estimate is None:
            out.print(f"{tier.value}: false findings cannot be counted, something was planted all the time")
            continue
        out.print(
            f"{tier.value}: {cried.n} false findings in {done.null_years:.1f} endpoint-years without anything planted: "
            f"{cried.estimate:.3f} a year [{cried.low:.3f}, {cried.high:.3f}]",
            markup=False,
        )
    for headline in done.false_headlines[:20]:
        out.print(f"false: {headline}", markup=False)
