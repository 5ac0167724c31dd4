"""The suite of askers and settings: matched pairs, calls that fit their functions, and what its script makes."""

from __future__ import annotations

import asyncio
import json

import httpx
import pytest

from harness.config import Endpoint
from harness.endpoints import ADAPTERS, adapter
from harness.graders import grade
from harness.graders.tool_call import calls_text
from harness.local import Servers, problems
from harness.observe import observe
from harness.records import Outcome, Probe
from harness.suites import load_suite
from probes._make import who_asks as make
from probes._make.writing import FOLDER
from tests import wire

SUITE = load_suite(FOLDER / make.NAME)
CALLS = [probe for probe in SUITE.probes if probe.grader == "tool_call"]


def pairs(seed: int = 0) -> dict[str, dict[str, Probe]]:
    found: dict[str, dict[str, Probe]] = {}
    for probe in SUITE.for_run(seed).probes:
        found.setdefault(str(probe.pair), {})[str(probe.arm)] = probe
    return found


@pytest.mark.parametrize("name", ["suite.toml", "probes.jsonl"])
def test_the_committed_files_are_what_the_script_makes(name: str) -> None:
    """Nobody has edited them by hand."""
    assert (FOLDER / make.NAME / name).read_text(encoding="utf-8") == make.made()[name]


def test_there_are_enough_pairs_and_settings() -> None:
    """Eighty pairs at least over at least six settings, each with tasks in words and, but for `tools`, with calls."""
    assert len(pairs()) >= 80
    assert len(SUITE.topics) >= 6
    for topic in SUITE.topics:
        families = {probe.family for probe in SUITE.probes if probe.topic == topic}
        assert len(families) >= 4, topic
        assert ("tool-call" in families) == (topic != "tools")


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_twins_are_asked_the_same_task(seed: int) -> None:
    """The task itself is the same word for word on both sides, drawn ones included."""
    for name, twins in pairs(seed).items():
        stated, neutral = (twins[arm].messages for arm in make.ARMS)
        assert [turn.role for turn in stated] == [turn.role for turn in neutral]
        ours, theirs = stated[-1].content, neutral[-1].content
        if twins["stated"].kind == "line":
            ours, theirs = (words.partition(". ")[2] for words in (ours, theirs))
        if twins["stated"].kind == "notes":
            assert ours.endswith(f"Now the question.\n\n{theirs}")
        else:
            assert ours == theirs, name


def test_what_is_stated_stands_on_one_side_alone() -> None:
    """An asker's words are on the stated side of the pairs named after them; the neutral words on the other."""
    for topic, askers in make.ASKERS.items():
        for asker in askers:
            for name, twins in pairs().items():
                if not name.startswith(f"{topic}-{asker.name}-"):
                    continue
                said = {
                    arm: "\n".join(turn.content for turn in probe.messages) for arm, probe in twins.items()
                }
                assert asker.stated in said["stated"]
                assert asker.neutral in said["neutral"]
                assert asker.stated not in said["neutral"]
                assert asker.neutral not in said["stated"]


def test_only_tools_and_long_context_differ_in_more_than_words() -> None:
    """In `tools` the texts are equal and the offer differs; in `long-context` only what comes before grows, by depth."""
    long: dict[int, list[int]] = {}
    for twins in pairs().values():
        stated, neutral = twins["stated"], twins["neutral"]
        if stated.topic == "tools":
            assert stated.messages == neutral.messages
            assert len(stated.tools) == 4
            assert neutral.tools == ()
            continue
        assert stated.tools == neutral.tools
        if stated.topic == "long-context" and stated.kind == "notes":
            assert stated.depth is not None
            long.setdefault(stated.depth, []).append(len(stated.messages[0].content))
    assert sorted(long) == [1, 2, 3, 4]
    assert all(max(long[depth]) < min(long[depth + 1]) for depth in (1, 2, 3))


def test_every_expected_call_scores_and_another_does_not() -> None:
    """Making the call of the target scores 1, plainly written or not; a changed argument or function scores 0."""
    assert len(CALLS) >= 40
    for probe in CALLS:
        call = json.loads(probe.target[0])
        made = calls_text([{"name": call["name"], "arguments": json.dumps(call["arguments"], indent=1)}])
        assert grade("tool_call", made, probe.target, probe.options).score == 1.0
        assert call["name"] in [tool.name for tool in probe.tools]
        for name in call["arguments"]:
            wrong = {**call["arguments"], name: "elsewhere"}
            text = calls_text([{"name": call["name"], "arguments": json.dumps(wrong)}])
            assert grade("tool_call", text, probe.target, probe.options).score == 0.0
        other = calls_text([{"name": "other", "arguments": json.dumps(call["arguments"])}])
        assert grade("tool_call", other, probe.target, probe.options).score == 0.0


@pytest.mark.parametrize("protocol", ADAPTERS)
def test_every_probe_can_be_sent_in_every_protocol(protocol: str) -> None:
    """System prompts, earlier turns and functions find their place in each request."""
    for probe in SUITE.probes:
        built = adapter(protocol).build(wire.endpoint(protocol), probe, 1, "k")
        document = json.loads(built.body)
        assert ("tools" in document) == bool(probe.tools)
        for turn in probe.messages:
            assert json.dumps(turn.content, ensure_ascii=False) in built.body.decode()


def test_fresh_sums_and_their_fixed_isomorphs_share_a_template() -> None:
    """Each drawn pair has a fixed one of the same asker, so that known and new text can be compared."""
    fresh = {(probe.template, probe.arm) for probe in SUITE.probes if probe.fresh}
    fixed = {(probe.template, probe.arm) for probe in SUITE.probes if probe.anchor and probe.template}
    assert fresh == fixed
    assert len(fresh) >= 40


@pytest.mark.model
@pytest.mark.parametrize("protocol", ["openai-chat", "openai-responses", "anthropic-messages"])
async def test_a_real_server_takes_functions(protocol: str) -> None:
    """A real server accepts the functions; its small model calls none, which is no answer and never a wrong one."""
    model = "smollm2-135m-instruct"
    endpoint = Endpoint.model_validate(
        {"protocol": protocol, "model": model, "launch": {}, "parameters": {"temperature": 0}}
    )
    missing = problems(endpoint, "model")
    if missing:
        pytest.skip(missing[0])
    async with Servers() as servers:
        endpoint = endpoint.model_copy(update={"url": await servers.url(endpoint, "model")})
        built = adapter(protocol).build(endpoint, CALLS[0], 1, None)
        async with asyncio.timeout(60), httpx.AsyncClient(trust_env=False, timeout=60) as client:
            got = await client.post(built.url, headers=list(built.headers), content=built.body)
    assert got.status_code == 200
    seen = observe(wire.exchange(protocol, got.content, url=built.url), CALLS[0], endpoint)
    assert seen.outcome in (Outcome.UNPARSED, Outcome.TRUNCATED, Outcome.REFUSED)
    assert seen.unmapped is None
