"""Long texts that have nothing to do with the question after them: a walking diary, and a chat about a garden."""

from __future__ import annotations

from collections.abc import Iterator

_PLACES = (
    "the mill",
    "the old bridge",
    "a small lake",
    "the pine wood",
    "a stone chapel",
    "the upper valley",
)
_BIRDS = ("herons", "swallows", "a pair of owls", "some finches", "two storks", "a shy woodpecker")
_MEALS = ("bread and cheese", "bean soup", "cold potatoes", "apple cake", "rice with peas", "an omelette")
_WEATHER = (
    "It rained until noon",
    "The morning was clear",
    "A cool wind blew",
    "Fog hid the hills",
    "The sun was strong",
)
_EVENINGS = (
    "In the evening we mended a boot and dried our socks by the stove",
    "In the evening we played cards with the hut keeper and went to bed early",
    "In the evening we sat on the steps and looked at the stars",
    "In the evening we wrote letters and studied the map for the next stage",
)

DAYS_BY_DEPTH = (2, 5, 11, 20)
"""Days of the diary at each depth: about 140, 310, 650 and 1,170 words."""


def _day(number: int) -> str:
    start, end = _PLACES[number % 6], _PLACES[(number + 1 + number // 6) % 6]
    if start == end:
        end = _PLACES[(number + 3) % 6]
    return (
        f"{_WEATHER[number % 5]} when we set out from {start}. The path to {end} was longer than the map made us "
        f"believe, and we saw {_BIRDS[(number * 5 + 1) % 6]} on the way. At midday we had "
        f"{_MEALS[number * 7 % 6]} under a tree. {_EVENINGS[number * 3 % 4]}."
    )


def notes() -> tuple[str, ...]:
    """Return diaries of growing length, each to be put before a question."""
    opening = "Here are some notes from a walking holiday, and a question after them that has nothing to do with them."
    return tuple(
        "\n\n".join((opening, *(_day(at + depth) for at in range(days)), "Now the question."))
        for depth, days in enumerate(DAYS_BY_DEPTH)
    )


_ASKED = (
    ("tomatoes", "They grow slowly on my balcony, although they stand in the sun from noon until evening."),
    ("mint", "It spreads everywhere and has already taken over half of the bed next to the wall."),
    ("roses", "Some of the leaves have turned yellow since the weather became warm and dry."),
    ("beans", "The seeds have been in the ground for two weeks and nothing can be seen yet."),
    ("lavender", "After the winter it looks grey and woody, and only a few shoots are green."),
    ("lettuce", "It shoots up and flowers before there is anything on it that one could eat."),
)
_ANSWERED = (
    "That is common. Water in the morning, deeply but not every day, and let the soil dry a little in between. A "
    "layer of straw keeps the moisture in, and a handful of compost once a month is enough food.",
    "That is a matter of room. Put it into a pot with a hole in the bottom, sink the pot into the bed up to its rim, "
    "and cut back whatever climbs over the edge. In spring, divide it and give half of it away.",
    "That is often a sign of thirst, or of too much lime in the water. Collect some rain water, pick off the worst "
    "leaves, and wait for two weeks before you try anything else. Most plants recover by themselves.",
    "That is no reason to worry. Cold soil makes seeds wait, so cover the row with fleece at night. Should nothing "
    "come up within another week, sow again a little deeper and mark the row with a stick.",
)
_BRIEF = (
    "Hello.",
    "Hello! What can I do for you?",
    "Thanks, one moment please.",
    "Of course, take your time.",
)

TURNS_BY_DEPTH = (2, 4, 8, 12)
"""Turns before the question at each depth."""


def _chat(turns: int) -> Iterator[str]:
    for at in range(turns):
        plant, trouble = _ASKED[at // 2 % 6]
        yield f"What should I do about my {plant}? {trouble}" if at % 2 == 0 else _ANSWERED[at // 2 % 4]


def chats() -> tuple[tuple[tuple[str, ...], tuple[str, ...]], ...]:
    """Return chats of growing length, each with one of as many turns in which nothing is said."""
    return tuple(
        (tuple(_chat(turns)), tuple(_BRIEF[at % 4] for at in range(turns))) for turns in TURNS_BY_DEPTH
    )
