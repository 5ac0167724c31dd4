"""Checking everything: each hash made again from what readers would see, each sum from what it sums up."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable

from harness.store.reading import Reader
from harness.store.rows import Verification
from harness.store.verify_chain import ChainCheck
from harness.store.verify_findings import check_findings
from harness.store.verify_judgements import check_judgements
from harness.store.verify_origins import check_origins
from harness.store.verify_report import Report
from harness.store.verify_seals import check_seals
from harness.store.verify_shared import check_shared
from harness.store.verify_sums import check_sums

_UNUSED = {
    "suites": "SELECT id FROM suites EXCEPT SELECT suite_id FROM run_suites",
    "probes": "SELECT id FROM probes EXCEPT SELECT probe_id FROM suite_probes",
    "endpoints": "SELECT id FROM endpoints EXCEPT SELECT endpoint_id FROM run_endpoints",
    "envelopes": "SELECT id FROM envelopes EXCEPT SELECT envelope_id FROM exchanges",
    "verdicts": """SELECT id FROM verdicts EXCEPT SELECT verdict_id FROM observations
                   EXCEPT SELECT verdict_id FROM past_observations""",
    "identities": """SELECT id FROM identities EXCEPT SELECT identity_id FROM observations
                     EXCEPT SELECT identity_id FROM past_observations""",
}


def verify(
    connection: sqlite3.Connection, reader: Reader, progress: Callable[[int, int], None] | None
) -> Verification:
    """Check everything on one consistent view of the database; see `Store.verify`."""
    report = Report(connection, reader)
    connection.execute("BEGIN")
    try:
        with report.stage("file"):
            _check_file(report)
        check_shared(report)
        ChainCheck(report, progress).check()
        with report.stage("observations"):
            check_sums(report)
        with report.stage("judgements"):
            check_judgements(report)
        with report.stage("origins"):
            check_origins(report)
        check_seals(report)
        check_findings(report)
        for table, sql in _UNUSED.items():
            with report.stage(table):
                for (row_id,) in connection.execute(sql):
                    report.bad(
                        table,
                        str(row_id),
                        "nothing refers to it: it was put in, or what used it was taken out",
                    )
    finally:
        connection.execute("ROLLBACK")
    return report.result()


def _check_file(report: Report) -> None:
    for (words,) in report.connection.execute("PRAGMA integrity_check(20)"):
        if words != "ok":
            report.bad("file", "", words)
    for table, row_id, parent, _ in report.connection.execute("PRAGMA foreign_key_check"):
        report.bad(table, str(row_id or ""), f"refers to a row of {parent} that is missing")
