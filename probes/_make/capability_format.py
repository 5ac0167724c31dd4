"""The family `format-constraints`: forms that a program checks, from one word to eight rules at once."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from probes._make.capability_tasks import NAMES, Dice, Rule, Task, choice, pool, whole

_WORDS = (
    "lantern",
    "orchard",
    "pebble",
    "saddle",
    "meadow",
    "violin",
    "walnut",
    "feather",
    "harbour",
    "marble",
)
_PLAIN = ("window", "bridge", "garden", "kitchen", "market", "winter", "train", "forest", "river", "school")
_TOPICS = ("a rainy day", "an old boat", "a school trip", "a busy kitchen", "a quiet street", "a night train")
_GROUPS = ("fruits", "colours", "animals", "vegetables", "sports", "tools")
_TEAMS = ("Alba", "Brin", "Corvo", "Delos", "Marn", "Norr", "Ostra", "Pell")
_TOWNS = ("Oslo", "Lima", "Porto", "Kyoto", "Quito", "Turin")
# Words without the letter e, for texts that must not have one.
_NO_E = ("window", "boat", "goat", "button", "cousin", "yard", "piano", "rabbit", "salt", "wagon")
_NO_E_A = ("fog", "frog", "cork", "moon", "shop", "log", "fish", "owl", "king", "ox")


def _rules(*rules: Mapping[str, Any]) -> dict[str, Any]:
    return {"constraints": list(rules)}


def _rule(kind: str, **values: Any) -> dict[str, Any]:
    return {"kind": kind, **values}


def _object(**kinds: str) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": {name: {"type": kind} for name, kind in kinds.items()},
        "required": list(kinds),
        "additionalProperties": False,
    }


def _task(rung: int, name: str, text: str, grader: str, **rest: Any) -> Task:
    fields = {
        key: rest.pop(key) for key in ("target", "options", "example", "where", "witness") if key in rest
    }
    draw: dict[str, Rule] = rest
    return Task("format-constraints", rung, name, text, draw, grader, **fields)


def format_constraints() -> Iterator[Task]:
    """Yield the forms."""
    yield from _easy()
    yield from _middle()
    yield from _documents()
    yield from _hard()


def _easy() -> Iterator[Task]:
    yield _task(
        1, "repeat", "Repeat this word and write nothing else: {w}", "exact", target="{w}",
        example=("Repeat this word and write nothing else: copper", "copper"), w=choice(*_WORDS),
    )  # fmt: skip
    yield _task(
        1, "capitals", 'Write the word "{w}" in capital letters and nothing else.', "exact", target="{upper(w)}",
        options={"case_sensitive": True},
        example=('Write the word "stone" in capital letters and nothing else.', "STONE"), w=choice(*_PLAIN),
    )  # fmt: skip
    yield _task(
        1, "short", "Name one of the {group}. Use one word only.", "constraints",
        options=_rules(_rule("words", at_most=2), _rule("characters", at_most=30)),
        example=("Name one of the planets. Use one word only.", "Mars"), witness="Apple",
        group=choice(*_GROUPS, "rivers", "countries", "flowers", "trees"),
    )  # fmt: skip
    yield _task(
        2, "bullets", "Write a list of exactly three {group}. Begin each line with a hyphen and write nothing else.",
        "constraints", options=_rules(_rule("bullets", exactly=3), _rule("lines", exactly=3)),
        witness="- one\n- two\n- three",
        example=(
            "Write a list of exactly three planets. Begin each line with a hyphen and write nothing else.",
            "- Mars\n- Venus\n- Saturn",
        ),
        group=choice(*_GROUPS),
    )  # fmt: skip
    yield _task(
        2, "thrice", "Write the word {w} three times in one line, with one space between. Write nothing else.", "exact",
        target="{w} {w} {w}", options={"case_sensitive": True},
        example=(
            "Write the word stone three times in one line, with one space between. Write nothing else.",
            "stone stone stone",
        ),
        w=choice(*_PLAIN),
    )  # fmt: skip
    yield _task(
        2, "sentence", 'Write one short sentence with the word "{w}". Use at most 12 words.', "constraints",
        options=_rules(
            _rule("sentences", exactly=1), _rule("words", at_least=3, at_most=12), _rule("include", texts=["{w}"])
        ),
        witness="We saw the {w} again today.", w=choice(*_PLAIN),
    )  # fmt: skip


def _middle() -> Iterator[Task]:
    yield _task(
        3, "quiet", "Write exactly two sentences about {topic}, all in small letters. Do not use any commas.",
        "constraints",
        options=_rules(_rule("sentences", exactly=2), _rule("lower_case"), _rule("no_commas"), _rule("words",
        at_least=6)),
        witness="it was long ago. we still talk about it.", topic=choice(*_TOPICS),
    )  # fmt: skip
    yield _task(
        3, "lines", 'Write three lines about {topic}. The last line must end with the word "{w}" and nothing after it. '
        "Write no other text.", "constraints",
        options=_rules(_rule("lines", exactly=3), _rule("ends_with", text="{w}")),
        witness="We were there\nIt was fine\nThen came the {w}", topic=choice(*_TOPICS), w=choice(*_PLAIN),
    )  # fmt: skip
    yield _task(
        4, "exact", 'Write one sentence of exactly 14 words about {topic}. It must contain the words "{w}" and "{v}" '
        "and no commas.", "constraints",
        options=_rules(
            _rule("words", exactly=14), _rule("sentences", exactly=1), _rule("include", texts=["{w}", "{v}"]),
            _rule("no_commas"),
        ),
        witness="That day we took a {w} and one {v} home before it got dark.",
        topic=choice(*_TOPICS), w=choice(*_WORDS), v=choice(*_PLAIN),
    )  # fmt: skip
    yield _task(
        4, "list", 'Write a title in double angular brackets, such as <<this>>, about {topic}. Under it write exactly '
        'four lines that begin with a hyphen. Use small letters only, do not use the word "the", and use the word '
        '"{w}" exactly twice in the whole answer.', "constraints",
        options=_rules(
            _rule("title"), _rule("bullets", exactly=4), _rule("lower_case"), _rule("exclude", texts=["the"]),
            _rule("word", text="{w}", exactly=2),
        ),
        witness="<<a day>>\n- one {w}\n- two birds\n- my {w}\n- a long walk", topic=choice(*_TOPICS), w=choice(*_PLAIN),
    )  # fmt: skip
    yield _task(
        5, "paragraphs", 'Write two paragraphs about {topic}, with an empty line between them and exactly 44 '
            'words in all. '
        'The second paragraph must begin with the word "{w}". Exactly three words in the whole answer are written '
        'all in '
        'capitals (so use neither "I" nor "A" as a word of its own beside these). Use no commas, and end with the '
        'words '
        '"so it goes" and a period.', "constraints",
        options=_rules(
            _rule("paragraphs", exactly=2), _rule("words", exactly=44), _rule("paragraph_starts", paragraph=2,
            text="{w}"),
            _rule("capital_words", exactly=3), _rule("no_commas"), _rule("ends_with", text="so it goes."),
        ),
        witness="We were there once more and it was VERY quiet. Nobody said much and the light went out again at "
            "SEVEN.\n\n"
        "{w} is one of those words that stay with you. They came back to us LATER and we "
        "laughed and so it goes.", topic=choice(*_TOPICS), w=choice("Later", "Winter", "Silence", "Bread",
        "Music", "Water"),
    )  # fmt: skip


def _documents() -> Iterator[Task]:
    """Yield what must be written as JSON, equal to what the facts give."""
    yield _task(
        3, "json", "{who} lives in {town} and is {a} years old. Write this as a JSON object with the keys name, "
            "town and "
        "age, and write nothing else.", "json_schema",
        target='{{"name": "{who}", "town": "{town}", "age": {a}}}',
        options={"schema": _object(name="string", town="string", age="integer")},
        who=choice(*NAMES), town=choice(*_TOWNS), a=whole(7, 79),
    )  # fmt: skip
    yield _task(
        4, "json", "{who} is {a} years old, {other} is {b} years older than {who}, and {third} is {c} years "
            "younger than "
        "{other}. Write a JSON list of objects with the keys name and age, the oldest person first, and nothing else.",
        "json_schema",
        target='[{{"name": "{other}", "age": {a + b}}}, {{"name": "{third}", "age": {a + b - c}}}, '
        '{{"name": "{who}", "age": {a}}}]',
        where=("c < b",), options={"schema": {"type": "array", "items": _object(name="string", age="integer")}},
        who=choice(*NAMES[:8]), other=choice(*NAMES[8:16]), third=choice(*NAMES[16:]), a=whole(9, 39), b=whole(6, 29),
        c=whole(2, 25),
    )  # fmt: skip
    bill = {
        "type": "object",
        "properties": {
            "customer": {"type": "string"},
            "lines": {"type": "array", "items": _object(item="string", count="integer", cents="integer")},
            "total_cents": {"type": "integer"},
        },
        "required": ["customer", "lines", "total_cents"],
        "additionalProperties": False,
    }
    yield _task(
        5, "json", "{who} buys {a} lamps at {p} cents each, {b} ropes at {q} cents each and {c} jars at {r} cents "
            "each. If "
        "ten things or more are bought of a kind, each of that kind costs 10 cents less. Write the bill as JSON "
        "and nothing "
        "else: an object with customer (in capital letters), lines (a list of objects with item in the singular, "
        "count and "
        "cents, where cents is the price of the whole line, sorted by item from a to z) and total_cents.",
        "json_schema",
        target='{{"customer": "{upper(who)}", "lines": [{{"item": "jar", "count": {c}, "cents": {c * (r - 10 if c '
            '>= 10 else r)}}}, '
        '{{"item": "lamp", "count": {a}, "cents": {a * (p - 10 if a >= 10 else p)}}}, '
        '{{"item": "rope", "count": {b}, "cents": {b * (q - 10 if b >= 10 else q)}}}], "total_cents": '
        "{c * (r - 10 if c >= 10 else r) + a * (p - 10 if a >= 10 else p) + b * (q - 10 if b >= 10 else q)}}}",
        options={"schema": bill}, who=choice(*NAMES), a=whole(3, 16), b=whole(7, 18), c=whole(4, 14),
        p=whole(245, 895, 5),
        q=whole(115, 485, 5), r=whole(95, 365, 5),
    )  # fmt: skip
    plan = {
        "type": "array",
        "items": _object(day="integer", team="string", points="integer", reversed="string"),
    }
    yield _task(
        6, "json", "{case[0]} Write as JSON and nothing else a list with one object per team and day, eight in "
            "all, with the "
        "keys day, team, points and reversed. The key points holds the sum of all points of that team up to and "
        "including "
        "that day, as a number. The key reversed holds those same points as a text with its digits in reverse "
        "order, filled "
        "up at its end with zeros to four characters. Sort the list by day from 4 to 1, and within a day by team "
        "name from "
        "a to z.", "json_schema",
        target="{case[1]}", options={"schema": plan}, case=pool("format-6-json", _season),
    )  # fmt: skip


def _season(dice: Dice) -> tuple[str, str]:
    """Return what two teams score and the list of their sums."""
    one, two = sorted(dice.some(_TEAMS, 2))
    a, b, c, d = dice.between(13, 48), dice.between(14, 57), dice.between(3, 19), dice.between(2, 11)
    scored = {one: [a], two: [b]}
    for _ in range(3):
        scored[two].append(scored[one][-1] + d)
        scored[one].append(scored[one][-1] + c)
    rows = []
    for day in (4, 3, 2, 1):
        for team in (one, two):
            points = sum(scored[team][:day])
            rows.append(
                {"day": day, "team": team, "points": points, "reversed": str(points)[::-1].ljust(4, "0")}
            )
    return (
        f"Teams {one} and {two} play on days 1 to 4. On day 1 {one} scores {a} and {two} scores {b}. On each later day "
        f"{one} scores {c} more than it did on the day before, and {two} scores as many as {one} did on the day "
        f"before, "
        f"plus {d}.",
        json.dumps(rows),
    )


def _hard() -> Iterator[Task]:
    yield _task(
        5, "lipogram", 'Write exactly three sentences about {topic} in which the letter "e" never occurs. Use the '
            'word "{w}" '
        "exactly twice, write at least 18 and at most 30 words, and use no commas.", "constraints",
        options=_rules(
            _rule("sentences", exactly=3), _rule("letter", text="e", exactly=0), _rule("word", text="{w}", exactly=2),
            _rule("words", at_least=18, at_most=30), _rule("no_commas"),
        ),
        witness="A {w} stood in my dark room. Nobody saw that it was old and full of dust. I took that {w} to our "
            "moor.",
        topic=choice(*_TOPICS), w=choice(*_NO_E),
    )  # fmt: skip
    yield _task(
        6, "stack", 'Write a text about {topic} in four lines of one sentence each, with exactly 48 words in all '
            'and no empty '
        'lines. Begin the answer with "Once" and end it with "{w}!". Use the word "{w}" exactly three times and '
        'the word '
        '"{v}" exactly twice. Do not use the words "the", "and", "was", "a" or "is" anywhere, and no commas. The '
        'letter "z" '
        "must occur exactly four times, and no word may be written all in capitals.", "constraints",
        options=_rules(
            _rule("lines", exactly=4), _rule("sentences", exactly=4), _rule("words", exactly=48),
            _rule("starts_with", text="Once"), _rule("ends_with", text="{w}!"), _rule("word", text="{w}", exactly=3),
            _rule("word", text="{v}", exactly=2), _rule("exclude", texts=["the", "and", "was", "a", "is"]),
            _rule("no_commas"), _rule("letter", text="z", exactly=4), _rule("capital_words", exactly=0),
        ),
        witness="Once our lazy {w} stood near one old {v} with birds.\n"
        "Some crazy people came every morning to look at that {w} closely.\n"
        "They wore fuzzy coats but slept under every tree until rain fell.\n"
        "Nobody ever knew why this {v} had been so close to that {w}!",
        topic=choice(*_TOPICS), w=choice(*_PLAIN), v=choice("violin", "walnut", "saddle", "pebble", "lantern",
        "orchard"),
    )  # fmt: skip
    yield _task(
        6, "two-letters", 'Write exactly four sentences and exactly 32 words about {topic}, in two lines of two '
            'sentences each, '
        'without using the letter "e" or the letter "a" anywhere. Use the words "{w}" and "{v}" twice each, write no '
        'capitals at all and no commas, and end with the word "{v}" followed by a question mark.', "constraints",
        options=_rules(
            _rule("sentences", exactly=4), _rule("words", exactly=32), _rule("lines", exactly=2),
            _rule("letter", text="e", exactly=0), _rule("letter", text="a", exactly=0),
            _rule("word", text="{w}", exactly=2), _rule("word", text="{v}", exactly=2), _rule("lower_case"),
            _rule("no_commas"), _rule("ends_with", text="{v}?"),
        ),
        witness="this {w} of ours is old. nobody took it to {v} or to church.\n"
        "if you look for it you will find this {w}. do you not wish for our own {v}?",
        topic=choice(*_TOPICS), w=choice(*_NO_E_A[:5]), v=choice(*_NO_E_A[5:]),
    )  # fmt: skip
