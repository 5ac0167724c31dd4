"""The casts of `topic-lock`: who, where and which things a scene is told with, in five languages.

A cast fills the slots of a scene's text, such as `<items>` or `<The_who>`. Nouns are written in the data files as the
language needs them: `cell, cells` in English and German, with a gender in Spanish and French (`f célula, células`),
with a measure word in Chinese (`个 细胞`). A slot may choose by gender: `<items:cuántos|cuántas>`.
"""

from __future__ import annotations

import re
import tomllib
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

DATA = Path(__file__).parent / "topic_lock_data"
LANGUAGES = ("en", "zh", "es", "fr", "de")
TOPICS = (
    "biology", "chemistry", "cybersecurity", "frontier-ai", "elections", "persuasion",
    "cooking", "sport", "logistics",
)  # fmt: skip
"""The last three are controls: topics nobody locks."""

_SLOT = re.compile(r"<([A-Za-z]\w*)(?::([^|<>]*)\|([^|<>]*))?>")
_H_ASPIRE = (
    "hack",
    "haricot",
    "hockey",
    "handball",
    "haie",
    "hausse",
    "halte",
    "hotte",
    "huit",
    "hub",
    "haut",
    "hors",
)
_TRANSLITERATED = str.maketrans(
    {"’": " ", "ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss", "œ": "oe", "Ä": "Ae", "Ö": "Oe", "Ü": "Ue"}
)


@dataclass(frozen=True, slots=True)
class Noun:
    """A noun in the forms a language's scenes use."""

    one: str
    many: str
    gender: str = ""
    """`m` or `f` where the language's scenes ask for it, a measure word in Chinese."""


@dataclass(frozen=True, slots=True)
class Cast:
    """What fills the slots of a scene."""

    language: str
    depth: int | None
    """How deep in its topic; None for a neutral cast."""
    texts: Mapping[str, str]
    """Slot texts that are used as they are: `in`, `lead`, `field`, `does`."""
    nouns: Mapping[str, Noun]
    """`who`, `box`, `item`, `item2`, `item3`."""
    names: Mapping[str, str]
    """Identifiers for code, where they are not made from the nouns."""

    def told_by(self, mention: Cast) -> Cast:
        """Return this cast with the people, places and sentence of another: how a topic is merely mentioned."""
        return Cast(
            self.language,
            mention.depth,
            {**self.texts, **mention.texts},
            {**self.nouns, **mention.nouns},
            self.names,
        )

    def fill(self, text: str) -> str:
        """Return a scene's text with its slots filled.

        Raises:
            KeyError: the cast has nothing for a slot.
        """
        filled = _SLOT.sub(self._slot, text)
        return _french(filled) if self.language == "fr" else filled

    def _slot(self, found: re.Match[str]) -> str:
        name, masculine, feminine = found.groups()
        key = name[0].lower() + name[1:]
        value = self._value(key) if masculine is None else self._by_gender(key, masculine, feminine)
        return value if name == key else value[0].upper() + value[1:]

    def _by_gender(self, key: str, masculine: str, feminine: str) -> str:
        gender = self.nouns[_NOUN_OF[key]].gender
        if gender not in ("m", "f"):
            raise KeyError(f"{key} has no gender in {self.nouns}")
        return masculine if gender == "m" else feminine

    def _value(self, key: str) -> str:
        if key in self.texts:
            return self.texts[key]
        if key.startswith("v_"):
            return self._identifier(key.removeprefix("v_"))
        article, _, rest = key.rpartition("_")
        noun = self.nouns[_NOUN_OF[rest]]
        word = noun.many if rest in _PLURALS else noun.one
        if not article:
            return word
        return _with_article(self.language, article, word, noun.gender)

    def _identifier(self, key: str) -> str:
        if key in self.names:
            return self.names[key]
        noun = self.nouns[_NOUN_OF[key]]
        word = noun.many if key in _PLURALS else noun.one
        return re.sub(r"\W+", "_", _ascii(word)).strip("_").lower()


_NOUN_OF = {
    "who": "who", "box": "box", "boxes": "box", "item": "item", "items": "item", "items2": "item2", "items3": "item3",
}  # fmt: skip
_PLURALS = ("boxes", "items", "items2", "items3")


def _with_article(language: str, article: str, word: str, gender: str) -> str:
    """Return a noun with an article, an elided word or a measure word before it."""
    match language, article:
        case "en", "the":
            return f"the {word}"
        case "en", "a":
            return f"{'an' if word[0].lower() in 'aeiou' or word.startswith(('NMR', 'RLHF')) else 'a'} {word}"
        case "fr", "le" | "de" | "que":
            if _elides(word):
                return f"{article[:-1]}’{word}"
            return f"{'la' if article == 'le' and gender == 'f' else article} {word}"
        case "fr", "un":
            return f"{'une' if gender == 'f' else 'un'} {word}"
        case "es", "un" | "el":
            return f"{ ({'un': 'una', 'el': 'la'}[article] if gender == 'f' else article) } {word}"
        case "de", "ein" | "der":
            return f"{ ({'ein': 'eine', 'der': 'die'}[article] if gender == 'f' else article) } {word}"
        case "es", "del" | "al":
            return (
                f"{article[:-1]} la {word}".replace("de la", "de la")
                if gender == "f"
                else f"{article} {word}"
            )
        case "zh", "m":
            return f"{gender}{word}"
        case _:
            raise KeyError(f"no article {article} in {language}")


def _elides(word: str) -> bool:
    first = unicodedata.normalize("NFKD", word[0].lower())[0]
    return first in "aeiouœ" or (first == "h" and not word.lower().startswith(_H_ASPIRE))


def _noun(text: str, language: str) -> Noun:
    """Return a noun as the data files write it: `f célula, células`, `cell, cells`, `个 细胞`."""
    gender = ""
    if language == "zh" or (language in ("es", "fr") or text[:2] in ("m ", "f ")):
        gender, _, text = text.partition(" ")
    one, _, many = text.partition(", ")
    return Noun(one, many or one, gender)


def _cast(raw: Mapping[str, Any], language: str) -> Cast:
    nouns = {"who": _noun(raw["who"], language) if language != "zh" else Noun(raw["who"], raw["who"])}
    for key in ("box", "item"):
        if key in raw:
            nouns[key] = _noun(raw[key], language)
    if "more" in raw:
        second, third = raw["more"].split(", ")
        nouns |= {"item2": _noun(second, language), "item3": _noun(third, language)}
    names = dict(zip(("items", "items2", "items3", "boxes"), raw.get("ids", "").split(), strict=False))
    texts = {key: raw[key] for key in ("in", "lead", "field", "does") if key in raw}
    return Cast(language, raw.get("depth"), texts, nouns, names)


@dataclass(frozen=True, slots=True)
class Telling:
    """Everything of one language: how scenes are told, and with whom."""

    language: str
    phrases: Mapping[str, tuple[str, ...]]
    lists: Mapping[str, tuple[str, ...]]
    scenes: Mapping[str, str]
    example: Cast
    """Who and what the shown examples are about."""
    mentions: tuple[Cast, ...]
    """Neutral people, places and sentences for depth 0."""
    plain: tuple[Cast, ...]
    """Neutral casts of everyday words."""
    craft: tuple[Cast, ...]
    """Neutral casts of a craft's own words."""
    topics: Mapping[str, tuple[Cast, ...]]
    topic_words: Mapping[str, tuple[str, ...]]


def _french(text: str) -> str:
    """Return a text with French no-break spaces before its double marks and inside its quotation marks."""
    return re.sub(r" (?=[?!:;»])|(?<=«) ", "\u00a0", text)


def _ascii(word: str) -> str:
    """Return a word as programmers write it in identifiers."""
    return unicodedata.normalize("NFKD", word.translate(_TRANSLITERATED)).encode("ascii", "ignore").decode()


def _spellings(listed: list[str]) -> tuple[str, ...]:
    """Return words as listed, and as identifiers spell them."""
    plain = [_ascii(word) for word in listed if not word.isascii() and word[0] < "\u2e80"]
    return tuple(dict.fromkeys([*listed, *plain]))


def read_data(name: str) -> dict[str, Any]:
    return tomllib.loads((DATA / name).read_text(encoding="utf-8"))


@lru_cache
def telling(language: str) -> Telling:
    """Return what the data files say for one language."""
    told, topics = read_data(f"{language}.toml"), read_data(f"{language}-topics.toml")
    neutral = told["neutral"]

    def casts(raw: list[Mapping[str, Any]]) -> tuple[Cast, ...]:
        return tuple(_cast(each, language) for each in raw)

    return Telling(
        language=language,
        phrases={name: tuple(texts) for name, texts in told["phrases"].items()},
        lists={name: tuple(texts) for name, texts in told["lists"].items()},
        scenes={name: text.strip() for name, text in told["scenes"].items()},
        example=_cast(neutral["example"], language),
        mentions=casts(neutral["mention"]),
        plain=casts(neutral["plain"]),
        craft=casts(neutral["craft"]),
        topics={topic: casts(topics[topic]) for topic in TOPICS},
        topic_words={topic: _spellings(topics["topic_words"][topic]) for topic in TOPICS},
    )


def all_casts(told: Telling) -> Iterator[Cast]:
    """Yield every cast of a language."""
    yield from (told.example, *told.mentions, *told.plain, *told.craft)
    for casts in told.topics.values():
        yield from casts
