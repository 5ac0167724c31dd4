"""Targets of the capability suite, found a second time from the text that is sent and in another way than they were made."""

from __future__ import annotations

import io
import itertools
import math
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta, timezone

import numpy as np
import pandas as pd
import pytest

from harness.graders import grade
from harness.records import Probe
from harness.suites import load_suite
from probes._make import capability as make
from probes._make.writing import FOLDER

SUITE = load_suite(FOLDER / make.NAME)
DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
    "December",
)  # fmt: skip
DATE = re.compile(rf"(\d+) ({'|'.join(MONTHS)})(?: (\d{{4}}))?")


def probes(family: str) -> Iterator[tuple[str, str, Probe]]:
    """Yield rung and name of the template, the question, and the probe: anchors and the fresh ones of two runs."""
    for seed in range(2):
        for probe in SUITE.for_run(seed).probes:
            if probe.family == family and (probe.fresh or seed == 0):
                name = str(probe.template).removeprefix(f"{family}-")
                yield name, probe.messages[-1].content, probe


def numbers(text: str) -> list[int]:
    return [int(found) for found in re.findall(r"\d+", text)]


def ceil_div(a: int, b: int) -> int:
    return math.ceil(a / b)


def test_sums_are_what_python_makes_of_their_text() -> None:
    """The formula in the text, or the words for it, gives the target."""
    for name, text, probe in probes("arithmetic"):
        found = numbers(text)
        formula = re.search(r"(?:What is|Calculate) ([\d +\-x()]+)[?.]", text)
        if formula and "remainder" not in text:
            value = eval(formula.group(1).replace("x", "*"))  # noqa: S307 - digits and signs alone
        else:
            value = {
                "1-add": lambda n: sum(n), "2-half": lambda n: n[0] / 2, "3-quotient": lambda n: n[0] / n[1],
                "4-product": math.prod, "4-percent": lambda n: n[1] / 100 * n[0],
                "5-remainder": lambda n: divmod(n[0] * n[1], n[2])[1], "6-product": math.prod,
                "6-power": lambda n: int(str(n[0] ** n[1])) - n[0] ** n[1] // n[2] * n[2],
            }[name](found)  # fmt: skip
        assert float(probe.target[0]) == pytest.approx(value, abs=1e-9), text


def fund(n: int, a: int, p: int, u: int, n2: int, b: int, s: int, q: int, f: int, g: int, y: int) -> int:
    assert n == n2
    assert g > 0
    stay = n - u
    money = a * (1 + p / 100) * stay
    money += sum(b / 2 if place < s else b for place in range(stay))
    money -= money * q / 100
    return math.floor((money - f - 12 * y) / stay + 1e-9)


def ferry(*told: int) -> int:
    n, c, d, j, w, x, e, f, litres, p, k, g, h, _length = told
    left = 0.0
    for day in range(w):
        full = day < j
        cars, bicycles = (c, d) if full else (c - x, d / 2)
        left += 0.9 * n * (cars * e + bicycles * f) - n * litres * p - k * g - 2 * g
        left -= (k + 1) * h if full else 0
    return round(left)


def factory(*told: int) -> int:
    m, h, r, d, p, k, c, e, _grams, t, cost = told
    lids = sum(m * rate for rate in (r, r - d) for _ in range(h))
    bad = lids * p / 100
    crates = math.floor(math.floor((lids - bad * 3 / 4) / k) / c)
    return crates * e - t * cost


def orchard(a: int, b: int, p: int, y: int, x: int, c: int, k: int, e: int) -> float:
    pears = a * b * p / 100
    return (pears * y + (a * b - pears) * x - c * k) * e


def mill(
    m: int, x: int, f: int, y: int, d: int, q: int, r: int, k: int, z: int, e: int, o: int, v: int
) -> float:
    assert z > 0
    rolls = sum(m * x + (m - f) * y for _ in range(d))
    chests = math.floor((rolls - rolls * q / 100 - r) / k + 1e-9)
    return chests * e - o * m * d - v


def trip(n: int, s: int, k: int, p: int, c: int, e: int, t: int) -> int:
    return n * s * p - ceil_div(n * (s + k), c) * e - n * k * t


STORIES: dict[str, Callable[..., float]] = {
    "1-gain": lambda a, b: a + b,
    "1-loss": lambda a, b: a - b,
    "1-together": lambda a, b: a + b,
    "2-shelves": lambda a, b: a * b,
    "2-share": lambda n, b: n / b,
    "2-age": lambda a, b: a + b,
    "3-change": lambda a, p, n: n - p * a,
    "3-bus": lambda a, b, c: a - b + c,
    "3-hall": lambda r, s, b: r * s - b,
    "4-bakery": lambda a, b, c: (a * b - c) / 2,
    "4-savings": lambda w, f, t, n, b: n * (w - f - t) - b,
    "4-tank": lambda i, o, m, k: i * m - o * (m + k),
    "5-orchard": orchard,
    "5-lorry": lambda g, v, z, h, w, l, _100, e, t, n: ((g * v + h * w) / 100 * l * e + t) / (n + 1) + 0 * z,  # noqa: E741
    "5-library": lambda a, b, c, d, e, f, g: a * b - c + d * e - g * f,
    "6-factory": factory,
    "6-fund": fund,
    "6-ferry": ferry,
    # in five languages
    "1-sum": lambda a, b: a + b,
    "2-product": lambda a, b: a * b,
    "5-trip": trip,
    "5-clock": lambda h, m, g, l, n, w, z: 24 * 60 - (60 * h + m) + 60 * g + l - n * w - z,  # noqa: E741
    "6-mill": mill,
    "6-remainder": lambda a, b, c, d, e, m, f, g: math.fmod((a * b + c * d) * e, m) * f - g,
}


@pytest.mark.parametrize("family", ["word-problems", "multilingual"])
def test_stories_come_out_as_told(family: str) -> None:
    """The numbers in the order of the text, worked through step by step, give the target."""
    asked = set()
    for name, text, probe in probes(family):
        asked.add(name)
        story = text.replace("1–4", "")
        if (name, family) == ("3-change", "multilingual") and probe.language == "fr":
            story = story.replace("euros pièce", "euros")
        assert float(probe.target[0]) == pytest.approx(STORIES[name](*numbers(story))), text
    assert len(asked) == (18 if family == "word-problems" else 12)


def held(text: str) -> str:
    """Return who has what is asked for, following the story word for word."""
    has = {thing: name for name, thing in re.findall(r"([A-Z]\w+) has the (\w+)\.", text)}

    def swap(a: str, b: str) -> None:
        for thing, name in list(has.items()):
            has[thing] = b if name == a else a if name == b else name

    def thing_of(name: str) -> str:
        return next(thing for thing, owner in has.items() if owner == name)

    for sentence in re.split(r"(?<=[.?]) ", text):
        words = re.findall(r"\w+", sentence)
        if sentence.startswith("If "):
            a, thing, b, c = words[1], words[4], words[5], words[7]
            swap(*((b, c) if thing_of(a) == thing else (a, b)))
        elif sentence.startswith("Whoever"):
            swap(has[words[3]], has[words[9]])
        elif "hands over" in sentence:
            a, b, c = words[0], words[4], words[7]
            ours, theirs, others = thing_of(a), thing_of(b), thing_of(c)
            has[ours], has[theirs], has[others] = b, c, a
        elif "swap" in sentence:
            swap(words[0], words[2])
        elif " gives the " in sentence:
            has[words[3]] = words[5]
    asked = re.search(r"Who has the (\w+)", text)
    assert asked
    return has[asked.group(1)]


def in_order(text: str) -> str:
    """Return who stands at the place asked for, by counting how many each is above, directly or over others."""
    above = set()
    for a, how, b in re.findall(r"(\w+) is (\w+) than (\w+)\.", text):
        above.add((a, b) if how in ("taller", "older", "faster", "heavier") else (b, a))
    for _ in range(12):
        above |= {(a, d) for (a, b), (c, d) in itertools.product(above, above) if b == c}
    people = {name for pair in above for name in pair}
    ranked = sorted(people, key=lambda name: -sum(a == name for a, _ in above))
    places = (
        "first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth", "eleventh"
    )  # fmt: skip
    asked = re.search(r"Who is the (\w+) \w+\?", text)
    return ranked[places.index(asked.group(1)) if asked else 0]


def truthful(text: str) -> set[int]:
    """Return the numbers of truthful people that fit what all say."""
    said = re.findall(r'(\w+) says: "([^"]+)\."', text)
    names = [name for name, _ in said]
    fits = set()
    for mask in range(1 << len(names)):
        true = {name: bool(mask >> place & 1) for place, name in enumerate(names)}
        liars = len(names) - sum(true.values())

        def holds(speaker: str, claim: str, true: dict[str, bool] = true, liars: int = liars) -> bool:
            who = [true[word] for word in re.findall(r"\w+", claim) if word in true]
            if claim.startswith("Exactly"):
                return liars == int(claim.split()[1])
            if claim.startswith("If"):
                return who != [True, True]
            if claim.startswith("Of"):
                return any(who)
            if "of the same kind" in claim:
                return who[0] == who[1]
            return who[0] is not true[speaker] if "different" in claim else not who[0]

        if all(true[name] == holds(name, claim) for name, claim in said):
            fits.add(sum(true.values()))
    return fits


def seated(text: str) -> set[str]:
    """Return who may sit in the seat asked for."""
    names = re.findall(r"\w+", text.split(" people, ")[1].split(", sit")[0])
    asked = re.search(r"Who sits in seat (\d)", text)
    assert asked
    found = set()
    clues = re.split(r"(?<=\.) ", text.partition("left. ")[2].partition(" Who sits")[0])
    for row in itertools.permutations(names):

        def holds(clue: str, row: tuple[str, ...] = row) -> bool:
            at = [row.index(word) + 1 for word in re.findall(r"\w+", clue) if word in row]
            if "do not sit" in clue:
                return abs(at[0] - at[1]) != 1
            if clue.startswith("Between"):
                return abs(at[0] - at[1]) - 1 == numbers(clue)[0]
            if "somewhere" in clue:
                return at[0] < at[1] if "left" in clue else at[0] > at[1]
            if "closer" in clue:
                return abs(at[0] - at[1]) < abs(at[0] - at[2])
            return at[0] % 2 == ("odd" in clue)

        if all(holds(clue) for clue in clues):
            found.add(row[int(asked.group(1)) - 1])
    return found


def test_deductions_hold() -> None:
    """Orders by transitive closure, liars and seats by trying all, swaps by following the story."""
    for name, text, probe in probes("logic"):
        kind = name.partition("-")[2]
        if kind == "order" and not name.startswith("1-"):
            assert in_order(text) == probe.target[0], text
        elif kind in ("swaps", "gifts"):
            assert held(text) == probe.target[0], text
        elif kind == "liars" and not name.startswith("2-"):
            assert truthful(text) == {int(probe.target[0])}, text
        elif kind == "seats":
            assert seated(text) == {probe.target[0]}, text


def julian(day: int, month: int, year: int) -> int:
    """Return the Julian day number (Fliegel and Van Flandern, 1968): weekdays without Python's calendar."""
    a = (14 - month) // 12
    y, m = year + 4800 - a, month + 12 * a - 3
    return day + (153 * m + 2) // 5 + 365 * y + y // 4 - y // 100 + y // 400 - 32045


def dates(text: str) -> list[tuple[int, int, int]]:
    found = [(int(d), MONTHS.index(m) + 1, int(y or 0)) for d, m, y in DATE.findall(text)]
    return [(d, m, y or found[0][2]) for d, m, y in found]


def test_days_and_times_come_out_as_counted_otherwise() -> None:
    """Weekdays by Julian day numbers, journeys with aware times, working days with numpy."""
    for name, text, probe in probes("dates-and-units"):
        target, found = probe.target[0], dates(text)
        if name == "1-weekday" and "tomorrow" in text:
            assert target == DAYS[(DAYS.index(text.split()[2].strip(".")) + 1) % 7]
        elif name in ("1-weekday", "2-weekday", "3-weekday"):
            assert target == DAYS[(DAYS.index(text.split()[2].strip(".")) + numbers(text)[0]) % 7]
        elif name in ("4-weekday", "5-weekday"):
            assert target == DAYS[julian(*found[1]) % 7]
            assert f"a {DAYS[julian(*found[0]) % 7]}." in text
        elif name == "6-weekday":
            asked = re.search(r"their (\d+)th on a (\w+)\?|a (\w+) fall on day (\d+) of", text)
            assert asked
            number, day = asked.group(1) or asked.group(4), asked.group(2) or asked.group(3)
            first, last = julian(*found[0]), julian(*found[1])
            months = itertools.product(range(found[0][2], found[1][2] + 1), range(1, 13))
            falls = [
                julian(int(number), month, year)
                for year, month in months
                if not (month == 2 and int(number) > 28 and (int(number) > 29 or year % 4 or not year % 100))
            ]
            assert int(target) == sum(first <= each <= last and DAYS[each % 7] == day for each in falls), text
        elif name == "3-clock":
            a, b, c, d = numbers(text)[:4]
            assert int(target) == (c - a) * 60 + d - b
        elif name == "4-clock":
            a, b, hours, minutes, late = numbers(text)[:5]
            total = a * 60 + b + hours * 60 + minutes + late
            assert target == f"^0?{total // 60 % 24}:{total % 60:02}$"
        elif name.endswith("clock") and name[0] in "56":
            assert target == f"^0?{arrival(text)}$", text
        elif name == "6-working-days":
            off = [f"{y}-{m:02}-{d:02}" for d, m, y in found[1:-2]]
            closed = [f"{found[-1][2]}-08-{day}" for day in range(20, 32)]
            closed += [f"{found[0][2]}-08-{day}" for day in range(20, 32)]
            first, last = (f"{y}-{m:02}-{d:02}" for d, m, y in (found[0], found[-1]))
            after = np.datetime64(last) + 1
            assert int(target) == np.busday_count(first, after, holidays=[*off, *closed]), text
        elif name == "5-units":
            a, b, c, d, e, f, g, h = numbers(text)
            assert int(target) == c * a * b + d * b + e - f * g * b - f * h
        elif name == "4-units":
            a, b, c, h = numbers(text)
            assert float(target) == pytest.approx(a * 60 * h / b * c)


def arrival(text: str) -> str:
    zones = {}
    for town, hours, minutes in re.findall(r"(\w+) is at UTC([+-]\d+)(?::(\d+))?", text):
        sign = -1 if hours.startswith("-") else 1
        zones[town] = timezone(timedelta(minutes=sign * (abs(int(hours)) * 60 + int(minutes or 0))))
    start = re.search(r"leaves (\w+) on (\d+) (\w+) (\d+) at (\d+):(\d+)", text)
    assert start
    town, day, month, year, hour, minute = start.groups()
    now = datetime(
        int(year), MONTHS.index(month) + 1, int(day), int(hour), int(minute), tzinfo=zones[town]
    ).astimezone(UTC)
    for hours, minutes in re.findall(r"after (\d+) hours and (\d+) minutes", text):
        now += timedelta(hours=int(hours), minutes=int(minutes))
    now += timedelta(minutes=sum(int(stay) for stay in re.findall(r"flies on (\d+) minutes", text)))
    last = re.search(r"on arrival in (\w+)\?", text)
    assert last
    return now.astimezone(zones[last.group(1)]).strftime("%Y-%m-%d %H:%M")


def frame(text: str) -> pd.DataFrame:
    """Return the table in a question, its columns named key, group, first, second, or key and first."""
    lines = text.split("\n\n")[0].split("\n")
    if lines[0].startswith("|"):
        lines = [
            ",".join(cell.strip() for cell in line.strip("|").split("|")) for line in (lines[0], *lines[2:])
        ]
    elif ": " in lines[0]:
        lines = ["key", *(re.sub(r"(?::|,) \w+ ", ",", line) for line in lines)]
        lines[0] = ",".join("abcd"[: lines[1].count(",") + 1])
    read = pd.read_csv(io.StringIO("\n".join(lines)))
    read.columns = ["key", "group", "first", "second"] if len(read.columns) == 4 else ["key", "first"]
    return read


def test_tables_say_what_pandas_reads_in_them() -> None:
    """Each question, asked of a data frame read from the text, has the target as answer."""
    for name, text, probe in probes("table-lookup"):
        table, question = frame(text), text.split("\n\n")[-1]
        target = probe.target[0]
        if name[0] in "12":
            key = next(key for key in table["key"] if re.search(rf"\b{key}\b", question))
            assert int(target) == table.set_index("key")["first"][key]
        elif name[0] == "3":
            column = table.set_index("key")["first"]
            assert target == (column.idxmin() if re.search("lowest|fewest", question) else column.idxmax())
        elif name[0] in "45":
            group = next(group for group in table["group"] if re.search(rf"\b{group}\b", question))
            chosen = table[table["group"] == group]
            if name[0] == "4":
                assert int(target) == chosen["first"].sum()
            else:
                chosen = chosen[chosen["first"] > numbers(question)[0]]
                assert int(target) == (chosen["first"] * chosen["second"]).sum()
        else:
            rates = {group: int(rate) for group, rate in re.findall(r"\w+ (\w+): (\d+)$", text, re.MULTILINE)}
            values = (table["first"] - table["group"].map(rates)) * table["second"]
            totals = values.groupby(table["group"]).sum()
            assert int(target) == totals.max() - totals.min(), text


def test_programs_print_their_targets_in_the_sandbox() -> None:
    """Another interpreter than the one that made them prints the same."""
    for _, text, probe in probes("code-reading"):
        program = text.split("\n\n", 1)[1]
        printed = re.sub(r"^\^\\s\*|\\W\*\$$", "", probe.target[0])
        cases = {"cases": [{"output": printed}]}
        found = grade("code", f"```python\n{program}\n```", (), cases)
        assert found.score == 1.0, (program, found)


def test_long_texts_hold_what_is_asked() -> None:
    """The last count noted of each box, read from the text, sums up to the target."""
    note = re.compile(
        r"Note: (?:the count of )?the (?:crate|drawer) marked (\w+ \w+) (holds|was wrong; it holds|was emptied)(?: (\d+))?"
    )
    for name, text, probe in probes("long-context"):
        book, question = text.rsplit("\n\n", 1)
        counts = {mark: int(count or 0) for mark, _, count in note.findall(book)}
        assert len(note.findall(book)) == book.count("Note: ")
        if name[0] == "6":
            asked = re.search(r"ends in (\w+)", question)
            assert asked
            wanted = [count for mark, count in counts.items() if mark.endswith(f" {asked.group(1)}")]
            assert len(wanted) == 7
        else:
            wanted = [count for mark, count in counts.items() if re.search(rf"\b{mark}\b", question)]
            assert len(wanted) == {"1": 1, "2": 1, "3": 1, "4": 2, "5": 4}[name[0]]
        assert int(probe.target[0]) == sum(wanted), probe.id
