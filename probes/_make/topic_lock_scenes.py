"""The scenes of `topic-lock`: what is asked, what is drawn, and how one language tells it."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from harness.suites.expressions import Value
from harness.suites.fresh import render
from probes._make.topic_lock_casts import Telling, read_data

JSONObject = dict[str, Any]

_ENDS = {"early": (0, 2), "middle": (2, 4), "late": (4, 6)}
_EXAMPLE_DAYS = {"early": 0, "middle": 2, "late": 4}
_LISTED = {"name": 8, "colour": 5, "early": 2, "middle": 2, "late": 2, "next": 5}
_DECIMAL_COMMA = ("es", "fr", "de")


@dataclass(frozen=True, slots=True)
class Scene:
    """What is asked, in no language."""

    name: str
    family: str
    rung: int
    grader: str
    draw: Mapping[str, Any]
    where: tuple[str, ...]
    answer: str
    among: str
    letters: int
    example: Mapping[str, int] | None
    """Numbers of the example shown in a turn before; None for none."""
    shown: str
    """What the example answers."""

    @property
    def draws(self) -> int:
        """Return about how many different draws there are."""
        return math.prod(
            (rule[1] - rule[0]) // (rule[2] if len(rule) > 2 else 1) + 1
            if isinstance(rule, list)
            else _LISTED[rule]
            for rule in self.draw.values()
        )


@lru_cache
def scenes() -> tuple[Scene, ...]:
    """Return every scene, in the order of the data file."""
    return tuple(
        Scene(
            name=name,
            family=raw["family"],
            rung=raw["rung"],
            grader=raw.get("grader", "numeric"),
            draw=raw["draw"],
            where=tuple(raw.get("where", ())),
            answer=raw["answer"],
            among=raw.get("among", ""),
            letters=raw.get("letters", 0),
            example=raw.get("example"),
            shown=raw.get("shown", ""),
        )
        for name, raw in read_data("scenes.toml").items()
    )


def families() -> tuple[str, ...]:
    """Return the task kinds, in order."""
    return tuple(dict.fromkeys(scene.family for scene in scenes()))


def scene_for(family: str, rung: int, place: int) -> Scene:
    """Return one of the scenes of a family and rung."""
    fitting = [scene for scene in scenes() if scene.family == family and scene.rung == rung]
    return fitting[place % len(fitting)]


@dataclass(frozen=True, slots=True)
class Told:
    """A scene as one language tells it, with slots still open."""

    text: str
    draw: JSONObject
    where: tuple[str, ...]
    options: JSONObject
    turns: tuple[tuple[str, str], ...]
    """The example's question and answer, where the scene shows one."""


def told_scene(told: Telling, scene: Scene) -> Told:
    """Return a scene in a language."""
    text = told.scenes[scene.name]
    place = scenes().index(scene)
    for phrase, variants in told.phrases.items():
        text = text.replace(f"<{phrase}>", variants[place % len(variants)])
    draw: JSONObject = {}
    same: dict[str, list[str]] = {}
    for name, rule in scene.draw.items():
        if isinstance(rule, str):
            draw[name] = {"choice": _words(told, rule)}
            same.setdefault(rule, []).append(name)
        else:
            draw[name] = {"int": list(rule)}
    differ = [
        f"{one} != {other}" for names in same.values() for one, other in itertools.combinations(names, 2)
    ]
    options: JSONObject = {}
    if scene.among == "names":
        options["among"] = [f"{{{name}}}" for name in same["name"]]
    elif scene.among:
        options["among"] = list(told.lists[scene.among])
    if scene.letters:
        options["letters"] = scene.letters
    if scene.grader == "numeric" and told.language in _DECIMAL_COMMA:
        options["decimal"] = ","
    turns: tuple[tuple[str, str], ...] = ()
    if scene.example is not None:
        values = _example_values(told, scene)
        shown = render(told.example.fill(text), values), render(scene.shown, values)
        # The text goes through the drawing of fresh probes once more, where a plain brace is written twice.
        turns = tuple(
            (role, content.replace("{", "{{").replace("}", "}}"))
            for role, content in zip(("user", "assistant"), shown, strict=True)
        )
    return Told(text, draw, (*differ, *scene.where), options, turns)


def _words(told: Telling, rule: str) -> list[Any]:
    days = told.lists["days"]
    if rule == "next":
        return [list(two) for two in itertools.pairwise(days)]
    if rule in _ENDS:
        return list(days[slice(*_ENDS[rule])])
    return list(told.lists[f"{rule}s"])


def _example_values(told: Telling, scene: Scene) -> dict[str, Value]:
    values: dict[str, Value] = dict(scene.example or {})
    names, colours, days = iter(told.lists["example_names"]), iter(told.lists["colours"]), told.lists["days"]
    for name, rule in scene.draw.items():
        if rule == "name":
            values[name] = next(names)
        elif rule == "colour":
            values[name] = next(colours)
        elif rule == "next":
            values[name] = (days[2], days[3])
        elif isinstance(rule, str):
            values[name] = days[_EXAMPLE_DAYS[rule]]
    return values
