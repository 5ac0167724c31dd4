"""The `json_schema` grader: an answer that must hold a JSON document of a given shape.

Schemas come from suites, documents from a model that may be hostile. Nothing outside the schema is ever resolved,
patterns are those that the regex grader would take, and a document is checked in a bounded number of steps.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from typing import Any, TypeAlias

from harness.graders.base import UNPARSED, Example, Grader, Option, clip, graded, short
from harness.graders.pattern import REGEX
from harness.records import JSON, Grade, canonical_json

VERSION = 1

JSON_LIMIT = 100_000
"""Characters of an answer that is JSON as a whole; of any other answer the usual 20,000 are searched."""
DEPTH_LIMIT = 32
VALUES_LIMIT = 2_000
"""Values in one document, names of objects apart."""
STEPS_LIMIT = 200_000
"""Rules applied to one document: more than any honest one needs, and about a second's work."""
SCHEMA_LIMIT = 20_000
"""Characters of a schema."""
DIALECT = "https://json-schema.org/draft/2020-12/schema"

_STARTS_TRIED = 40
_FENCE = re.compile(r"```[ \t]*(?:json[c5]?|JSON)?[ \t]*\n(.{1,20000}?)\n?[ \t]{0,8}```", re.DOTALL)
_REFUSED = ("$id", "$dynamicRef", "$dynamicAnchor", "patternProperties")

_Rule: TypeAlias = Callable[[Any, Any, Any, Any], Iterator[Any] | None]


class _TooMuchError(Exception):
    """A document takes more steps to check than any honest one."""


def _no_constant(name: str) -> JSON:
    raise ValueError(name)


def _finite(text: str) -> float:
    number = float(text)
    if number in (float("inf"), float("-inf")):
        raise ValueError(text)
    return number


_DECODER = json.JSONDecoder(parse_constant=_no_constant, parse_float=_finite)


def _whole(text: str) -> tuple[JSON] | None:
    """Return the document a text is, in a tuple because it may be null; None when it is not JSON."""
    try:
        return (_DECODER.decode(text),)
    except (ValueError, RecursionError):
        return None


def whole(text: str) -> tuple[JSON] | None:
    """Return the document an answer is, bare or in one code block with nothing around it; None for anything else."""
    text = text.strip()
    found = _FENCE.fullmatch(text) if text.startswith("```") else None
    return _whole(found.group(1) if found else text) if len(text) <= JSON_LIMIT else None


def _within(text: str) -> tuple[JSON] | None:
    """Return the longest object or list in prose, the first of equals."""
    best: tuple[JSON] | None = None
    length = at = 0
    for _ in range(_STARTS_TRIED):
        starts = [place for place in (text.find("{", at), text.find("[", at)) if place >= 0]
        if not starts:
            break
        at = start = min(starts)
        try:
            value, at = _DECODER.raw_decode(text, start)
        except (ValueError, RecursionError):
            at = start + 1
            continue
        if at - start > length:
            best, length = (value,), at - start
    return best


def read(text: str) -> tuple[JSON] | None:
    """Return the JSON document in an answer, in a tuple because it may be null; None when there is none.

    >>> read('Here you are: {"a": 1}. Anything else?')
    ({'a': 1},)
    """
    if len(text) <= JSON_LIMIT:
        found = _whole(text)
        if found is not None:
            return found
    text = clip(text)
    if "```" in text:
        for block in reversed(_FENCE.findall(text)):
            found = _whole(block)
            if found is not None:
                return found
    return _within(text)


def _too_big(value: JSON) -> bool:
    """Say whether a document is deeper or larger than one that is checked."""
    level: list[JSON] = [value]
    seen = 0
    for _ in range(DEPTH_LIMIT):
        seen += len(level)
        if not level or seen > VALUES_LIMIT:
            break
        deeper: list[JSON] = []
        for item in level:
            if isinstance(item, Mapping):
                deeper += item.values()
            elif isinstance(item, list):
                deeper += item
        level = deeper
    return bool(level)


def _equal(given: JSON, wanted: JSON) -> bool:
    """Compare two JSON values: numbers by value, but never with true or false."""
    if isinstance(given, bool) or isinstance(wanted, bool):
        return given is wanted
    if isinstance(given, Mapping) and isinstance(wanted, Mapping):
        return given.keys() == wanted.keys() and all(_equal(given[name], wanted[name]) for name in wanted)
    if isinstance(given, list) and isinstance(wanted, list):
        return len(given) == len(wanted) and all(map(_equal, given, wanted))
    return given == wanted


class _Steps:
    """Counts the rules applied to one document."""

    def __init__(self) -> None:
        self.left = STEPS_LIMIT

    def counted(self, name: str, rule: _Rule) -> _Rule:
        """Return a rule that gives up once the steps are used up."""

        def run(validator: Any, value: Any, instance: Any, schema: Any) -> Iterator[Any]:
            size = len(instance) if isinstance(instance, list) else 0
            # Every pair of items is compared for uniqueness.
            self.left -= 1 + (size * size // 8 if name == "uniqueItems" else size)
            if self.left < 0:
                raise _TooMuchError
            yield from rule(validator, value, instance, schema) or ()

        return run


def _pattern(_validator: Any, pattern: str, instance: Any, _schema: Any) -> Iterator[Any]:
    from jsonschema.exceptions import ValidationError

    if not isinstance(instance, str):
        return
    if instance.strip():
        matches = REGEX.grade(instance, (pattern,), {}).score == 1.0
    else:
        matches = re.search(pattern, instance[:100]) is not None
    if not matches:
        yield ValidationError(f"{short(instance)} does not match {short(pattern)}")


@lru_cache(maxsize=500)
def _validator(schema: bytes) -> tuple[Any, _Steps]:
    """Return a validator for a schema that passed its check, and the counter of its steps."""
    from jsonschema import Draft202012Validator
    from jsonschema.validators import extend
    from referencing import Registry

    steps = _Steps()
    rules = {**Draft202012Validator.VALIDATORS, "pattern": _pattern}
    counted = extend(  # type: ignore[no-untyped-call]  # the stubs leave it open
        Draft202012Validator, {name: steps.counted(name, rule) for name, rule in rules.items()}
    )
    # An empty registry without a retriever: a reference to anything outside the schema fails, nothing is fetched.
    registry: Registry[Any] = Registry()
    return counted(json.loads(schema), registry=registry), steps


def mistake(document: JSON, schema: Mapping[str, JSON]) -> str:
    """Return why a document does not satisfy a schema, in words; empty when it does."""
    if _too_big(document):
        return f"deeper than {DEPTH_LIMIT} levels or more than {VALUES_LIMIT} values"
    from referencing.exceptions import Unresolvable

    validator, steps = _validator(canonical_json(schema))
    steps.left = STEPS_LIMIT
    try:
        for error in validator.iter_errors(document):
            where = "".join(f"/{part}" for part in error.absolute_path)
            return f"{where or '/'}: {short(error.message, 120)}"
    except (_TooMuchError, RecursionError, OverflowError):
        return "it takes too long to check"
    except Unresolvable:
        return "the schema refers to something outside itself"
    return ""


def grade(text: str, target: tuple[str, ...], options: Mapping[str, JSON]) -> Grade:
    """Return 1 when the document in an answer satisfies the schema and is a target, where there are targets, else 0."""
    found = read(text)
    if found is None:
        return UNPARSED
    schema = options.get("schema")
    wrong = mistake(found[0], schema if isinstance(schema, Mapping) else {})
    if wrong:
        return graded(0.0, wrong)
    try:
        shown = canonical_json(found[0]).decode("utf-8", "replace")
    except ValueError:  # a whole number of more digits than Python writes down
        shown = "a number too long to show"
    if target and not any(_equal(found[0], json.loads(item)) for item in target):
        return graded(0.0, shown)
    return graded(1.0, shown)


def _parts(value: JSON, depth: int = 0) -> Iterator[Mapping[str, JSON]]:
    """Yield every object in a schema; a name that only looks like a keyword does no harm here."""
    if depth > DEPTH_LIMIT:
        raise RecursionError
    if isinstance(value, Mapping):
        yield value
        for item in value.values():
            yield from _parts(item, depth + 1)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _parts(item, depth + 1)


def _schema_mistakes(schema: Mapping[str, JSON]) -> list[str]:
    try:
        from jsonschema import Draft202012Validator
        from jsonschema.exceptions import SchemaError
        from referencing.exceptions import Unresolvable
    except ImportError:
        return ["options.schema: the library jsonschema is missing; install it: pip install jsonschema"]
    encoded = canonical_json(schema)
    plain: dict[str, JSON] = json.loads(encoded)
    if len(encoded) > SCHEMA_LIMIT:
        return [f"options.schema: is longer than {SCHEMA_LIMIT} characters; shorten it"]
    if plain.get("$schema", DIALECT) != DIALECT:
        return [f"options.schema: is not of the dialect {DIALECT}; leave $schema out or correct it"]
    mistakes = []
    try:
        for part in _parts(plain):
            mistakes += [
                f"options.schema: {name} is not supported; write the schema without it"
                for name in _REFUSED
                if isinstance(part.get(name), str if name.startswith("$") else Mapping)
            ]
            reference = part.get("$ref")
            if isinstance(reference, str) and not reference.startswith("#"):
                mistakes.append(
                    f"options.schema: $ref {short(reference)} points outside; only references that begin with # are "
                    "resolved"
                )
            pattern = part.get("pattern")
            if isinstance(pattern, str):
                mistakes += [f"options.schema: pattern: {each}" for each in REGEX.check((pattern,), {})]
        if not mistakes:
            Draft202012Validator.check_schema(plain)
            for part in _parts(plain):
                if isinstance(part.get("$ref"), str):
                    _lookup(plain, str(part["$ref"]))
    except SchemaError as error:
        mistakes.append(f"options.schema: is no JSON schema ({short(error.message, 100)}); correct it")
    except Unresolvable as error:
        mistakes.append(f"options.schema: $ref {short(str(error.ref))} leads nowhere; define it under $defs")
    except RecursionError:
        mistakes.append(f"options.schema: is deeper than {DEPTH_LIMIT} levels; flatten it")
    return mistakes


def _lookup(schema: Mapping[str, JSON], reference: str) -> None:
    from referencing import Registry
    from referencing.jsonschema import DRAFT202012

    registry: Registry[Any] = Registry().with_resource("", DRAFT202012.create_resource(schema))
    registry.resolver().lookup(reference)


def _check(target: tuple[str, ...], options: Mapping[str, JSON]) -> list[str]:
    schema = options.get("schema")
    if not isinstance(schema, Mapping):
        return ['options.schema: the json_schema grader needs a schema; add it, such as {"type": "object"}']
    mistakes = _schema_mistakes(schema)
    if mistakes:
        return mistakes
    for item in target:
        value = _whole(item)
        if value is None:
            mistakes.append(f'target: {short(item)} is not JSON; write it as {{"name": "value"}}')
            continue
        wrong = mistake(value[0], schema)
        if wrong:
            mistakes.append(
                f"target: {short(item)} does not satisfy options.schema ({wrong}); correct one of them"
            )
    return mistakes


_PERSON: Mapping[str, JSON] = {
    "schema": {
        "type": "object",
        "properties": {"name": {"type": "string"}, "age": {"type": "integer", "minimum": 0}},
        "required": ["name", "age"],
        "additionalProperties": False,
    }
}

JSON_SCHEMA = Grader(
    name="json_schema",
    version=VERSION,
    summary="Looks for a JSON document in the answer and checks it against a schema.",
    grade=grade,
    targets=_check,
    options=(
        Option(
            "schema",
            "an object that is a JSON schema (draft 2020-12)",
            "What the document must satisfy. `format` is a remark and is not checked.",
            lambda value: isinstance(value, Mapping),
        ),
    ),
    examples=(
        Example('{"name": "Ann", "age": 7}', (), 1.0, _PERSON),
        Example('Here it is:\n```json\n{"name": "Ann", "age": 7}\n```', (), 1.0, _PERSON),
        Example('The record is {"name": "Ann", "age": 7}, as asked.', (), 1.0, _PERSON),
        Example('{"age": 7.0, "name": "Ann"}', ('{"name": "Ann", "age": 7}',), 1.0, _PERSON),
        Example('{"name": "Ann", "age": 8}', ('{"name": "Ann", "age": 7}',), 0.0, _PERSON),
        Example('{"name": "Ann", "age": "7"}', (), 0.0, _PERSON),
        Example('{"name": "Ann", "age": 7, "town": "Ulm"}', (), 0.0, _PERSON),
        Example("[1, 2]", (), 0.0, _PERSON),
        Example("Ann is 7.", (), None, _PERSON),
        Example('{"name": "Ann", "age": 7', (), None, _PERSON),
    ),
    notes=(
        "The document is the whole answer if that is JSON; else the last code block that is; else the longest "
        "object or list in the text. Text without any JSON that can be read is unparsed; JSON that does not "
        "satisfy the schema scores 0, and the grade says where. Targets, which may be left out, are documents as "
        "JSON, any of which the answer must be equal to: numbers by value, names in any order. References are "
        "resolved within the schema alone (`#/$defs/…`) and nothing is ever fetched; `$id`, `$dynamicRef` and "
        "`patternProperties` are turned away, and patterns are held to the rules of the regex grader. A document "
        f"of more than {DEPTH_LIMIT} levels or {VALUES_LIMIT:,} values scores 0."
    ),
)
