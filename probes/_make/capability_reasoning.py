"""The family `logic`: orders, liars and swaps, each instance solved by trying every possibility."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence

from probes._make.capability_tasks import NAMES, ONLY_NAME, SHOW, SHOW_NAME, Dice, Task, pool

_SCALES = (
    ("taller", "shorter", "tallest"),
    ("older", "younger", "oldest"),
    ("faster", "slower", "fastest"),
    ("heavier", "lighter", "heaviest"),
)
_PLACES = (
    "first",
    "second",
    "third",
    "fourth",
    "fifth",
    "sixth",
    "seventh",
    "eighth",
    "ninth",
    "tenth",
    "eleventh",
)
_OBJECTS = ("ball", "cup", "key", "map", "pen", "lamp", "book", "coin")
Kinds = tuple[bool, ...]


def _ordering(people: int, *, mixed: bool, ask: str) -> Callable[[Dice], Sequence[str | int]]:
    """Return a maker of chains of comparisons; the one asked for is at a place in the order."""

    def make(dice: Dice) -> tuple[str, str, str]:
        names = dice.some(NAMES, people)
        more, less, most = dice.one(_SCALES)
        clues = [
            f"{b} is {less} than {a}." if mixed and dice.between(0, 1) else f"{a} is {more} than {b}."
            for a, b in itertools.pairwise(names)
        ]
        place = 0 if ask == "most" else dice.between(people // 3, people - 2)
        question = f"Who is the {most}?" if place == 0 else f"Who is the {_PLACES[place]} {most}?"
        if people == 2:
            shown = dice.order(names)
            question = f"Who is {more}, {shown[0]} or {shown[1]}?"
        return " ".join(dice.order(clues) if people > 3 else clues), question, names[place]

    return make


def _seats(people: int) -> Callable[[Dice], Sequence[str | int]]:
    """Return a maker of rows of seats with clues that leave one order."""

    def make(dice: Dice) -> tuple[str, str]:
        names = sorted(dice.some(NAMES, people))
        true = dice.order(range(people))
        left = [list(seats) for seats in itertools.permutations(range(people))]
        clues: list[str] = []
        while len(left) > 1:
            a, b, c = dice.some(range(people), 3)
            gap = abs(true[a] - true[b])
            text, holds = dice.one(_clues(names, true, a, b, c, gap))
            fewer = [seats for seats in left if holds(seats)]
            if len(fewer) < len(left):
                clues.append(text)
                left = fewer
        asked = dice.between(1, people - 2)
        story = (
            f"{people} people, {', '.join(names)}, sit in a row of {people} seats, numbered from 1 at the left. "
            f"{' '.join(dice.order(clues))} Who sits in seat {asked + 1}?"
        )
        return story, names[true.index(asked)]

    return make


def _clues(
    names: Sequence[str], true: Sequence[int], a: int, b: int, c: int, gap: int
) -> list[tuple[str, Callable[[Sequence[int]], bool]]]:
    """Return what may be said truly about three people in a row of seats."""
    found: list[tuple[str, Callable[[Sequence[int]], bool]]] = []
    if gap > 1:
        found.append(
            (f"{names[a]} and {names[b]} do not sit next to each other.", lambda s: abs(s[a] - s[b]) > 1)
        )
        between = "is 1 person" if gap == 2 else f"are {gap - 1} people"
        found.append(
            (f"Between {names[a]} and {names[b]} there {between}.", lambda s: abs(s[a] - s[b]) == gap)
        )
    side = "left" if true[a] < true[b] else "right"
    found.append(
        (
            f"{names[a]} sits somewhere to the {side} of {names[b]}.",
            lambda s: (s[a] < s[b]) == (true[a] < true[b]),
        )
    )
    closer = abs(true[a] - true[b]) < abs(true[a] - true[c])
    if closer:
        found.append(
            (
                f"{names[a]} sits closer to {names[b]} than to {names[c]}.",
                lambda s: abs(s[a] - s[b]) < abs(s[a] - s[c]),
            )
        )
    parity = "odd" if true[a] % 2 == 0 else "even"
    found.append((f"The seat of {names[a]} has an {parity} number.", lambda s: s[a] % 2 == true[a] % 2))
    return found


def _statement(dice: Dice, names: Sequence[str], speaker: int) -> tuple[str, Callable[[Kinds], bool]]:
    """Return something a person may say about the others, and when it is true."""
    people = len(names)
    a, b = dice.some([place for place in range(people) if place != speaker], 2)
    kind = dice.between(0, 5)
    if kind == 0:
        return f"{names[a]} is a liar", lambda k: not k[a]
    if kind == 1:
        return f"{names[a]} and {names[b]} are of the same kind", lambda k: k[a] == k[b]
    if kind == 2:
        return f"If {names[a]} is truthful, then {names[b]} is a liar", lambda k: not k[a] or not k[b]
    if kind == 3:
        count = dice.between(1, people - 1)
        return (
            f"Exactly {count} of us {'is a liar' if count == 1 else 'are liars'}",
            lambda k: k.count(False) == count,
        )
    if kind == 4:
        return f"{names[a]} and I are of different kinds", lambda k: k[a] != k[speaker]
    return f"Of {names[a]} and {names[b]}, at least one is truthful", lambda k: k[a] or k[b]


def _liars(people: int) -> Callable[[Dice], Sequence[str | int]]:
    """Return a maker of islands where one assignment alone fits all that is said."""

    def make(dice: Dice) -> tuple[str, int]:
        while True:
            names = dice.some(NAMES, people)
            said = [_statement(dice, names, place) for place in range(people)]
            fits = [
                kinds
                for kinds in itertools.product((True, False), repeat=people)
                if all(kinds[place] == holds(kinds) for place, (_, holds) in enumerate(said))
            ]
            if len(fits) == 1 and 0 < sum(fits[0]) < people:
                lines = " ".join(
                    f'{name} says: "{text}."' for name, (text, _) in zip(names, said, strict=True)
                )
                return (
                    f"Each of {people} people either always tells the truth or always lies. {lines} How many of "
                    f"the {people} tell the truth?",
                    sum(fits[0]),
                )

    return make


def _kinds(dice: Dice) -> tuple[str, str]:
    """Return a question about one thing and a class, to be answered yes or no."""
    singular, plural = dice.one((("dax", "daxes"), ("wug", "wugs"), ("blick", "blicks"), ("fep", "feps")))
    colour, other = dice.some(("red", "green", "blue", "round", "soft", "heavy"), 2)
    name = dice.one(NAMES)
    rule, answer = dice.one(
        (
            (f"All {plural} are {colour}. {name} has a {singular}. Is it {colour}?", "yes"),
            (f"No {plural} are {colour}. {name} has a {singular}. Is it {colour}?", "no"),
            (
                f"All {plural} are {colour}, and nothing {colour} is {other}. {name} has a {singular}. Is it {other}?",
                "no",
            ),
            (
                f"Everything {colour} is {other}, and all {plural} are {colour}. {name} has a {singular}. "
                f"Is it {other}?",
                "yes",
            ),
        )
    )
    return f"{rule} Answer with yes or no.", answer


def _knaves(dice: Dice) -> tuple[str, str]:
    """Return who tells the truth when one of two alone does."""
    a, b = dice.some(NAMES, 2)
    return dice.one(
        (
            (f'Of {a} and {b}, exactly one always lies. {a} says: "2 + 2 is 5." Who tells the truth?', b),
            (
                f'Of {a} and {b}, exactly one always lies. {b} says: "A week has 7 days." Who tells the truth?',
                b,
            ),
            (
                f'Of {a} and {b}, exactly one always lies. {a} says: "We are both liars." Who tells the truth?',
                b,
            ),
            (f'Of {a} and {b}, exactly one always lies. {b} says: "Ice is hot." Who tells the truth?', a),
        )
    )


def _swaps(people: int, steps: int, *, tricky: bool = False) -> Callable[[Dice], Sequence[str | int]]:
    """Return a maker of stories in which things change hands."""

    def make(dice: Dice) -> tuple[str, str]:
        names, things = dice.some(NAMES, people), dice.some(_OBJECTS, people)
        held = dict(zip(names, things, strict=True))
        story = [f"{name} has the {thing}." for name, thing in held.items()]
        for _ in range(steps):
            kind = dice.between(0, 3) if tricky else 0
            a, b, c = (*dice.some(names, min(people, 3)), "")[:3]
            if kind == 1:
                thing = held[a] if dice.between(0, 1) else dice.one(things)
                story.append(
                    f"If {a} has the {thing}, {b} and {c} swap what they hold; otherwise {a} and {b} do."
                )
                if held[a] != thing:
                    b, c = a, b
                held[b], held[c] = held[c], held[b]
            elif kind == 2:
                story.append(f"{a} hands over to {b}, {b} to {c} and {c} to {a}, all at once.")
                held[b], held[c], held[a] = held[a], held[b], held[c]
            elif kind == 3:
                one, two = held[a], held[b]
                story.append(f"Whoever has the {one} swaps with whoever has the {two}.")
                held[a], held[b] = held[b], held[a]
            else:
                story.append(f"{a} and {b} swap what they hold.")
                held[a], held[b] = held[b], held[a]
        asked = dice.one(things)
        return f"{' '.join(story)} Who has the {asked} at the end?", next(
            n for n in names if held[n] == asked
        )

    return make


def _gifts(steps: int) -> Callable[[Dice], Sequence[str | int]]:
    """Return a maker of stories in which one thing is passed on."""

    def make(dice: Dice) -> tuple[str, str]:
        names, thing = dice.some(NAMES, steps + 1), dice.one(_OBJECTS)
        story = [f"{names[0]} has the {thing}."]
        story += [f"{a} gives the {thing} to {b}." for a, b in itertools.pairwise(names)]
        return f"{' '.join(story)} Who has the {thing} now?", names[-1]

    return make


def logic() -> Iterator[Task]:
    """Yield the deductions, from one comparison to ten hops, eight liars and twenty swaps."""

    def task(
        rung: int,
        name: str,
        make: Callable[[Dice], Sequence[str | int]],
        end: str,
        example: tuple[str, str] | None = None,
    ) -> Task:
        rule = pool(f"logic-{rung}-{name}", make)
        width = len(rule["choice"][0])
        text = " ".join(f"{{case[{place}]}}" for place in range(width - 1))
        numeric = isinstance(rule["choice"][0][-1], int)
        yes_no = rule["choice"][0][-1] in ("yes", "no")
        options = {} if numeric else {"among": ["yes", "no"] if yes_no else [*NAMES, "Max", "Eva"]}
        shown = (f"{example[0]} {end}".strip(), example[1]) if example else None
        return Task(
            "logic", rung, name, f"{text} {end}".strip(), {"case": rule}, "numeric" if numeric else "word",
            f"{{case[{width - 1}]}}", options=options, example=shown,
        )  # fmt: skip

    eva = ("Max is taller than Eva. Who is taller, Eva or Max?", "Max")
    yield task(1, "order", _ordering(2, mixed=False, ask="most"), ONLY_NAME, eva)
    yield task(
        1, "kinds", _kinds, "",
        ("All zups are small. Max has a zup. Is it small? Answer with yes or no.", "Yes"),
    )  # fmt: skip
    gift = ("Max has the hat. Max gives the hat to Eva. Who has the hat now?", "Eva")
    yield task(1, "gifts", _gifts(1), ONLY_NAME, gift)
    yield task(2, "order", _ordering(3, mixed=True, ask="most"), ONLY_NAME)
    yield task(2, "liars", _knaves, ONLY_NAME)
    yield task(2, "gifts", _gifts(2), ONLY_NAME, gift)
    yield task(3, "order", _ordering(4, mixed=True, ask="most"), SHOW_NAME)
    yield task(3, "swaps", _swaps(3, 3), SHOW_NAME)
    yield task(3, "liars", _liars(3), SHOW)
    yield task(4, "order", _ordering(6, mixed=True, ask="place"), SHOW_NAME)
    yield task(4, "swaps", _swaps(4, 6), SHOW_NAME)
    yield task(4, "liars", _liars(4), SHOW)
    yield task(5, "seats", _seats(5), SHOW_NAME)
    yield task(5, "swaps", _swaps(6, 12, tricky=True), SHOW_NAME)
    yield task(5, "liars", _liars(6), SHOW)
    yield task(6, "order", _ordering(11, mixed=True, ask="place"), SHOW_NAME)
    yield task(6, "seats", _seats(7), SHOW_NAME)
    yield task(6, "swaps", _swaps(8, 24, tricky=True), SHOW_NAME)
    yield task(6, "liars", _liars(8), SHOW)
