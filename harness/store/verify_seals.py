"""Checking the rows of seals and commitments.

What they say of the evidence, and who signed it, is for custody to check.
"""

from __future__ import annotations

import json

from harness.dataformat import IMPORTED
from harness.store import chain
from harness.store.encoding import read_header
from harness.store.verify_report import Report


def check_seals(report: Report) -> None:
    """Compare all seals and commitments with their hashes, and their number with what is told of it."""
    ends: dict[str, tuple[int, bytes | None]] = {}
    with report.stage("seals"):
        before: bytes | None = None
        count = 0
        sql = "SELECT id, made_us, manifest, signature, public_key, timestamp, hash FROM seals ORDER BY id"
        for count, (*values, stored) in enumerate(report.rows("seals", sql), 1):
            if values[0] != count:
                report.bad("seals", str(values[0]), f"should be number {count}: one before it is missing")
                break
            report.compare("seals", count, stored, chain.seal_row_hash, *values, before)
            before = stored
        ends["seals"] = count, before
    with report.stage("commitments"):
        before = None
        count = 0
        sql = "SELECT id, made_us, document, sha256 FROM commitments ORDER BY id"
        for count, (number, made_us, document, stored) in enumerate(report.rows("commitments", sql), 1):
            if number != count:
                report.bad("commitments", str(number), f"should be number {count}: one before it is missing")
                break
            report.compare("commitments", count, stored, _commitment_digest, made_us, document, before)
            before = stored
        ends["commitments"] = count, before
    with report.stage("runs"):
        _check_runs(report)
    with report.stage("additions"):
        told = {
            name: (rows, last) for name, rows, last in report.connection.execute("SELECT * FROM additions")
        }
        for name, (rows, last) in ends.items():
            if told.pop(name, None) != (rows, last):
                report.bad(
                    "additions", name, f"does not agree with the {rows} rows of {name}: one is missing or new"
                )
        for name in told:
            report.bad("additions", name, "tells of a table that does not grow")


def _check_runs(report: Report) -> None:
    """Check that the commitments which runs name are there, and that later runs name no earlier ones."""
    numbers = {
        sha256.hex(): number
        for number, sha256 in report.connection.execute("SELECT id, sha256 FROM commitments")
    }
    newest = 0
    for run_id, frame in report.connection.execute("SELECT id, header FROM runs ORDER BY id"):
        header, _ = read_header(frame)
        if header.trigger.startswith(IMPORTED):
            continue  # it names those of the database it was made in
        number = 0 if header.commitment is None else numbers.get(header.commitment)
        if number is None:
            report.bad("commitments", "", f"run {run_id} was begun after a commitment that is missing")
        elif number < newest:
            report.bad("runs", str(run_id), f"was begun after commitment {newest}, and does not name it")
        newest = max(newest, number or 0)


def _commitment_digest(made_us: int, document: bytes, before: bytes | None) -> bytes:
    told = json.loads(document)
    if told["made_us"] != made_us or told["previous"] != (None if before is None else before.hex()):
        raise ValueError("its columns, or the commitment before it, differ from its document")
    return chain.digest(document)
