"""From scenes and casts to the pairs of `topic-lock`: which scene which cast plays, with which twin and numbers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from harness.records import Probe
from harness.suites.expressions import ExpressionError
from harness.suites.fresh import rendered
from harness.suites.header import Header
from harness.suites.lines import read_line
from harness.suites.mistakes import Mistakes
from probes._make.topic_lock_casts import LANGUAGES, TOPICS, Cast, Telling, telling
from probes._make.topic_lock_scenes import JSONObject, Scene, families, scene_for, scenes, told_scene

NAME = "topic-lock"
ARMS = ("topic", "neutral")
RUNGS = 4
LENGTH_SHARE = 0.09
"""Twins' texts as composed may differ in length by this share; the checker allows a little more."""
FRESH_PER_FAMILY = {"en": 2}
"""Fresh pairs (and as many anchors) per topic and family; one where nothing is said."""
FRESH_DRAWS = 30
"""A scene with fewer draws than this has no fresh isomorph: it would soon repeat itself."""

_ATTEMPTS = 500
# Costs of a neutral cast as a twin, in characters.
_TOO_FAR = 1_000.0
_OTHER_TIER = 12.0
_DRIFT = 0.7
_PER_WORD = 2.0
_PER_USE = 4.0
_ALPHABET = "abcdefgh"


@dataclass(slots=True)
class Balance:
    """What has been chosen so far for one topic in one language."""

    used: Counter[int] = field(default_factory=Counter)
    """How often each neutral cast was the twin."""
    longer: int = 0
    """Characters by which topic texts are longer than their twins, summed."""


def lines() -> Iterator[JSONObject]:
    """Yield every line of probes.jsonl."""
    seen: set[str] = set()
    for language in LANGUAGES:
        for place, topic in enumerate(TOPICS):
            yield from _topic_lines(telling(language), topic, place, seen)


def _topic_lines(told: Telling, topic: str, place: int, seen: set[str]) -> Iterator[JSONObject]:
    casts = told.topics[topic]
    depths = sorted({cast.depth for cast in casts if cast.depth is not None})
    balance = Balance()
    for depth in depths:
        own = [cast for cast in casts if cast.depth == depth]
        for number, cast in enumerate(own):
            for turn, family in enumerate(families()):
                # Each depth asks each family on every rung equally often, so that depth is not difficulty.
                rung = (RUNGS // len(own) * number + turn + depth) % RUNGS + 1
                renewed = number == (place + turn) % len(own) and depth in _fresh_depths(
                    told.language, place + turn, depths
                )
                scene = scene_for(family, rung, place + depth)
                if renewed and scene.draws < FRESH_DRAWS:
                    scene = scene_for(family, rung, place + depth + 1)
                texts = _twins(told, topic, cast, number, scene, balance)
                name = f"{told.language}-{topic}-{depth}{_ALPHABET[number]}"
                fresh = _fresh_lines(told, topic, depth, name, scene, texts)
                yield from _fixed(fresh, scene, seen, anchor=renewed)
                if renewed:
                    yield from fresh


def _fresh_depths(language: str, start: int, depths: list[int]) -> set[int]:
    wanted = FRESH_PER_FAMILY.get(language, 1)
    shift = LANGUAGES.index(language)
    return {depths[(start + shift + 2 * step) % len(depths)] for step in range(wanted)}


def _twins(
    told: Telling, topic: str, cast: Cast, number: int, scene: Scene, balance: Balance
) -> tuple[str, str]:
    """Return a scene told by a topic's cast, and by the neutral cast that matches it best."""
    text = told_scene(told, scene).text
    if cast.depth == 0:
        # The task is the same on both sides; only the people and places around it change.
        base = told.plain[(TOPICS.index(topic) * 5 + number * 3 + scenes().index(scene)) % len(told.plain)]
        watched = base.told_by(cast).fill(text)
        plain = [(base.told_by(mention).fill(text), 0.0) for mention in told.mentions]
    else:
        everyday = (cast.depth or 0) <= 2
        watched = cast.fill(text)
        plain = [(neutral.fill(text), 0.0 if everyday else _OTHER_TIER) for neutral in told.plain]
        plain += [(neutral.fill(text), _OTHER_TIER if everyday else 0.0) for neutral in told.craft]
    choices: list[tuple[float, int, int, str]] = []
    for place, (neutral, cost) in enumerate(plain):
        longer = len(watched) - len(neutral)
        words = len(watched.split()) - len(neutral.split())
        cost += abs(longer) + _PER_WORD * abs(words)
        cost += _DRIFT * abs(balance.longer + longer) + _PER_USE * balance.used[place]
        if abs(longer) > LENGTH_SHARE * min(len(watched), len(neutral)):
            cost += _TOO_FAR
        choices.append((cost, place, longer, neutral))
    cost, place, longer, neutral = min(choices)
    if cost >= _TOO_FAR:
        raise ValueError(
            f"{told.language} {topic} {cast.depth}: no neutral cast is near {watched!r} in length"
        )
    balance.used[place] += 1
    balance.longer += longer
    return watched, neutral


def _fresh_lines(
    told: Telling, topic: str, depth: int, name: str, scene: Scene, texts: tuple[str, str]
) -> list[JSONObject]:
    """Return the two lines of a pair whose numbers and words are drawn anew in each run."""
    here = told_scene(told, scene)
    pair = f"{name}-{scene.name}-fresh"
    found = []
    for arm, text in zip(ARMS, texts, strict=True):
        asked: JSONObject = {"prompt": text}
        if here.turns:
            turns = (*here.turns, ("user", text))
            asked = {"messages": [{"role": role, "content": content} for role, content in turns]}
        found.append(
            {
                "id": f"{pair}-{arm}", "family": scene.family, "kind": scene.name, "topic": topic,
                "language": told.language, "depth": depth, "difficulty": scene.rung,
                "template": f"{name}.{scene.name}", "pair": pair, "arm": arm,
                "draw": here.draw, **({"where": list(here.where)} if here.where else {}),
                **asked, "grader": scene.grader, "target": scene.answer,
                **({"options": here.options} if here.options else {}),
            }
        )  # fmt: skip
    return found


def _fixed(fresh: list[JSONObject], scene: Scene, seen: set[str], *, anchor: bool) -> Iterator[JSONObject]:
    """Yield a pair with its numbers and words drawn once and for all."""
    header = Header(languages=LANGUAGES, families=families(), topics=TOPICS, arms=ARMS)
    mistakes = Mistakes()
    # Each pair draws for itself, so its own name stands for the template.
    items = [read_line({**line, "template": line["pair"]}, 1, NAME, header, mistakes) for line in fresh]
    if mistakes:
        raise ValueError("\n".join(mistakes.lines))
    for attempt in range(_ATTEMPTS):
        made: list[Probe] = []
        for item in items:
            if item is None or item.template is None:
                raise ValueError(f"{fresh[0]['id']} draws nothing")
            try:
                values = item.template.draw(NAME, 0, attempt)
                if item.template.holds(values):
                    made.append(rendered(item.probe, values))
            except ExpressionError:
                break
        texts = {probe.messages[-1].content for probe in made}
        if len(made) == len(fresh) == len(texts) and not texts & seen:
            seen |= texts
            for line, probe in zip(fresh, made, strict=True):
                yield _fixed_line(line, scene, probe, anchor=anchor)
            return
    raise ValueError(f"{fresh[0]['pair']}: no draw keeps every condition")


def _fixed_line(line: JSONObject, scene: Scene, probe: Probe, *, anchor: bool) -> JSONObject:
    """Return the line of a fixed probe; an anchor keeps the template it shares with its fresh isomorph."""
    fixed = {name: value for name, value in line.items() if name not in ("draw", "where")}
    pair = str(line["pair"]).removesuffix("-fresh")
    fixed |= {"id": f"{pair}-{line['arm']}", "pair": pair, "target": probe.target[0]}
    if anchor:
        fixed["anchor"] = True
    else:
        fixed["template"] = scene.name
    if "prompt" in fixed:
        fixed["prompt"] = probe.messages[0].content
    else:
        fixed["messages"] = [{"role": each.role, "content": each.content} for each in probe.messages]
    if "options" in fixed:
        fixed["options"] = dict(probe.options)
    return fixed
