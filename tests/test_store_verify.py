"""Every change made behind the store's back is found and named."""

from __future__ import annotations

import random
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
import zstandard

from harness.errors import IntegrityError, StoreError
from harness.records import RunStatus
from harness.store import Store
from tests.store_examples import START_US, begin, exchange, fill, observation


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A database of three runs: done, interrupted and resumed, and still open; some judgements were replaced."""
    path = tmp_path_factory.mktemp("verify") / "t.db"
    fill(path, runs=1, exchanges=20)
    with Store.open(path, mode="write") as store:
        run_id = begin(store, 12, START_US + 10)
        rows = store.append(run_id, [exchange(0, 5, final=False, status=503), exchange(0, 5), exchange(1, 5)])
        store.append(run_id, [], [(row, observation()) for row in rows[1:]])
        store.finish_run(run_id, RunStatus.INTERRUPTED, START_US + 20)
        fill_run = begin(store, 12, START_US + 30)
        rows = store.append(fill_run, [exchange(index, 6) for index in range(12)])
        store.append(fill_run, [], [(row, observation()) for row in rows[:8]])
        store.resume_run(run_id, START_US + 40)
        store.append(run_id, [exchange(index, 5) for index in range(2, 6)])
        store.finish_run(run_id, RunStatus.DONE, START_US + 50)
        store.replace_observations([(2, observation(0.5)), (3, observation(0.25))], START_US + 60)
    return path.read_bytes()


@pytest.fixture
def path(tmp_path: Path, original: bytes) -> Path:
    (tmp_path / "t.db").write_bytes(original)
    return tmp_path / "t.db"


def tamper(path: Path, *statements: str) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("PRAGMA foreign_keys = OFF")
        for statement in statements:
            assert connection.execute(statement).rowcount != 0, statement


def problems(path: Path) -> list[str]:
    with Store.open(path, mode="read") as store:
        found = store.verify()
    assert found.ok == (found.problem_count == 0)
    return [str(each) for each in found.problems]


def test_an_untouched_database_verifies(path: Path) -> None:
    """Nothing is wrong; what is unfinished is told as a note; everything was counted; progress reaches the end."""
    seen: list[tuple[int, int]] = []
    with Store.open(path, mode="read") as store:
        found = store.verify(lambda done, total: seen.append((done, total)))
    assert found.problems == ()
    assert found.ok
    assert found.notes == (
        "run 3 has no seal: it is running, or was killed and can be resumed",
        "run 2 has 4 exchanges that are not judged yet; harness regrade judges them",
        "run 3 has 4 exchanges that are not judged yet; harness regrade judges them",
    )
    assert found.counts["exchanges"] == 39
    assert found.counts["runs"] == 3
    assert found.counts["run_events"] == 4
    assert found.counts["past_observations"] == 2
    assert seen == [(39, 39)]


EXCHANGE_COLUMNS = {
    "call_id": "x'00ff'",
    "call_index": "call_index + 1",
    "attempt": "attempt + 1",
    "final": "1 - final",
    "endpoint_id": "3 - endpoint_id",
    "probe_id": "1 + probe_id % 5",
    "sample": "sample + 1",
    "seed": "seed + 1",
    "seed_offset": "seed_offset + 1",
    "request_body_id": "reply_body_id",
    "status": "404",
    "reply_body_id": "request_body_id",
    "failure": "'reset'",
    "failure_detail": "'it broke'",
    "sent_us": "sent_us + 1",
    "total_ms": "total_ms + 0.001",
    "headers_ms": "NULL",
    "first_token_ms": "1.0",
    "gap_median_ms": "1.0",
    "gap_max_ms": "1.0",
    "redacted": "1",
    "hash_form": "2",
    "hash": "x'00'",
}


@pytest.mark.parametrize("column", EXCHANGE_COLUMNS)
def test_changing_any_column_of_an_exchange_names_it(path: Path, column: str) -> None:
    """Exchange 5 of run 1 is named first among exchanges, whatever is changed in it."""
    tamper(path, f"UPDATE exchanges SET {column} = {EXCHANGE_COLUMNS[column]} WHERE id = 5")
    found = [each for each in problems(path) if each.startswith("exchanges")]
    assert found[0].startswith("exchanges 5 (run 1, number 5): ")


def test_every_column_of_an_exchange_is_covered() -> None:
    """The list above leaves out only the keys and the headers, which have tests of their own."""
    with closing(sqlite3.connect(":memory:")) as connection:
        from sqlite_utils import Database

        from harness.store.migrations import MIGRATIONS

        MIGRATIONS.apply(Database(connection))
        columns = {row[1] for row in connection.execute("PRAGMA table_info(exchanges)")}
    special = {"id", "run_id", "number", "envelope_id", "reply_headers", "reply_headers_dictionary_id"}
    assert columns == special | set(EXCHANGE_COLUMNS)


NEW_FRAME = "x'" + zstandard.compress(b'[["x-request-id","other"]]').hex() + "'"
ONE_ROW = "INSERT INTO {0} SELECT {1} FROM {0} WHERE {2}"
COPY = """INSERT INTO exchanges SELECT {id}, run_id, {number}, call_id, 11, attempt, final, endpoint_id, probe_id, sample,
  seed, envelope_id, request_body_id, seed_offset, status, reply_headers, reply_headers_dictionary_id, reply_body_id,
  failure, failure_detail, sent_us, total_ms, headers_ms, first_token_ms, gap_median_ms, gap_max_ms, redacted, hash_form,
  hash FROM exchanges WHERE id = {of}"""

TAMPERED: dict[str, tuple[list[str], str]] = {
    "reply headers altered": (
        [
            f"UPDATE exchanges SET reply_headers = {NEW_FRAME}, reply_headers_dictionary_id = NULL WHERE id = 4"
        ],
        "exchanges 4 (run 1, number 4): does not match its hash",
    ),
    "reply headers destroyed": (
        ["UPDATE exchanges SET reply_headers = x'0011' WHERE id = 4"],
        "exchanges 4 (run 1, number 4): is not as it was written: frame cannot be read",
    ),
    "request of another exchange": (
        ["INSERT INTO envelopes SELECT 2, protocol, 1, method, url, headers, x'00' FROM envelopes"],
        "envelopes 2: does not match its hash",
    ),
    "envelope altered": (
        ["UPDATE envelopes SET url = 'https://elsewhere.example'"],
        "envelopes 1: does not match its hash",
    ),
    "exchange deleted": (
        ["DELETE FROM observations WHERE exchange_id = 6", "DELETE FROM exchanges WHERE id = 6"],
        "exchanges 7 (run 1, number 7): follows number 5: 1 before it are missing",
    ),
    "exchange deleted and gap closed": (
        [
            "DELETE FROM observations WHERE exchange_id = 6",
            "DELETE FROM exchanges WHERE id = 6",
            "UPDATE exchanges SET number = number - 1 WHERE run_id = 1 AND number > 6",
        ],
        "exchanges 7 (run 1, number 6): does not match its hash",
    ),
    "last exchange of a sealed run deleted": (
        ["DELETE FROM observations WHERE exchange_id = 20", "DELETE FROM exchanges WHERE id = 20"],
        "runs 1: has 20 exchanges; the rows end with number 19",
    ),
    "last exchange of an open run deleted": (
        ["DELETE FROM exchanges WHERE id = (SELECT max(id) FROM exchanges WHERE run_id = 3)"],
        "runs 3: has 12 exchanges; the rows end with number 11",
    ),
    "exchange inserted at the end": (
        [COPY.format(id=99, number=13, of=35)],
        "exchanges 99 (run 3, number 13): does not match its hash",
    ),
    "exchange inserted in between": (
        [
            "UPDATE exchanges SET number = number + 1000 WHERE run_id = 1 AND number > 3",
            "UPDATE exchanges SET number = number - 999 WHERE run_id = 1 AND number > 1000",
            COPY.format(id=98, number=4, of=3),
        ],
        "exchanges 98 (run 1, number 4): does not match its hash",
    ),
    "exchanges reordered": (
        [
            "UPDATE exchanges SET number = 1000 WHERE id = 3",
            "UPDATE exchanges SET number = 3 WHERE id = 8",
            "UPDATE exchanges SET number = 8 WHERE id = 3",
        ],
        "exchanges 8 (run 1, number 3): does not match its hash",
    ),
    "row numbers of exchanges swapped": (
        [
            "UPDATE exchanges SET id = 1000 WHERE id = 3",
            "UPDATE exchanges SET id = 3 WHERE id = 8",
            "UPDATE exchanges SET id = 8 WHERE id = 1000",
        ],
        "exchanges 4 (run 1, number 4): has a lower row number",
    ),
    "exchange moved to another run": (
        ["UPDATE exchanges SET run_id = 3, number = 13 WHERE id = 20"],
        "exchanges 20 (run 3, number 13): does not match its hash",
    ),
    "replies of two exchanges swapped": (
        [
            """UPDATE exchanges SET reply_body_id = (SELECT sum(reply_body_id) FROM exchanges WHERE id IN (3, 8))
               - reply_body_id WHERE id IN (3, 8)""",
        ],
        "exchanges 3 (run 1, number 3): does not match its hash",
    ),
    "body altered": (
        [f"UPDATE bodies SET data = {NEW_FRAME}, dictionary_id = NULL WHERE id = 7"],
        "bodies 7: does not match its hash",
    ),
    "body with something after its end": (
        ["UPDATE bodies SET data = CAST(data || x'00' AS BLOB) WHERE id = 7"],
        "bodies 7: is not as it was written: frame cannot be read",
    ),
    "body that claims to be enormous": (
        ["UPDATE bodies SET data = x'28b52ffde000000000ff000000010000' WHERE id = 7"],
        "bodies 7: is not as it was written: frame claims to hold more",
    ),
    "body altered with its hash": (
        [
            f"""UPDATE bodies SET data = {NEW_FRAME}, dictionary_id = NULL,
                sha256 = x'{__import__("hashlib").sha256(b'[["x-request-id","other"]]').hexdigest()}'
                WHERE id = (SELECT reply_body_id FROM exchanges WHERE id = 5)""",
        ],
        "exchanges 5 (run 1, number 5): does not match its hash",
    ),
    "hash of a body altered": (
        ["UPDATE bodies SET sha256 = zeroblob(32) WHERE id = 7"],
        "bodies 7: does not match its hash",
    ),
    "bodies swapped": (
        [
            "UPDATE bodies SET id = 1000 WHERE id = 2",
            "UPDATE bodies SET id = 2 WHERE id = 9",
            "UPDATE bodies SET id = 9 WHERE id = 1000",
        ],
        "exchanges 1 (run 1, number 1): does not match its hash",
    ),
    "body deleted": (
        ["DELETE FROM bodies WHERE id = 7"],
        "exchanges 4: refers to a row of bodies that is missing",
    ),
    "body inserted": (
        [f"INSERT INTO bodies VALUES (1000, NULL, {NEW_FRAME}, zeroblob(32))"],
        "bodies 1000: no exchange refers to it",
    ),
    "dictionary altered": (
        [f"UPDATE dictionaries SET data = {NEW_FRAME} WHERE id = 1"],
        "dictionaries 1: does not match its hash",
    ),
    "dictionary deleted": (["DELETE FROM dictionaries"], "refers to a row of dictionaries that is missing"),
    "suite altered": (["UPDATE suites SET version = 3"], "suites 1: does not match its hash"),
    "suite header altered": (["UPDATE suites SET header = '{}'"], "suites 1: does not match its hash"),
    "suite deleted": (["DELETE FROM suites"], "run_suites: refers to a row of suites that is missing"),
    "suite inserted": (
        [ONE_ROW.format("suites", "2, name, 9, content_hash, header, zeroblob(32)", "id = 1")],
        "suites 2: does not match its hash",
    ),
    "probes of a suite reordered": (
        [
            "UPDATE suite_probes SET position = 100 WHERE position = 1",
            "UPDATE suite_probes SET position = 1 WHERE position = 2",
            "UPDATE suite_probes SET position = 2 WHERE position = 100",
        ],
        "suites 1: does not match its hash",
    ),
    "probe taken out of a suite": (
        ["DELETE FROM suite_probes WHERE position = 5"],
        "suites 1: does not match its hash",
    ),
    "definition of a probe altered": (
        [f"UPDATE probes SET definition = {NEW_FRAME}, dictionary_id = NULL WHERE id = 2"],
        "probes 2: is not as it was written",
    ),
    "column of a probe altered": (
        ["UPDATE probes SET arm = 'other' WHERE id = 2"],
        "probes 2: is not as it was written: its columns differ from its definition",
    ),
    "probe inserted": (
        [
            """INSERT INTO probes SELECT 1000, 'sums', 'px', family, topic, arm, pair, language, depth, difficulty, anchor,
               fresh, kind, dictionary_id, definition, zeroblob(32) FROM probes WHERE id = 1""",
        ],
        "probes 1000: is not as it was written",
    ),
    "endpoint altered": (
        ["UPDATE endpoints SET model = 'gpt-5' WHERE id = 1"],
        "endpoints 1: does not match its hash",
    ),
    "parameters of an endpoint altered": (
        ["UPDATE endpoints SET parameters = '{\"temperature\":1}' WHERE id = 1"],
        "endpoints 1: does not match its hash",
    ),
    "endpoint taken from a run": (
        ["DELETE FROM run_endpoints WHERE run_id = 3 AND position = 1"],
        "runs 3: does not match its hash",
    ),
    "suite taken from a run": (
        ["DELETE FROM run_suites WHERE run_id = 3"],
        "runs 3: does not match its hash",
    ),
    "header of a run altered": (
        [f"UPDATE runs SET header = {NEW_FRAME} WHERE id = 1"],
        "runs 1: is not as it was written",
    ),
    "headers of runs swapped": (
        ["UPDATE runs SET header = (SELECT header FROM runs r WHERE r.id = 3) WHERE id = 1"],
        "runs 1: is not as it was written: its columns differ from its header",
    ),
    "start of a run altered": (
        ["UPDATE runs SET started_us = started_us + 1 WHERE id = 1"],
        "runs 1: is not as it was written: its columns differ",
    ),
    "plan of a run altered": (
        ["UPDATE runs SET planned = 21 WHERE id = 1"],
        "runs 1: is not as it was written",
    ),
    "hash of a run altered": (
        ["UPDATE runs SET hash = zeroblob(32) WHERE id = 1"],
        "runs 1: does not match its hash",
    ),
    "status of a run altered": (
        ["UPDATE runs SET status = 'interrupted' WHERE id = 1"],
        "runs 1: says interrupted at 1760003600000000; its events say done",
    ),
    "end of a run altered": (["UPDATE runs SET finished_us = 5 WHERE id = 1"], "runs 1: says done at 5"),
    "completed calls of a run altered": (
        ["UPDATE runs SET completed = 19 WHERE id = 1"],
        "runs 1: does not agree with what run 1 has up to exchange 20",
    ),
    "newest hash of a run altered": (
        ["UPDATE runs SET last_hash = zeroblob(32) WHERE id = 3"],
        "runs 3: does not agree with what run 3 has",
    ),
    "what a run knows of the one before altered": (
        ["UPDATE runs SET previous_exchanges = 2 WHERE id = 3"],
        "runs 3: does not match its hash",
    ),
    "first run deleted": (
        [
            "DELETE FROM runs WHERE id = 1",
            "DELETE FROM run_events WHERE run_id = 1",
            "DELETE FROM run_suites WHERE run_id = 1",
            "DELETE FROM run_endpoints WHERE run_id = 1",
            "DELETE FROM observations WHERE exchange_id <= 20",
            "DELETE FROM past_observations WHERE exchange_id <= 20",
            "DELETE FROM exchanges WHERE run_id = 1",
            *(f"DELETE FROM {name} WHERE run_id = 1" for name in ("tallies", "identity_tallies", "spend")),
        ],
        "runs 2: refers to a row of runs that is missing",
    ),
    "last run deleted": (
        [
            "DELETE FROM observations WHERE exchange_id IN (SELECT id FROM exchanges WHERE run_id = 3)",
            *(
                f"DELETE FROM {name} WHERE run_id = 3"
                for name in (
                    "exchanges",
                    "run_suites",
                    "run_endpoints",
                    "tallies",
                    "identity_tallies",
                    "spend",
                )
            ),
            "DELETE FROM runs WHERE id = 3",
        ],
        "chain 1: tells of 3 runs",
    ),
    "run inserted": (
        [
            """INSERT INTO runs SELECT 4, started_us, finished_us, status, planned, 0, 0, hash, header, 3, 12, last_hash,
               previous_event, zeroblob(32) FROM runs WHERE id = 3""",
        ],
        "runs 4: refers to an end of run 3 that is not there",
    ),
    "runs renumbered": (
        ["UPDATE runs SET id = 7 WHERE id = 3"],
        "exchanges 24: refers to a row of runs that is missing",
    ),
    "seal altered": (
        ["UPDATE run_events SET at_us = at_us + 1 WHERE run_id = 2 AND number = 1"],
        "run_events 2/1: does not match its hash",
    ),
    "seal deleted": (
        ["DELETE FROM run_events WHERE run_id = 2 AND number = 1"],
        "runs 3: refers to an end of run 2 that is not there",
    ),
    "last seal deleted and status put back": (
        [
            "DELETE FROM run_events WHERE run_id = 1",
            "UPDATE runs SET status = 'running', finished_us = NULL WHERE id = 1",
        ],
        "runs 2: refers to an end of run 1 that is not there",
    ),
    "score altered": (
        ["UPDATE observations SET score = 0.75 WHERE exchange_id = 5"],
        "tallies (run_id, endpoint_id, probe_id) = (1, 1, 5): does not agree with the observations in score_sum, checksum",
    ),
    "words of an observation altered": (
        ["UPDATE observations SET answer = 'other' WHERE exchange_id = 5"],
        "tallies (run_id, endpoint_id, probe_id) = (1, 1, 5): does not agree with the observations in checksum",
    ),
    "observations swapped": (
        [
            "UPDATE observations SET exchange_id = 1000 WHERE exchange_id = 3",
            "UPDATE observations SET exchange_id = 3 WHERE exchange_id = 9",
            "UPDATE observations SET exchange_id = 9 WHERE exchange_id = 1000",
        ],
        "tallies (run_id, endpoint_id, probe_id) = (1, 1, 3): does not agree with the observations in",
    ),
    "observation deleted": (
        ["DELETE FROM observations WHERE exchange_id = 5"],
        "tallies (run_id, endpoint_id, probe_id) = (1, 1, 5): does not agree with the observations in n, answered",
    ),
    "observation of a repeated try": (
        [
            ONE_ROW.format(
                "observations",
                "21, 1, 1, '', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL",
                "exchange_id = 1",
            )
        ],
        "observations 21: judges a try that was repeated",
    ),
    "past observation altered": (
        ["UPDATE past_observations SET score = 0.125 WHERE exchange_id = 2"],
        "tallies (run_id, endpoint_id, probe_id) = (1, 1, 2): does not agree with the observations in checksum",
    ),
    "past observation deleted": (
        ["DELETE FROM past_observations WHERE exchange_id = 2"],
        "tallies (run_id, endpoint_id, probe_id) = (1, 1, 2): does not agree with the observations in checksum",
    ),
    "verdict altered": (["UPDATE verdicts SET outcome = 'refused'"], "verdicts 1: does not match its hash"),
    "verdict of no known outcome": (
        ["UPDATE verdicts SET outcome = 'great'"],
        "observations 1: is not as it was written",
    ),
    "identity altered": (
        ["UPDATE identities SET served_model = 'x'"],
        "identities 1: does not match its hash",
    ),
    "identity inserted": (
        ["INSERT INTO identities VALUES (1000, 'x', NULL, zeroblob(32))"],
        "identities 1000: nothing refers to it",
    ),
    "tally altered": (
        [
            "UPDATE tallies SET answered = answered - 1, refused = refused + 1 WHERE run_id = 1 AND probe_id = 2"
        ],
        "tallies (run_id, endpoint_id, probe_id) = (1, 1, 2): does not agree with the observations in answered, refused",
    ),
    "tally deleted": (
        ["DELETE FROM tallies WHERE run_id = 1 AND probe_id = 2"],
        "tallies (run_id, endpoint_id, probe_id) = (1, 1, 2): is missing, though there are observations for it",
    ),
    "tally inserted": (
        [
            "INSERT INTO tallies SELECT 3, 2, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0 FROM chain",
        ],
        "tallies (run_id, endpoint_id, probe_id) = (3, 2, 3): sums up observations that are not there",
    ),
    "identity count altered": (
        ["UPDATE identity_tallies SET n = n + 1 WHERE run_id = 1 AND endpoint_id = 1"],
        "identity_tallies (run_id, endpoint_id, identity_id) = (1, 1, 1): does not agree",
    ),
    "spend altered": (
        ["UPDATE spend SET cost_usd = 0 WHERE run_id = 1"],
        "does not agree with the observations in cost_usd",
    ),
    "end of the chain altered": (["UPDATE chain SET runs = 4"], "chain 1: tells of 4 runs"),
    "end of the chain deleted": (["DELETE FROM chain"], "chain 1: tells of nothing"),
}


@pytest.mark.parametrize("change", TAMPERED)
def test_what_is_changed_by_hand_is_named(path: Path, change: str) -> None:
    """Altering, deleting, inserting, reordering or swapping rows is found, and the message names the row."""
    statements, expected = TAMPERED[change]
    tamper(path, *statements)
    found = problems(path)
    assert any(expected in each for each in found), found


def test_an_altered_exchange_does_not_cast_doubt_on_others(path: Path) -> None:
    """One changed row is one problem, not one for every row after it."""
    tamper(path, "UPDATE exchanges SET status = 404 WHERE id = 5")
    assert len(problems(path)) == 1


def test_reading_altered_evidence_says_so(path: Path) -> None:
    """A reader that meets a damaged body or an unknown outcome gets an IntegrityError that names the exchange."""
    tamper(
        path, "UPDATE bodies SET data = x'00' WHERE id = (SELECT reply_body_id FROM exchanges WHERE id = 5)"
    )
    with (
        Store.open(path, mode="read") as store,
        pytest.raises(IntegrityError, match="exchange 5 is not as it was written"),
    ):
        list(store.exchanges())
    tamper(path, "DELETE FROM bodies WHERE id = (SELECT reply_body_id FROM exchanges WHERE id = 3)")
    with (
        Store.open(path, mode="read") as store,
        pytest.raises(IntegrityError, match="exchange 3 is not as it was written"),
    ):
        list(store.exchanges())
    tamper(path, "UPDATE runs SET header = x'00' WHERE id = 2")
    with Store.open(path, mode="read") as store, pytest.raises(IntegrityError, match="header of run 2"):
        store.run_info(2)


def test_many_problems_are_counted_and_the_first_are_kept(path: Path) -> None:
    """A database changed all over gives a bounded list and the whole count."""
    tamper(path, "UPDATE exchanges SET sample = sample + 1", *["UPDATE bodies SET sha256 = zeroblob(32)"])
    with Store.open(path, mode="read") as store:
        found = store.verify()
    assert found.problem_count >= len(found.problems) > 20
    assert len(found.problems) <= 100


def readable(path: Path) -> list[object]:
    """Return all evidence that a reader can get."""
    with Store.open(path, mode="read") as store:
        numbers = range(1, store.run_count() + 1)
        return [
            list(store.exchanges(final=False)),
            [(store.run_info(number), store.suites(number), store.endpoints(number)) for number in numbers],
        ]


def flip(path: Path, original: bytes, flips: int, rng: random.Random) -> None:
    """Change one bit of the file at a time: each change is found, or leaves all evidence as it was."""
    path.write_bytes(original)
    before = readable(path)
    found = 0
    for _ in range(flips):
        for each in path.parent.glob("t.db-*"):
            each.unlink()
        data = bytearray(original)
        offset = rng.randrange(len(data))
        data[offset] ^= 1 << rng.randrange(8)
        path.write_bytes(data)
        try:
            with Store.open(path, mode="read") as store:
                if store.verify().ok:
                    assert readable(path) == before, f"byte {offset}"
                    continue
        except StoreError as error:
            words = str(error)
        else:
            words = str(path)
        assert words.startswith(str(path))
        found += 1
    assert found > flips / 20  # most of a small database is empty space


def test_a_flipped_bit_anywhere_in_the_file_is_found_or_changes_nothing(path: Path, original: bytes) -> None:
    """Bits changed past SQLite, in content, indexes or structure, never give other evidence that verifies."""
    flip(path, original, 60, random.Random(1))


@pytest.mark.slow
def test_three_thousand_flipped_bits_are_found_or_change_nothing(path: Path, original: bytes) -> None:
    """The same, many times."""
    flip(path, original, 3000, random.Random(2))


def test_a_destroyed_page_is_reported_and_the_rest_still_checked(path: Path) -> None:
    """A page of zeros in the middle makes named problems, not a traceback."""
    data = bytearray(path.read_bytes())
    with closing(sqlite3.connect(path)) as connection:
        (page,) = connection.execute(
            "SELECT rootpage FROM sqlite_master WHERE name = 'observations'"
        ).fetchone()
    data[(page - 1) * 4096 : page * 4096] = bytes(4096)
    path.write_bytes(data)
    found = problems(path)
    assert any("malformed" in each or "btree" in each.lower() for each in found), found
