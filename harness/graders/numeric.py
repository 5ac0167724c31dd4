"""The numeric grader: which number an answer states, and whether it is the right one.

    >>> [read(text) for text in ("3 + 4 = 7.", "It costs $1,250.50", "minus twenty-one", "none")]
    [Fraction(7, 1), Fraction(2501, 2), Fraction(-21, 1), None]

A number is exact (a fraction), so `0.1 + 0.2` style surprises cannot make an answer wrong.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from fractions import Fraction

from harness.graders.base import UNPARSED, Example, Grader, Option, after_marker, clip, graded, short
from harness.records import JSON, Grade

VERSION = 1

_DIGITS_LIMIT = 60
"""Longest run of digits read as a number; a longer one is noise, not an answer."""

# A pattern that starts with a plain digit class lets the engine skip to the digits: ten times faster than one that
# starts with a sign or a look-behind. What stands before the digits is looked at afterwards, by `_before`.
# Thousands come in groups of three after a comma, an apostrophe, an underscore or a narrow space.
_POINT = r"\d(?:\d{0,2}(?:[,'’_\u00a0\u202f\u2009]\d{3}){1,12}(?!\d)(?:\.\d+)?|\d*(?:\.\d+)?)"
_COMMA = r"\d(?:\d{0,2}(?:[.'’_ \u00a0\u202f\u2009]\d{3}){1,12}(?!\d)(?:,\d+)?|\d*(?:,\d+)?)"


def _pattern(number: str) -> re.Pattern[str]:
    return re.compile(
        rf"(?P<number>{number})"
        r"(?:\s?[x×*·]\s?10\s?(?:\^|\*\*)\s?\{?(?P<power>[-−]?\d{1,3})\}?|[eE](?P<exponent>[-+]?\d{1,3})(?!\w))?"
        r"(?:(?:\s{1,3}(?P<whole>\d{1,9}))?\s?/\s?(?P<over>\d{1,15})(?![\d/]))?"
    )


_NUMBER = {".": _pattern(_POINT), ",": _pattern(_COMMA)}

_VULGAR = {"½": "1/2", "¼": "1/4", "¾": "3/4", "⅓": "1/3", "⅔": "2/3", "⅕": "1/5", "⅛": "1/8"}
_VULGARS = re.compile(r"(\d)?\s?([½¼¾⅓⅔⅕⅛])")
_FRAC = re.compile(r"\\[dt]?frac\s?\{\s?(-?\d{1,30})\s?\}\s?\{\s?(\d{1,30})\s?\}")

_SMALL = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen"
    " seventeen eighteen nineteen"
)
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety"
_SCALES = {"hundred": 100, "thousand": 10**3, "million": 10**6, "billion": 10**9, "dozen": 12}
_WORDS = {
    **{word: value for value, word in enumerate(_SMALL.split())},
    **{word: 10 * value for value, word in enumerate(_TENS.split(), start=2)},
    **_SCALES,
}
_WORD = re.compile(
    r"\b(?:(?P<minus>minus|negative)[\s-]+)?"
    rf"(?P<words>(?:{'|'.join(sorted(_WORDS, key=len, reverse=True))})\b"
    rf"(?:[\s-]+(?:and[\s-]+)?(?:{'|'.join(sorted(_WORDS, key=len, reverse=True))})\b){{0,12}})"
    r"(?:[\s-]+and\s+(?P<part>a\s+half|a\s+quarter|three\s+quarters)\b)?",
    re.IGNORECASE,
)
_PARTS = {"a half": Fraction(1, 2), "a quarter": Fraction(1, 4), "three quarters": Fraction(3, 4)}
_DIGIT = re.compile(r"[\d½¼¾⅓⅔⅕⅛]")
_SUM = re.compile(r"\d\s?[-−+*×]\s?\d")
_EITHER = re.compile(r"\d[\d.,]*\s+or\s+[$€£]?$", re.IGNORECASE)
_ALONE = re.compile(r"\W{0,6}[\d.,]{0,40}\d\s?[%°]?(?:\s?[^\W\d]{1,12}[²³23]?)?\W{0,4}")


def _plain(found: str, decimal: str) -> Fraction | None:
    """Return the value of matched digits, with thousands separators removed."""
    if len(found) > _DIGITS_LIMIT:
        return None
    if found.isascii() and found.isdigit():
        return Fraction(int(found))
    kept = "".join(c for c in found if c.isdigit() or c == decimal)
    try:
        return Fraction(kept.replace(",", "."))
    except ValueError:  # digits of another script that Fraction does not read
        return None


def _before(text: str, start: int) -> tuple[bool, bool, bool]:
    """Return whether digits are a number at all, whether they are negative, and whether a bare point leads them."""
    place, pointed = start - 1, False
    if place >= 0 and text[place] in ".,":
        if place and text[place - 1].isdigit():
            return False, False, False  # a further part of 1.2.3
        pointed = place == 0 or not text[place - 1].isalnum()
        place -= pointed
    if place >= 0 and (text[place] == "_" or (text[place].isascii() and text[place].isalpha())):
        return False, False, False  # H2O, x1
    if place >= 0 and text[place] == " " and text[place - 1 : place] in tuple("$€£¥"):
        place -= 1
    if place >= 0 and text[place] in "$€£¥":
        place -= 1
    if place < 0 or text[place] not in "-−":
        return True, False, pointed
    # A digit, a word or a bracket before the hyphen makes it a dash or a minus between two numbers.
    return True, place == 0 or not (text[place - 1].isalnum() or text[place - 1] in ")]"), pointed


def _value(text: str, found: re.Match[str], decimal: str) -> Fraction | None:
    """Return what one match of the number pattern is worth; None when it is no number after all."""
    counts, negative, pointed = _before(text, found.start())
    value = _plain(found["number"], decimal) if counts else None
    if value is None:
        return None
    if found.end() > found.end("number"):
        exponent = found["power"] or found["exponent"]
        if exponent:
            value *= Fraction(10) ** int(exponent.replace("−", "-"))
        if found["over"]:
            over = int(found["over"])
            if over == 0:
                return None
            # `1 1/2` is one and a half, `3/4` three quarters.
            value = value + Fraction(int(found["whole"]), over) if found["whole"] else value / over
    if pointed and found["number"].isdigit():
        value /= 10 ** len(found["number"])
    return -value if negative else value


def _spelt(found: re.Match[str]) -> Fraction:
    """Return the value of number words: `one hundred and five`, `minus twenty-one`, `two and a half`."""
    total, current = 0, 0
    for word in re.split(r"[\s-]+", found.group("words").lower()):
        if word == "and":
            continue
        worth = _WORDS[word]
        if word in ("hundred", "dozen"):
            current = max(current, 1) * worth
        elif word in _SCALES:
            total, current = total + max(current, 1) * worth, 0
        else:
            current += worth
    value = Fraction(total + current)
    if found.group("part"):
        value += _PARTS[" ".join(found.group("part").lower().split())]
    return -value if found.group("minus") else value


def _vulgar(found: re.Match[str]) -> str:
    return f"{found[1] or ''} {_VULGAR[found[2]]}"


def _digits(text: str, decimal: str, *, last: bool) -> Fraction | None:
    """Return the first or the last number written in digits."""
    if "frac" in text:
        text = _FRAC.sub(r"\1/\2", text)
    if not text.isascii():
        text = _VULGARS.sub(_vulgar, text)
    matches = list(_NUMBER[decimal].finditer(text))
    for found in reversed(matches) if last else matches:
        value = _value(text, found, decimal)
        if value is not None:
            # `7 or 8` states no answer.
            either = (
                last and len(matches) > 1 and _EITHER.search(text, max(0, found.start() - 24), found.start())
            )
            return None if either else value
    return None


def _words(text: str, *, last: bool) -> Fraction | None:
    """Return the first or the last number written in words; a lone `one` in a sentence is a pronoun."""
    wordy = text.count(" ") > 6
    value = None
    for found in _WORD.finditer(text):
        if wordy and found.group("words").lower() == "one":
            continue
        value = _spelt(found)
        if not last:
            break
    return value


def _stated(text: str, decimal: str, *, last: bool) -> Fraction | None:
    if _DIGIT.search(text):
        return _digits(text, decimal, last=last)
    return _words(text, last=last)


def read(text: str, decimal: str = ".") -> Fraction | None:
    """Return the number an answer states, or None when it states none.

    In this order: what follows the last announcement (`answer is`, `Answer:`, `####`, `\\boxed{`); a first
    line that is nothing but a number; the last number in digits (the result of an echoed equation); the last
    number in words.
    """
    text = clip(text)
    announced = after_marker(text)
    if announced is not None:
        line = announced.strip().split("\n", 1)[0][:300]
        # An equation may follow, either way round: `answer is 3 + 4 = 7`, `answer: 7 = 3 + 4`.
        result = line.rsplit("=", 1)[-1]
        value = _stated(line if _SUM.search(result) else result, decimal, last=False)
        if value is not None:
            return value
    line = text.strip().split("\n", 1)[0]
    if len(line) <= 60 and _ALONE.fullmatch(line):
        value = _digits(line, decimal, last=True)
        if value is not None:
            return value
    return _stated(text, decimal, last=True)


def _show(value: Fraction) -> str:
    if value.denominator == 1:
        return str(value.numerator)
    near = f"{value.numerator / value.denominator:.12g}" if value.denominator < 10**40 else ""
    return near if near and Fraction(near) == value else str(value)


def _margin(options: Mapping[str, JSON], name: str) -> Fraction:
    value = options.get(name, 0)
    return Fraction(str(value)) if isinstance(value, int | float) else Fraction(0)


def grade(text: str, target: tuple[str, ...], options: Mapping[str, JSON]) -> Grade:
    """Return 1 when the number stated is a target, 0 when it is another, unparsed when there is none."""
    decimal = "," if options.get("decimal") == "," else "."
    value = read(text, decimal)
    if value is None:
        return UNPARSED
    right = any(_equal(value, _target(accepted), options) for accepted in target)
    return graded(1.0 if right else 0.0, _show(value))


def _equal(value: Fraction, wanted: Fraction | None, options: Mapping[str, JSON]) -> bool:
    if wanted is None or value == wanted or not options:
        return value == wanted
    absolute, relative = _margin(options, "tolerance"), _margin(options, "relative")
    return abs(value - wanted) <= max(absolute, relative * abs(wanted))


_TARGETS: dict[str, Fraction | None] = {}


_FAR_EXPONENT = re.compile(r"[eE][-+]?\d{4}")


def _target(text: str) -> Fraction | None:
    """Return a target's value; the few hundred targets of a suite are read once."""
    if text not in _TARGETS:
        if len(_TARGETS) > 10_000:
            _TARGETS.clear()
        plain = text.replace(",", "").strip()
        try:
            # An exponent of nine digits would be written out in full.
            readable = len(text) <= _DIGITS_LIMIT and not _FAR_EXPONENT.search(plain)
            _TARGETS[text] = Fraction(plain) if readable else None
        except (ValueError, ZeroDivisionError):
            _TARGETS[text] = None
    return _TARGETS[text]


def _check(target: tuple[str, ...], _options: Mapping[str, JSON]) -> list[str]:
    if not target:
        return ['target: the numeric grader needs a number; add one, such as "42"']
    return [
        f'target: {short(item)} is not a number; write it in digits, such as "42", "-3.5" or "3/4"'
        for item in target
        if _target(item) is None
    ]


def _is_margin(value: JSON) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < float("inf")


NUMERIC = Grader(
    name="numeric",
    version=VERSION,
    summary="Reads the number an answer states and compares it with the target.",
    grade=grade,
    targets=_check,
    options=(
        Option(
            "tolerance",
            "a number of at least 0",
            "Largest absolute difference that still counts as right; default 0.",
            _is_margin,
        ),
        Option(
            "relative",
            "a number of at least 0",
            "The same as a share of the target; the wider of the two holds; default 0.",
            _is_margin,
        ),
        Option(
            "decimal",
            'either "." or ","',
            "Decimal sign of the answer's language; default `.`.",
            lambda value: value in (".", ","),
        ),
    ),
    examples=(
        Example("7", ("7",), 1.0),
        Example("3 + 4 = 7.", ("7",), 1.0),
        Example("The answer is 7, because 3 + 4 makes 7 and not 8.", ("7",), 1.0),
        Example("7\n\nWe add 3 and 4.", ("7",), 1.0),
        Example("The total is $1,250.50.", ("1250.5",), 1.0),
        Example("**42** km", ("42",), 1.0),
        Example("Seven.", ("7",), 1.0),
        Example("one hundred and twenty-one", ("121",), 1.0),
        Example("minus four", ("-4",), 1.0),
        Example("10 - 14 = −4", ("-4",), 1.0),
        Example(r"So it is \boxed{\frac{3}{4}}.", ("3/4",), 1.0),
        Example("1 1/2 cups", ("1.5",), 1.0),
        Example("1.5 × 10^3", ("1500",), 1.0),
        Example("6.02e23", ("602000000000000000000000",), 1.0),
        Example("3,5", ("3.5",), 1.0, {"decimal": ","}),
        Example("about 3.14", ("3.14159",), 1.0, {"tolerance": 0.01}),
        Example("The 21st of May", ("21",), 1.0),
        Example("8", ("7",), 0.0),
        Example("It is 7 or 8.", ("7",), None),
        Example("H2O", ("2",), None),
        Example("I do not know.", ("7",), None),
    ),
    notes=(
        "Units, currency signs, percent signs, thousands separators and markdown are passed over. The number is "
        "taken from what follows the last announcement (`answer is`, `Answer:`, `####`, `\\boxed{`); else from a "
        "first line that is nothing but a number; else the last number in digits; else the last in English words."
    ),
)
