"""IFEval's instructions (`instruction_id_list`, `kwargs`) as options of the constraints grader."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from harness.graders.base import short
from harness.records import JSON

Constraint = Mapping[str, JSON]

_PLAIN: Mapping[str, Constraint] = MappingProxyType(
    {
        "change_case:english_capital": {"kind": "upper_case"},
        "change_case:english_lowercase": {"kind": "lower_case"},
        "combination:two_responses": {"kind": "parts", "separator": "******", "exactly": 2},
        "detectable_format:constrained_response": {
            "kind": "one_of",
            "texts": ["My answer is yes.", "My answer is no.", "My answer is maybe."],
        },
        "detectable_format:json_format": {"kind": "json"},
        "detectable_format:title": {"kind": "title"},
        "punctuation:no_comma": {"kind": "no_commas"},
        "startend:quotation": {"kind": "quoted"},
    }
)
"""Instructions without arguments."""
_VALUES: Mapping[str, tuple[str, Mapping[str, str]]] = MappingProxyType(
    {
        "combination:repeat_prompt": ("repeat", {"text": "prompt_to_repeat"}),
        "detectable_content:number_placeholders": ("placeholders", {"at_least": "num_placeholders"}),
        "detectable_content:postscript": ("postscript", {"marker": "postscript_marker"}),
        "detectable_format:multiple_sections": (
            "sections",
            {"marker": "section_spliter", "at_least": "num_sections"},
        ),
        "detectable_format:number_bullet_lists": ("bullets", {"exactly": "num_bullets"}),
        "detectable_format:number_highlighted_sections": ("highlights", {"at_least": "num_highlights"}),
        "keywords:existence": ("include", {"texts": "keywords"}),
        "keywords:forbidden_words": ("exclude", {"texts": "forbidden_words"}),
        "startend:end_checker": ("ends_with", {"text": "end_phrase"}),
    }
)
"""Instructions whose arguments are taken over: the kind, and which argument is which field."""
_BOUNDS: Mapping[str, tuple[str, str, str, str | None]] = MappingProxyType(
    {
        "change_case:capital_word_frequency": (
            "capital_words",
            "capital_relation",
            "capital_frequency",
            None,
        ),
        "keywords:frequency": ("word", "relation", "frequency", "keyword"),
        "keywords:letter_frequency": ("letter", "let_relation", "let_frequency", "letter"),
        "length_constraints:number_sentences": ("sentences", "relation", "num_sentences", None),
        "length_constraints:number_words": ("words", "relation", "num_words", None),
    }
)
"""Instructions that count: the kind, the arguments that bound it, and the one that is its text."""
_SCRIPTS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "arabic": ("ar", "fa", "ur"), "bengali": ("bn",), "cyrillic": ("bg", "ru", "uk"),
        "devanagari": ("hi", "mr", "ne"), "greek": ("el",), "gujarati": ("gu",), "gurmukhi": ("pa",),
        "hangul": ("ko",), "hebrew": ("he",), "japanese": ("ja",), "kannada": ("kn",),
        "latin": ("de", "en", "es", "fi", "fr", "it", "pt", "sw", "vi"),
        "malayalam": ("ml",), "tamil": ("ta",), "telugu": ("te",), "thai": ("th",),
    }
)  # fmt: skip
"""A language is checked by its script: that an answer is German and not English is not."""


def read_instructions(ids: object, arguments: object) -> tuple[Constraint, ...] | str:
    """Return a row's instructions as constraints, or what is wrong with them."""
    if not isinstance(ids, list) or not ids or not all(isinstance(each, str) for each in ids):
        return f"must be a list of instructions, got {short(ids)}"
    if not isinstance(arguments, list) or len(arguments) != len(ids):
        return "needs kwargs beside it: a list with one object for each instruction"
    found: list[Constraint] = []
    for name, given in zip(ids, arguments, strict=True):
        made = _constraints(str(name), given if isinstance(given, Mapping) else {})
        if isinstance(made, str):
            return made
        found += made
    return tuple(found)


def _constraints(name: str, given: Mapping[str, JSON]) -> list[Constraint] | str:
    if name in _PLAIN:
        return [_PLAIN[name]]
    lacking = f"{short(name)} lacks an argument, or has one that cannot be read; correct its kwargs"
    if name in _VALUES:
        kind, fields = _VALUES[name]
        values = {field: given.get(argument) for field, argument in fields.items()}
        return lacking if None in values.values() else [{"kind": kind, **values}]
    if name in _BOUNDS:
        kind, relation, number, text = _BOUNDS[name]
        count, how = given.get(number), given.get(relation)
        if (
            not isinstance(count, int)
            or how not in ("at least", "less than")
            or (text and not given.get(text))
        ):
            return lacking
        bound: Constraint = {"at_least": count} if how == "at least" else {"at_most": count - 1}
        return [{"kind": kind, **({"text": given[text]} if text else {}), **bound}]
    if name == "length_constraints:number_paragraphs":
        return [{"kind": "paragraphs", "separator": "***", "exactly": given.get("num_paragraphs")}]
    if name == "length_constraints:nth_paragraph_first_word":
        first = {"paragraph": given.get("nth_paragraph"), "text": given.get("first_word")}
        return [
            {"kind": "paragraphs", "exactly": given.get("num_paragraphs")},
            {"kind": "paragraph_starts", **first},
        ]
    if name == "language:response_language":
        language = given.get("language")
        script = next((script for script, codes in _SCRIPTS.items() if language in codes), None)
        return lacking if script is None else [{"kind": "script", "script": script}]
    return f"there is no check for the instruction {short(name)}; leave the row out"
