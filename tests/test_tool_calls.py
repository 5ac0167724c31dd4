"""Functions offered with a probe: checked, sent, called, read and graded alike in every protocol."""

from __future__ import annotations

import importlib
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from harness.endpoints import adapter
from harness.errors import ConfigError
from harness.graders import GRADERS, grade
from harness.graders.tool_call import calls_text
from harness.observe import observe
from harness.plan import estimate_call
from harness.records import JSON, Message, Observation, Outcome, Probe, Reply, Tool
from harness.store import Store, SuiteRecord
from harness.store.chain import probe_definition
from harness.store.encoding import read_probe
from harness.suites import load_suite
from tests import wire
from tests.store_examples import ENDPOINTS, header
from tests.test_endpoints_sdks import accepts

pytest.importorskip("starlette", reason="the rehearsal extra is not installed")

from harness.rehearsal.script import Asked, Called, Scripted
from harness.rehearsal.server import BASE_PATHS, serve

WEATHER: dict[str, Any] = {
    "name": "get_weather",
    "description": "Look up the weather of a city.",
    "parameters": {
        "type": "object",
        "properties": {
            "city": {"type": "string", "description": "Name of the city."},
            "days": {"type": "integer", "minimum": 1, "maximum": 7},
            "unit": {"type": "string", "enum": ["celsius", "fahrenheit"]},
            "parts": {"type": "array", "items": {"type": "string"}},
        },
        "required": ["city"],
    },
}
CLOCK: dict[str, Any] = {
    "name": "get_time",
    "description": "Tell the time.",
    "parameters": {"type": "object", "properties": {}},
}
CALL = {"name": "get_weather", "arguments": {"city": "Zürich", "days": 2}}
TOOLS = (Tool(**WEATHER), Tool(**CLOCK))
PROBE = Probe(
    "weather",
    (Message("system", "Be terse."), Message("user", "The weather in Zürich for two days, please.")),
    "tool_call",
    (json.dumps(CALL),),
    parameters={"max_tokens": 60},
    tools=TOOLS,
)
PLAIN = replace(PROBE, tools=())


# --- stored and hashed --------------------------------------------------------------------------


def test_a_probe_without_tools_is_stored_as_before_the_field_existed() -> None:
    """Its definition, which its hash is made of, has the very bytes it had."""
    probe = Probe("p", (Message("user", "2 + 2?"),), "numeric", ("4",))
    assert probe_definition(probe) == (
        b'{"anchor":false,"arm":null,"depth":null,"difficulty":null,"family":"","fresh":false,"grader":"numeric",'
        b'"id":"p","kind":null,"language":"en","messages":[{"content":"2 + 2?","role":"user"}],"options":{},'
        b'"pair":null,"parameters":{},"target":["4"],"template":null,"topic":null}'
    )
    assert read_probe(probe_definition(probe)) == probe


def test_a_probe_with_tools_comes_back_from_the_store(tmp_path: Path) -> None:
    """The functions are stored with the probe, and the hashes hold."""
    suite = SuiteRecord("s", 1, "sha256:" + "0" * 64, {}, (PROBE, replace(PLAIN, id="plain")))
    with Store.open(tmp_path / "t.db", mode="write") as store:
        run_id = store.begin_run(header(suites=[suite]), [suite], ENDPOINTS)
        assert store.suites(run_id) == [suite]
        assert store.verify().ok


# --- in a suite ---------------------------------------------------------------------------------

HEADER = """
format = 1
name = "calls"
version = 1
title = "Calls"
description = "Calls."
licence = "CC0-1.0"
languages = ["en"]
families = ["plain", "free"]
arms = ["one", "two"]
topics = ["loose"]
[unmatched]
free = ["tools", "length"]
loose = ["tools"]
[[versions]]
version = 1
date = "2026-11-22"
note = "First version."
"""


def written(folder: Path, *probes: dict[str, Any], header: str = HEADER) -> Path:
    place = folder / "calls"
    place.mkdir(exist_ok=True)
    (place / "suite.toml").write_text(header)
    (place / "probes.jsonl").write_text("".join(json.dumps(probe) + "\n" for probe in probes))
    return place


def line(**fields: Any) -> dict[str, Any]:
    base = {"id": "a", "prompt": "The weather in Zürich for two days, please.", "grader": "tool_call"}
    return base | {"target": json.dumps(CALL), "tools": [WEATHER, CLOCK]} | fields


def test_a_suite_offers_functions(tmp_path: Path) -> None:
    """Functions in a line become the probe's, and a suite without any has the hash of its own content alone."""
    suite = load_suite(written(tmp_path, line()))
    assert suite.probes[0].tools == TOOLS


def schema(**parameters: Any) -> list[dict[str, Any]]:
    return [WEATHER | {"parameters": {"type": "object"} | parameters}]


@pytest.mark.parametrize(
    ("fields", "mistake"),
    [
        ({"tools": []}, "tools: must be a list of 1 to 64 functions"),
        ({"tools": "x"}, "tools: must be a list of 1 to 64 functions, got 'x'"),
        ({"tools": [3]}, "tools[1]: must have a name, a description and parameters, got 3"),
        ({"tools": [WEATHER, WEATHER]}, "tools[2].name: 'get_weather' is offered twice; rename one"),
        ({"tools": [WEATHER | {"name": "get weather"}]}, "tools[1].name: 'get weather' is not a function's"),
        ({"tools": [WEATHER | {"strict": True}]}, "tools[1].strict: unknown key; remove it"),
        (
            {"tools": [{"name": "f", "description": "f"}]},
            'tools[1].parameters: is missing; add {"type": "object"',
        ),
        ({"tools": [WEATHER | {"parameters": {"type": "string"}}]}, 'tools[1].parameters.type: must be "obj'),
        (
            {"tools": schema(properties={"a": {"type": "null"}})},
            "tools[1].parameters.properties.a.type: must be one of",
        ),
        ({"tools": schema(properties={"a": {"type": "array"}})}, "properties.a.items: is missing; say what"),
        ({"tools": schema(properties={"a": 3})}, "properties.a: must be a table with a type, got 3"),
        (
            {"tools": schema(properties={"a": {"type": "number", "minimum": "1"}})},
            "a.minimum: must be a number",
        ),
        ({"tools": schema(required=["b"])}, "tools[1].parameters.required: 'b' is no property"),
        (
            {"tools": schema(additionalProperties=False)},
            "tools[1].parameters.additionalProperties: unknown k",
        ),
        ({"target": "go"}, "target: 'go' is not a call; write it as"),
        ({"target": '{"name": "get_time"}'}, "is not a call; write it as"),
        ({"target": '{"name": "tell", "arguments": {}}'}, "target: calls 'tell', which is not offered"),
        (
            {"target": '{"name": "get_weather", "arguments": {}}'},
            "target: arguments lacks 'city'; make the c",
        ),
        (
            {"target": '{"name": "get_weather", "arguments": {"city": "B", "days": 2.5}}'},
            "target: arguments.days must be of type integer, got 2.5",
        ),
        (
            {"target": '{"name": "get_weather", "arguments": {"city": "B", "days": 9}}'},
            "target: arguments.days must be from 1 to 7, got 9",
        ),
        (
            {"target": '{"name": "get_weather", "arguments": {"city": "B", "unit": "K"}}'},
            "target: arguments.unit must be one of celsius, fahrenheit, got 'K'",
        ),
        (
            {"target": '{"name": "get_weather", "arguments": {"city": "B", "parts": ["a", 1]}}'},
            "target: arguments.parts[2] must be of type string, got 1",
        ),
        (
            {"target": '{"name": "get_time", "arguments": {"city": "B"}}'},
            "target: arguments has 'city', which the function does not take",
        ),
        ({"options": {"compare": ["unit"]}}, "options.compare: 'unit' is no argument of"),
        ({"options": {"compare": []}}, "options.compare: must be a list of different texts"),
        ({"target": []}, "target: the tool_call grader needs the call to expect"),
    ],
)
def test_mistakes_in_functions_and_calls_are_told(
    tmp_path: Path, fields: dict[str, Any], mistake: str
) -> None:
    """Whatever a protocol would not take, and a call that the functions do not allow, is found on loading."""
    with pytest.raises(ConfigError) as error:
        load_suite(written(tmp_path, line(**fields)))
    assert mistake in "\n".join(error.value.mistakes)


def test_the_grader_of_calls_needs_functions(tmp_path: Path) -> None:
    """A probe that expects a call must offer one."""
    bare = line()
    del bare["tools"]
    with pytest.raises(ConfigError, match="the tool_call grader needs functions to choose from"):
        load_suite(written(tmp_path, bare))


def pair(family: str, first: dict[str, Any], second: dict[str, Any]) -> list[dict[str, Any]]:
    base = {"family": family, "pair": "p", "grader": "numeric", "target": "7"}
    question = "What is 3 + 4? Reply with only the number."
    return [
        base | {"id": "p-one", "arm": "one", "prompt": question} | first,
        base | {"id": "p-two", "arm": "two", "prompt": question} | second,
    ]


def test_twins_offer_the_same_functions_unless_their_family_is_about_that(tmp_path: Path) -> None:
    """Tools and length must match between twins; a header can say which family is about a difference in them."""
    offered, longer = {"tools": [CLOCK]}, {"prompt": "Today it rained. " * 3 + "What is 3 + 4?"}
    for difference, mistake in ((offered, "tools: not those of its twin"), (longer, "keep the lengths of")):
        with pytest.raises(ConfigError, match=mistake):
            load_suite(written(tmp_path, *pair("plain", {}, {"prompt": "What is 4 + 3?"} | difference)))
        load_suite(written(tmp_path, *pair("free", {}, difference)))
    of_topic = {"topic": "loose"}
    load_suite(written(tmp_path, *pair("plain", of_topic, of_topic | offered)))
    wrong = HEADER.replace('free = ["tools", "length"]', 'free = ["target"]\nfreed = ["tools"]')
    with pytest.raises(ConfigError) as error:
        load_suite(written(tmp_path, line(), header=wrong))
    told = "\n".join(error.value.mistakes)
    assert "unmatched.free: twins cannot be unmatched in 'target'; use length or tools" in told
    assert "unmatched.freed: is no family or topic of this suite" in told


# --- sent ---------------------------------------------------------------------------------------


def body(protocol: str, probe: Probe, **fields: Any) -> dict[str, Any]:
    built = adapter(protocol).build(wire.endpoint(protocol, **fields), probe, 1, "k")
    document: dict[str, Any] = json.loads(built.body)
    return document


@pytest.mark.parametrize("protocol", wire.PROTOCOLS)
def test_functions_are_the_only_thing_that_they_add_to_a_request(protocol: str) -> None:
    """A probe without functions is sent as ever, and one with them differs in nothing else."""
    with_tools = body(protocol, PROBE)
    assert len(with_tools.pop("tools")) == (1 if protocol == "gemini" else 2)
    assert with_tools == body(protocol, PLAIN)
    assert adapter(protocol).version == 1


def test_functions_fit_the_openai_types() -> None:
    """Chat and responses requests with functions are ones that the openai package's types accept."""
    pytest.importorskip("openai", reason="the openai SDK is not installed (it is a development dependency)")
    chat = importlib.import_module("openai.types.chat.completion_create_params")
    accepts(chat.CompletionCreateParamsNonStreaming, body("openai-chat", PROBE))
    function = importlib.import_module("openai.types.responses.function_tool_param").FunctionToolParam
    # One by one: pydantic cannot go through the package's union of tools.
    for tool in body("openai-responses", PROBE)["tools"]:
        accepts(function, tool)
    with pytest.raises(ValidationError):
        TypeAdapter(function).validate_python({"type": "function", "name": "f"})


def test_functions_fit_the_anthropic_types() -> None:
    """Messages requests with functions are ones that the anthropic package's types accept."""
    pytest.importorskip(
        "anthropic", reason="the anthropic SDK is not installed (it is a development dependency)"
    )
    params = importlib.import_module("anthropic.types.message_create_params")
    accepts(params.MessageCreateParamsNonStreaming, body("anthropic-messages", PROBE))
    tool = importlib.import_module("anthropic.types.tool_param").ToolParam
    for each in body("anthropic-messages", PROBE)["tools"]:
        accepts(tool, each)


def test_functions_fit_the_google_types() -> None:
    """Functions in a generateContent request are ones that the google-genai package's types accept, schema and all."""
    pytest.importorskip(
        "google.genai", reason="google-genai is not installed (it is a development dependency)"
    )
    types = importlib.import_module("google.genai.types")
    for tool in body("gemini", PROBE)["tools"]:
        functions = types.Tool.model_validate(tool).function_declarations
        assert [each.name for each in functions] == ["get_weather", "get_time"]
        city = functions[0].parameters.properties["city"]
        assert (city.type, functions[0].parameters.required) == (types.Type.STRING, ["city"])


def test_functions_are_counted_in_a_plan() -> None:
    """An estimate grows with the functions offered."""
    endpoint = wire.endpoint("openai-chat")
    assert (
        estimate_call(endpoint, PROBE).input_tokens
        > estimate_call(endpoint, PLAIN).input_tokens + len(str(WEATHER)) / 4
    )


# --- called, read and graded --------------------------------------------------------------------


class Stage:
    """The answer of a server whose next reply a test sets."""

    def __init__(self) -> None:
        self.reply = Scripted()
        self.asked: list[Asked] = []

    def __call__(self, asked: Asked) -> Scripted:
        self.asked.append(asked)
        return self.reply


STAGE = Stage()


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with serve(STAGE) as url:
        yield url


def send(
    address: str, protocol: str, reply: Scripted, *, stream: bool, probe: Probe = PROBE
) -> tuple[Reply, Observation]:
    """Ask the simulated provider, and read and judge what it replies."""
    STAGE.reply = reply
    endpoint = wire.endpoint(protocol, url=address + BASE_PATHS[protocol], stream=stream)
    built = adapter(protocol).build(endpoint, probe, 9, "k")
    with httpx.Client(trust_env=False) as client:
        got = client.request(built.method, built.url, headers=list(built.headers), content=built.body)
    sent = wire.exchange(protocol, got.content, status=got.status_code, streamed=stream, url=built.url)
    sent = replace(sent, request_body=built.body)
    read = adapter(protocol).read(got.status_code, tuple(got.headers.items()), got.content, streamed=stream)
    return read, observe(sent, probe, endpoint)


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("protocol", wire.PROTOCOLS)
@pytest.mark.parametrize("words", ["", "Let me look that up."])
def test_a_call_reads_and_grades_the_same_in_every_protocol(
    address: str, protocol: str, stream: bool, words: str
) -> None:
    """The function offered is seen, and its call arrives with its name and its arguments, plain and streamed."""
    called = Called("get_weather", CALL["arguments"])  # type: ignore[arg-type]
    read, seen = send(address, protocol, Scripted(words, calls=(called,)), stream=stream)
    assert STAGE.asked[-1].tools == ("get_weather", "get_time")
    assert calls_text(read.tool_calls) == '[{"arguments":{"city":"Zürich","days":2},"name":"get_weather"}]'
    assert read.text == words
    assert (seen.outcome, seen.score, seen.unmapped) == (Outcome.ANSWERED, 1.0, None)
    assert seen.answer == 'get_weather{"city":"Zürich","days":2}'
    assert "graders.tool_call/1" in seen.makers


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("protocol", wire.PROTOCOLS)
def test_calls_without_arguments_and_several_calls_read_alike(
    address: str, protocol: str, stream: bool
) -> None:
    """No arguments are an empty object, and two calls keep their order; where one is expected they score 0."""
    calls = (Called("get_time"), Called("get_weather", {"city": "Bern"}))
    read, seen = send(address, protocol, Scripted(calls=calls), stream=stream)
    assert json.loads(calls_text(read.tool_calls)) == [
        {"name": "get_time", "arguments": {}},
        {"name": "get_weather", "arguments": {"city": "Bern"}},
    ]
    assert (seen.outcome, seen.score) == (Outcome.ANSWERED, 0.0)


@pytest.mark.parametrize("protocol", wire.PROTOCOLS)
def test_prose_instead_of_a_call_is_unparsed_or_a_refusal(address: str, protocol: str) -> None:
    """An answer in words is no call; one that declines is a refusal; a call written into the text is read."""
    _, seen = send(address, protocol, Scripted("It will be sunny."), stream=False)
    assert (seen.outcome, seen.rule, seen.score) == (Outcome.UNPARSED, "no_answer_read", None)
    _, seen = send(address, protocol, Scripted("I'm sorry, but I can't assist with that."), stream=False)
    assert (seen.outcome, seen.source, seen.degree) == (Outcome.REFUSED, "model", "full")
    _, seen = send(
        address, protocol, Scripted(f"```json\n{json.dumps(CALL)}\n```"), stream=False, probe=long(PROBE)
    )
    assert (seen.outcome, seen.score) == (Outcome.ANSWERED, 1.0)


def long(probe: Probe) -> Probe:
    return replace(probe, parameters={"max_tokens": 500})


@pytest.mark.parametrize("protocol", wire.PROTOCOLS)
def test_a_call_where_words_were_asked_for_is_unparsed(address: str, protocol: str) -> None:
    """Other graders never see a call: the numbers in its arguments are no answer."""
    sum_ = replace(PROBE, grader="numeric", target=("2",))
    called = Called("get_weather", {"city": "Bern", "days": 2})
    _, seen = send(address, protocol, Scripted(calls=(called,)), stream=False, probe=sum_)
    assert (seen.outcome, seen.rule, seen.score) == (Outcome.UNPARSED, "no_answer_read", None)
    _, seen = send(address, protocol, Scripted("2", calls=(called,)), stream=True, probe=sum_)
    assert (seen.outcome, seen.score) == (Outcome.ANSWERED, 1.0)


def test_the_official_clients_read_the_simulated_calls(address: str) -> None:
    """The openai and anthropic clients make typed calls of what the simulated provider sends."""
    STAGE.reply = Scripted("", calls=(Called("get_weather", {"city": "Bern"}),))
    openai = pytest.importorskip("openai", reason="the openai SDK is not installed")
    turns: Any = [{"role": "user", "content": "?"}]
    with openai.OpenAI(
        base_url=f"{address}/v1", api_key="k", max_retries=0, _strict_response_validation=True
    ) as client:
        choice = client.chat.completions.create(model="m", messages=turns).choices[0]
        assert choice.finish_reason == "tool_calls"
        assert choice.message.tool_calls[0].function.arguments == '{"city": "Bern"}'
        with client.responses.stream(model="m", input="?") as stream:
            item = stream.get_final_response().output[0]
        assert (item.type, item.name, item.arguments) == ("function_call", "get_weather", '{"city": "Bern"}')
    anthropic = pytest.importorskip("anthropic", reason="the anthropic SDK is not installed")
    with anthropic.Anthropic(
        base_url=address, api_key="k", max_retries=0, _strict_response_validation=True
    ) as client:
        with client.messages.stream(model="m", max_tokens=9, messages=turns) as stream:
            final = stream.get_final_message()
        assert (final.stop_reason, final.content[0].input) == ("tool_use", {"city": "Bern"})


def test_the_google_client_reads_the_simulated_calls(address: str) -> None:
    """The google-genai client makes typed calls of what the simulated provider sends."""
    STAGE.reply = Scripted("", calls=(Called("get_weather", {"city": "Bern"}),))
    pytest.importorskip(
        "google.genai", reason="google-genai is not installed (it is a development dependency)"
    )
    genai, types = importlib.import_module("google.genai"), importlib.import_module("google.genai.types")
    client = genai.Client(api_key="k", vertexai=False, http_options=types.HttpOptions(base_url=address))
    try:
        [call] = client.models.generate_content(model="m", contents="?").function_calls
    finally:
        client.close()
    assert (call.name, call.args) == ("get_weather", {"city": "Bern"})


# --- the grader ---------------------------------------------------------------------------------


@pytest.mark.parametrize("example", GRADERS["tool_call"].examples)
def test_the_examples_of_the_grader_hold(example: Any) -> None:
    """Each line of its table of examples is what it does, with targets and options that it accepts."""
    assert GRADERS["tool_call"].check(example.target, example.options) == []
    assert grade("tool_call", example.text, example.target, example.options).score == example.score


NAMES = st.text(st.characters(codec="utf-8"), max_size=8)
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | NAMES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(NAMES, VALUES, max_size=4), st.randoms(use_true_random=False))
@settings(max_examples=100, deadline=None)
def test_a_call_equals_itself_however_it_is_written(arguments: dict[str, JSON], rng: Any) -> None:
    """Order of names, spaces, escapes and a protocol's own wrapping do not change a grade."""
    target = json.dumps({"name": "f", "arguments": arguments})
    shuffled = list(arguments.items())
    rng.shuffle(shuffled)
    for written_ in (
        json.dumps(dict(shuffled)),
        json.dumps(dict(shuffled), ensure_ascii=False, indent=2),
    ):
        text = calls_text([{"name": "f", "arguments": written_}])
        assert grade("tool_call", text, (target,)).score == 1.0
        assert grade("tool_call", calls_text([{"name": "g", "arguments": written_}]), (target,)).score == 0.0


@given(st.text(st.sampled_from('{}[]":,\\ name arguments1NaInfty-e9'), max_size=200) | st.text(max_size=100))
@settings(max_examples=200, deadline=None)
def test_no_text_breaks_the_grader(text: str) -> None:
    """Whatever a model says, the grade is 1, 0 or none, and what it wrote into arguments is kept as text."""
    target = (json.dumps(CALL),)
    assert grade("tool_call", text, target).score in (None, 0.0)
    assert grade("tool_call", calls_text([{"name": "f", "arguments": text}]), target).score == 0.0


def test_hostile_texts_take_bounded_work() -> None:
    """Deep nesting and thousands of braces end in no grade or a wrong one, never in an error."""
    target = (json.dumps(CALL),)
    for text in (
        "{" * 100_000,
        '{"a":' * 50_000,
        "[" * 100_000,
        '{"name":"f","arguments":' * 5_000,
        "{}" * 50_000,
    ):
        assert grade("tool_call", text, target).score is None
        kept = {"name": "f", "arguments": text[:2_000]}
        assert grade("tool_call", calls_text([kept] * 32), target).score == 0.0
    for odd in ("NaN", "[1e999]", "-Infinity", "9" * 5_000):
        assert grade("tool_call", calls_text([{"name": "f", "arguments": odd}]), target).score == 0.0
