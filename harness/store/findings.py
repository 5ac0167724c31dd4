"""The findings' part of the store: the ledger's periods, streams and their steps, findings and what became of them."""

from __future__ import annotations

import json
import sqlite3
from collections import defaultdict
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import Any

import zstandard

from harness.claims import Finding, Standing, finding_from_json, finding_json
from harness.errors import StoreError
from harness.records import canonical_json
from harness.store import finding_chain
from harness.store.chain import digest
from harness.store.encoding import unframe
from harness.store.finding_rows import EventRow, PeriodRow, RunCounts, StepRow, UpdateRow
from harness.store.reading import Reader
from harness.store.tallies import COLUMNS
from harness.store.writing import Writer

_STEP_COLUMNS = "t.status, t.value, t.score, t.n, t.planned, t.u, t.log_e_down, t.log_e_up, t.input"


class Findings:
    """Reads and writes what findings are kept in; all methods may be called from any thread."""

    def __init__(self, reader: Reader, writer: Writer | None) -> None:
        self._reader = reader
        self._writer = writer

    # --- the ledger ---------------------------------------------------------------------------

    def periods(self, world: str | None = None) -> list[PeriodRow]:
        """Return the ledger's periods, oldest first."""
        where, values = ("", []) if world is None else (" WHERE world = ?", [world])
        rows = self._reader.rows(
            f"SELECT id, world, opened_us, year_us, reason, ledger FROM ledger_periods{where} ORDER BY id",  # noqa: S608 - ours
            values,
        )
        return [PeriodRow(*row) for row in rows]

    def period(self, world: str) -> PeriodRow | None:
        """Return the newest period of a world, if there is one."""
        row = self._reader.one(
            """SELECT id, world, opened_us, year_us, reason, ledger FROM ledger_periods
               WHERE world = ? ORDER BY id DESC LIMIT 1""",
            (world,),
        )
        return None if row is None else PeriodRow(*row)

    def open_period(self, world: str, opened_us: int, year_us: int, reason: str, ledger: str) -> PeriodRow:
        """Begin a new period; return it with its number."""
        with self._writing() as connection:
            number, previous = self._end("periods", "period_hash")
            period = PeriodRow(number + 1, world, opened_us, year_us, reason, ledger)
            sha256 = finding_chain.period_hash(period, previous)
            connection.executemany(
                """INSERT INTO ledger_periods (id, world, opened_us, year_us, reason, ledger, previous, hash)
                   VALUES (?, ?, ?, ?, ?, ?, ?, ?)""",
                [(period.id, world, opened_us, year_us, reason, ledger, previous, sha256)],
            )
            connection.executemany(
                "UPDATE finding_chain SET periods = ?, period_hash = ?", [(period.id, sha256)]
            )
        return period

    # --- updates ------------------------------------------------------------------------------

    def has_update(self, run_id: int) -> bool:
        """Say whether a run was taken into the streams."""
        return self._reader.one("SELECT 1 FROM finding_updates WHERE run_id = ?", (run_id,)) is not None

    def updates_since(self, world: str, since_us: int) -> int:
        """Return how many runs were taken into a world's streams in the budget's stretch that began then."""
        row = self._reader.one(
            """SELECT count(*) FROM finding_updates u JOIN ledger_periods p ON p.id = u.period_id
               WHERE p.world = ? AND p.year_us >= ?""",
            (world, since_us),
        )
        assert row is not None
        return int(row[0])

    def states(self, world: str) -> dict[tuple[str, str], bytes]:
        """Return every stream's newest state, canonical JSON, by (name, definition)."""
        rows = self._reader.rows("SELECT name, definition, state FROM streams WHERE world = ?", (world,))
        return {(name, definition): unframe(frame) for name, definition, frame in rows}

    def commit(self, update: UpdateRow, world: str) -> UpdateRow:
        """Write one run's steps, the new states, findings and events in one transaction; return it numbered.

        Raises:
            StoreError: the run was taken in before.
        """
        with self._writing() as connection:
            if self.has_update(update.run_id):
                raise StoreError(
                    f"{self._reader.path}: run {update.run_id} was taken into the streams before"
                )
            number, previous = self._end("updates", "update_hash")
            steps = tuple(replace(step, state_sha256=digest(step.state)) for step in update.steps)
            made = UpdateRow(
                *(update.run_id, update.period_id, update.at_us, update.makers, update.notes),
                *(steps, update.findings, update.events, number + 1),
            )
            sha256 = finding_chain.update_hash(made, previous)
            notes = canonical_json(list(update.notes)).decode()
            connection.executemany(
                """INSERT INTO finding_updates (id, run_id, period_id, at_us, makers, notes, previous, hash)
                   VALUES (?, ?, ?, ?, ?, ?, ?, ?)""",
                [(made.id, made.run_id, made.period_id, made.at_us, made.makers, notes, previous, sha256)],
            )
            _write_steps(connection, made, world)
            _write_findings(connection, made)
            connection.executemany(
                "UPDATE finding_chain SET updates = ?, update_hash = ?", [(made.id, sha256)]
            )
        return made

    def _writing(self) -> AbstractContextManager[sqlite3.Connection]:
        if self._writer is None:
            raise StoreError(f"{self._reader.path}: is open for reading only")
        return self._writer.transaction()

    def _end(self, count: str, sha256: str) -> tuple[int, bytes | None]:
        row = self._reader.one(f"SELECT {count}, {sha256} FROM finding_chain")  # noqa: S608 - ours
        if row is None:
            raise StoreError(f"{self._reader.path}: finding_chain is empty; harness verify checks everything")
        return int(row[0]), row[1]

    # --- reading back -------------------------------------------------------------------------

    def updates(self, world: str | None = None) -> list[UpdateRow]:
        """Return every update with its notes, in order; steps, findings and events are left out."""
        where, values = ("", []) if world is None else (" WHERE p.world = ?", [world])
        rows = self._reader.rows(
            f"""SELECT u.run_id, u.period_id, u.at_us, u.makers, u.notes, u.id
                FROM finding_updates u JOIN ledger_periods p ON p.id = u.period_id{where} ORDER BY u.id""",  # noqa: S608 - ours
            values,
        )
        return [
            UpdateRow(run_id, period_id, at_us, makers, tuple(json.loads(notes)), id=update_id)
            for run_id, period_id, at_us, makers, notes, update_id in rows
        ]

    def steps(
        self,
        world: str,
        streams: Sequence[tuple[str, str]] | None = None,
        *,
        inputs: bool = False,
        update_id: int | None = None,
    ) -> dict[tuple[str, str], list[StepRow]]:
        """Return the steps of streams, oldest first, by (name, definition).

        Args:
            world: `real` or `simulated`.
            streams: which; None for all.
            inputs: also read what was taken in; it costs most of the time.
            update_id: only those of one update.
        """
        condition, values = "s.world = ?", [world]
        if update_id is not None:
            condition += f" AND t.update_id = {int(update_id)}"
        if streams is not None:
            names = sorted({name for name, _ in streams})
            condition += f" AND s.name IN ({', '.join('?' * len(names))})"
            values += names
        rows = self._reader.rows(
            f"""SELECT s.name, s.definition, s.key, {_STEP_COLUMNS}, t.state_sha256, u.run_id, r.started_us, u.id
                FROM steps t JOIN streams s ON s.id = t.stream_id JOIN finding_updates u ON u.id = t.update_id
                JOIN runs r ON r.id = u.run_id WHERE {condition} ORDER BY t.update_id""",  # noqa: S608 - ours
            values,
        )
        found: dict[tuple[str, str], list[StepRow]] = defaultdict(list)
        for name, definition, key, *rest in rows:
            if streams is None or (name, definition) in streams:
                found[name, definition].append(_step(name, definition, key, rest, inputs))
        return dict(found)

    def findings(self, since_us: int | None = None, until_us: int | None = None) -> list[Finding]:
        """Return every finding as it stands, oldest first; `until_us` is exclusive."""
        events = self.events()
        rows = self._reader.rows("SELECT body FROM findings ORDER BY update_id, number")
        found = [finding_from_json(json.loads(body)) for (body,) in rows]
        return [
            finding_from_json(finding_json(each), events[each.id][-1].standing) if each.id in events else each
            for each in found
            if (since_us is None or each.found_us >= since_us)
            and (until_us is None or each.found_us < until_us)
        ]

    def events(self) -> dict[str, list[EventRow]]:
        """Return what became of findings, by their id, oldest first."""
        rows = self._reader.rows(
            """SELECT e.finding_id, e.event, e.words, u.at_us FROM finding_events e
               JOIN finding_updates u ON u.id = e.update_id ORDER BY e.finding_id, e.number"""
        )
        found: dict[str, list[EventRow]] = defaultdict(list)
        for finding_id, event, words, at_us in rows:
            found[finding_id].append(EventRow(finding_id, Standing(event), words, at_us))
        return dict(found)

    # --- what updates are made from -----------------------------------------------------------

    def counts(self, run_id: int) -> RunCounts:
        """Return one run's tallies, whom it was served by and why it was denied."""
        rows = self._reader.rows(
            f"""SELECT e.name, p.suite, p.probe_id, {", ".join("t." + name for name in COLUMNS)}
                FROM tallies t JOIN endpoints e ON e.id = t.endpoint_id JOIN probes p ON p.id = t.probe_id
                WHERE t.run_id = ? ORDER BY t.endpoint_id, t.probe_id""",  # noqa: S608 - ours
            (run_id,),
        )
        served: dict[str, dict[str, int]] = defaultdict(dict)
        for name, model, n in self._reader.rows(
            """SELECT e.name, i.served_model, sum(t.n) FROM identity_tallies t
               JOIN endpoints e ON e.id = t.endpoint_id JOIN identities i ON i.id = t.identity_id
               WHERE t.run_id = ? AND i.served_model IS NOT NULL GROUP BY e.name, i.served_model
               ORDER BY e.name, i.served_model""",
            (run_id,),
        ):
            served[name][model] = int(n)
        place = 3 + COLUMNS.index("denied")
        denied_for: dict[str, tuple[str, ...]] = {}
        if any(row[place] for row in rows):
            for name, reason in self._reader.rows(
                """SELECT DISTINCT e.name, v.reason FROM exchanges x JOIN observations o ON o.exchange_id = x.id
                   JOIN verdicts v ON v.id = o.verdict_id JOIN endpoints e ON e.id = x.endpoint_id
                   WHERE x.run_id = ? AND v.outcome = 'denied' ORDER BY e.name, v.reason""",
                (run_id,),
            ):
                denied_for[name] = (*denied_for.get(name, ()), str(reason or ""))
        return RunCounts(("endpoint", "suite", "probe_id", *COLUMNS), rows, dict(served), denied_for)

    def answers(
        self, run_id: int, suite: str, families: Iterable[str]
    ) -> dict[tuple[str, str, str], dict[str, int]]:
        """Return how often which answer was read, by (endpoint, suite, probe), for some families of a suite."""
        wanted = list(families)
        rows = self._reader.rows(
            f"""SELECT e.name, p.probe_id, o.answer, count(*) FROM exchanges x
                JOIN probes p ON p.id = x.probe_id JOIN endpoints e ON e.id = x.endpoint_id
                JOIN observations o ON o.exchange_id = x.id
                WHERE x.run_id = ? AND x.final AND p.suite = ? AND p.family IN ({", ".join("?" * len(wanted))})
                  AND o.answer IS NOT NULL
                GROUP BY e.name, p.probe_id, o.answer ORDER BY e.name, p.probe_id, o.answer""",  # noqa: S608 - ours
            (run_id, suite, *wanted),
        )
        found: dict[tuple[str, str, str], dict[str, int]] = defaultdict(dict)
        for name, probe_id, answer, n in rows:
            found[name, suite, probe_id][answer] = int(n)
        return dict(found)

    def call_ids(self, run_id: int, endpoint: str, suite: str, probe_ids: Sequence[str]) -> dict[str, str]:
        """Return one call id for each of some probes in a run, its first sample's."""
        rows = self._reader.rows(
            f"""SELECT p.probe_id, x.call_id FROM exchanges x JOIN probes p ON p.id = x.probe_id
                JOIN endpoints e ON e.id = x.endpoint_id
                WHERE x.run_id = ? AND x.final AND e.name = ? AND p.suite = ?
                  AND p.probe_id IN ({", ".join("?" * len(probe_ids))}) ORDER BY x.sample DESC""",  # noqa: S608 - ours
            (run_id, endpoint, suite, *probe_ids),
        )
        return {probe: call.hex() if isinstance(call, bytes) else call for probe, call in rows}


def _write_steps(connection: sqlite3.Connection, update: UpdateRow, world: str) -> None:
    connection.executemany(
        """INSERT INTO streams (world, name, definition, key, state) VALUES (?, ?, ?, ?, ?)
           ON CONFLICT (world, name, definition) DO UPDATE SET state = excluded.state""",
        [
            (world, step.stream, step.definition, step.key, zstandard.compress(step.state, 3))
            for step in update.steps
        ],
    )
    rows = connection.execute("SELECT name, definition, id FROM streams WHERE world = ?", (world,))
    ids = {(name, definition): row_id for name, definition, row_id in rows}
    connection.executemany(
        """INSERT INTO steps (update_id, stream_id, status, value, score, n, planned, u, log_e_down, log_e_up,
             input, state_sha256) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)""",
        [
            (
                *(update.id, ids[step.stream, step.definition], step.status, step.value, step.score),
                *(step.n, step.planned, step.u, step.log_e_down, step.log_e_up),
                *(zstandard.compress(step.input, 3), step.state_sha256),
            )
            for step in update.steps
        ],
    )


def _write_findings(connection: sqlite3.Connection, update: UpdateRow) -> None:
    connection.executemany(
        "INSERT INTO findings (id, update_id, number, stream, kind, tier, body) VALUES (?, ?, ?, ?, ?, ?, ?)",
        [
            (
                *(each.id, update.id, place, each.stream.name, each.kind.value, each.tier.value),
                canonical_json(finding_json(each)).decode(),
            )
            for place, each in enumerate(update.findings)
        ],
    )
    for event in update.events:
        (count,) = connection.execute(
            "SELECT count(*) FROM finding_events WHERE finding_id = ?", (event.finding_id,)
        ).fetchone()
        connection.executemany(
            "INSERT INTO finding_events (finding_id, number, update_id, event, words) VALUES (?, ?, ?, ?, ?)",
            [(event.finding_id, count + 1, update.id, event.standing.value, event.words)],
        )


def _step(name: str, definition: str, key: str, rest: Sequence[Any], inputs: bool) -> StepRow:
    status, value, score, n, planned, u, down, up, frame, state_sha256, run_id, started_us, update_id = rest
    taken = unframe(frame) if inputs else b""
    return StepRow(
        *(name, definition, status, value, score, n, planned, u, down, up, taken, key),
        state_sha256=state_sha256,
        run_id=run_id,
        started_us=started_us,
        update_id=update_id,
    )
