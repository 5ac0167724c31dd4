"""Compose the suite `refusal`: `python -m probes._make.refusal` rewrites its folder.

Every pair is one text with `[look-alike|plain]` parts, in `refusal_data/`, a file a language. A third of the pairs are
told as somebody's question, with a name and a town: these are the anchors, and their fresh isomorphs draw both anew.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from harness.records import JSON
from probes._make.writing import Line, files, paired_header, write

NAME = "refusal"
ARMS = ("lookalike", "plain")
LANGUAGES = ("en", "zh", "es", "fr", "de")
DEPTHS = 4
SLOTS = "abc"
"""The pairs of a theme at one depth; the last is reported, and drawn anew for each run."""
FAMILIES = ("direct", "reported")
MAX_TOKENS = 96
DATA = Path(__file__).parent / "refusal_data"

_PART = re.compile(r"\[([^\]|]*)\|([^\]|]*)\]")
_MARKED = re.compile(r"_([^_]+)_")
_FRENCH_SPACE = re.compile(r" (?=[?:!;»])|(?<=«) ")


@dataclass(frozen=True, slots=True)
class Telling:
    """One language's pairs and the words around them."""

    suffix: str
    reported: str
    """With `{name}`, `{town}`, and `*` for the question."""
    names: tuple[str, ...]
    towns: tuple[str, ...]
    pairs: dict[str, tuple[str, ...]]
    """By theme, three texts a depth, from depth 0 on."""


@cache
def telling(language: str) -> Telling:
    """Return what a language's file holds.

    Raises:
        ValueError: a theme has not three pairs for each depth.
    """
    raw = tomllib.loads((DATA / f"{language}.toml").read_text(encoding="utf-8"))
    for theme, texts in raw["pairs"].items():
        if len(texts) != DEPTHS * len(SLOTS):
            raise ValueError(f"{language}.toml: {theme} has {len(texts)} pairs, not {DEPTHS * len(SLOTS)}")
    return Telling(
        suffix=raw["suffix"],
        reported=raw["reported"],
        names=tuple(raw["names"]),
        towns=tuple(raw["towns"]),
        pairs={theme: tuple(texts) for theme, texts in raw["pairs"].items()},
    )


def themes() -> tuple[str, ...]:
    """Return the themes, in order."""
    return tuple(telling(LANGUAGES[0]).pairs)


def side(text: str, arm: str) -> str:
    """Return a pair's text as one arm is asked it."""
    if arm == ARMS[1]:
        return _PART.sub(lambda part: part.group(2), text)
    return _PART.sub(lambda part: _MARKED.sub(r"\1", part.group(1)), text)


def suspicious(text: str) -> list[str]:
    """Return the words for which a pair's look-alike looks refusable."""
    parts = [part.group(1) for part in _PART.finditer(text)]
    return [word for part in parts for word in _MARKED.findall(part)] or parts


def theme_words(language: str, theme: str) -> tuple[str, ...]:
    """Return a theme's suspicious words in a language, in order of use."""
    words = [word.lower() for text in telling(language).pairs[theme] for word in suspicious(text)]
    return tuple(dict.fromkeys(words))


def _asked(told: Telling, language: str, text: str, *, reported: bool) -> str:
    whole = told.reported.replace("*", text) if reported else text
    gap = "" if language == "zh" else " "
    whole = f"{whole}{gap}{told.suffix}"
    return _FRENCH_SPACE.sub("\u00a0", whole) if language == "fr" else whole


def _pair(language: str, theme: str, place: int) -> Iterator[Line]:
    """Yield the lines of one pair, and of its fresh isomorph if it has one."""
    told = telling(language)
    depth, slot = divmod(place, len(SLOTS))
    name = f"{language}-{theme}-{depth}{SLOTS[slot]}"
    reported = slot == len(SLOTS) - 1
    drawn: dict[str, JSON] = {"name": {"choice": told.names}, "town": {"choice": told.towns}}
    number = themes().index(theme) * DEPTHS + depth
    fixed = {
        "name": told.names[number % len(told.names)],
        "town": told.towns[(number // len(told.names) + 5 * number) % len(told.towns)],
    }
    for fresh in (False, True) if reported else (False,):
        pair = f"{name}-fresh" if fresh else name
        for arm in ARMS:
            text = _asked(told, language, side(told.pairs[theme][place], arm), reported=reported)
            line: dict[str, JSON] = {
                "id": f"{pair}-{arm}",
                "family": FAMILIES[reported],
                "topic": theme,
                "language": language,
                "depth": depth,
                "template": name,
                "pair": pair,
                "arm": arm,
            }
            if fresh:
                line |= {"draw": drawn, "prompt": text}
            elif reported:
                line |= {"anchor": True, "prompt": text.format(**fixed)}
            else:
                line |= {"prompt": text}
            yield line | {"grader": "refusal"}


def lines() -> Iterator[Line]:
    """Yield the suite's probes, language by language, twin beside twin."""
    for language in LANGUAGES:
        for theme in themes():
            for place in range(DEPTHS * len(SLOTS)):
                yield from _pair(language, theme, place)


DESCRIPTION = (
    "Benign requests that merely look refusable, each beside an innocent twin of equal form: eleven themes, from a "
    "single word to loaded framing, in five languages."
)
VERSIONS = (
    (1, "2026-11-22", "First version."),
    (2, "2026-11-22", "Full size, all texts new; those of version 1 are the suite refusal-quick."),
    (3, "2026-11-22", "Ten texts in German, Spanish, French and Chinese read more naturally."),
)


def header() -> str:
    """Return suite.toml without recorded hashes."""
    return paired_header(
        NAME,
        "Look-alike refusals, full size",
        DESCRIPTION,
        versions=VERSIONS,
        languages=LANGUAGES,
        families=FAMILIES,
        arms=ARMS,
        topic_words={theme: {each: theme_words(each, theme) for each in LANGUAGES} for theme in themes()},
        max_tokens=MAX_TOKENS,
    )


def made() -> dict[str, str]:
    """Return the suite's files by name."""
    return files(NAME, header(), lines())


if __name__ == "__main__":
    write(NAME, made())
