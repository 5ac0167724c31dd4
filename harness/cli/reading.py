"""Looking: status, compare, report, show. They read only and never disturb a run."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Annotated, Any

import typer

from harness import tables
from harness.cli.context import (
    DEFAULT_CONFIG,
    ConfigOption,
    DbOption,
    JsonOption,
    database_path,
    load_project,
    out,
    print_json,
    reading,
)
from harness.cli.results import evidence_of, grid, percent, print_comparison
from harness.cli.selection import HELP, identical_answers, parse, redefined
from harness.errors import UsageError
from harness.monitor import standing
from harness.records import JSON, utc_text
from harness.store import Store, Stored

_SHOWN_BYTES = 20_000


def register(app: typer.Typer) -> None:
    """Add this group's commands."""
    app.command()(status)
    app.command()(compare)
    app.command()(report)
    app.command()(show)


def status(
    config: ConfigOption = DEFAULT_CONFIG,
    db: DbOption = None,
    last: Annotated[int, typer.Option("--last", min=1, help="How many of the latest runs to list.")] = 10,
    as_json: JsonOption = False,
) -> None:
    """Say what ran, what is due and what was missed, coverage, spend, and what has no place in our tables yet."""
    schedules = load_project(config, db).config.schedules if config.exists() or db is None else {}
    now = datetime.now(UTC)
    with reading(config, db) as store:
        evidence = evidence_of(store, database_path(config, db), now)
        covered = tables.coverage(evidence)
        costs = evidence.runs.set_index("run_id")["cost_usd"]
        runs: list[dict[str, JSON]] = [
            {
                "run_id": int(row["run_id"]),
                "started_at": utc_text(int(row["started_at"].timestamp() * 1e6)),
                "status": _standing(store, int(row["run_id"]), str(row["status"])),
                "trigger": str(row["trigger"]),
                "clock": str(row["clock"]),
                "planned": int(row["planned"]),
                "completed": int(row["completed"]),
                "measured": int(row["measured"]),
                "failed": int(row["failed"]),
                "coverage": None if row["planned"] == 0 else round(float(row["coverage"]), 6),
                "cost_usd": round(float(costs.get(row["run_id"], 0.0)), 6),
            }
            for row in covered.to_dict("records")
        ]
        standings = [
            standing(name, schedule.cron, _starts(covered, name), now) for name, schedule in schedules.items()
        ]
        unmapped = store.unmapped()
        access = tables.access_events(evidence.tallies, store.denials())
    due: list[dict[str, JSON]] = [
        {
            "schedule": each.schedule,
            "cron": each.cron,
            "last_run": _iso(each.last_run),
            "next_run": _iso(each.next_run),
            "missed": each.missed,
            "last_missed": _iso(each.last_missed),
        }
        for each in standings
    ]
    unknown: list[dict[str, JSON]] = [
        {"endpoint": name, "value": value, "count": n} for name, value, n in unmapped
    ]
    if as_json:
        print_json(
            {
                "runs": list(runs),
                "schedules": list(due),
                "access": [_access_json(each) for each in access],
                "unmapped": list(unknown),
            }
        )
        return
    table = grid(
        "run", "started (UTC)", "trigger", "status", "planned", "done", "failed", "coverage", "cost", right=5
    )
    for run in runs[-last:]:
        coverage: Any = run["coverage"]
        table.add_row(
            str(run["run_id"]),
            str(run["started_at"])[:19].replace("T", " "),
            str(run["trigger"]),
            str(run["status"]),
            f"{run['planned']:,}",
            f"{run['completed']:,}",
            f"{run['failed']:,}",
            percent(coverage),
            f"${run['cost_usd']:.4f}",
        )
    out.print(table)
    if len(runs) > last:
        out.print(f"the latest {last} of {len(runs)} runs; more with --last")
    for each in standings:
        missed = f"; missed {each.missed}, last {each.last_missed:%Y-%m-%d %H:%M}" if each.last_missed else ""
        ran = f"last run {each.last_run:%Y-%m-%d %H:%M}" if each.last_run else "has not run yet"
        out.print(
            f"schedule {each.schedule} ({each.cron}): {ran}, next {each.next_run:%Y-%m-%d %H:%M} UTC{missed}",
            markup=False,
        )
    for event in access:
        why = f" ({', '.join(event.reasons)})" if event.reasons else ""
        since = f", was otherwise {event.before_at:%Y-%m-%d %H:%M}" if event.before_at else ""
        out.print(
            f"access {event.kind}: {event.endpoint} ({event.model}){why}, "
            f"first seen {event.seen_at:%Y-%m-%d %H:%M} UTC in run {event.run_id}{since}",
            markup=False,
        )
    for name, value, count in unmapped:
        out.print(
            f"unmapped: {name} sent {value} {count} times; kept as it is, given the nearest safe outcome",
            markup=False,
        )


def _access_json(event: tables.AccessEvent) -> JSON:
    return {
        "endpoint": event.endpoint,
        "model": event.model,
        "kind": event.kind,
        "run_id": event.run_id,
        "first_seen": _iso(event.seen_at),
        "last_seen_otherwise": _iso(event.before_at),
        "denied": event.denied,
        "reasons": list(event.reasons),
    }


def _standing(store: Store, run_id: int, status: str) -> str:
    """A run marked as running whose process is gone was interrupted."""
    if status == "running" and not (Store.writer(store.path) is not None and run_id == store.run_count()):
        return "interrupted"
    return status


def _starts(covered: Any, schedule: str) -> list[datetime]:
    return [moment.to_pydatetime() for moment in covered.loc[covered["trigger"] == schedule, "started_at"]]


def _iso(moment: datetime | None) -> str | None:
    return None if moment is None else moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def compare(
    a: Annotated[str, typer.Argument(metavar="A", help=HELP + ".")],
    b: Annotated[str, typer.Argument(metavar="B", help="Likewise.")],
    config: ConfigOption = DEFAULT_CONFIG,
    db: DbOption = None,
    groups: Annotated[bool, typer.Option("--groups", help="Also every family, arm and topic.")] = False,
    plot: Annotated[Path | None, typer.Option("--plot", metavar="FILE.png", help="Draw it too.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Compare two runs, windows, endpoints, models or vantages: paired by probe, B minus A, with an interval.

    This describes; it is not a finding. Two ordinary days can differ as much.
    """
    with reading(config, db) as store:
        identities = store.identities()
        known = sorted(identities["endpoint"].unique()), sorted(identities["model"].unique())
        left, right = parse(a, *known).tallies(store), parse(b, *known).tallies(store)
        found = tables.compare(
            left,
            right,
            left_label=a,
            right_label=b,
            identities=identities,
            answers=identical_answers(store, left, right),
            redefined=redefined(store, left, right),
        )
    if plot is not None:
        from harness.plots import comparison_plot

        try:
            comparison_plot(found).png(plot)
        except OSError as error:
            raise UsageError(f"{plot}: cannot write it there ({error.strerror})") from error
    if as_json:
        print_json(found.as_json())
        return
    print_comparison(found, groups)
    out.print(tables.NOT_A_FINDING)


def report(
    config: ConfigOption = DEFAULT_CONFIG,
    db: DbOption = None,
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", metavar="DIR", help="Where to write; by default the results folder."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Write report.html, report.md and pictures from everything in the database."""
    from harness.report import write_report

    folder = output if output is not None else load_project(config, db).results
    with reading(config, db) as store:
        evidence = evidence_of(store, database_path(config, db))
    try:
        written = write_report(evidence, folder)
    except OSError as error:
        raise UsageError(
            f"{folder}: cannot write the report there ({error.strerror}); choose another folder with -o"
        ) from error
    if as_json:
        print_json(
            {
                "html": str(written.html),
                "markdown": str(written.markdown),
                "pictures": [str(path) for path in written.pictures],
            }
        )
        return
    out.print(f"wrote {written.html}", markup=False)
    out.print(f"wrote {written.markdown}", markup=False)
    out.print(
        f"wrote {len(written.pictures)} pictures to {written.pictures[0].parent if written.pictures else folder}",
        markup=False,
    )


def show(
    call: Annotated[
        str | None, typer.Argument(metavar="CALL", help="A call's id, or the start of it.")
    ] = None,
    config: ConfigOption = DEFAULT_CONFIG,
    db: DbOption = None,
    run: Annotated[int | None, typer.Option("--run", help="List the calls of this run instead.")] = None,
    outcome: Annotated[
        str | None, typer.Option("--outcome", help="List only calls with this outcome.")
    ] = None,
    suite: Annotated[str | None, typer.Option("--suite", help="List only this suite's calls.")] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, help="List at most so many.")] = 50,
    as_json: JsonOption = False,
) -> None:
    """Show the evidence of one exchange, as sent and received; without CALL, list calls."""
    if call is None and run is None and outcome is None and suite is None:
        raise UsageError("which call? harness show CALL, or a list: harness show --run 1 --outcome refused")
    if outcome is not None and outcome not in tables.OUTCOMES:
        raise UsageError(f"no outcome {outcome!r}; there are: {', '.join(tables.OUTCOMES)}")
    with reading(config, db) as store:
        if call is None:
            _list(store, run, outcome, suite, limit, as_json)
            return
        stored = store.exchange(call)
    if not stored:
        raise UsageError(f"no call {call!r} in the database; harness show --run 1 lists a run's calls")
    if as_json:
        print_json([_stored_json(each) for each in stored])
        return
    for each in stored:
        _print_stored(each)


def _list(
    store: Store, run: int | None, outcome: str | None, suite: str | None, limit: int, as_json: bool
) -> None:
    rows = list(islice(store.exchanges(run_id=run, outcome=outcome, suite=suite), limit))
    if as_json:
        print_json([_stored_json(each) for each in rows])
        return
    table = grid("call", "run", "endpoint", "suite", "probe", "outcome", "score", "answer")
    for each in rows:
        seen = each.observation
        score = "" if seen is None or seen.score is None else f"{seen.score:g}"
        answer = "" if seen is None else (seen.answer or seen.reason or seen.evidence)
        table.add_row(
            each.exchange.call_id, str(each.run_id), each.exchange.endpoint, each.exchange.suite,
            each.exchange.probe_id, "" if seen is None else seen.outcome.value, score, _one_line(answer, 40),
        )  # fmt: skip
    out.print(table)
    if len(rows) == limit:
        out.print(f"the first {limit}; more with --limit")


def _one_line(text: str, most: int) -> str:
    """Return hostile text as one harmless line: no control characters, no markup, bounded."""
    flat = "".join(character if character.isprintable() else " " for character in text[: most * 2])
    return (flat if len(flat) <= most else flat[: most - 1] + "…").replace("[", r"\[")


def _printable(text: str) -> str:
    """Return text with every control character but the line feed made visible, so that it cannot drive a terminal."""
    return "".join(c if c.isprintable() or c == "\n" else f"\\x{ord(c):02x}" for c in text)


def _body(data: bytes) -> str:
    text = _printable(data[:_SHOWN_BYTES].decode("utf-8", "replace"))
    more = len(data) - _SHOWN_BYTES
    return text + (f"\n… {more:,} more bytes; all with --json" if more > 0 else "")


def _print_stored(each: Stored) -> None:
    exchange, seen = each.exchange, each.observation
    out.rule(
        f"call {exchange.call_id}, attempt {exchange.attempt}{'' if exchange.final else ' (retried)'}",
        align="left",
    )
    lines = [
        f"run {each.run_id}, exchange {each.row_id}, sha256 {each.hash}",
        f"endpoint {exchange.endpoint} ({exchange.protocol}), suite {exchange.suite}, probe {exchange.probe_id}, "
        f"sample {exchange.sample}, seed {exchange.seed}",
        f"sent {utc_text(exchange.timing.sent_us)}, took {exchange.timing.total_ms:.1f} ms",
        "",
        f"> {exchange.method} {exchange.url}",
        *(f"> {name}: {value}" for name, value in exchange.request_headers),
        _body(exchange.request_body),
        "",
        f"< {exchange.status if exchange.status is not None else 'no reply'}"
        + (f": {exchange.failure.value}: {exchange.failure_detail}" if exchange.failure else ""),
        *(f"< {name}: {value}" for name, value in exchange.response_headers),
        _body(exchange.response_body),
    ]
    if exchange.redacted:
        lines.append("(the provider echoed a key; it is blanked here and in the database)")
    if seen is not None:
        lines += ["", "observed:"]
        lines += [f"  {name} = {value}" for name, value in _observed(each).items() if value is not None]
    out.print(_printable("\n".join(lines)), markup=False)


def _observed(each: Stored) -> dict[str, JSON]:
    seen = each.observation
    if seen is None:
        return {}
    values = {name: getattr(seen, name) for name in type(seen).__slots__}
    return values | {"outcome": seen.outcome.value}


def _stored_json(each: Stored) -> dict[str, JSON]:
    exchange = each.exchange
    return {
        "call_id": exchange.call_id,
        "run_id": each.run_id,
        "exchange_id": each.row_id,
        "number": each.number,
        "hash": each.hash,
        "attempt": exchange.attempt,
        "final": exchange.final,
        "endpoint": exchange.endpoint,
        "suite": exchange.suite,
        "probe": exchange.probe_id,
        "sample": exchange.sample,
        "seed": exchange.seed,
        "protocol": exchange.protocol,
        "streamed": exchange.streamed,
        "sent_at": utc_text(exchange.timing.sent_us),
        "total_ms": exchange.timing.total_ms,
        "headers_ms": exchange.timing.headers_ms,
        "first_token_ms": exchange.timing.first_token_ms,
        "gap_median_ms": exchange.timing.gap_median_ms,
        "gap_max_ms": exchange.timing.gap_max_ms,
        "request": {
            "method": exchange.method,
            "url": exchange.url,
            "headers": [list(pair) for pair in exchange.request_headers],
            "body": _body_json(exchange.request_body),
        },
        "reply": {
            "status": exchange.status,
            "headers": [list(pair) for pair in exchange.response_headers],
            "body": _body_json(exchange.response_body),
            "failure": exchange.failure.value if exchange.failure else None,
            "failure_detail": exchange.failure_detail,
        },
        "redacted": exchange.redacted,
        "observation": _observed(each) or None,
    }


def _body_json(data: bytes) -> JSON:
    """Return a body as text where it is UTF-8, else as hexadecimal digits."""
    try:
        return {"text": data.decode("utf-8")}
    except UnicodeDecodeError:
        return {"hex": data.hex()}
