"""The kinds of constraint that a program can check in a text, each with the rule it counts by."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType

from harness.graders.base import short
from harness.records import JSON

Given = Mapping[str, JSON]

BOUNDS = ("at_least", "at_most", "exactly")
COUNT_LIMIT = 100_000
SCRIPT_SHARE = 0.9
"""The share of the letters that must be of the script asked for: names and terms may be of another."""

_WORD = re.compile(r"[\u3040-\u30ff\u3400-\u9fff]|[^\W_\u3040-\u30ff\u3400-\u9fff]+(?:['’\-][^\W_]+)*")
_ABBREVIATION = re.compile(
    r"(?<!\w)(?:Mr|Mrs|Ms|Dr|Prof|St|vs|etc|e\.g|i\.e|approx|Jr|Sr|[A-HJ-Z](?:\.[A-Z]){0,5})\.(?=\s+\S)"
    r"|(?<!\w)[Nn]o\.(?=\s+\d)"
)
_SENTENCE_END = re.compile(r"(?<![.!?…])[.!?…]++[\"'”’)\]*_]{0,4}(?=\s|$)|[。！？]+[」』”]?|\n")
_LIST_MARK = re.compile(r"^[ \t]*(?:[-*+•]|\d{1,3}[.)])[ \t]+", re.MULTILINE)
_BULLET = re.compile(r"^[ \t]*(?:[-+•]|\*(?!\*))[ \t]*[^\s*-]", re.MULTILINE)
_HIGHLIGHT = re.compile(r"\*\*(?![\s*])[^*\n]+\*\*|(?<!\*)\*(?![\s*])[^*\n]+\*(?!\*)")
_PLACEHOLDER = re.compile(r"\[[^\[\]\n]{1,200}\]")
_TITLE = re.compile(r"<<[ \t]*[^\s<>][^<>\n]{0,300}>>")
_BLANK_LINES = re.compile(r"\n[ \t]*\n\s*")
_QUOTES = ('""', "“”", "«»", "„“", "「」", "''", "‘’")
_SCRIPTS: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        **{
            name: frozenset((name.upper(),))
            for name in (
                "arabic", "armenian", "bengali", "cyrillic", "devanagari", "georgian", "greek", "gujarati",
                "gurmukhi", "hangul", "hebrew", "kannada", "latin", "malayalam", "tamil", "telugu", "thai",
            )
        },
        "han": frozenset(("CJK",)),
        "japanese": frozenset(("CJK", "HIRAGANA", "KATAKANA", "KATAKANA-HIRAGANA")),
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of constraint."""

    summary: str
    wrong: Callable[[str, Given], str]
    """Why a text does not satisfy it, in words; empty when it does."""
    needs: tuple[str, ...] = ()
    may: tuple[str, ...] = ()
    counts: bool = False
    """Whether it takes bounds."""


def _number(given: Given, name: str) -> int | None:
    value = given.get(name)
    return value if isinstance(value, int) else None


def _texts(given: Given, name: str = "texts") -> list[str]:
    value = given.get(name)
    return [item for item in value if isinstance(item, str)] if isinstance(value, list | tuple) else []


def _bounded(count: int, given: Given) -> str:
    least, most, exactly = (_number(given, name) for name in BOUNDS)
    if exactly is not None and count != exactly:
        return f"{count}, not {exactly}"
    if least is not None and count < least:
        return f"{count}, fewer than {least}"
    if most is not None and count > most:
        return f"{count}, more than {most}"
    return ""


def _counted(
    summary: str, count: Callable[[str, Given], int], needs: tuple[str, ...] = (), may: tuple[str, ...] = ()
) -> Kind:
    return Kind(summary, lambda text, given: _bounded(count(text, given), given), needs, may, counts=True)


@lru_cache(maxsize=2_000)
def _phrase(text: str) -> re.Pattern[str]:
    """Return a pattern that finds a text as whole words, where its writing has spaces between words."""
    folded = r"\s+".join(re.escape(part) for part in text.casefold().split())
    before = r"(?<!\w)" if (text[:1].isalnum() and ord(text[0]) < 0x2E80) else ""
    after = r"(?!\w)" if (text[-1:].isalnum() and ord(text[-1]) < 0x2E80) else ""
    return re.compile(before + folded + after)


def _occurrences(text: str, phrase: str) -> int:
    return sum(1 for _ in _phrase(phrase.strip()).finditer(text.casefold()))


def sentences(text: str) -> int:
    """Return how many sentences a text has; a line or heading without a full stop is one.

    >>> sentences("Dr. Lee paid 3.50. Why? Nobody knows")
    3
    """
    text = _ABBREVIATION.sub("x", _LIST_MARK.sub("", text))
    return sum(1 for part in _SENTENCE_END.split(text) if _WORD.search(part))


def paragraphs(text: str, given: Given) -> list[str]:
    """Return the paragraphs of a text: between blank lines, or between the separators a constraint names."""
    separator = given.get("separator")
    parts = text.split(separator) if isinstance(separator, str) and separator else _BLANK_LINES.split(text)
    return [part.strip() for part in parts if part.strip()]


def _words(text: str, _given: Given) -> int:
    return sum(1 for _ in _WORD.finditer(text))


def _sections(text: str, given: Given) -> int:
    marker = re.escape(str(given["marker"]))
    return len(re.findall(rf"^[ \t#*_>]{{0,8}}{marker}[ \t]*(?:\d+|[IVX]+|[A-Z])\b", text, re.MULTILINE))


def _include(text: str, given: Given) -> str:
    missing = [item for item in _texts(given) if not _occurrences(text, item)]
    return f"without {short(missing[0])}" if missing else ""


def _exclude(text: str, given: Given) -> str:
    found = [item for item in _texts(given) if _occurrences(text, item)]
    return f"with {short(found[0])}" if found else ""


def _one_of(text: str, given: Given) -> str:
    found = [item for item in _texts(given) if _occurrences(text, item)]
    return "" if len(found) == 1 else f"{len(found)} of the texts"


def _plain(text: str) -> str:
    return " ".join(text.split()).casefold()


def _starts(text: str, given: Given) -> str:
    bare = _plain(text).lstrip("\"'“«*_ ")
    wanted = _plain(str(given["text"])).lstrip("\"'“«*_ ")
    return "" if bare.startswith(wanted) else f"starts {short(bare[:30])}"


def _ends(text: str, given: Given) -> str:
    bare = _plain(text).rstrip("\"'”»*_ ")
    wanted = _plain(str(given["text"])).rstrip("\"'”»*_ ")
    return "" if bare.endswith(wanted) else f"ends {short(bare[-30:])}"


def _repeats(text: str, given: Given) -> str:
    wanted, bare = _plain(str(given["text"])), _plain(text)
    if not bare.startswith(wanted):
        return f"starts {short(bare[:30])}"
    return "" if _WORD.search(bare[len(wanted) :]) else "nothing follows"


def _case(text: str, same: bool, name: str) -> str:
    if not any(letter.isalpha() for letter in text):
        return "no letters"
    return "" if same else f"not all {name} case"


def _quoted(text: str, _given: Given) -> str:
    text = text.strip()
    wrapped = len(text) > 2 and any(text[0] == pair[0] and text[-1] == pair[1] for pair in _QUOTES)
    return "" if wrapped else f"from {text[0]!r} to {text[-1]!r}"


def _json(text: str, _given: Given) -> str:
    from harness.graders.json_schema import whole

    return "" if whole(text) is not None else "is not JSON"


def _postscript(text: str, given: Given) -> str:
    letters = [letter for letter in str(given.get("marker", "P.S.")) if letter.isalnum()]
    marker = r"\.?[ ]?".join(re.escape(letter) for letter in letters)
    found = re.search(
        rf"^[ \t*_#>]{{0,8}}{marker}\b[.:]?[ \t*_:]{{0,8}}\S", text, re.MULTILINE | re.IGNORECASE
    )
    return "" if found else "no postscript"


def _paragraph_starts(text: str, given: Given) -> str:
    found = paragraphs(text, given)
    number = _number(given, "paragraph") or 1
    if number > len(found):
        return f"only {len(found)} paragraphs"
    first = _WORD.search(found[number - 1])
    word = first.group() if first else ""
    return "" if word.casefold() == str(given["text"]).strip().casefold() else f"starts {short(word)}"


def _parts(text: str, given: Given) -> str:
    found = paragraphs(text, given)
    if len({_plain(part) for part in found}) < len(found):
        return "two parts are the same"
    return _bounded(len(found), given)


@lru_cache(maxsize=10_000)
def _script_of(letter: str) -> str:
    return unicodedata.name(letter, "?").split(" ", 1)[0].split("-", 1)[0]


def _script(text: str, given: Given) -> str:
    wanted = _SCRIPTS.get(str(given["script"]), frozenset())
    letters = [letter for letter in text if letter.isalpha()]
    of_script = sum(_script_of(letter) in wanted for letter in letters)
    if letters and of_script >= SCRIPT_SHARE * len(letters):
        if given["script"] == "japanese" and all(_script_of(letter) == "CJK" for letter in letters):
            return "no kana"
        return ""
    return f"{of_script} of {len(letters)} letters"


KINDS: Mapping[str, Kind] = MappingProxyType(
    {
        "words": _counted("Words; `don't` and `well-known` are one, and so is each Chinese or Japanese sign.", _words),
        "sentences": _counted(
            "Sentences; a line without a full stop is one, abbreviations and decimals end none.",
            lambda text, _: sentences(text),
        ),
        "lines": _counted(
            "Lines that are not blank.", lambda text, _: sum(1 for line in text.split("\n") if line.strip())
        ),
        "paragraphs": _counted(
            "Paragraphs, between blank lines or the given `separator`.",
            lambda text, given: len(paragraphs(text, given)),
            may=("separator",),
        ),
        "characters": _counted("Characters, spaces around the answer apart.", lambda text, _: len(text.strip())),
        "bullets": _counted("Lines that begin with `-`, `*`, `+` or `•`.", lambda text, _: len(_BULLET.findall(text))),
        "highlights": _counted(
            "Parts set in `*stars*` or `**stars**`.", lambda text, _: len(_HIGHLIGHT.findall(text))
        ),
        "placeholders": _counted("Parts in `[square brackets]`.", lambda text, _: len(_PLACEHOLDER.findall(text))),
        "capital_words": _counted(
            "Words all in capitals, `I` and `A` too.",
            lambda text, _: sum(1 for word in _WORD.findall(text) if word.isupper()),
        ),
        "sections": _counted(
            "Lines that begin with the `marker` and a number or letter, such as `Section 1`.",
            _sections,
            needs=("marker",),
        ),
        "word": _counted(
            "How often the `text`, a word or phrase, occurs as whole words.",
            lambda text, given: _occurrences(text, str(given["text"])),
            needs=("text",),
        ),
        "letter": _counted(
            "How often the `text`, one character, occurs in either case.",
            lambda text, given: text.casefold().count(str(given["text"]).casefold()),
            needs=("text",),
        ),
        "parts": Kind(
            "Parts between the `separator`, all different.", _parts, needs=("separator",), counts=True
        ),
        "include": Kind("All of the `texts` occur, as whole words.", _include, needs=("texts",)),
        "exclude": Kind("None of the `texts` occurs as whole words.", _exclude, needs=("texts",)),
        "one_of": Kind("Exactly one of the `texts` occurs.", _one_of, needs=("texts",)),
        "starts_with": Kind("The answer begins with the `text`; quotes and stars apart.", _starts, needs=("text",)),
        "ends_with": Kind("The answer ends with the `text`; quotes and stars apart.", _ends, needs=("text",)),
        "paragraph_starts": Kind(
            "The paragraph of that number begins with the word `text`.",
            _paragraph_starts,
            needs=("paragraph", "text"),
            may=("separator",),
        ),
        "repeat": Kind("The answer begins with the `text` and goes on after it.", _repeats, needs=("text",)),
        "lower_case": Kind("No capitals.", lambda text, _: _case(text, text == text.lower(), "lower")),
        "upper_case": Kind("Capitals only.", lambda text, _: _case(text, text == text.upper(), "upper")),
        "no_commas": Kind(
            "No commas of any script.", lambda text, _: "has a comma" if re.search("[,，、،]", text) else ""
        ),
        "script": Kind(
            f"At least {SCRIPT_SHARE:.0%} of the letters are of the `script`: {', '.join(_SCRIPTS)}. Languages that "
            "share a script are not told apart.",
            _script,
            needs=("script",),
        ),
        "quoted": Kind("The answer is wrapped in quotation marks.", _quoted),
        "json": Kind("The answer is JSON as a whole, bare or in one code block.", _json),
        "title": Kind(
            "Has a title in `<<double angular brackets>>`.",
            lambda text, _: "" if _TITLE.search(text) else "no title",
        ),
        "postscript": Kind("Has a line that begins with the `marker` (default `P.S.`).", _postscript, may=("marker",)),
    }
)  # fmt: skip
"""Every kind a suite may ask for."""


def mistakes(given: JSON) -> list[str]:
    """Return what is wrong with a constraint as a suite writes it, each with what to do."""
    name = given.get("kind") if isinstance(given, Mapping) else given
    kind = KINDS.get(name) if isinstance(name, str) else None
    if kind is None or not isinstance(given, Mapping):
        return [f"there is no kind {short(name)}; use one of: {', '.join(KINDS)}"]
    known = ("kind", *kind.needs, *kind.may, *(BOUNDS if kind.counts else ()))
    found = [f"has no {name}; use {', '.join(known)}" for name in given if name not in known]
    found += [f"needs {name}; add it" for name in kind.needs if name not in given]
    for name in ("text", "marker", "separator"):
        if name in given and not (isinstance(given[name], str) and str(given[name]).strip()):
            found.append(f"{name} must be a text that is not blank")
    if "texts" in given and not (_texts(given) and all(item.strip() for item in _texts(given))):
        found.append("texts must be a list of texts that are not blank")
    if given.get("kind") == "letter" and len(str(given.get("text", "x"))) != 1:
        found.append("text must be one character")
    if "script" in given and str(given["script"]) not in _SCRIPTS:
        found.append(f"script must be one of: {', '.join(_SCRIPTS)}")
    for name in (*BOUNDS, "paragraph"):
        value = given.get(name, 1)
        if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= COUNT_LIMIT:
            found.append(f"{name} must be a whole number up to {COUNT_LIMIT}")
    if kind.counts and not any(name in given for name in BOUNDS):
        found.append(f"needs a bound; add one of {', '.join(BOUNDS)}")
    least, most = _number(given, "at_least"), _number(given, "at_most")
    if least is not None and most is not None and least > most:
        found.append("at_least is above at_most, which nothing satisfies; correct one of them")
    return found
