"""Checking origins: imported runs and their origins name each other, and the chain they had elsewhere still holds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from harness.dataformat import IMPORTED, OriginData, exchange_hash, exchange_line, origin_hash
from harness.store.encoding import read_header
from harness.store.origins import read_origin
from harness.store.reading import EXCHANGE_COLUMNS
from harness.store.verify_report import Report

_WIDTH = EXCHANGE_COLUMNS.count(",") + 1
_EXCHANGES = f"""
    SELECT {EXCHANGE_COLUMNS}, o.number, o.previous, o.hash FROM exchanges x
    LEFT JOIN bodies b ON b.id = x.reply_body_id LEFT JOIN origin_exchanges o ON o.exchange_id = x.id
    WHERE x.run_id = ? ORDER BY x.number"""  # noqa: S608 - ours


def check_origins(report: Report) -> None:
    """Check both tables of origins against the runs and exchanges they speak of."""
    known: dict[int, OriginData] = {}
    for run_id, *columns, sha256 in report.rows(
        "origins",
        """SELECT run_id, source, file, file_sha256, tool, imported_us, harness_version, key, record, sha256
           FROM origins ORDER BY run_id""",
    ):
        report.compare("origins", run_id, sha256, _digest, columns)
        try:
            known[run_id] = read_origin(columns)
        except (ValueError, TypeError, AttributeError):
            continue  # compare has named it
    for run_id, frame in report.connection.execute("SELECT id, header FROM runs ORDER BY id"):
        _check_run(report, run_id, frame, known.get(run_id))
    strays = """SELECT o.exchange_id FROM origin_exchanges o JOIN exchanges x ON x.id = o.exchange_id
                WHERE x.run_id NOT IN (SELECT run_id FROM origins WHERE source = 'harness')"""
    for (row_id,) in report.connection.execute(strays):
        report.bad("origin_exchanges", str(row_id), "belongs to a run that was not imported in our format")
    for run_id, origin in known.items():
        if origin.source == "harness":
            _check_chain(report, run_id, origin.record)


def _digest(columns: Sequence[Any]) -> bytes:
    return bytes.fromhex(origin_hash(read_origin(columns)))


def _check_run(report: Report, run_id: int, frame: bytes, origin: OriginData | None) -> None:
    trigger = read_header(frame)[0].trigger
    if not trigger.startswith(IMPORTED):
        if origin is not None:
            report.bad("origins", str(run_id), "belongs to a run that was not imported")
    elif origin is None:
        report.bad("origins", str(run_id), "is missing: the run was imported")
    elif trigger != f"{IMPORTED}{origin_hash(origin)}":
        report.bad("origins", str(run_id), "is not the origin that the run names")


def _check_chain(report: Report, run_id: int, record: Mapping[str, Any]) -> None:
    run = record.get("run")
    own = run.get("hash") if isinstance(run, Mapping) else None
    before: tuple[int, bytes] | None = None
    for row in report.connection.execute(_EXCHANGES, (run_id,)):
        number, previous, stored = row[_WIDTH:]
        name = f"{row[0]} (run {run_id})"
        if number is None:
            report.bad("origin_exchanges", name, "is missing: the exchange was imported")
            continue
        report.counts["origin_exchanges"] += 1
        try:
            exchange = report.reader.decode(row[:_WIDTH])
        except (ValueError, TypeError, KeyError):
            continue  # the check of the chain here names it
        line = exchange_line(exchange, run=run_id, number=number, previous=previous.hex(), hash_="")
        first = (number == 1) == (previous.hex() == own)
        linked = first and (before is None or (number == before[0] + 1) == (previous == before[1]))
        if exchange_hash(line) != stored.hex() or not linked:
            report.bad("origin_exchanges", name, "does not match the hash it had where it was made")
        before = (number, stored)
