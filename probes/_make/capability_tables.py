"""The family `table-lookup`: three kinds of table, written down in three ways."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from probes._make.capability_tasks import NAMES, ONLY, SHOW, Dice, Task, pool

Row = tuple[str, str, int, int]

_GOODS = (
    "apron", "basket", "bell", "blanket", "bowl", "brush", "bucket", "candle", "chair", "clock", "cushion", "fork",
    "hammer", "jar", "kettle", "ladder", "lamp", "mirror", "mug", "needle", "pan", "pillow", "plate", "rope", "rug",
    "scarf", "shelf", "spoon", "stool", "towel", "vase", "whisk",
)  # fmt: skip
_SHIPS = (
    "Alcyone", "Borealis", "Cormorant", "Dunlin", "Egret", "Fulmar", "Gannet", "Heron", "Isolde", "Juno", "Kestrel",
    "Lapwing", "Merlin", "Nereid", "Osprey", "Petrel", "Quail", "Raven", "Siskin", "Tern", "Ursa", "Vesper", "Wigeon",
    "Xenia", "Ymir", "Zephyr", "Auk", "Bittern", "Curlew", "Dotterel", "Eider", "Flamingo",
)  # fmt: skip
_SHOWN = {"shop": ("pot", "tin"), "club": ("Max", "Eva"), "port": ("Albatross", "Pelican")}
_MEMBERS = (*NAMES, "Abel", "Bo", "Cleo", "Dov", "Elsa", "Finn", "Greta", "Hugo")


@dataclass(frozen=True, slots=True)
class Domain:
    """What a table lists: its columns, its keys, and how questions name them."""

    name: str
    columns: tuple[str, str, str, str]
    keys: tuple[str, ...]
    groups: tuple[str, ...]
    first: tuple[int, int]
    second: tuple[int, int]
    style: str
    lookup: str
    most: str
    least: str
    total: str
    weighted: str
    rate: str
    joined: str


SHOP = Domain(
    "shop", ("item", "shelf", "price", "stock"), _GOODS, ("north", "south", "east", "west"), (6, 79), (2, 48), "pipes",
    "What is the price of the {key}?",
    "Which item has the highest price?",
    "Which item has the lowest price?",
    "What do all items on the {group} shelf cost together, one of each?",
    "Take the items on the {group} shelf with a price above {limit}. What is the whole stock of these items worth: the "
    "sum of price times stock?",
    "discount per item",
    "Each item's price is lowered by the discount of its shelf. A shelf's value is the sum of lowered price times "
    "stock over its items. By how much is the value of the most valuable shelf greater than that of the least "
    "valuable?",
)  # fmt: skip
CLUB = Domain(
    "club", ("member", "team", "points", "games"), _MEMBERS, ("red", "green", "blue", "white"), (4, 95), (2, 19),
    "commas", "How many points does {key} have?",
    "Which member has the most points?",
    "Which member has the fewest points?",
    "How many points do the members of the {group} team have together?",
    "Take the members of the {group} team with more than {limit} points and multiply the points of each by the games. "
    "What is the sum of these products?",
    "penalty per game",
    "A member's result is points minus penalty of the team, times games. A team's result is the sum over its members. "
    "By how much is the best team's result greater than that of the worst team?",
)  # fmt: skip
PORT = Domain(
    "port", ("ship", "quay", "crates", "days"), _SHIPS, ("Amber", "Birch", "Cedar", "Dover"), (11, 98), (2, 14),
    "sentences", "How many crates does the {key} carry?",
    "Which ship carries the most crates?",
    "Which ship carries the fewest crates?",
    "How many crates do the ships at {group} Quay carry together?",
    "Take the ships at {group} Quay that carry more than {limit} crates. Each crate costs one coin a day while its "
    "ship stays. How many coins do these ships pay together for their whole stay?",
    "crates unloaded at once",
    "From each ship the crates unloaded at once, as listed for its quay, are taken away; every crate that remains "
    "costs one coin for each day of the ship's stay. By how many coins does the quay with the highest total exceed "
    "the quay with the lowest?",
)  # fmt: skip


def _rows(dice: Dice, domain: Domain, count: int) -> list[Row]:
    """Return rows with no first value twice, so that there is one highest and one lowest."""
    values = dice.some(range(domain.first[0], domain.first[1] + 1), count)
    keys = dice.some(domain.keys, count)
    return [
        (key, dice.one(domain.groups), value, dice.between(*domain.second))
        for key, value in zip(keys, values, strict=True)
    ]


def written(domain: Domain, rows: Sequence[Row], columns: int) -> str:
    """Return a table in its domain's way of writing, with the first two or all four columns that matter."""
    shown = (0, 2) if columns == 2 else (0, 1, 2, 3)
    heads = [domain.columns[place] for place in shown]
    cells = [[str(row[place]) for place in shown] for row in rows]
    if domain.style == "pipes":
        bars = ["| " + " | ".join(line) + " |" for line in (heads, ["---"] * len(heads), *cells)]
        return "\n".join(bars)
    if domain.style == "commas":
        return "\n".join(",".join(line) for line in (heads, *cells))
    return "\n".join(
        line[0] + ": " + ", ".join(f"{head} {cell}" for head, cell in zip(heads[1:], line[1:], strict=True))
        for line in cells
    )


def _look(domain: Domain, count: int, columns: int) -> Callable[[Dice], Sequence[str | int]]:
    def make(dice: Dice) -> tuple[str, str, int]:
        rows = _rows(dice, domain, count)
        row = dice.one(rows)
        return written(domain, rows, columns), domain.lookup.replace("{key}", row[0]), row[2]

    return make


def _extreme(domain: Domain, count: int) -> Callable[[Dice], Sequence[str | int]]:
    def make(dice: Dice) -> tuple[str, str, str]:
        rows = sorted(_rows(dice, domain, count), key=lambda row: row[2])
        question, row = dice.one(((domain.least, rows[0]), (domain.most, rows[-1])))
        return written(domain, dice.order(rows), 4), question, row[0]

    return make


def _sum(domain: Domain, count: int) -> Callable[[Dice], Sequence[str | int]]:
    def make(dice: Dice) -> tuple[str, str, int]:
        rows = _rows(dice, domain, count)
        group = dice.one(rows)[1]
        total = sum(row[2] for row in rows if row[1] == group)
        return written(domain, rows, 4), domain.total.replace("{group}", group), total

    return make


def _weighted(domain: Domain, count: int) -> Callable[[Dice], Sequence[str | int]]:
    def make(dice: Dice) -> tuple[str, str, int]:
        while True:
            rows = _rows(dice, domain, count)
            group, limit = dice.one(domain.groups), dice.between(domain.first[0] + 8, domain.first[1] // 2)
            chosen = [row for row in rows if row[1] == group and row[2] > limit]
            if len(chosen) >= 3:
                text = domain.weighted.replace("{group}", group).replace("{limit}", str(limit))
                return written(domain, rows, 4), text, sum(row[2] * row[3] for row in chosen)

    return make


def _joined(domain: Domain, count: int) -> Callable[[Dice], Sequence[str | int]]:
    """Return a maker of two tables to be joined, grouped and compared."""

    def make(dice: Dice) -> tuple[str, str, int]:
        rows = _rows(dice, domain, count)
        rates = {group: dice.between(1, domain.first[0] - 1) for group in domain.groups}
        totals = {
            group: sum((row[2] - rate) * row[3] for row in rows if row[1] == group)
            for group, rate in rates.items()
        }
        second = "\n".join(f"{domain.columns[1]} {group}: {rate}" for group, rate in rates.items())
        table = f"{written(domain, rows, 4)}\n\nSecond table, {domain.rate}:\n{second}"
        return table, domain.joined, max(totals.values()) - min(totals.values())

    return make


def table_lookup() -> Iterator[Task]:
    """Yield the tables, from three lines to thirty joined with a second table."""
    for domain in (SHOP, CLUB, PORT):
        makers = (
            _look(domain, 3, 2),
            _look(domain, 6, 4),
            _extreme(domain, 10),
            _sum(domain, 14),
            _weighted(domain, 20),
            _joined(domain, 30),
        )
        for rung, make in enumerate(makers, start=1):
            rule = pool(f"table-{rung}-{domain.name}", make)
            word = rung == 3
            end = ONLY if rung <= 2 else "Answer with only the name." if word else SHOW
            example = None
            if rung == 1:
                one, two = _SHOWN[domain.name]
                shown = written(domain, [(one, "", 12, 0), (two, "", 40, 0)], 2)
                example = (f"{shown}\n\n{domain.lookup.replace('{key}', two)} {end}", "40")
            yield Task(
                "table-lookup", rung, domain.name, f"{{case[0]}}\n\n{{case[1]}} {end}", {"case": rule},
                "word" if word else "numeric", "{case[2]}", example=example,
                options={"among": list(domain.keys)} if word else {},
            )  # fmt: skip
