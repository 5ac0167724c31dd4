"""Checking the findings' tables: both chains, every step and state, every finding against the row it stands in."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from harness.claims import Finding, Standing, StreamKey, finding_from_json, finding_json
from harness.records import canonical_json
from harness.store import finding_chain
from harness.store.chain import digest
from harness.store.encoding import unframe
from harness.store.finding_rows import EventRow, PeriodRow, StepRow, UpdateRow
from harness.store.verify_report import Report


def check_findings(report: Report) -> None:
    """Make every hash of the ledger, the updates and the states again; report what differs."""
    with report.stage("ledger_periods"):
        periods = _check_periods(report)
        with report.stage("finding_updates"):
            updates = _check_updates(report, {period.id for period in periods})
            told = report.connection.execute(
                "SELECT periods, period_hash, updates, update_hash FROM finding_chain"
            ).fetchone()
            ends = (*_end(report, "ledger_periods"), *_end(report, "finding_updates"))
            if told is None or tuple(told) != ends:
                report.bad(
                    "finding_chain", "1", f"does not agree with {len(periods)} periods, {updates} updates"
                )
    with report.stage("streams"):
        _check_states(report)


def _end(report: Report, table: str) -> tuple[int, bytes | None]:
    row = report.connection.execute(
        f"SELECT count(*), (SELECT hash FROM {table} ORDER BY id DESC LIMIT 1) FROM {table}"  # noqa: S608 - ours
    ).fetchone()
    return int(row[0]), row[1]


def _check_periods(report: Report) -> list[PeriodRow]:
    found: list[PeriodRow] = []
    before: bytes | None = None
    for *columns, previous, stored in report.rows(
        "ledger_periods",
        """SELECT id, world, opened_us, year_us, reason, ledger, previous, hash FROM ledger_periods ORDER BY id""",
    ):
        period = PeriodRow(*columns)
        found.append(period)
        if period.id != len(found) or previous != before:
            report.bad("ledger_periods", str(period.id), "does not follow the period before it")
        report.compare("ledger_periods", period.id, stored, finding_chain.period_hash, period, previous)
        before = stored
    return found


def _check_updates(report: Report, periods: set[int]) -> int:
    count, before = 0, None
    for update_id, run_id, period_id, at_us, makers, notes, previous, stored in report.rows(
        "finding_updates",
        """SELECT id, run_id, period_id, at_us, makers, notes, previous, hash FROM finding_updates ORDER BY id""",
    ):
        count += 1
        name = str(update_id)
        if update_id != count or previous != before:
            report.bad("finding_updates", name, "does not follow the update before it")
        if period_id not in periods:
            report.bad("finding_updates", name, f"names period {period_id}, which is missing")
        try:
            update = UpdateRow(
                *(run_id, period_id, at_us, makers, tuple(json.loads(notes)), _steps(report, update_id)),
                *(_findings(report, update_id), _events(report, update_id), update_id),
            )
        except (ValueError, TypeError, KeyError) as error:
            report.bad("finding_updates", name, f"is not as it was written: {error}")
        else:
            report.compare("finding_updates", update_id, stored, finding_chain.update_hash, update, previous)
        before = stored
    return count


def _steps(report: Report, update_id: int) -> tuple[StepRow, ...]:
    rows = report.connection.execute(
        """SELECT s.name, s.definition, t.status, t.value, t.score, t.n, t.planned, t.u, t.log_e_down, t.log_e_up,
             t.input, t.state_sha256 FROM steps t JOIN streams s ON s.id = t.stream_id WHERE t.update_id = ?""",
        (update_id,),
    )
    found: list[StepRow] = []
    for *columns, frame, state_sha256 in rows:
        report.counts["steps"] += 1
        stream, definition, status, value, score, n, planned, u, down, up = columns
        taken = unframe(frame)
        found.append(
            StepRow(
                *(stream, definition, status, value, score, n, planned, u, down, up, taken),
                state_sha256=state_sha256,
            )
        )
    return tuple(found)


def _findings(report: Report, update_id: int) -> tuple[Finding, ...]:
    found: list[Finding] = []
    for place, (finding_id, number, stream, kind, tier, body) in enumerate(
        report.connection.execute(
            "SELECT id, number, stream, kind, tier, body FROM findings WHERE update_id = ? ORDER BY number",
            (update_id,),
        )
    ):
        report.counts["findings"] += 1
        finding = finding_from_json(json.loads(body))
        columns = (finding.id, place, finding.stream.name, finding.kind.value, finding.tier.value)
        if columns != (finding_id, number, stream, kind, tier):
            report.bad("findings", finding_id, "its columns differ from its body")
        if canonical_json(finding_json(finding)).decode() != body:
            report.bad("findings", finding_id, "its body is not in canonical form")
        found.append(finding)
    return tuple(found)


def _events(report: Report, update_id: int) -> tuple[EventRow, ...]:
    found: list[EventRow] = []
    rows: Any = report.connection.execute(
        """SELECT finding_id, event, words, number, (SELECT count(*) FROM finding_events b
             WHERE b.finding_id = e.finding_id AND b.number <= e.number), (SELECT max(b.update_id) FROM finding_events b
             WHERE b.finding_id = e.finding_id AND b.number < e.number) FROM finding_events e
           WHERE update_id = ? ORDER BY finding_id, number""",
        (update_id,),
    )
    for finding_id, event, words, number, place, before in rows:
        report.counts["finding_events"] += 1
        if number != place or (before is not None and before > update_id):
            report.bad(
                "finding_events", f"{finding_id}/{number}", "an event before it is missing, or came later"
            )
        found.append(EventRow(finding_id, Standing(event), words))
    return tuple(found)


def _check_states(report: Report) -> None:
    rows = report.rows(
        "streams",
        """SELECT s.id, s.name, s.state, (SELECT t.state_sha256 FROM steps t WHERE t.stream_id = s.id
             ORDER BY t.update_id DESC LIMIT 1), s.key, s.world, (SELECT group_concat(DISTINCT p.world) FROM steps t
             JOIN finding_updates u ON u.id = t.update_id JOIN ledger_periods p ON p.id = u.period_id
             WHERE t.stream_id = s.id) FROM streams s ORDER BY s.id""",
    )
    for row_id, name, frame, state_sha256, key, world, worlds in rows:
        try:
            named = StreamKey(**json.loads(key))
        except (ValueError, TypeError) as error:
            report.bad("streams", str(row_id), f"its key is not as it was written: {error}")
            continue
        if named.name != name or canonical_json(asdict(named)).decode() != key:
            report.bad("streams", str(row_id), f"its key is not that of {name}")
        if worlds is not None and worlds != world:
            report.bad("streams", str(row_id), f"says it is of the world {world}; its steps are of {worlds}")
        try:
            state = unframe(frame)
        except ValueError as error:
            report.bad("streams", str(row_id), f"its state is not as it was written: {error}")
            continue
        if digest(state) != state_sha256:
            report.bad("streams", str(row_id), f"the state of {name} is not the one its newest step left")
