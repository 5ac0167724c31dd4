"""Telling a placeholder that somebody forgot to fill in from text that only looks like one.

The rule: capitals in brackets (`[NAME]`, `<YOUR TOPIC 2>`, `{FIRST_NAME}`) are a placeholder when one of their words
names what would stand there (`PLACEHOLDER_WORDS`); formulas, abbreviations and the like (`[DMSO]`, `<SRE>`, `[H2O]`)
hold none. In small letters only braces count, and only outside code and markup: `{name}`, but not `f"{name}"`,
`${name}` or `\\text{name}`. Probes that come from a template have no slot of any name. Notes to oneself
(`TODO`, `TBD`, `FIXME`, `XXX`) count everywhere, but `TODO` not in languages in which it is a word.

    >>> leftover("Dear [NAME], dissolve it in [DMSO].")
    '[NAME]'
    >>> leftover("Dissolve it in [DMSO] or [H2O].") is None
    True
"""

from __future__ import annotations

import re

PLACEHOLDER_WORDS = frozenset(
    """
    address adjective adverb age amount animal answer article author blank body brand category character choice city
    client code color colour company content context count country customer date day description detail
    document email entity event example fact field file fill first food form group here hour id input insert
    instruction item job keyword label language last length line link list location message minute month my name
    noun num number object occupation option organisation organization output paragraph party passage percent
    person phone phrase place placeholder point price product profession prompt quantity question reason recipient
    region reply response role scenario scene second sender sentence setting side slot solution source state step
    story string subject suffix surname table target task text theme thing time title todo topic town type unit url
    user username value variable verb week who word year your
    """.split()  # noqa: SIM905 - a list of 150 quoted words is harder to read
)
"""What placeholders are called, in the singular."""

_CAPITALS = re.compile(
    r"<([A-Z][A-Z0-9_ -]{0,40})>|\[([A-Z][A-Z0-9_ -]{0,40})\]|\{([A-Z][A-Z0-9_ -]{0,40})\}"
)
_BRACED = re.compile(r"(?<![\w$%#@\\}{])\{([a-z][a-z0-9_]{0,30})\}(?![}{])")
_SLOT = re.compile(r"\{[A-Za-z_]\w*(?:\[\d+\])?\}|\{\{|\}\}")
_NOTE = re.compile(r"\b(?:TBD|FIXME|XXX|lorem ipsum)\b")
_TODO = re.compile(r"\bTODO\b")
_FORMATTED = re.compile(r"""\b[fF][rR]?["']|\.format\(""")
_WORD = re.compile(r"[a-z]+")
_TODO_IS_A_WORD = ("es", "pt", "gl")


def leftover(text: str, *, templated: bool = False, language: str = "en") -> str | None:
    """Return the first placeholder left over in a text, or None.

    Args:
        text: what would be sent.
        templated: it was made from a template or has twins, so any slot in braces is left over.
        language: the text's language code.
    """
    for bracketed in _CAPITALS.finditer(text):
        if _names_something(bracketed.group()):
            return bracketed.group()
    found = _NOTE.search(text)
    if found is None and not language.startswith(_TODO_IS_A_WORD):
        found = _TODO.search(text)
    if found is None and templated:
        found = _SLOT.search(text)
    if found is not None:
        return found.group()
    if "{" in text and not _FORMATTED.search(text):
        for braced in _BRACED.finditer(text):
            if _names_something(braced.group()):
                return braced.group()
    return None


def _names_something(text: str) -> bool:
    return any(
        word in PLACEHOLDER_WORDS or word.removesuffix("s") in PLACEHOLDER_WORDS
        for word in _WORD.findall(text.lower())
    )
