"""Evidence, as sent and received: show."""

from __future__ import annotations

from itertools import islice
from typing import Annotated

import typer

from harness import tables
from harness.cli.context import DEFAULT_CONFIG, ConfigOption, DbOption, JsonOption, out, print_json, reading
from harness.cli.results import grid
from harness.errors import UsageError
from harness.records import JSON, utc_text
from harness.store import Store, Stored

_SHOWN_BYTES = 20_000


def register(app: typer.Typer) -> None:
    """Add this group's commands."""
    app.command()(show)


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
        judges = {each.row_id: _judged_by(store, each) for each in stored}
    if not stored:
        raise UsageError(f"no call {call!r} in the database; harness show --run 1 lists a run's calls")
    if as_json:
        print_json([_stored_json(each) | {"judged_by": list(judges[each.row_id])} for each in stored])
        return
    for each in stored:
        _print_stored(each)
        for judge_call in judges[each.row_id]:
            out.print(f"judged by: harness show {judge_call}")


def _judged_by(store: Store, stored: Stored) -> list[str]:
    """Return the calls in which a judge graded an answer, oldest first; the last counts."""
    return [
        each.exchange.call_id
        for judgement in store.judgements.of(stored.row_id)
        for each in store.exchange(str(judgement.judge_exchange_id))
    ]


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
