"""What goes into the store comes out of it, byte for byte."""

from __future__ import annotations

import hashlib
from dataclasses import asdict, replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.errors import UsageError
from harness.records import Exchange, Failure, Observation, Outcome, RunStatus, Timing, canonical_json
from harness.store import Store
from harness.store.bodies import cut_seed, put_seed_back
from tests.store_examples import (
    ENDPOINTS,
    OTHER_SUITE,
    PROBES,
    START_US,
    SUITE,
    begin,
    exchange,
    fill,
    header,
    observation,
)

INTEGERS = st.integers(0, 2**63 - 1)
WILD_TEXT = st.text(st.characters(exclude_categories=()), max_size=20)
"""With NUL characters and lone surrogates, both of which a reply's JSON can spell."""
NAMES = st.text(max_size=20)
MILLISECONDS = st.floats(allow_nan=False, allow_infinity=False)
HEADERS = st.lists(st.tuples(WILD_TEXT, WILD_TEXT), max_size=4).map(tuple)
SEEDS = st.one_of(st.integers(0, 2**31 - 1), st.integers(-(2**63), 2**63 - 1), st.integers(0, 12))


@st.composite
def bodies(draw: st.DrawFn, seed: int) -> bytes:
    """Arbitrary bytes, with the seed's digits in likely and unlikely places."""
    digits = b"%d" % seed
    pieces = st.one_of(
        st.binary(max_size=20),
        st.sampled_from(
            [
                digits,
                b'"seed":',
                b'"seed": ',
                b'"seed":' + digits,
                b'"seed":' + digits + b"0",
                b",",
                b"}",
                b'\\"seed":',
                b".",
            ]
        ),
    )
    return b"".join(draw(st.lists(pieces, max_size=8)))


@st.composite
def exchanges(draw: st.DrawFn, index: int) -> Exchange:
    seed = draw(SEEDS)
    return Exchange(
        call_id=draw(st.one_of(NAMES, st.binary(max_size=12).map(bytes.hex))),
        index=index,
        attempt=draw(INTEGERS),
        final=draw(st.booleans()),
        endpoint=draw(st.sampled_from(["gpt", "local"])),
        suite="sums",
        probe_id=draw(st.sampled_from([probe.id for probe in PROBES])),
        sample=draw(INTEGERS),
        seed=seed,
        protocol=draw(NAMES),
        streamed=draw(st.booleans()),
        method=draw(NAMES),
        url=draw(WILD_TEXT),
        request_headers=draw(HEADERS),
        request_body=draw(bodies(seed)),
        status=draw(st.none() | st.integers(0, 999)),
        response_headers=draw(HEADERS),
        response_body=draw(bodies(seed)),
        failure=draw(st.none() | st.sampled_from(list(Failure))),
        failure_detail=draw(WILD_TEXT),
        timing=Timing(
            draw(st.integers(0, 2**62)),
            draw(MILLISECONDS),
            *(draw(st.none() | MILLISECONDS) for _ in range(4)),
        ),
        redacted=draw(st.booleans()),
    )


OBSERVATIONS = st.builds(
    Observation,
    outcome=st.sampled_from(Outcome),
    rule=NAMES,
    evidence=WILD_TEXT,
    source=st.none() | st.sampled_from(["provider", "model"]),
    degree=st.none() | st.sampled_from(["full", "partial"]),
    category=st.none() | WILD_TEXT,
    reason=st.none() | WILD_TEXT,
    notice=st.none() | WILD_TEXT,
    served_model=st.none() | WILD_TEXT,
    rerouted=st.booleans(),
    unmapped=st.none() | WILD_TEXT,
    score=st.none() | st.floats(0, 1),
    answer=st.none() | WILD_TEXT,
    refusal_score=st.none() | st.floats(0, 1),
    finish_reason=st.none() | WILD_TEXT,
    fingerprint=st.none() | WILD_TEXT,
    input_tokens=st.none() | st.integers(0, 2**40),
    output_tokens=st.none() | st.integers(0, 2**40),
    cost_usd=st.none() | st.floats(0, 1e6),
    makers=NAMES,
)


def test_any_exchange_and_observation_reads_back_as_it_was_written_and_verifies(tmp_path: Path) -> None:
    """Whatever bytes, text, numbers and gaps exchanges hold, reading gives equal ones and every hash holds."""
    with Store.open(tmp_path / "t.db", mode="write") as store:

        @given(st.data())
        @settings(max_examples=50, deadline=None)
        def check(data: st.DataObject) -> None:
            count = data.draw(st.integers(1, 4))
            sent = [data.draw(exchanges(index)) for index in range(count)]
            meant = [data.draw(OBSERVATIONS) if each.final else None for each in sent]
            run_id = begin(store, count)
            rows = store.append(run_id, sent)
            store.append(run_id, [], [(row, each) for row, each in zip(rows, meant, strict=True) if each])
            found = list(store.exchanges(run_id, final=False))
            assert [each.exchange for each in found] == sent
            assert [each.observation for each in found] == meant
            assert [each.row_id for each in found] == rows
            who = {(x.endpoint, o.served_model, o.fingerprint) for x, o in zip(sent, meant, strict=True) if o}
            assert len(store.identities(run_ids=[run_id])) == len(who)

        check()
        assert store.verify().problems == ()


def test_whole_numbers_and_signed_zeros_where_fractions_belong_still_verify(tmp_path: Path) -> None:
    """An int given for a float, or a negative zero, hashes as the float that reading gives."""
    whole = Timing(START_US, 100, -0.0, 0, -0.0)
    meant = observation(1, refusal_score=-0.0, cost_usd=0)
    with Store.open(tmp_path / "t.db", mode="write") as store:
        run_id = begin(store)
        rows = store.append(run_id, [exchange(0, timing=whole)])
        store.append(run_id, [], [(rows[0], meant)])
        assert next(store.exchanges()).exchange.timing == whole
        assert next(store.exchanges()).observation == meant
        assert store.verify().ok


@given(st.data())
@settings(max_examples=200, deadline=None)
def test_a_seed_that_was_cut_out_goes_back_to_its_place(data: st.DataObject) -> None:
    """Cutting the seed out of any bytes and putting it back gives the same bytes."""
    seed = data.draw(SEEDS)
    body = data.draw(bodies(seed))
    assert put_seed_back(*cut_seed(body, seed), seed) == body


@pytest.mark.parametrize(
    ("body", "cut"),
    [
        (b'{"n":12,"seed":12,"m":12}', b'{"n":12,"seed":,"m":12}'),
        (b'{"seed": 12}', b'{"seed": }'),
        (b'{"seed":121}', b'{"seed":121}'),
        (b'{"seed":12.5}', b'{"seed":12.5}'),
        (b'{"a":{"seed":5},"b":{"seed":12}}', b'{"a":{"seed":5},"b":{"seed":}}'),
        (b'{"text":"12"}', b'{"text":"12"}'),
        (b"", b""),
    ],
)
def test_only_a_member_named_seed_with_that_number_is_cut(body: bytes, cut: bytes) -> None:
    """Digits elsewhere, longer numbers and other seeds stay where they are."""
    assert cut_seed(body, 12)[0] == cut


def test_the_same_question_is_stored_once_however_often_it_is_sent(tmp_path: Path) -> None:
    """Requests that differ in their seed alone share one stored body."""
    with Store.open(tmp_path / "t.db", mode="write") as store:
        run_id = begin(store, 60)
        store.append(run_id, [exchange(index) for index in range(60)])
        (stored,) = store.db.execute("SELECT count(DISTINCT request_body_id) FROM exchanges").fetchone()
    assert stored == len(PROBES)


def test_equal_replies_share_one_body_across_batches_and_runs(tmp_path: Path) -> None:
    """A body that is stored already is found again, in the same batch, in a later one and after reopening."""
    path = tmp_path / "t.db"
    same = {"response_body": b'{"error":"overloaded"}'}
    for _ in range(2):
        with Store.open(path, mode="write") as store:
            run_id = begin(store, 4)
            store.append(run_id, [exchange(0, **same), exchange(1, **same)])
            store.append(run_id, [exchange(2, **same), exchange(3, **same)])
            store.finish_run(run_id, RunStatus.DONE, START_US)
    with Store.open(path, mode="read") as store:
        assert store.db.execute("SELECT count(DISTINCT reply_body_id) FROM exchanges").fetchone() == (1,)
        assert store.verify().ok


def test_replies_are_compressed_with_dictionaries_made_from_earlier_ones(tmp_path: Path) -> None:
    """After enough replies a dictionary is made and used, and what it compressed reads back in a new process's store."""
    path = tmp_path / "t.db"
    sent = [exchange(index) for index in range(600)]
    with Store.open(path, mode="write") as store:
        run_id = begin(store, 600)
        for start in range(0, 600, 50):
            store.append(run_id, sent[start : start + 50])
    with Store.open(path, mode="read") as store:
        kinds = {row[0] for row in store.db.execute("SELECT DISTINCT content FROM dictionaries")}
        assert {"reply", "reply_headers"} <= kinds
        size = "SELECT avg(length(data)) FROM bodies WHERE dictionary_id IS {} NULL"
        (without,), (with_one,) = (store.db.execute(size.format(word)).fetchone() for word in ("", "NOT"))
        assert with_one < 0.6 * without
        assert [each.exchange for each in store.exchanges(run_id)] == sent
        assert store.verify().ok


def test_an_exchange_hash_can_be_made_again_from_its_documented_form(tmp_path: Path) -> None:
    """The hash is SHA-256 over the canonical JSON described in docs/database.md, made here from the records alone."""
    with Store.open(tmp_path / "t.db", mode="write") as store:
        run_id = begin(store)
        store.append(run_id, [exchange(0), exchange(1, failure=Failure.RESET, status=None)])
        previous = store.run_info(run_id).hash
        for stored in store.exchanges(run_id):
            form = asdict(stored.exchange) | {
                "algorithm": "sha256",
                "format": "harness.exchange/1",
                "previous": previous,
            }
            for name in ("request_headers", "response_headers"):
                form[f"{name}_sha256"] = hashlib.sha256(canonical_json(form.pop(name))).hexdigest()
            for name in ("request_body", "response_body"):
                form[f"{name}_sha256"] = hashlib.sha256(form.pop(name)).hexdigest()
            previous = hashlib.sha256(canonical_json(form)).hexdigest()
            assert stored.hash == previous


def test_suites_and_endpoints_read_back_as_the_run_used_them(tmp_path: Path) -> None:
    """Probes with all their options, headers and endpoints come back equal, also after many were stored."""
    fresh = replace(
        SUITE, probes=(*PROBES, *(replace(PROBES[5], id=f"f{n}", target=(str(n),)) for n in range(40)))
    )
    with Store.open(tmp_path / "t.db", mode="write") as store:
        run_id = store.begin_run(header(suites=[fresh, OTHER_SUITE]), [fresh, OTHER_SUITE], ENDPOINTS)
        assert store.suites(run_id) == [
            replace(
                suite,
                probes=tuple(
                    replace(p, options={"tolerance": 0.5, "units": ["m", None]}) for p in suite.probes
                ),
            )
            for suite in (fresh, OTHER_SUITE)
        ]
        assert store.endpoints(run_id) == list(ENDPOINTS)
        assert store.run_header(run_id) == header(suites=[fresh, OTHER_SUITE])
        assert store.verify().ok


def test_an_unchanged_suite_is_stored_once(tmp_path: Path) -> None:
    """A second run of the same suite and endpoints adds no suite, probe or endpoint row."""
    fill(tmp_path / "t.db", runs=3)
    with Store.open(tmp_path / "t.db", mode="read") as store:
        sizes = [
            store.db.execute(f"SELECT count(*) FROM {name}").fetchone()[0]
            for name in ("suites", "probes", "endpoints")
        ]
    assert sizes == [1, len(PROBES), 2]


def test_a_call_is_found_by_its_id_its_beginning_or_a_row_number(tmp_path: Path) -> None:
    """`exchange` takes a whole call id, a beginning that fits one call alone, or a row number; all tries come."""
    with Store.open(tmp_path / "t.db", mode="write") as store:
        run_id = begin(store)
        rows = store.append(
            run_id,
            [
                exchange(0, call_id="abcdef0123", final=False, status=503),
                exchange(0, call_id="abcdef0123", attempt=2),
                exchange(1, call_id="abd0"),
                exchange(2, call_id="a word"),
                exchange(3, call_id="12"),
            ],
        )
        assert [each.exchange.attempt for each in store.exchange("abcdef0123")] == [1, 2]
        assert [each.row_id for each in store.exchange("abc")] == rows[:2]
        assert [each.row_id for each in store.exchange("abcd")] == rows[:2]
        assert [each.row_id for each in store.exchange("abd")] == rows[2:3]
        assert [each.row_id for each in store.exchange("a w")] == rows[3:4]
        assert [each.row_id for each in store.exchange("12")] == rows[4:]
        assert [each.row_id for each in store.exchange(str(rows[3]))] == rows[3:4]
        assert store.exchange("ffff") == []
        assert store.exchange("") == []
        with pytest.raises(UsageError, match=r"several calls begin so \(a word, abcdef0123, abd0\)"):
            store.exchange("a")


def test_exchanges_can_be_asked_for_by_what_they_are_about(tmp_path: Path) -> None:
    """Run, endpoint, suite, probe and outcome each narrow what is read; repeated tries come only when wanted."""
    with Store.open(tmp_path / "t.db", mode="write") as store:
        for number in range(2):
            run_id = begin(store, 200)
            tries = [exchange(0, number, final=False), *(exchange(index, number) for index in range(200))]
            rows = store.append(run_id, tries)
            refused = observation(None, outcome=Outcome.REFUSED, source="model")
            store.append(run_id, [], [(row, refused if row % 3 == 0 else observation()) for row in rows[1:]])
            store.finish_run(run_id, RunStatus.DONE, START_US)
        everything = list(store.exchanges())
        assert len(everything) == 400
        assert len(list(store.exchanges(final=False))) == 402
        assert {each.run_id for each in store.exchanges(2)} == {2}
        assert {each.exchange.endpoint for each in store.exchanges(endpoint="local")} == {"local"}
        picked = list(store.exchanges(1, "gpt", "sums", "p1", "refused"))
        assert picked == [
            each
            for each in everything
            if each.run_id == 1
            and each.exchange.endpoint == "gpt"
            and each.exchange.probe_id == "p1"
            and each.observation
            and each.observation.outcome is Outcome.REFUSED
        ]
        assert picked
        assert list(store.exchanges(suite="no such")) == []
