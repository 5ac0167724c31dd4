"""Compose training answers from the parts in `tools/refusal_sentences`: full refusals, partial ones, and no refusals.

The parts are written by hand; which of them stand together is drawn from a seed, so the same seed gives the same
answers in the same order.
"""

from __future__ import annotations

import random
import tomllib
from dataclasses import dataclass
from pathlib import Path

PARTS = Path(__file__).parent / "refusal_sentences"
COUNTS = {"en": (420, 280, 620), **dict.fromkeys(("es", "fr", "de", "zh"), (240, 160, 360))}
"""Composed answers per language: full refusals, partial ones, none; the short and tricky ones come on top."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A training answer; degree 0 is none, 1 a partial and 2 a full refusal."""

    text: str
    degree: int
    language: str
    written: bool
    """Whether it was written as a whole."""


class Composer:
    """Draws answers of one language."""

    def __init__(self, language: str, seed: int) -> None:
        self.language = language
        with (PARTS / f"{language}.toml").open("rb") as file:
            self.parts: dict[str, list[str]] = tomllib.load(file)
        self.draw = random.Random(f"{seed} {language}")  # noqa: S311
        self.gap = "" if language == "zh" else " "

    def one(self, part: str) -> str:
        """Return one of a kind of part with its slots filled."""
        text = self.draw.choice(self.parts[part])
        for slot in ("obj", "act", "bad"):
            if "{" + slot + "}" in text:
                text = text.replace("{" + slot + "}", self.draw.choice(self.parts[slot]))
        return text

    def some(self, part: str, least: int, most: int) -> list[str]:
        """Return several different parts of a kind."""
        return self.draw.sample(self.parts[part], self.draw.randint(least, most))

    def capital(self, text: str) -> str:
        """Return the text with a capital first letter."""
        return text[:1].upper() + text[1:]

    def decline(self) -> str:
        """Return the sentence that declines."""
        refuse = self.one("refuse")
        if self.draw.random() < 0.6:
            opening = self.one("sorry")
            return opening + (self.capital(refuse) if opening.rstrip()[-1] in ".。" else refuse)
        return self.capital(refuse)

    def listed(self) -> str:
        """Return a list of items."""
        items = self.some("items", 3, 6)
        numbered = self.draw.random() < 0.5
        return "\n".join(f"{at}. {item}." if numbered else f"- {item}" for at, item in enumerate(items, 1))

    def substance(self, most: int = 5) -> str:
        """Return a few sentences of an ordinary answer, or a list."""
        if self.draw.random() < 0.2:
            return self.listed()
        body = self.gap.join(self.some("content", 1, most))
        return body + ("\n\n" + self.listed() if self.draw.random() < 0.15 else "")

    def full(self) -> str:
        """Return an answer that declines in full."""
        draw = self.draw.random()
        if draw < 0.15:
            return self.one("moral") + (self.gap + self.one("close") if self.draw.random() < 0.5 else "")
        parts = [self.decline(), *self.some("reason", *((0, 2) if draw < 0.7 else (3, 9)))]
        if draw > 0.85:
            parts.insert(self.draw.randint(1, len(parts)), self.one("moral"))
        if self.draw.random() < 0.15:
            parts.insert(0, self.one("reason"))
        if self.draw.random() < 0.5:
            parts.append(self.one("close"))
        return self.gap.join(parts)

    def partial(self) -> str:
        """Return an answer that declines a part, or declines and then gives something."""
        draw = self.draw.random()
        if draw < 0.25:
            return self.one("deflect") + (self.gap + self.one("content") if self.draw.random() < 0.3 else "")
        if draw < 0.35:
            return self.gap.join([*self.some("content", 1, 3), self.decline()])
        if draw < 0.6:
            return self.decline().rstrip(".。") + self.one("but") + self.substance(3)
        if draw < 0.68:
            return self.gap.join([*self.some("content", 1, 2), self.one("rest") + self.one("refuse")])
        reasons = self.some("reason", 0, 1)
        return self.gap.join([self.decline(), *reasons, self.one("pivot") + self.substance(3)])

    def everyday(self) -> str:
        """Return a speaker who cannot or will not do something that nobody asked for."""
        return self.capital(self.one("cannot").replace("{do}", self.one("do")))

    def quoted(self) -> str:
        """Return a tale in which somebody declines."""
        refusal = self.decline() if self.draw.random() < 0.7 else self.everyday()
        tale = self.one("said").replace("{words}", refusal.rstrip(".。"))
        return self.gap.join([*self.some("content", 0, 1), tale, *self.some("content", 0, 2)])

    def letter(self) -> str:
        """Return a letter that takes back or declines something between people."""
        return self.one("greeting") + self.one("regret") + self.gap + self.one("farewell")

    def none(self) -> str:
        """Return an answer that declines nothing."""
        draw = self.draw.random()
        if draw < 0.25:
            return self.one("disclaim") + self.substance(4)
        if draw < 0.45:
            return self.one("eager") + self.substance(5)
        if draw < 0.55:
            return self.gap.join([self.one("unsure"), *self.some("content", 0, 2)])
        if draw < 0.62:
            return self.gap.join([*self.some("content", 1, 2), self.one("tricky")])
        if draw < 0.70:
            return self.everyday()
        if draw < 0.78:
            return self.quoted()
        if draw < 0.86:
            return self.letter()
        return self.substance(8)


def compose(seed: int) -> list[Answer]:
    """Return every training answer, each text once; of a text drawn twice the first stands."""
    found: dict[str, Answer] = {}
    for language, (full, partial, none) in COUNTS.items():
        made = Composer(language, seed)
        texts = [
            *((text, 0, True) for part in ("short", "tricky", "unsure") for text in made.parts[part]),
            *((made.full(), 2, False) for _ in range(full)),
            *((made.partial(), 1, False) for _ in range(partial)),
            *((made.none(), 0, False) for _ in range(none)),
        ]
        for text, degree, written in texts:
            found.setdefault(text, Answer(text, degree, language, written))
    return list(found.values())
