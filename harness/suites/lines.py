"""probes.jsonl: one probe a line, checked field by field."""

from __future__ import annotations

import re
from collections.abc import Mapping
from fractions import Fraction
from typing import Literal

from harness.graders import GRADERS
from harness.records import JSON, Message, Probe
from harness.suites.expressions import Expression, ExpressionError, Value
from harness.suites.form import Item
from harness.suites.fresh import Template, Variable, used_names
from harness.suites.header import LANGUAGE, NAME, Header, parameters
from harness.suites.mistakes import Mistakes, Reader, is_list, short, sound
from harness.suites.tools import read_tools

_KEYS = (
    "id", "prompt", "messages", "grader", "target", "options", "family", "kind", "pair", "arm", "topic", "language",
    "depth", "difficulty", "anchor", "template", "variant", "draw", "where", "parameters", "tools",
)  # fmt: skip
_ROLES: Mapping[str, Literal["system", "user", "assistant"]] = {
    "system": "system", "user": "user", "assistant": "assistant",
}  # fmt: skip
_VARIABLE = re.compile(r"[a-z][a-z0-9_]{0,29}")
MESSAGES_LIMIT = 100


def read_line(
    raw: Mapping[str, JSON], line: int, place: str, header: Header, mistakes: Mistakes
) -> Item | None:
    """Return the probe of one line, or None when it is too broken to be one; everything wrong is recorded."""
    before = len(mistakes.lines)
    reader = Reader(mistakes, f"{place}: line {line}", raw)
    reader.only(_KEYS)
    probe_id = _name(reader, "id", required=True)
    messages = _messages(reader)
    grader = reader.text("grader", required=True, limit=80)
    if grader is not None and grader not in GRADERS:
        reader.wrong("grader", f"there is none named {short(grader)}; use one of {', '.join(GRADERS)}")
    target = _target(reader)
    options = reader.table("options")
    anchor = reader.flag("anchor")
    template_name = _name(reader, "template")
    pair, arm = _name(reader, "pair"), _declared(reader, "arm", header.arms)
    if pair is not None and "arm" not in raw:
        reader.wrong(
            "arm", f"is missing in a pair; add one of {', '.join(header.arms) or 'the arms you declare'}"
        )
    if arm is not None and "pair" not in raw:
        reader.wrong("pair", "is missing beside arm; name the pair, or remove arm")
    topic = _declared(reader, "topic", header.topics)
    if header.topic_words and pair is not None and "topic" not in raw:
        reader.wrong("topic", "is missing in a pair of a suite with topic words; add it")
    language = reader.text("language", limit=20) or header.languages[0]
    if not LANGUAGE.fullmatch(language) or language not in header.languages:
        reader.wrong("language", f"{short(language)} is not declared; add it to languages in suite.toml")
    settings = {**header.parameters, **parameters(reader)}
    tools = read_tools(reader)
    variant = reader.whole("variant", 1, 10_000)
    if variant is not None and "draw" not in raw:
        reader.wrong("variant", "only tells draws of one template apart; remove it or add draw")
    family = _declared(reader, "family", header.families) or ""
    kind = _name(reader, "kind")
    depth, difficulty = reader.whole("depth", 0, 100), reader.whole("difficulty", 1, 100)
    if "draw" in raw and anchor:
        reader.wrong("anchor", "an anchor's text is fixed; remove draw or anchor")
    if "where" in raw and "draw" not in raw:
        reader.wrong("where", "has nothing to hold for without draw; add draw or remove it")
    if len(mistakes.lines) > before or probe_id is None or grader is None:
        return None
    probe = Probe(
        id=probe_id, messages=messages, grader=grader, target=target, options=options, family=family,
        pair=pair, arm=arm, topic=topic, language=language, depth=depth, difficulty=difficulty, anchor=anchor,
        template=template_name, fresh="draw" in raw, kind=kind, parameters=settings, tools=tools,
    )  # fmt: skip
    if "draw" in raw:
        key = f"template:{template_name}" if template_name else f"pair:{pair}" if pair else f"id:{probe_id}"
        template = _template(reader, probe, f"{key}/{variant or 1}")
        return None if template is None else Item(line, probe, template)
    for mistake in GRADERS[grader].check(target, options):
        mistakes.add(reader.place, mistake)
    return Item(line, probe)


def _name(reader: Reader, key: str, *, required: bool = False) -> str | None:
    value = reader.text(key, required=required, limit=80)
    if value is not None and not NAME.fullmatch(value):
        reader.wrong(key, f"{short(value)} is not a name; use letters, digits, - _ and .")
        return None
    return value


def _declared(reader: Reader, key: str, declared: tuple[str, ...]) -> str | None:
    """Return a name that the header must declare."""
    value = _name(reader, key)
    if value is not None and value not in declared:
        plural = "families" if key == "family" else f"{key}s"
        have = f" (it has {', '.join(declared)})" if declared else ""
        reader.wrong(key, f"{short(value)} is not declared; add it to {plural} in suite.toml{have}")
    return value


def _messages(reader: Reader) -> tuple[Message, ...]:
    raw = reader.raw
    if "prompt" in raw and "messages" in raw:
        reader.wrong("prompt", "is given beside messages; keep one of them")
        return ()
    if "messages" not in raw:
        if "prompt" not in raw:
            reader.wrong("prompt", "is missing; add the question (or messages)")
            return ()
        prompt = reader.text("prompt")
        return () if prompt is None else (Message("user", prompt),)
    value = raw["messages"]
    if not is_list(value) or not 1 <= len(value) <= MESSAGES_LIMIT:
        reader.wrong("messages", f"must be a list of 1 to {MESSAGES_LIMIT} turns, got {short(value)}")
        return ()
    turns = []
    for number, item in enumerate(value, start=1):
        if not isinstance(item, Mapping):
            reader.wrong(f"messages[{number}]", f"must have a role and a content, got {short(item)}")
            continue
        inner = Reader(reader.mistakes, reader.place, item, f"messages[{number}].")
        inner.only(("role", "content"))
        role = inner.text("role", required=True, limit=20)
        content = inner.text("content", required=True)
        if role is not None and role not in _ROLES:
            inner.wrong("role", f"must be system, user or assistant, got {short(role)}")
        elif role is not None and content is not None:
            turns.append(Message(_ROLES[role], content))
    if len(turns) == len(value) and turns[-1].role != "user":
        reader.wrong("messages", "must end with the user's turn; the answer to it is what we grade")
    return tuple(turns)


def _target(reader: Reader) -> tuple[str, ...]:
    value = reader.raw.get("target", [])
    items = [value] if isinstance(value, str) else value
    if not is_list(items) or not all(isinstance(item, str) for item in items):
        reader.wrong("target", f"must be text or a list of texts, got {short(value)}; put numbers in quotes")
        return ()
    found = tuple(item for item in items if isinstance(item, str))
    for item in found:
        if not item.strip() or len(item) > 10_000 or not sound(item):
            reader.wrong("target", f"{short(item)} is blank, too long or cannot be encoded; correct it")
    if len(set(found)) != len(found):
        reader.wrong("target", "has the same answer twice; keep one")
    return found


def _template(reader: Reader, probe: Probe, group: str) -> Template | None:
    """Return how a fresh probe is drawn; None when that is described wrongly."""
    before = len(reader.mistakes.lines)
    table = reader.table("draw")
    if not table:
        reader.wrong("draw", "has no variables; add some or remove it")
    variables: list[Variable] = []
    for name, rule in table.items():
        variable = _variable(reader, name, rule, {each.name for each in variables})
        if variable is not None:
            variables.append(variable)
    known = {each.name for each in variables}
    where: list[Expression] = []
    raw = reader.raw.get("where", [])
    conditions = [raw] if isinstance(raw, str) else raw
    if not is_list(conditions) or not all(isinstance(item, str) for item in conditions):
        reader.wrong("where", f'must be a condition or a list of them, such as "a != b", got {short(raw)}')
        conditions = []
    for item in conditions:
        try:
            where.append(Expression(str(item)))
        except ExpressionError as error:
            reader.wrong("where", f"{short(item)} {error}; correct it")
    try:
        used = used_names(probe)
    except ExpressionError as error:
        reader.wrong("prompt", f"a text {error}; correct it")
        return None
    for each in variables:
        used |= each.expression.names if each.expression is not None else set()
    shown_names = set(used)
    for condition in where:
        used |= condition.names
    for name in sorted(used - known - set(table)):
        reader.wrong("draw", f"{name} is used but not drawn; add it to draw")
    for name in sorted(known - shown_names):
        reader.wrong(f"draw.{name}", "is drawn but not used; remove it")
    if len(reader.mistakes.lines) > before:
        return None
    return Template(tuple(variables), tuple(where), group)


def _variable(reader: Reader, name: str, rule: JSON, earlier: set[str]) -> Variable | None:
    """Return one drawn variable, from {"int": [1, 9]}, {"choice": [...]} or {"value": "a + b"}."""
    key = f"draw.{short(name)[1:-1]}"
    if not _VARIABLE.fullmatch(name):
        reader.wrong(key, "is not a variable name; use small letters, digits and _")
        return None
    kinds = ("int", "choice", "value")
    if not isinstance(rule, Mapping) or len(rule) != 1 or next(iter(rule)) not in kinds:
        reader.wrong(key, 'must be {"int": [low, high]}, {"choice": [...]} or {"value": "expression"}')
        return None
    kind, value = next(iter(rule.items()))
    if kind == "value":
        try:
            expression = Expression(value if isinstance(value, str) else "")
        except ExpressionError as error:
            reader.wrong(f"{key}.value", f"{short(value)} {error}; correct it")
            return None
        if not expression.names <= earlier:
            late = ", ".join(sorted(expression.names - earlier))
            reader.wrong(f"{key}.value", f"needs {late}, which is not drawn before it; move it up")
            return None
        return Variable(name, "value", expression=expression)
    if not is_list(value):
        reader.wrong(f"{key}.{kind}", f"must be a list, got {short(value)}")
        return None
    if kind == "int":
        numbers = [item for item in value if isinstance(item, int) and not isinstance(item, bool)]
        if len(numbers) != len(value) or len(value) not in (2, 3) or max(map(abs, numbers)) > 10**12:
            reader.wrong(f"{key}.int", "must be [low, high] or [low, high, step], whole numbers")
            return None
        low, high, step = numbers[0], numbers[1], numbers[2] if len(numbers) == 3 else 1
        if low >= high or step < 1:
            reader.wrong(f"{key}.int", "must go from low up to a higher number, in steps of 1 or more")
            return None
        return Variable(name, "int", low=low, high=high, step=step)
    choices = [_choice(item) for item in value]
    if len(choices) < 2 or None in choices or len(set(choices)) != len(choices):
        reader.wrong(f"{key}.choice", "must be at least two different texts, numbers or lists of them")
        return None
    return Variable(name, "choice", choices=tuple(item for item in choices if item is not None))


def _choice(item: JSON) -> Value | None:
    """Return one entry of a choice list as a value; None when it cannot be one."""
    if isinstance(item, bool) or item is None:
        return None
    if isinstance(item, int):
        return item
    if isinstance(item, float):
        return Fraction(str(item))
    if isinstance(item, str):
        return item if item.strip() and sound(item) else None
    if is_list(item):
        parts = [_choice(part) for part in item]
        return None if None in parts or not parts else tuple(part for part in parts if part is not None)
    return None
