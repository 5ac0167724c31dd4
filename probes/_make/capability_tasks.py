"""What the families of `capability` are made of: tasks that are templates, and dice that fall the same everywhere."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from harness.records import derive_seed

Item = TypeVar("Item")
Rule = Mapping[str, Any]

ONLY = "Reply with only the number."
ONLY_NAME = "Answer with only the name."
SHOW = 'Work it out, then end with a line that says "Answer:" and the number.'
SHOW_NAME = 'Work it out, then end with a line that says "Answer:" and the name.'
NAMES = (
    "Ada", "Ben", "Carl", "Dina", "Emil", "Fay", "Gus", "Hana", "Ivo", "Jill", "Kofi", "Lena", "Milo", "Nora",
    "Omar", "Pia", "Raj", "Sara", "Tim", "Uma", "Vera", "Wen", "Yara", "Zoe",
)  # fmt: skip
POOL = 12
"""Instances in the pool of a template whose answers are computed here and not by an expression."""


@dataclass(frozen=True, slots=True)
class Task:
    """A template on one rung of a family: some of its draws are fixed as anchors, others are drawn for every run."""

    family: str
    rung: int
    name: str
    prompt: str
    """Text with `{expressions}` over what is drawn."""
    draw: Mapping[str, Rule]
    grader: str
    target: str | tuple[str, ...] = ()
    where: tuple[str, ...] = ()
    options: Mapping[str, Any] = field(default_factory=dict)
    example: tuple[str, str] | None = None
    """A question and its answer, shown before as a turn of their own: they tell a small model the form."""
    language: str = ""
    anchors: int = 2
    fresh: int = 1
    max_tokens: int = 0
    """0: what its rung gets."""
    witness: str = ""
    """An answer that must score 1, where the target alone does not show one; rendered like the prompt."""

    @property
    def template(self) -> str:
        """Return the name that its anchors and fresh probes share, in every language."""
        return f"{self.family}-{self.rung}-{self.name}"


class Dice:
    """Chance that is the same on every Python: each throw is a hash of the name and the number of the throw."""

    def __init__(self, *name: str | int) -> None:
        """Start from a name."""
        self._name = name
        self._throws = 0

    def between(self, low: int, high: int) -> int:
        """Return a whole number from low to high, both included."""
        self._throws += 1
        return low + derive_seed("capability", *self._name, self._throws) % (high - low + 1)

    def one(self, items: Sequence[Item]) -> Item:
        """Return one of several."""
        return items[self.between(0, len(items) - 1)]

    def some(self, items: Sequence[Item], count: int) -> list[Item]:
        """Return several different ones in random order."""
        rest = list(items)
        return [rest.pop(self.between(0, len(rest) - 1)) for _ in range(count)]

    def order(self, items: Sequence[Item]) -> list[Item]:
        """Return all of them in random order."""
        return self.some(items, len(items))


def whole(low: int, high: int, step: int = 1) -> Rule:
    """Return the rule of a drawn whole number."""
    return {"int": [low, high] if step == 1 else [low, high, step]}


def choice(*items: Any) -> Rule:
    """Return the rule of a drawn item."""
    return {"choice": list(items)}


def pool(name: str, make: Callable[[Dice], Sequence[str | int]], count: int = POOL) -> Rule:
    """Return the rule of a drawn instance: `count` different ones, made here with their answers."""
    dice = Dice(name)
    rows: list[list[str | int]] = []
    tries = 0
    while len(rows) < count:
        tries += 1
        if tries > 5_000:
            raise ValueError(f"{name} has no {count} different instances")
        row = list(make(dice))
        if all(row[0] != other[0] for other in rows):
            rows.append(row)
    return {"choice": rows}
