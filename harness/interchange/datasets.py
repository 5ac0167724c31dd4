"""From the rows of a dataset to samples: what is asked, what the answer is, and where it stood.

Known forms: Inspect samples (`input`, `target`, `choices`, `id`), lm-eval's `samples_*.jsonl` (`doc_id`, `arguments`,
`target`), GSM8K (`question`, `answer` with `####`), IFEval (`prompt`, `instruction_id_list`), and plain columns.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from harness.errors import UsageError
from harness.graders.base import short
from harness.interchange.instructions import Constraint, read_instructions
from harness.interchange.rows import Faults, Row, Table, usable
from harness.records import JSON

FIELDS = ("id", "input", "target", "choices", "family")
"""What a column can be mapped to."""
TEXT_LIMIT = 200_000
TARGET_LIMIT = 10_000
CHOICES_LIMIT = 26
MESSAGES_LIMIT = 100

_GUESSES: Mapping[str, tuple[str, ...]] = {
    "id": ("id", "doc_id", "task_id", "key"),
    "input": ("input", "question", "prompt", "problem"),
    "target": ("target", "answer"),
    "choices": ("choices", "options"),
    "family": ("family", "task", "subject", "category"),
}
_FINAL = re.compile(r"####[ \t]*(\S[^\n]*)")


@dataclass(frozen=True, slots=True)
class Sample:
    """One row, read: nothing is decided yet about how its answer is graded."""

    line: int
    source_id: str | None
    messages: tuple[tuple[str, str], ...]
    """Role and content of each turn, the user's last."""
    target: tuple[str, ...]
    place: int | None
    """The target as a whole number, where it was one and may be the place of a choice, from 0."""
    choices: tuple[str, ...]
    family: str
    constraints: tuple[Constraint, ...] = ()
    """What a program checks in the answer, where the row says that instead of a target."""


@dataclass(frozen=True, slots=True)
class Form:
    """How a dataset was read."""

    name: str
    mapping: Mapping[str, str]
    """Field -> column, both given and guessed."""
    instructed: bool = False
    """Whether rows carry instructions to be checked by program instead of a target."""


def parse_mapping(given: Sequence[str]) -> dict[str, str]:
    """Return the field -> column pairs of `--map` texts such as `input=question,target=answer`.

    Raises:
        UsageError: one of them is no such pair.
    """
    found: dict[str, str] = {}
    for pair in (part.strip() for text in given for part in text.split(",")):
        field, sign, column = (part.strip() for part in pair.partition("="))
        if not sign or not column:
            raise UsageError(f"--map {short(pair)}: must be FIELD=COLUMN, such as input=question")
        if field not in FIELDS:
            raise UsageError(
                f"--map {short(pair)}: there is no field {short(field)}; use {', '.join(FIELDS)}"
            )
        if found.get(field, column) != column:
            raise UsageError(f"--map {field}: given twice; keep one")
        found[field] = column
    return found


def recognise(table: Table, given: Mapping[str, str], *, targetless: bool, faults: Faults) -> Form:
    """Return the dataset's form and which column holds what; what is missing is recorded as a fault of the file.

    Args:
        table: the rows.
        given: columns named by the user, which win.
        targetless: whether the grader asked for needs no target.
        faults: where mistakes go.
    """
    fields: Mapping[str, JSON] = table.rows[0].fields if table.rows else {}
    mapping = {
        field: column for field, names in _GUESSES.items() for column in reversed(names) if column in fields
    }
    name, instructed = "columns", False
    answer = fields.get("answer")
    if "arguments" in fields and "doc_id" in fields:
        name = "lm-eval samples"
        mapping |= {"id": "doc_id", "input": "arguments"}
    elif isinstance(answer, str) and "question" in fields and "####" in answer:
        name = "GSM8K"
    elif "instruction_id_list" in fields and "prompt" in fields:
        name, instructed = "IFEval", "target" not in given and not targetless
        mapping |= {"input": "prompt"}
    elif "input" in fields and "target" in fields:
        name = "Inspect samples" if {"id", "choices", "metadata"} & set(fields) else "input and target"
    mapping |= given
    have = ", ".join(short(column)[1:-1] for column in list(fields)[:12]) or "none"
    for field, column in given.items():
        if all(value is _NOTHING for value in (_look(row.fields, column, field) for row in table.rows)):
            faults.add(
                None, f"--map {field}={short(column)[1:-1]}: no row has that column; the first has {have}"
            )
    if "input" not in mapping:
        faults.add(
            None, f"input: no column is known to hold the question; add --map input=COLUMN (it has {have})"
        )
    if instructed or targetless:
        mapping.pop("target", None)
    elif "target" not in mapping:
        faults.add(
            None,
            f"target: no column is known to hold the answer; add --map target=COLUMN (it has {have}), or "
            "--grader refusal to see only whether it is answered at all",
        )
    return Form(name, {field: mapping[field] for field in FIELDS if field in mapping}, instructed)


def samples(table: Table, form: Form, faults: Faults) -> list[Sample]:
    """Return every row that can be read as a sample; what is wrong with the others is recorded."""
    found = []
    for row in table.rows:
        before = len(faults.found)
        sample = _sample(row, form, faults)
        if len(faults.found) == before:
            found.append(sample)
    return found


class _Nothing:
    pass


_NOTHING = _Nothing()


def _look(fields: Mapping[str, JSON], column: str, field: str = "") -> JSON | _Nothing:
    """Return a column's value: by its name, as a dotted path into objects, or several columns as `a+b` for choices."""
    if column in fields:
        return fields[column]
    if field == "choices" and "+" in column:
        several = [_look(fields, part.strip()) for part in column.split("+")]
        return [None if isinstance(value, _Nothing) else value for value in several]
    value: JSON = fields
    for part in column.split("."):
        if not isinstance(value, Mapping) or part not in value:
            return _NOTHING
        value = value[part]
    return value


def look(fields: Mapping[str, JSON], column: str, otherwise: object) -> object:
    """Return a column's value, by its name or as a dotted path into objects; `otherwise` where there is none."""
    found = _look(fields, column)
    return otherwise if isinstance(found, _Nothing) else found


def _sample(row: Row, form: Form, faults: Faults) -> Sample:
    values = {field: _look(row.fields, column, field) for field, column in form.mapping.items()}

    def wrong(field: str, words: str) -> None:
        faults.add(row.line, f"{form.mapping.get(field, field)}: {words}")

    messages: tuple[tuple[str, str], ...] = ()
    continuations: tuple[str, ...] = ()
    value = values.get("input", _NOTHING)
    if _blank(value):
        wrong("input", "is missing or blank; add the question")
    else:
        prompt, continuations = (
            arguments_of(value) if form.mapping.get("input") == "arguments" else (value, ())
        )
        read = messages_of(prompt)
        if isinstance(read, str):
            wrong("input", read)
        else:
            messages = read
    choices: tuple[str, ...] = continuations
    value = values.get("choices", _NOTHING)
    if not _blank(value):
        found = _choices(value)
        if isinstance(found, str):
            wrong("choices", found)
        else:
            choices = found
    target: tuple[str, ...] = ()
    value = values.get("target", _NOTHING)
    if "target" in form.mapping:
        answer = target_of(value)
        if isinstance(answer, str):
            wrong("target", answer)
        else:
            target = answer
    place = value if isinstance(value, int) and not isinstance(value, bool) else None
    if continuations and isinstance(value, str) and value.strip().isascii() and value.strip().isdigit():
        place = int(value) if len(value) < 10 else None  # lm-eval counts its continuations from 0
    source_id, family = _scalar(values.get("id")), _scalar(values.get("family"))
    for field, text in (("id", source_id), ("family", family)):
        if text is None and not _blank(values.get(field)):
            wrong(field, f"must be text or a number, got {short(values[field])}; map another column")
    constraints: tuple[Constraint, ...] = ()
    if form.instructed:
        asked = read_instructions(row.fields.get("instruction_id_list"), row.fields.get("kwargs"))
        if isinstance(asked, str):
            wrong("instruction_id_list", asked)
        else:
            constraints = asked
    return Sample(row.line, source_id, messages, target, place, choices, family or "", constraints)


def _blank(value: object) -> bool:
    return value is None or isinstance(value, _Nothing) or (isinstance(value, str) and not value.strip())


def _scalar(value: object) -> str | None:
    """Return a text, number or truth value as text; None for anything else and for what is blank."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return str(value)
    return value.strip() or None if isinstance(value, str) else None


def arguments_of(value: object) -> tuple[object, tuple[str, ...]]:
    """Return the prompt of lm-eval's `arguments`, and the continuations compared when there are several."""
    if isinstance(value, Mapping):
        value = [
            [part.get("arg_0"), part.get("arg_1")] if isinstance(part, Mapping) else [None]
            for _, part in sorted(value.items(), key=lambda item: (len(item[0]), item[0]))
        ]
    if not isinstance(value, list) or not value or not all(isinstance(part, list) and part for part in value):
        return value, ()
    prompts, seconds = [part[0] for part in value], [part[1] for part in value if len(part) > 1]
    prompt = prompts[0]
    if isinstance(prompt, str) and prompt.startswith('[{"role"'):  # a chat template was left to the server
        try:
            prompt = json.loads(prompt)
        except (ValueError, RecursionError):
            prompt = prompts[0]
    same = all(each == prompts[0] for each in prompts)
    if (
        len(value) > 1
        and same
        and len(seconds) == len(value)
        and all(isinstance(each, str) for each in seconds)
    ):
        return prompt, tuple(str(each).strip() for each in seconds)
    return prompt, ()


def messages_of(value: object) -> tuple[tuple[str, str], ...] | str:
    """Return the turns of an input, or what is wrong with it."""
    if isinstance(value, str):
        turns = [("user", value)]
    elif isinstance(value, list) and 1 <= len(value) <= MESSAGES_LIMIT:
        turns = []
        for number, item in enumerate(value, start=1):
            role = item.get("role") if isinstance(item, Mapping) else None
            content = _content(item.get("content")) if isinstance(item, Mapping) else None
            if role not in ("system", "user", "assistant"):
                return f"message {number} has the role {short(role)}; use system, user or assistant"
            if content is None:
                return f"message {number} holds no text, or more than text; leave it out"
            turns.append((str(role), content))
        if turns[-1][0] != "user":
            return "the last message must be the user's; the answer to it is what is graded"
    else:
        return f"must be text or a list of 1 to {MESSAGES_LIMIT} messages, got {short(value)}"
    for _, content in turns:
        if not usable(content):
            return "is blank, or holds a character that cannot be sent; correct it"
        if len(content) > TEXT_LIMIT:
            return f"is {len(content):,} characters long; keep it under {TEXT_LIMIT:,}"
    return tuple(turns)


def _content(value: object) -> str | None:
    if isinstance(value, str):
        return value
    if not isinstance(value, list) or not value:
        return None
    parts = [
        part.get("text") if isinstance(part, Mapping) and part.get("type") == "text" else None
        for part in value
    ]
    return "\n".join(str(part) for part in parts) if all(isinstance(part, str) for part in parts) else None


def _choices(value: object) -> tuple[str, ...] | str:
    """Return the texts of the options, or what is wrong with them; a CSV cell may hold a JSON list."""
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            return 'must be a list such as ["one", "two"]; for several columns use --map choices=a+b+c'
    if isinstance(value, Mapping) and isinstance(
        value.get("text"), list
    ):  # ARC: {"text": [...], "label": [...]}
        value = value["text"]
    if not isinstance(value, list) or not 2 <= len(value) <= CHOICES_LIMIT:
        return f"must be a list of 2 to {CHOICES_LIMIT} options, got {short(value)}"
    found = [_scalar(item) for item in value]
    texts = tuple(item for item in found if item is not None and usable(item) and len(item) <= TARGET_LIMIT)
    return (
        texts if len(texts) == len(value) else "has an option that is blank, too long or no text; correct it"
    )


def target_of(value: object) -> tuple[str, ...] | str:
    """Return the accepted answers, or what is wrong with them."""
    if _blank(value):
        return "is missing or blank; add the right answer"
    found = []
    for item in value if isinstance(value, list) else [value]:
        text = _scalar(item)
        if text is None:
            return f"must be text, a number or a list of them, got {short(item)}"
        finals = _FINAL.findall(text) if "####" in text else []
        text = finals[-1].strip() if finals else text
        if not usable(text) or len(text) > TARGET_LIMIT:
            return f"{short(text)} is too long or cannot be encoded; correct it"
        if text not in found:
            found.append(text)
    return tuple(found) or "is an empty list; add the right answer"
