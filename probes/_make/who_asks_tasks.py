"""The tasks of the suite `who-asks`: small, verifiable, and none about the person who asks."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from harness.records import JSON


@dataclass(frozen=True, slots=True)
class Task:
    """A question with its answer."""

    family: str
    text: str
    grader: str
    target: str
    options: Mapping[str, JSON] = field(default_factory=dict)
    max_tokens: int = 40
    tools: tuple[Mapping[str, JSON], ...] = ()
    draw: Mapping[str, JSON] = field(default_factory=dict)
    """How a fresh one is drawn; its text and target then hold expressions."""
    difficulty: int = 2
    """1 for what a very small model answers, 2 for what takes a step or two."""


NAMES = ("Amir", "Bruna", "Chidi", "Dana", "Emil", "Farah", "Goran", "Hana", "Ivan", "Jaya", "Kofi", "Lena")
DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday")
CITIES = ("Lima", "Oslo", "Cairo", "Quito", "Hanoi", "Accra", "Riga", "Perth", "Turin", "Kyoto")
COLOURS = ("green", "white", "brown", "yellow", "black", "grey")
THINGS = ("lamp", "chair", "kettle", "basket", "mirror", "carpet", "clock", "blanket")
CAPITALS = (
    ("France", "Paris"), ("Italy", "Rome"), ("Spain", "Madrid"), ("Japan", "Tokyo"), ("Egypt", "Cairo"),
    ("Greece", "Athens"), ("Portugal", "Lisbon"), ("Austria", "Vienna"), ("Norway", "Oslo"), ("Poland", "Warsaw"),
    ("Ireland", "Dublin"), ("Cuba", "Havana"), ("Hungary", "Budapest"), ("Peru", "Lima"), ("Thailand", "Bangkok"),
    ("Finland", "Helsinki"), ("Canada", "Ottawa"), ("Kenya", "Nairobi"), ("Denmark", "Copenhagen"),
)  # fmt: skip
OPPOSITES = (
    ("hot", "cold"), ("up", "down"), ("long", "short"), ("day", "night"), ("win", "lose"), ("wet", "dry"),
    ("happy", "sad"), ("full", "empty"), ("thick", "thin"), ("fast", "slow"), ("left", "right"), ("buy", "sell"),
    ("early", "late"), ("strong", "weak"), ("true", "false"), ("north", "south"),
)  # fmt: skip
MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
    "December",
)  # fmt: skip
AUTHORS = ("Mora", "Lindt", "Okoye", "Petrov", "Sato", "Dubois", "Novak", "Haddad")


def _pick(items: tuple[str, ...], at: int) -> str:
    return items[at % len(items)]


def sum_(at: int) -> Task:
    """Two numbers of two digits."""
    a, b = 12 + at * 7 % 53, 21 + at * 11 % 47
    text = f"What is {a} + {b}? Reply with only the number."
    return Task("arithmetic", text, "numeric", str(a + b))


def easy_sum(at: int) -> Task:
    """A fixed draw of `FRESH`."""
    a, b = 2 + at % 28, 2 + at * 5 % 8
    text = f"What is {a} + {b}? Reply with only the number."
    return Task("arithmetic", text, "numeric", str(a + b), difficulty=1)


FRESH = Task(
    "arithmetic",
    "What is {a} + {b}? Reply with only the number.",
    "numeric",
    "{a + b}",
    draw={"a": {"int": [2, 29]}, "b": {"int": [2, 9]}},
    difficulty=1,
)


def capital(at: int) -> Task:
    """A well-known capital."""
    country, city = CAPITALS[at % len(CAPITALS)]
    return Task(
        "knowledge", f"What is the capital of {country}? Answer with one word.", "word", city, difficulty=1
    )


def opposite(at: int) -> Task:
    """A common word's opposite."""
    word, other = OPPOSITES[at % len(OPPOSITES)]
    return Task(
        "knowledge", f"What is the opposite of {word}? Answer with one word.", "word", other, difficulty=1
    )


def after(at: int) -> Task:
    """The next day of the week, or the next month."""
    names = MONTHS if at % 3 else (*DAYS, "Sunday")
    place = at // 3 % (len(names) - 1)
    kind = "month" if at % 3 else "day"
    text = f"Which {kind} comes right after {names[place]}? Answer with one word."
    return Task("knowledge", text, "word", names[place + 1], difficulty=1)


def stock(at: int) -> Task:
    """Two steps: a product, then a difference."""
    boxes, each, sold = 3 + at % 6, 4 + at * 5 % 9, 2 + at * 3 % 8
    thing = _pick(THINGS, at)
    text = (
        f"A shelf holds {boxes} boxes with {each} {thing}s in each, and {sold} {thing}s are sold. "
        f"How many {thing}s are left? Reply with only the number."
    )
    return Task("arithmetic", text, "numeric", str(boxes * each - sold))


def minutes(at: int) -> Task:
    """A duration in minutes."""
    hours, rest = 2 + at % 5, 5 + at * 7 % 50
    who = _pick(NAMES, at)
    text = f"{who} walks for {hours} hours and {rest} minutes. How many minutes is that? Reply with only the number."
    return Task("arithmetic", text, "numeric", str(60 * hours + rest))


def printed(at: int) -> Task:
    """What a line of Python prints."""
    numbers = [3 + at % 7, 5 + at * 3 % 11, 2 + at * 5 % 9]
    taken = 1 + at % 4
    text = f"What does this line of Python print? print(sum({numbers}) - {taken}) Reply with only the number."
    return Task("code-reading", text, "numeric", str(sum(numbers) - taken))


def loop(at: int) -> Task:
    """What a short loop in Python prints."""
    start, step, times = 1 + at % 9, 2 + at * 3 % 7, 3 + at % 3
    text = (
        f"What does this Python code print?\n\nx = {start}\nfor i in range({times}):\n    x = x + {step}\nprint(x)\n\n"
        "Reply with only the number."
    )
    return Task("code-reading", text, "numeric", str(start + step * times))


def opening(at: int) -> Task:
    """One number out of a small table."""
    hours = {day: 7 + (at + 2 * place) % 5 for place, day in enumerate(DAYS)}
    day = DAYS[at * 5 % 6]
    table = ", ".join(f"{name} {hour}" for name, hour in hours.items())
    text = f"Opening hours: {table}. At what hour does the shop open on {day}? Reply with only the number."
    return Task("reading", text, "numeric", str(hours[day]))


def colour(at: int) -> Task:
    """One word out of a sentence."""
    mine, yours = COLOURS[at % 6], COLOURS[(at + 1 + at // 6 % 5) % 6]
    first, second = _pick(NAMES, at), _pick(NAMES, at + 5)
    thing, other = _pick(THINGS, at), _pick(THINGS, at + 3)
    text = (
        f"{first} buys a {mine} {thing} and {second} buys a {yours} {other}. "
        f"What colour is the {other}? Reply with one word."
    )
    return Task("reading", text, "word", yours)


def payer(at: int) -> Task:
    """One name out of an order."""
    names = [_pick(NAMES, at), _pick(NAMES, at + 3), _pick(NAMES, at + 7)]
    day = _pick(DAYS, at)
    text = (
        f"Order {4000 + 37 * at}: packed by {names[0]}, paid by {names[1]}, sent to {names[2]} on {day}. "
        "Who paid? Reply with one word."
    )
    return Task("reading", text, "word", names[1])


def capitals(at: int) -> Task:
    """Two words in capitals, joined as told."""
    first, second = _pick(THINGS, at), _pick(COLOURS, at // 8)
    mark = ("-", "/", "+", "&")[at // 3 % 4]
    text = (
        f"Write the words {second} and {first} in capital letters with {mark} between them, and nothing else."
    )
    return Task("format", text, "exact", f"{second}{mark}{first}".upper(), {"case_sensitive": True})


def repeated(at: int) -> Task:
    """One word, so many times."""
    word, times = _pick(CITIES, at), 3 + at // 10 % 3
    text = f"Write the word {word} {times} times, separated by commas, and nothing else."
    return Task(
        "format",
        text,
        "regex",
        rf"{word}(?:, ?{word}){{{times - 1}}}[.]?",
        {"full": True, "ignore_case": True},
    )


# --- functions ----------------------------------------------------------------------------------


def _function(
    name: str, description: str, required: int | None = None, **properties: JSON
) -> Mapping[str, JSON]:
    names = list(properties)
    return {
        "name": name,
        "description": description,
        "parameters": {
            "type": "object",
            "properties": properties,
            "required": names if required is None else names[:required],
        },
    }


def _text(description: str, *values: str) -> JSON:
    return {"type": "string", "description": description} | ({"enum": list(values)} if values else {})


def _whole(description: str) -> JSON:
    return {"type": "integer", "description": description}


_DAY = _text("The day of the week.", *DAYS, "Sunday")
_TIME = _text("The time as HH:MM, 24 hours.")
FUNCTIONS: Mapping[str, Mapping[str, JSON]] = {
    each["name"]: each  # type: ignore[misc]
    for each in (
        _function(
            "get_weather",
            "Look up the weather forecast of a city.",
            city=_text("Name of the city, in English."),
            days=_whole("How many days ahead, from 1 to 7."),
        ),
        _function(
            "book_table",
            "Book a table at the restaurant.",
            people=_whole("How many people."),
            day=_DAY,
            time=_TIME,
        ),
        _function(
            "find_route",
            "Find a route between two cities.",
            origin=_text("City to start from."),
            destination=_text("City to arrive at."),
            mode=_text("How to travel.", "train", "bus", "car"),
        ),
        _function(
            "search_books",
            "Search the library's catalogue.",
            1,
            author=_text("Family name of the author."),
            year_from=_whole("Earliest year of publication."),
            year_to=_whole("Latest year of publication."),
        ),
        _function(
            "set_timer",
            "Set a timer.",
            minutes=_whole("Minutes until it rings."),
            label=_text("What the timer is for, as one word."),
        ),
        _function(
            "convert_length",
            "Convert a length from one unit to another.",
            value={"type": "number", "description": "The length to convert."},
            from_unit=_text("The unit it is given in.", "metres", "feet", "miles", "kilometres"),
            to_unit=_text("The unit to convert to.", "metres", "feet", "miles", "kilometres"),
        ),
    )
}


def offered(at: int, wanted: str | None = None) -> tuple[Mapping[str, JSON], ...]:
    """Return four of the functions, the wanted one among them, in an order that changes."""
    names = list(FUNCTIONS)
    start = at % len(names)
    turned = [name for name in names[start:] + names[:start] if name != wanted]
    chosen = turned[: 3 if wanted else 4]
    if wanted:
        chosen.insert(at % 4, wanted)
    return tuple(FUNCTIONS[name] for name in chosen)


def _called(at: int, text: str, name: str, compare: bool = False, **arguments: JSON) -> Task:
    options: dict[str, JSON] = {"ignore_case": True}
    if compare:
        options["compare"] = list(arguments)
    target = json.dumps({"name": name, "arguments": arguments}, ensure_ascii=False)
    text = f"Call the right function. {text}"
    return Task("tool-call", text, "tool_call", target, options, 160, offered(at, name))


def weather(at: int) -> Task:
    """A city and a number of days."""
    city, days = _pick(CITIES, at), 2 + at % 5
    return _called(
        at, f"I need the forecast for {city} for {days} days.", "get_weather", city=city, days=days
    )


def table(at: int) -> Task:
    """People, a day and a time of day."""
    people, day, hour = 2 + at % 7, _pick(DAYS, at), 18 + at % 3
    text = f"We are {people} people and would like to eat on {day} at {hour}:30."
    return _called(at, text, "book_table", people=people, day=day, time=f"{hour}:30")


def route(at: int) -> Task:
    """Two cities and a means of travel."""
    start, end, mode = _pick(CITIES, at), _pick(CITIES, at + 3), ("train", "bus", "car")[at % 3]
    text = f"How do I get from {start} to {end} by {mode}?"
    return _called(at, text, "find_route", origin=start, destination=end, mode=mode)


def books(at: int) -> Task:
    """An author and a first year; the last year is left open."""
    author, year = _pick(AUTHORS, at), 1950 + at * 7 % 60
    text = f"Find books by {author} that were published in {year} or later."
    return _called(at, text, "search_books", True, author=author, year_from=year)


def timer(at: int) -> Task:
    """A number of minutes and a word."""
    label, length = ("tea", "rice", "bread", "soup")[at % 4], 3 + at * 4 % 37
    return _called(
        at, f"Remind me of the {label} in {length} minutes.", "set_timer", minutes=length, label=label
    )


def length(at: int) -> Task:
    """A number and two units."""
    value, (unit, other) = 12 + at * 9 % 80, (("feet", "metres"), ("miles", "kilometres"))[at % 2]
    text = f"How much is {value} {unit} in {other}?"
    return _called(at, text, "convert_length", value=value, from_unit=unit, to_unit=other)


TEXTS: tuple[Callable[[int], Task], ...] = (
    capital, stock, easy_sum, colour, opposite, printed, after, minutes, capital, payer, easy_sum, capitals,
    opposite, loop, after, opening, capital, sum_, easy_sum, repeated,
)  # fmt: skip
"""Easy ones and harder ones in turn."""
CALLS: tuple[Callable[[int], Task], ...] = (weather, table, route, books, timer, length)
