"""Finding a topic's words in a text: whole words, stems, phrases, and words of scripts without spaces."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache

EAST_ASIAN = 0x2E80
"""The first code point of the scripts that are written without spaces."""

# An underscore parts the words of an identifier; an East Asian character ends a word of another script.
_TOKEN = re.compile(r"[^\W_\u2e80-\uffff]+")


class Words:
    """Words to look for: `cell` as a whole word, `enzym*` as the start of one, `stem cell*` as a phrase.

    Words that begin with an East Asian character are found anywhere.
    """

    __slots__ = ("_anywhere", "_lengths", "_phrases", "_stems", "_whole")

    def __init__(self, words: Iterable[str]) -> None:
        whole, stems, phrases, anywhere = set(), set(), [], []
        for word in words:
            stem = word.removesuffix("*").lower()
            if ord(stem[0]) >= EAST_ASIAN:
                anywhere.append(stem)
            elif not _TOKEN.fullmatch(stem):
                end = "" if word.endswith("*") else r"(?!\w)"
                phrases.append((stem, re.compile(rf"(?<!\w){re.escape(stem)}{end}")))
            elif word.endswith("*"):
                stems.add(stem)
            else:
                whole.add(stem)
        self._whole = frozenset(whole)
        self._stems = frozenset(stems)
        self._lengths = tuple(sorted({len(stem) for stem in stems}))
        self._phrases = tuple(phrases)
        self._anywhere = tuple(sorted(anywhere, key=len, reverse=True))

    def found(self, text: str) -> list[str]:
        """Return what is found in a text, as written there but in small letters; single words come first."""
        low = text.lower().replace("_", " ")
        here = [token for token in _TOKEN.findall(low) if token in self._whole or self._begins(token)]
        for phrase, pattern in self._phrases:
            if phrase in low:  # a substring search first: a pattern costs ten times more
                here += pattern.findall(low)
        if self._anywhere and not low.isascii():
            for word in self._anywhere:
                # Longer words come first and are taken out, so that no part of one counts again.
                times = low.count(word)
                if times:
                    here += [word] * times
                    low = low.replace(word, " ")
        return here

    def _begins(self, token: str) -> bool:
        stems = self._stems
        for length in self._lengths:  # noqa: SIM110 - a generator in any() doubles the cost of loading a suite
            if token[:length] in stems:
                return True
        return False


@lru_cache(maxsize=400)
def words(wanted: tuple[str, ...]) -> Words:
    """Return a finder for these words, made once."""
    return Words(wanted)
