"""Checking judgements: each is as it was written, is about the answer it names, and none is missing."""

from __future__ import annotations

from harness.store.judgements import SUITE_PREFIX, judgement_digest
from harness.store.verify_report import Report

_ALL = f"""
    SELECT j.exchange_id, j.number, j.judge_exchange_id, j.judged_us, j.sha256, x.hash, y.hash, x.final, y.final,
      x.run_id, CASE typeof(x.call_id) WHEN 'blob' THEN lower(hex(x.call_id)) ELSE x.call_id END, p.probe_id,
      json_extract(s.header, '$.judging.run')
    FROM judgements j LEFT JOIN exchanges x ON x.id = j.exchange_id LEFT JOIN exchanges y ON y.id = j.judge_exchange_id
      LEFT JOIN probes p ON p.id = y.probe_id
      LEFT JOIN (SELECT u.run_id, max(s.header) AS header FROM run_suites u JOIN suites s ON s.id = u.suite_id
        WHERE s.name LIKE '{SUITE_PREFIX}%' GROUP BY u.run_id) s ON s.run_id = y.run_id
    ORDER BY j.exchange_id, j.number"""  # noqa: S608 - a constant of ours
_UNLINKED = """
    SELECT o.exchange_id FROM observations o JOIN verdicts v ON v.id = o.verdict_id
    WHERE v.makers LIKE '% judge.%' AND o.exchange_id NOT IN (SELECT exchange_id FROM judgements)"""


def check_judgements(report: Report) -> None:
    """Check that every judgement is as it was written and is about the exchange it names, and that none is missing."""
    last: tuple[int, int] = (0, 0)
    for row in report.rows("judgements", _ALL):
        exchange_id, number, _, judged_us, stored, judged, judging, final, judge_final, run_id = row[:10]
        call_id, probe_id, about = row[10:]
        name = f"{exchange_id}/{number}"
        if judged is None or judging is None or not final or not judge_final:
            report.bad("judgements", name, "refers to an exchange that is missing or was repeated")
        elif judgement_digest(judged, number, judging, judged_us) != stored:
            report.bad("judgements", name, "does not match its hash")
        elif about != run_id or probe_id != call_id:
            report.bad("judgements", name, "the judge's exchange is not about that answer")
        if number != (last[1] + 1 if last[0] == exchange_id else 1):
            report.bad("judgements", name, "is out of order: a judgement before it is missing")
        last = (exchange_id, number)
    for (row_id,) in report.connection.execute(_UNLINKED):
        report.bad("judgements", str(row_id), "is missing: a judge graded that exchange")
