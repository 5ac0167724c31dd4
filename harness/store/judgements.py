"""Judgements: which exchange of a judge graded which answer."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass

from harness.store.chain import values_digest
from harness.store.reading import Reader

SUITE_PREFIX = "judge:"
"""Begins the name under which a judge's questions are stored; no suite of a user can be called so."""
TRIGGER_PREFIX = "judge:"
"""Begins the trigger of a judge's run; the number of the judged run follows."""
NOT_A_JUDGES = f"""run_id NOT IN (SELECT u.run_id FROM run_suites u JOIN suites s ON s.id = u.suite_id
    WHERE s.name LIKE '{SUITE_PREFIX}%')"""  # noqa: S608 - a constant of ours


@dataclass(frozen=True, slots=True)
class Judgement:
    """One link from an answer to the judge's exchange about it."""

    exchange_id: int
    number: int
    judge_exchange_id: int
    judged_us: int


class Judgements:
    """The judgements in one database."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    def of_run(self, run_id: int) -> dict[int, Judgement]:
        """Return, for each judged exchange of a run, the judgement that counts."""
        rows = self._reader.rows(
            """SELECT j.exchange_id, j.number, j.judge_exchange_id, j.judged_us FROM judgements j
               JOIN exchanges x ON x.id = j.exchange_id WHERE x.run_id = ? ORDER BY j.exchange_id, j.number""",
            (run_id,),
        )
        return {row[0]: Judgement(*row) for row in rows}

    def of(self, exchange_id: int) -> list[Judgement]:
        """Return all judgements of one exchange, oldest first."""
        rows = self._reader.rows(
            """SELECT exchange_id, number, judge_exchange_id, judged_us FROM judgements WHERE exchange_id = ?
               ORDER BY number""",
            (exchange_id,),
        )
        return [Judgement(*row) for row in rows]

    def taken(self, run_id: int) -> set[int]:
        """Return the judges' exchanges that judgements on a run refer to."""
        rows = self._reader.rows(
            """SELECT j.judge_exchange_id FROM judgements j JOIN exchanges x ON x.id = j.exchange_id
               WHERE x.run_id = ?""",
            (run_id,),
        )
        return {int(row[0]) for row in rows}

    def runs_about(self, run_id: int) -> list[int]:
        """Return our own judges' runs about a run, oldest first: imported ones name runs by other numbers."""
        rows = self._reader.rows(
            f"""SELECT id FROM runs WHERE id > ? AND id NOT IN (SELECT run_id FROM origins)
                AND id IN (SELECT u.run_id FROM run_suites u
                JOIN suites s ON s.id = u.suite_id WHERE s.name LIKE '{SUITE_PREFIX}%'
                AND json_extract(s.header, '$.judging.run') = ?) ORDER BY id""",  # noqa: S608 - a constant of ours
            (run_id, run_id),
        )
        return [int(row[0]) for row in rows]


def add_judgements(connection: sqlite3.Connection, pairs: Iterable[tuple[int, int]], judged_us: int) -> None:
    """Write judgements: (judged exchange, judge's exchange)."""
    for exchange_id, judge_exchange_id in pairs:
        (number,) = connection.execute(
            "SELECT coalesce(max(number), 0) + 1 FROM judgements WHERE exchange_id = ?", (exchange_id,)
        ).fetchone()
        judged, judging = (_hash(connection, each) for each in (exchange_id, judge_exchange_id))
        connection.execute(
            "INSERT INTO judgements (exchange_id, number, judge_exchange_id, judged_us, sha256) VALUES (?, ?, ?, ?, ?)",
            (
                exchange_id,
                number,
                judge_exchange_id,
                judged_us,
                judgement_digest(judged, number, judging, judged_us),
            ),
        )


def _hash(connection: sqlite3.Connection, row_id: int) -> bytes:
    row = connection.execute("SELECT hash FROM exchanges WHERE id = ? AND final", (row_id,)).fetchone()
    if row is None:
        raise ValueError(f"exchange {row_id} is not a final exchange of this database")
    return bytes(row[0])


def judgement_digest(judged: bytes, number: int, judging: bytes, judged_us: int) -> bytes:
    """Return the hash of a judgement, given the hashes of the two exchanges."""
    return values_digest([judged.hex(), number, judging.hex(), judged_us])
