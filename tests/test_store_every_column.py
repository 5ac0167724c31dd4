"""Every table and every column, whatever they are called: a changed value, a row gone, a row put in, is found.

The tables are read from the schema itself, so a new one cannot be forgotten: without rows here, or without a check
in `harness verify`, it fails.
"""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from dataclasses import asdict, replace
from pathlib import Path

import pytest
from sqlite_utils import Database

from harness import custody, dataformat
from harness.claims import Finding, Kind, Standing, StreamKey, Tier, Verdict
from harness.dataformat import IMPORTED, OriginData, origin_hash
from harness.records import Failure, Message, Outcome, Probe, RunStatus, canonical_json
from harness.store import EventRow, Store, SuiteRecord, UpdateRow
from harness.store.finding_rows import StepRow
from harness.store.migrations import MIGRATIONS
from tests.store_examples import (
    ENDPOINTS,
    HOUR_US,
    OTHER_SUITE,
    START_US,
    SUITE,
    exchange,
    fill,
    header,
    observation,
)


def _schema() -> dict[str, list[tuple[str, str]]]:
    """Return table -> (column, declared type), of the newest schema."""
    with closing(sqlite3.connect(":memory:")) as connection:
        MIGRATIONS.apply(Database(connection))
        names = connection.execute(
            "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE '\\_%' ESCAPE '\\' AND name NOT LIKE 'sqlite%'"
        ).fetchall()
        return {
            name: [(row[1], row[2]) for row in connection.execute(f"PRAGMA table_info({name})")]
            for (name,) in names
        }


SCHEMA = _schema()


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A database in which every table has rows, most of them several."""
    folder = tmp_path_factory.mktemp("every")
    path = folder / "t.db"
    fill(path, runs=1, exchanges=24)
    with Store.open(path, mode="write") as store:
        _measure(store)
        _judge(store)
        _import(store)
        _claim(store)
        suites = (custody.CommittedSuite(name="sums", version=2, content_hash=SUITE.content_hash),)
        for number in range(2):
            opening = custody.Opening(
                salt=f"{number:064d}",
                suites=suites,
                config_hash="c",
                config_json="{}",
                seed=1,
                ledger=None,
                plan=None,
            )
            custody.make_commitment(store, opening, START_US + 800 * HOUR_US + number)
        key = custody.make_key(folder / "k.pem")
        custody.make_seal(
            store, key, now_us=START_US + 900 * HOUR_US, period=custody.Period(None, START_US + HOUR_US)
        )
        custody.make_seal(store, key, now_us=START_US + 901 * HOUR_US)
    return path.read_bytes()


def _measure(store: Store) -> None:
    """A run of two suites, ended, resumed and ended again, with replaced judgements and all sorts of replies."""
    run_id = store.begin_run(
        header(12, START_US + 24 * HOUR_US, (SUITE, OTHER_SUITE)), [SUITE, OTHER_SUITE], ENDPOINTS
    )
    failed = exchange(1, 5, status=None, failure=Failure.RESET, failure_detail="cut")
    rows = store.append(
        run_id, [exchange(0, 5, final=False, status=503, streamed=True), exchange(0, 5), failed]
    )
    judged = observation(notice="n", unmapped="a=b", source="model", degree="full", category="c", reason="r")
    store.append(
        run_id, [], [(rows[1], replace(judged, outcome=Outcome.REFUSED, score=None, served_model=None))]
    )
    store.finish_run(run_id, RunStatus.INTERRUPTED, START_US + 25 * HOUR_US)
    store.resume_run(run_id, START_US + 26 * HOUR_US)
    store.append(run_id, [exchange(index, 5) for index in range(2, 6)])
    store.finish_run(run_id, RunStatus.DONE, START_US + 27 * HOUR_US)
    store.replace_observations([(2, observation(0.5)), (3, observation(0.25))], START_US + 28 * HOUR_US)
    store.replace_observations([(3, observation(0.75))], START_US + 29 * HOUR_US)


def _judge(store: Store) -> None:
    """A judge's run about two answers of run 1."""
    about = list(store.exchanges(1))[:2]
    probes = tuple(Probe(each.exchange.call_id, (Message("user", "Right?"),), "judge") for each in about)
    suite = SuiteRecord("judge:one", 1, "sha256:" + "7" * 64, {"judging": {"run": 1}}, probes)
    run_id = store.begin_run(header(2, START_US + 50 * HOUR_US, (suite,)), [suite], ENDPOINTS)
    asked = [exchange(index, 8, suite=suite.name, probe_id=probe.id) for index, probe in enumerate(probes)]
    rows = store.append(run_id, asked)
    store.finish_run(run_id, RunStatus.DONE, START_US + 51 * HOUR_US)
    with store.group():
        store.replace_observations(
            [(each.row_id, observation(makers="observe/1 judge.one/1")) for each in about],
            START_US + 52 * HOUR_US,
        )
        store.add_judgements(
            [(each.row_id, row) for each, row in zip(about, rows, strict=True)], START_US + 52 * HOUR_US
        )


def _import(store: Store) -> None:
    """Two runs that were measured elsewhere, with the chain they had there."""
    for number in range(2):
        origin = OriginData(
            source="harness", file="x.jsonl", file_sha256="0" * 64, tool="harness 0", imported_us=START_US,
            harness_version="1", key=f"{number:064d}", record={"run": {"hash": "ab" * 32}},
        )  # fmt: skip
        trigger = f"{IMPORTED}{origin_hash(origin)}"
        made = replace(header(3, START_US + (60 + number) * HOUR_US), trigger=trigger)
        run_id = store.begin_run(made, [SUITE], ENDPOINTS)
        exchanges = [exchange(index, 30 + number) for index in range(3)]
        rows = store.append(run_id, exchanges)
        store.append(run_id, [], [(row, observation()) for row in rows])
        store.finish_run(run_id, RunStatus.DONE, START_US + (60 + number) * HOUR_US + 1)
        store.add_origin(run_id, origin)
        previous, chained = "ab" * 32, []
        for place, (row, each) in enumerate(zip(rows, exchanges, strict=True), 1):
            line = dataformat.exchange_line(each, run=7, number=place, previous=previous, hash_="")
            own = dataformat.exchange_hash(line)
            chained.append((row, place, previous, own))
            previous = own
        store.add_origin_exchanges(chained)


def _claim(store: Store) -> None:
    """Two periods of the ledger, two runs taken into two streams, two findings and what became of them."""
    for number in range(2):
        store.findings.open_period(
            "real", START_US + number, START_US, f"reason {number}", json.dumps({"n": number})
        )
    keys = [StreamKey("gpt", "sums", signal) for signal in ("correct", "refused")]
    findings = [
        Finding(
            f"f{number}",
            Kind.REFUSAL,
            Tier.INCIDENT,
            Verdict.CHANGE,
            key,
            "It changed.",
            START_US,
            1,
            1,
            "up",
        )
        for number, key in enumerate(keys)
    ]
    for run_id in (1, 2):
        steps = tuple(
            StepRow(
                *(key.name, "d1", "counted", 0.5 * place, 0.1, 10, 12, 0.3, 0.2, 0.4, b'{"a":1}'),
                key=canonical_json(asdict(key)).decode(), state=json.dumps({"runs": run_id}).encode(),
            )
            for place, key in enumerate(keys)
        )  # fmt: skip
        events = tuple(EventRow(each.id, standing, f"why {run_id}") for each in findings for standing in [
            Standing.CONFIRMED if run_id == 1 else Standing.WITHDRAWN
        ])  # fmt: skip
        made = tuple(findings) if run_id == 1 else ()
        store.findings.commit(
            UpdateRow(run_id, 1, run_id, "findings/1", ("note",), steps, made, events), "real"
        )


def found(path: Path) -> list[str]:
    """Return everything that `harness verify` finds in a database."""
    with Store.open(path, mode="read") as store:
        problems = [*store.verify().problems, *custody.check_seals(store)[0]]
    return [str(each) for each in problems]


def test_the_untouched_database_is_intact(original: bytes, tmp_path: Path) -> None:
    """Nothing is found in it, and every table of the schema has at least two rows, but for those that always have one."""
    path = tmp_path / "t.db"
    path.write_bytes(original)
    assert found(path) == []
    with closing(sqlite3.connect(path)) as connection:
        for table in SCHEMA:
            (count,) = connection.execute(f"SELECT count(*) FROM {table}").fetchone()
            assert count >= (1 if table in {"chain", "finding_chain"} else 2), table


# What a column is for alone, where a change of it changes nothing that anyone reads as evidence.
HARMLESS = {
    ("dictionaries", "content"): "for the writer's choice of a dictionary; readers follow the reference",
    ("dictionaries", "owner"): "likewise",
    # What was compressed is hashed: with another dictionary it comes out the same, or shows.
    ("bodies", "dictionary_id"): "content that did not use its dictionary comes out the same with any",
    ("probes", "dictionary_id"): "likewise",
    ("exchanges", "reply_headers_dictionary_id"): "likewise",
}


def _order(table: str, way: str) -> str:
    """Return the first columns of a table, which hold its key, to sort its rows by."""
    return ", ".join(f"{name} {way}" for name, _ in SCHEMA[table][:3])


def _other(value: object, declared: str) -> list[object]:
    """Return values of the same type that differ from one."""
    if isinstance(value, str):
        return [value + "x", "x" + value]
    if isinstance(value, bytes):
        return [bytes([value[0] ^ 1]) + value[1:] if value else b"\x01", value + b"\x00"]
    if isinstance(value, int):
        return [value + 1, value + 100_000, -value - 1]
    if isinstance(value, float):
        return [value + 0.5]
    kind = declared.split()[0]
    return {"INTEGER": [1], "TEXT": ["x"], "BLOB": [b"\x01"], "REAL": [0.5]}[kind]


@pytest.mark.parametrize("table", SCHEMA)
@pytest.mark.parametrize(
    "way", [pytest.param("", marks=pytest.mark.slow, id="first"), pytest.param("DESC", id="last")]
)
def test_every_column_counts(original: bytes, tmp_path: Path, table: str, way: str) -> None:
    """Whatever value of a row is changed, something is found: tried on the last row of each table, and on the first."""
    path = tmp_path / "t.db"
    silent: list[str] = []
    for column, declared in SCHEMA[table]:
        path.write_bytes(original)
        if (
            _change(path, table, column, declared, way)
            and not found(path)
            and (table, column) not in HARMLESS
        ):
            silent.append(column)
    assert silent == []


def _change(path: Path, table: str, column: str, declared: str, order: str) -> bool:
    """Change one value of the first or last row; say whether the database let it be done."""
    key = _order(table, order)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA foreign_keys = OFF")
        names = ", ".join(name for name, _ in SCHEMA[table])
        row = connection.execute(f"SELECT {names} FROM {table} ORDER BY {key} LIMIT 1").fetchone()
        at = [name for name, _ in SCHEMA[table]].index(column)
        where = " AND ".join(f"{name} IS ?" for name, _ in SCHEMA[table])
        for value in _other(row[at], declared):
            try:
                with connection:
                    done = connection.execute(
                        f"UPDATE {table} SET {column} = ? WHERE {where}", (value, *row)
                    ).rowcount
            except sqlite3.IntegrityError:
                continue
            assert done == 1
            return True
    # The one row of a table may have a key that no other value is allowed for.
    assert (table, column) in {("chain", "id"), ("finding_chain", "id")}
    return False


@pytest.mark.parametrize("table", SCHEMA)
def test_every_row_counts(original: bytes, tmp_path: Path, table: str) -> None:
    """Whatever row is taken out, or put in as a copy under another key, something is found."""
    path = tmp_path / "t.db"
    names = [name for name, _ in SCHEMA[table]]
    for order in ("", "DESC"):
        path.write_bytes(original)
        with closing(sqlite3.connect(path)) as connection, connection:
            connection.execute("PRAGMA foreign_keys = OFF")
            row = connection.execute(
                f"SELECT {', '.join(names)} FROM {table} ORDER BY {_order(table, order)} LIMIT 1"
            ).fetchone()
            where = " AND ".join(f"{name} IS ?" for name in names)
            assert connection.execute(f"DELETE FROM {table} WHERE {where}", row).rowcount == 1
        assert found(path), f"{table}: a row was taken out"
    path.write_bytes(original)
    if table in {"chain", "finding_chain"}:
        return
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("PRAGMA foreign_keys = OFF")
        unique = {
            column
            for (_, index, is_unique, *_) in connection.execute(f"PRAGMA index_list({table})")
            if is_unique
            for (_, _, column) in connection.execute(f"PRAGMA index_info({index})")
        } | {row[1] for row in connection.execute(f"PRAGMA table_info({table})") if row[5]}
        copied = [
            _other(value, declared)[-1] if name in unique else value
            for (name, declared), value in zip(SCHEMA[table], row, strict=True)
        ]
        marks = ", ".join("?" for _ in names)
        connection.execute(f"INSERT INTO {table} ({', '.join(names)}) VALUES ({marks})", copied)
    if table == "dictionaries":
        return  # one that nothing was compressed with yet: the next content would be
    assert found(path), f"{table}: a row was put in"


@pytest.mark.parametrize("table", [table for table in SCHEMA if table not in {"chain", "finding_chain"}])
def test_no_two_rows_can_change_places(original: bytes, tmp_path: Path, table: str) -> None:
    """The content of the first and last row of a table, swapped under their keys, is found."""
    path = tmp_path / "t.db"
    path.write_bytes(original)
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("PRAGMA foreign_keys = OFF")
        info = connection.execute(f"PRAGMA table_info({table})").fetchall()
        keys = [row[1] for row in info if row[5]]
        rest = [row[1] for row in info if not row[5]]
        if not rest:
            pytest.skip("a row of this table is its key")
        order = ", ".join(keys)
        rows = [
            connection.execute(
                f"SELECT {order}, {', '.join(rest)} FROM {table} ORDER BY {_order(table, way)} LIMIT 1"
            ).fetchone()
            for way in ("", "DESC")
        ]
        (first, second) = rows
        if first[len(keys) :] == second[len(keys) :]:
            pytest.skip("the two rows say the same")
        where = " AND ".join(f"{name} IS ?" for name in keys)
        for mine in (first, second):
            connection.execute(f"DELETE FROM {table} WHERE {where}", mine[: len(keys)])
        marks = ", ".join("?" for _ in first)
        for mine, other in ((first, second), (second, first)):
            values = (*mine[: len(keys)], *other[len(keys) :])
            connection.execute(f"INSERT INTO {table} ({order}, {', '.join(rest)}) VALUES ({marks})", values)
    assert found(path)
