"""The types of a finding and their stored form."""

import json

import pytest

from harness.claims import (
    Effect,
    Finding,
    Kind,
    Lock,
    Part,
    RuledOut,
    Since,
    Standing,
    StreamKey,
    Tier,
    Verdict,
    finding_from_json,
    finding_json,
)
from harness.records import canonical_json

FULL = Finding(
    id="f-1",
    kind=Kind.TOPIC_LOCK,
    tier=Tier.PERSISTENT,
    verdict=Verdict.CHANGE,
    stream=StreamKey("one", "topic-lock", "lock-silent", topic="biology", language="en"),
    headline="Answers on biology got worse.",
    found_us=5,
    run_id=30,
    period=1,
    direction="down",
    lock=Lock.SILENT,
    effect=Effect(-0.1, -0.2, -0.05, 0.95, "share of pairs", "haar-t"),
    since=Since(3, 2, 4, 0.95),
    e_value=40_000.0,
    threshold=36_500.0,
    ruled_out=(RuledOut("common-mode", "ruled out", "The neutral arm did not move."),),
    parts=(Part("extraction", 10, 10, 0.9, 0.5, -0.6, -0.1),),
    exchanges=("ab12",),
    caveats=("One vantage.",),
)


def test_a_finding_reads_back_from_its_stored_form():
    """Canonical JSON of a finding, read back, is the same finding."""
    stored = json.loads(canonical_json(finding_json(FULL)))
    assert finding_from_json(stored) == FULL
    assert finding_from_json(stored, Standing.WITHDRAWN).standing is Standing.WITHDRAWN


def test_the_standing_is_not_part_of_the_stored_form():
    """What is confirmed or withdrawn later cannot change the hash of what was claimed."""
    assert "standing" not in finding_json(FULL)


def test_a_word_outside_the_vocabulary_is_an_error():
    """An unknown verdict is never read as another."""
    with pytest.raises(ValueError, match="certain"):
        finding_from_json(finding_json(FULL) | {"verdict": "certain"})


def test_a_stream_has_one_name():
    """The name holds what narrows the stream and nothing else."""
    assert FULL.stream.name == "one/topic-lock/lock-silent/topic=biology/language=en"
