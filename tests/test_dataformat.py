"""The data format: records out and back without loss, hashes that a stranger can make again, strict reading."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness import dataformat
from harness.claims import Effect, Finding, Kind, Part, RuledOut, Since, Standing, StreamKey, Tier, Verdict
from harness.dataformat import decode, encode
from harness.records import Failure, Outcome, Probe, Timing, Tool
from harness.store import Store, chain
from tests.store_examples import PROBES, exchange, fill, header, observation

PREVIOUS = "ab" * 32


def line_of(made):
    """Return the record of an exchange with the hash that the store would give it."""
    sha256 = chain.exchange_hash(
        made,
        bytes.fromhex(PREVIOUS),
        chain.canonical(made.request_headers),
        chain.canonical(made.response_headers),
        chain.digest(made.response_body),
    ).hex()
    return dataformat.exchange_line(made, run=3, number=7, previous=PREVIOUS, hash_=sha256)


@settings(max_examples=60, deadline=None)
@given(
    reply=st.binary(max_size=200),
    words=st.text(alphabet=st.characters(codec=None), max_size=40),
    total=st.floats(0, 1e9),
    status=st.none() | st.integers(100, 599),
    failure=st.none() | st.sampled_from(Failure),
)
def test_an_exchange_comes_back_as_it_was(reply, words, total, status, failure) -> None:
    """Any bytes, any text (lone surrogates included) and any number survive the way through a line of JSON."""
    made = exchange(
        1,
        response_body=reply,
        failure_detail=words,
        response_headers=(("x", words),),
        status=status,
        failure=failure,
        timing=Timing(5, total, None, 0.0),
    )
    line = line_of(made)
    text = encode(line)
    assert text.isascii()
    assert "\n" not in text
    again = decode(text)
    assert isinstance(again, dataformat.ExchangeLine)
    assert again == line
    assert dataformat.to_exchange(again) == made
    assert dataformat.check(again) is None


def test_a_stranger_can_make_the_hash_again() -> None:
    """JSON and SHA-256 from the standard library and the rules of the page are enough."""
    data = json.loads(encode(line_of(exchange(4))))

    def canonical(value: object) -> bytes:
        return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()

    def sha256(value: bytes) -> str:
        return hashlib.sha256(value).hexdigest()

    form = {
        key: value
        for key, value in data.items()
        if key not in ("run", "number", "hash", "hash_form", "request", "response")
    }
    form |= {"algorithm": "sha256", "format": "harness.exchange/1"}
    form |= {"method": data["request"]["method"], "url": data["request"]["url"]}
    form["status"] = data["response"]["status"]
    for side in ("request", "response"):
        form[f"{side}_headers_sha256"] = sha256(canonical(data[side]["headers"]))
        form[f"{side}_body_sha256"] = sha256(data[side]["body"]["text"].encode())
    assert sha256(canonical(form)) == data["hash"]


@pytest.mark.parametrize("field", ["seed", "probe_id", "previous", "final", "streamed"])
def test_a_record_that_was_altered_does_not_match_its_hash(field: str) -> None:
    """Each changed field shows."""
    data = json.loads(encode(line_of(exchange(2))))
    data[field] = {"seed": 1, "probe_id": "other", "previous": "cd" * 32, "final": False, "streamed": True}[
        field
    ]
    assert "does not match its hash" in str(dataformat.check(dataformat.from_json(data)))


def test_a_body_that_was_left_out_keeps_the_hash_checkable() -> None:
    """Without its bytes a record still matches its hash, and says that the bytes are not there."""
    line = line_of(exchange(2))
    short = line.model_copy(
        update={"response": line.response.model_copy(update={"body": line.response.body.left_out()})}
    )
    again = decode(encode(short))
    assert isinstance(again, dataformat.ExchangeLine)
    assert dataformat.check(again) is None
    with pytest.raises(ValueError, match="left out"):
        dataformat.to_exchange(again)


def test_every_kind_of_record_comes_back(tmp_path: Path) -> None:
    """Probes, observations, headers and findings survive, and their hashes are those of the store."""
    odd = Probe(
        "odd", PROBES[0].messages, "exact", ("\ud800",), {"deep": [1, 2.0, None, {"a": ()}]},
        tools=(Tool("f", "does", {"type": "object"}),),
    )  # fmt: skip
    for probe in (*PROBES, odd):
        line = decode(encode(dataformat.probe_line("sums", probe)))
        assert isinstance(line, dataformat.ProbeLine)
        assert line.sha256 == chain.probe_digest("sums", chain.probe_definition(probe)).hex()
        back = dataformat.to_probe(line)
        assert chain.probe_definition(back) == chain.probe_definition(probe)
    seen = observation(None, outcome=Outcome.REFUSED, evidence="\udfff no", cost_usd=1e-9)
    line = decode(
        encode(dataformat.observation_line(seen, exchange(1), run=1, hash_=PREVIOUS, replaced_us=9))
    )
    assert isinstance(line, dataformat.ObservationLine)
    assert dataformat.to_observation(line) == seen
    assert dataformat.to_header(dataformat.header_data(header())) == header()
    claim = Finding(
        "f1", Kind.REFUSAL, Tier.INCIDENT, Verdict.CHANGE, StreamKey("gpt", "sums", "refused", topic="x"),
        "It refuses.", 5, 2, 1, effect=Effect(0.1, 0.0, 0.2, 0.95, "share", "haar-t"), since=Since(1, 0, 2, 0.95),
        ruled_out=(RuledOut("format", "ruled out", "same"),), parts=(Part("a", 1, 2, 0.0, 1.0, 0.1, 0.9),),
        standing=Standing.CONFIRMED,
    )  # fmt: skip
    line = decode(encode(dataformat.finding_line(claim)))
    assert isinstance(line, dataformat.FindingLine)
    assert dataformat.to_finding(line) == claim


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"format": "harness.record.exchange/9"}, "not one that this version reads"),
        ({"format": None}, "not one that this version reads"),
        ({"seed": "7"}, "seed: "),
        ({"seed": True}, "seed: "),
        ({"seed": 1 << 80}, "seed: "),
        ({"final": 1}, "final: "),
        ({"failure": "sunspots"}, "failure: "),
        ({"hash": "xyz"}, "hash: "),
        ({"extra": 1}, "extra: "),
        ({"index": -1}, "index: "),
        ({"timing": {}}, "timing.sent_us: "),
    ],
)
def test_a_wrong_field_is_named(change: dict[str, object], words: str) -> None:
    """Reading is strict, and the message says which field is wrong."""
    data = json.loads(encode(line_of(exchange(2))))
    with pytest.raises(ValueError) as error:
        decode(json.dumps(data | change))
    assert words in str(error.value)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "null",
        "[]",
        "{",
        "[" * 100_000,
        '{"format": NaN}',
        '{"format":"a","format":"b"}',
        "\x00",
        '"' + "a" * 99,
    ],
)
def test_what_is_no_record_is_turned_away(text: str) -> None:
    """Anything at all that is not a record ends in one ValueError."""
    with pytest.raises(ValueError):
        decode(text)


def test_a_body_that_disagrees_with_its_hash_is_turned_away() -> None:
    """Bytes, size and hash have to agree, and there is one place for the bytes."""
    data = json.loads(encode(line_of(exchange(2))))
    for change in ({"text": "other"}, {"size": 1}, {"base64": "AA=="}, {"text": None, "base64": "!!"}):
        body = data["response"]["body"] | change
        with pytest.raises(ValueError, match=r"response\.body"):
            decode(json.dumps(data | {"response": data["response"] | {"body": body}}))


def test_the_chain_of_a_run_is_checked(tmp_path: Path) -> None:
    """A missing, moved or added exchange shows against the run's own record."""
    fill(tmp_path / "t.db", runs=1)
    with Store.open(tmp_path / "t.db", mode="read") as store:
        info, lines, previous = store.run_info(1), [], store.run_info(1).hash
        for each in store.exchanges(1, final=False):
            lines.append(
                dataformat.exchange_line(
                    each.exchange, run=1, number=each.number, previous=previous, hash_=each.hash
                )
            )
            previous = each.hash
    run = dataformat.RunLine(
        run=1, header=dataformat.header_data(info.header), suites=(), endpoints=(), previous=None, hash=info.hash,
        status=info.status, finished_us=None, completed=12, exchanges=12, last=info.last_hash, events=(),
    )  # fmt: skip
    assert dataformat.check_chain(run, lines) is None
    for wrong in (lines[1:], lines[:-1], [lines[1], lines[0], *lines[2:]], [*lines, lines[-1]]):
        assert dataformat.check_chain(run, wrong) is not None
