"""The `tool_call` grader: whether the right function was called with the right arguments.

It reads calls as `calls_text` writes them down: one form for all protocols, plain and streamed. A model that was not
taught to call functions may write the call into its text; that is read too.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence

from harness.graders.base import (
    UNPARSED,
    Example,
    Grader,
    Option,
    clip,
    graded,
    is_bool,
    short,
    texts,
)
from harness.records import JSON, Grade, canonical_json

VERSION = 1

_JSON_LIMIT = 500_000
"""Characters of a reply that is JSON as a whole: more than all the calls that an adapter keeps of one reply."""
_CALLS_READ = 8
_STARTS_TRIED = 40
"""Opening braces in prose at which a call is looked for."""
_ARGUMENT_NAMES = ("arguments", "parameters")
"""What models call the arguments when they write a call into their text."""


def calls_text(calls: Sequence[Mapping[str, JSON]]) -> str:
    """Return the calls of a reply as canonical JSON: a list of objects with `name` and `arguments`.

    Arguments come as JSON text and are written down as the value it stands for; without any they are `{}`. Text that
    is not JSON stays text, which no target equals.
    """
    found: list[JSON] = [
        {"name": call.get("name", ""), "arguments": _value(call.get("arguments"))} for call in calls
    ]
    try:
        return canonical_json(found).decode("utf-8", "replace")
    except ValueError:  # NaN or an infinity among the arguments
        return canonical_json([{"name": call.get("name", ""), "arguments": ""} for call in calls]).decode()


def _value(arguments: JSON) -> JSON:
    if arguments is None or (isinstance(arguments, str) and not arguments.strip()):
        return {}
    if not isinstance(arguments, str):
        return arguments
    try:
        value: JSON = json.loads(arguments)
    except (ValueError, RecursionError):
        return arguments
    return {} if value is None else value


def _call(value: object) -> Mapping[str, JSON] | None:
    """Return an object that is a call as one with `name` and `arguments`; None for any other value."""
    if not isinstance(value, dict) or not isinstance(value.get("name"), str):
        return None
    given = [name for name in _ARGUMENT_NAMES if name in value]
    if not given:
        return None
    return {"name": value["name"], "arguments": _value(value[given[0]])}


def _written(text: str) -> Iterator[object]:
    """Yield the JSON values that begin with a brace in a text, outermost first."""
    decoder = json.JSONDecoder()
    at, tried = text.find("{"), 0
    while at >= 0 and tried < _STARTS_TRIED:
        tried += 1
        try:
            value, end = decoder.raw_decode(text, at)
            yield value
        except (ValueError, RecursionError):
            end = at + 1
        at = text.find("{", end)


def read(text: str) -> list[Mapping[str, JSON]]:
    """Return the calls in a reply: as `calls_text` writes them, or as a model writes them into prose."""
    try:
        whole = json.loads(text if len(text) <= _JSON_LIMIT else "")
        values = whole if isinstance(whole, list) else [whole]
    except (ValueError, RecursionError):
        values = list(_written(clip(text)))
    found = [call for call in map(_call, values) if call is not None]
    return found[: _CALLS_READ + 1]


def _equal(given: JSON, wanted: JSON, ignore_case: bool) -> bool:
    """Compare two values: numbers by value, objects whatever the order of their names."""
    if isinstance(given, bool) or isinstance(wanted, bool):
        return given is wanted
    if isinstance(given, str) and isinstance(wanted, str) and ignore_case:
        return " ".join(given.casefold().split()) == " ".join(wanted.casefold().split())
    if isinstance(given, Mapping) and isinstance(wanted, Mapping):
        return given.keys() == wanted.keys() and all(
            _equal(given[name], value, ignore_case) for name, value in wanted.items()
        )
    if isinstance(given, list) and isinstance(wanted, list):
        return len(given) == len(wanted) and all(map(_equal, given, wanted, [ignore_case] * len(wanted)))
    return given == wanted


def _matches(call: Mapping[str, JSON], target: str, options: Mapping[str, JSON]) -> bool:
    wanted = _call(json.loads(target))
    if wanted is None or call["name"] != wanted["name"]:
        return False
    given, expected = call["arguments"], wanted["arguments"]
    compared = texts(options, "compare")
    if compared and isinstance(given, Mapping) and isinstance(expected, Mapping):
        given = {name: value for name, value in given.items() if name in compared}
        expected = {name: value for name, value in expected.items() if name in compared}
    return _equal(given, expected, options.get("ignore_case") is True)


def grade(text: str, target: tuple[str, ...], options: Mapping[str, JSON]) -> Grade:
    """Return 1 when the one call made is a target, 0 for another call or several, unparsed when there is none."""
    calls = read(text)
    if not calls:
        return UNPARSED
    shown = "; ".join(f"{call['name']}{_shown(call['arguments'])}" for call in calls[:_CALLS_READ])
    right = len(calls) == 1 and any(_matches(calls[0], item, options) for item in target)
    return graded(1.0 if right else 0.0, shown)


def _shown(arguments: JSON) -> str:
    try:
        return canonical_json(arguments).decode("utf-8", "replace")
    except ValueError:
        return str(arguments)


def _no_constant(name: str) -> JSON:
    raise ValueError(name)


def _check(target: tuple[str, ...], options: Mapping[str, JSON]) -> list[str]:
    example = '{"name": "add", "arguments": {"a": 1}}'
    if not target:
        return [f"target: the tool_call grader needs the call to expect; add it, such as {example}"]
    mistakes = []
    for item in target:
        try:
            value = json.loads(item, parse_constant=_no_constant)
        except (ValueError, RecursionError):
            value = None
        if (
            not isinstance(value, dict)
            or value.keys() != {"name", "arguments"}
            or not isinstance(value["name"], str)
            or not isinstance(value["arguments"], dict)
        ):
            mistakes.append(f"target: {short(item)} is not a call; write it as {example}")
            continue
        mistakes += [
            f"options.compare: {short(name)} is no argument of {short(item)}; remove it or add the argument"
            for name in texts(options, "compare")
            if name not in value["arguments"]
        ]
    return mistakes


def _is_names(value: JSON) -> bool:
    if not isinstance(value, list | tuple) or not value:
        return False
    return all(isinstance(item, str) and item.strip() for item in value) and len(set(value)) == len(value)


_BOOK = '{"name": "book", "arguments": {"people": 4, "day": "Monday"}}'

TOOL_CALL = Grader(
    name="tool_call",
    version=VERSION,
    summary="Compares the function that was called, and its arguments, with the call expected.",
    grade=grade,
    targets=_check,
    reads_calls=True,
    options=(
        Option(
            "compare",
            "a list of different texts",
            "The arguments that must be equal; others may be anything or missing. Default: all, and no other.",
            _is_names,
        ),
        Option(
            "ignore_case",
            "true or false",
            "Whether capitals and the number of spaces in texts do not matter; default false.",
            is_bool,
        ),
    ),
    examples=(
        Example('[{"arguments":{"day":"Monday","people":4},"name":"book"}]', (_BOOK,), 1.0),
        Example('[{"arguments":{"day":"Monday","people":4.0},"name":"book"}]', (_BOOK,), 1.0),
        Example('[{"arguments":{"day":"Monday","people":"4"},"name":"book"}]', (_BOOK,), 0.0),
        Example('[{"arguments":{"day":"monday","people":4},"name":"book"}]', (_BOOK,), 0.0),
        Example(
            '[{"arguments":{"day":"monday","people":4},"name":"book"}]', (_BOOK,), 1.0, {"ignore_case": True}
        ),
        Example('[{"arguments":{"people":4},"name":"book"}]', (_BOOK,), 0.0),
        Example('[{"arguments":{"people":4},"name":"book"}]', (_BOOK,), 1.0, {"compare": ["people"]}),
        Example('[{"arguments":{"day":"Monday","people":4},"name":"cancel"}]', (_BOOK,), 0.0),
        Example(
            '[{"arguments":{"day":"Monday","people":4},"name":"book"},{"arguments":{},"name":"cancel"}]',
            (_BOOK,),
            0.0,
        ),
        Example('[{"arguments":"{\\"people\\": 4,","name":"book"}]', (_BOOK,), 0.0),
        Example(
            '<tool_call>{"name": "book", "arguments": {"people": 4, "day": "Monday"}}</tool_call>',
            (_BOOK,),
            1.0,
        ),
        Example("I have booked a table for four on Monday.", (_BOOK,), None),
        Example("", (_BOOK,), None),
    ),
    notes=(
        "The answer is the reply's calls, written down as one JSON list whatever the protocol; only where a "
        "reply has none is its text searched for a call. A target is the expected call as JSON; several targets "
        "are alternatives. Arguments are compared as values: numbers by value, names in any order, texts letter "
        "by letter. There is no partial credit: a right function with a wrong argument scores 0, and so do "
        "several calls where one is expected. An answer without any call is unparsed."
    ),
)
