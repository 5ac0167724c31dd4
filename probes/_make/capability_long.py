"""The family `long-context`: notes scattered in an invented logbook, some alike, some corrected later."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from probes._make.capability_tasks import NAMES, ONLY, SHOW, Dice, Rule, Task, whole

_COLOURS = (
    "green",
    "grey",
    "amber",
    "white",
    "black",
    "red",
    "blue",
    "brown",
    "violet",
    "silver",
    "yellow",
    "pink",
)
_ANIMALS = (
    "heron",
    "herring",
    "hare",
    "raven",
    "robin",
    "badger",
    "otter",
    "adder",
    "beaver",
    "lynx",
    "falcon",
    "tern",
)
_PLACES = (
    "the east shed",
    "the boat house",
    "the old mill",
    "the upper store",
    "the lime kiln",
    "the rope walk",
)
_WORK = (
    "swept the floor of {place} and hung the lanterns up to dry",
    "walked round {place} twice and found nothing out of order",
    "mended a hinge in {place} with wire, for want of a better screw",
    "carried sacks of sand from {place} to the gate until it was dark",
    "painted the window frames of {place}, one coat, and left the doors open",
    "waited at {place} for the carter, who came late and without his hat",
    "counted the tiles on the roof of {place} and gave up when the rain began",
    "talked with a visitor in {place} about bees, barges and the price of glue",
    "oiled the winch near {place} and tried it with an empty sling",
    "found a nest under the stairs of {place} and put a fence around it",
)
_SKY = (
    "The morning was clear and the wind came from the hills.",
    "Fog lay on the water until noon, and the bell was rung every quarter of an hour.",
    "It rained without a pause, and the gutters held.",
    "A warm day; the tar on the planks went soft.",
    "Frost in the night, but the pump did not freeze.",
    "The swallows are back, and so are the children who throw stones at the buoy.",
    "Nothing moved on the river but a raft of branches.",
    "Thunder far away, and a smell of hay.",
)
_MORE = (
    "Soup was late and better than usual.",
    "The ledger was ruled afresh, as the old lines had faded.",
    "Two letters came, both meant for somebody else.",
    "The clock in the office stopped again and was set by the ferry.",
    "Somebody left a bicycle at the gate and came back for it in the evening.",
    "The new rope is stiff and everybody complains about it.",
    "A cat has moved in and inspects all deliveries.",
    "We agreed to buy a second kettle, and could not agree on its size.",
)


@dataclass(frozen=True, slots=True)
class Theme:
    """What the notes are about."""

    name: str
    box: str
    goods: str
    opening: str


THEMES = (
    Theme("store", "crate", "bottles", "This is the logbook of a river store."),
    Theme("seeds", "drawer", "packets", "This is the daybook of a seed archive."),
)
SIZES = {1: (230, 2), 2: (600, 8), 3: (1_200, 20), 4: (2_250, 38), 5: (4_500, 70), 6: (10_400, 120)}
"""Per rung: words of the text, and notes with a number in it."""
_NAMES = "abcdefghijkl"


def _day(dice: Dice, number: int) -> str:
    name, other = dice.some(NAMES, 2)
    place, far = dice.some(_PLACES, 2)
    lines = [
        dice.one(_SKY),
        f"{name} {dice.one(_WORK).replace('{place}', place)}.",
        f"In the afternoon {other} {dice.one(_WORK).replace('{place}', far)}.",
    ]
    if dice.between(0, 1):
        lines.append(dice.one(_MORE))
    return f"Day {number}. " + " ".join(lines)


def _boxes(dice: Dice, count: int, animal: str) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    """Return the boxes that count and the others: same colours and near animals, so that few words tell them apart."""
    pairs = dice.order([(colour, kind) for colour in _COLOURS for kind in _ANIMALS])
    asked = [pair for pair in pairs if pair[1] == animal]
    near = [
        pair for pair in pairs if pair[1] != animal and (pair[1][0] == animal[0] or pair[0] == asked[0][0])
    ]
    far = [pair for pair in pairs if pair[1] != animal and pair not in near]
    return asked, dice.order((near + far)[:count])


def _spread(dice: Dice, days: list[str], notes: list[str]) -> str:
    """Return the days with the notes put after some of them, in the order given."""
    places = sorted(dice.between(0, len(days) - 1) for _ in notes)
    found: dict[int, list[str]] = {}
    for place, note in zip(places, notes, strict=True):
        found.setdefault(place, []).append(note)
    return "\n".join(
        "\n".join([day, *(f"Note: {note}" for note in found.get(number, ()))])
        for number, day in enumerate(days)
    )


def _task(theme: Theme, rung: int) -> Task:
    dice = Dice("long", theme.name, rung)
    words, count = SIZES[rung]
    days: list[str] = []
    while sum(len(day.split()) for day in days) < words - 10 * count:
        days.append(_day(dice, len(days) + 1))
    animal = dice.one(_ANIMALS[:9])
    asked, others = _boxes(dice, count, animal)
    if rung < 6:  # other boxes of the same animal, which the last rung asks about as well
        others = dice.order([*asked[-count // 5 - 1 :][-6:], *others])[:count]
    box = theme.box

    def says(pair: tuple[str, str], value: str | int) -> str:
        return f"the {box} marked {pair[0]} {pair[1]} holds {value} {theme.goods}."

    draw: dict[str, Rule] = {}

    def drawn() -> str:
        name = _NAMES[len(draw)]
        draw[name] = whole(12, 98)
        return name

    wrong = [says(pair, dice.between(12, 98)) for pair in others]
    true, later, terms = [], [], []
    if rung <= 3:
        name = drawn()
        true.append(says(asked[0], f"{{{name}}}"))
        terms.append(name)
        question = f"How many {theme.goods} does the {box} marked {asked[0][0]} {animal} hold? {ONLY}"
    else:
        chosen = asked[: {4: 2, 5: 4, 6: 7}[rung]]
        corrected, emptied = {4: (1, 0), 5: (2, 0), 6: (2, 2)}[rung]
        for number, pair in enumerate(chosen):
            name = drawn()
            true.append(says(pair, f"{{{name}}}"))
            if number < corrected:
                new = drawn()
                later.append(
                    f"the count of the {box} marked {pair[0]} {animal} was wrong; it holds {{{new}}}."
                )
                terms.append(new)
            elif number < corrected + emptied:
                later.append(f"the {box} marked {pair[0]} {animal} was emptied and sent back.")
            else:
                terms.append(name)
        # Others are corrected too, so that a correction is no sign of what will be asked.
        later += [
            f"the count of the {box} marked {colour} {kind} was wrong; it holds {dice.between(12, 98)}."
            for colour, kind in others[: 3 * rung - 10]
        ]
        if rung < 6:
            listed = ", ".join(f"{colour} {kind}" for colour, kind in chosen[:-1])
            question = (
                f"How many {theme.goods} do these hold together, after all corrections: the {box}s marked {listed} "
                f"and {chosen[-1][0]} {animal}? {SHOW}"
            )
        else:
            question = (
                f"At the end of the book, how many {theme.goods} are there together in all {box}s whose mark ends in "
                f"{animal}, after all corrections? {SHOW}"
            )
    notes = [*dice.order([*wrong, *true]), *dice.order(later)]
    text = f"{theme.opening} A question about it follows at the end.\n\n{_spread(dice, days, notes)}\n\n{question}"
    return Task(
        "long-context", rung, theme.name, text, draw, "numeric", f"{{{' + '.join(terms)}}}",
        anchors=2 if rung <= 3 else 1,
    )  # fmt: skip


def long_context() -> Iterator[Task]:
    """Yield the logbooks, from one page to forty."""
    for rung in SIZES:
        for theme in THEMES:
            yield _task(theme, rung)
