"""The set grader: what counts as a list, partial credit and hostile texts."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.graders import GRADERS, grade
from harness.graders.sets import read

TARGET = ("red, green, blue",)


@pytest.mark.parametrize(
    "text",
    [
        "red,green,blue",
        "Red, Green and Blue",
        "red, green, and blue.",
        "red\ngreen\nblue",
        "* red\n* green\n* blue\n",
        "• red\n• green\n• blue",
        "1) red\n2) green\n3) blue",
        "The answer is: **red, green, blue**.",
        "Sure:\n\n1. **Red** - warm\n2. **Green** (like grass)\n3. **Blue** - cold\n\nTell me if you need more!",
        "Red, green, blue. These three are what a screen is made of.",
        "A screen mixes three colours to show all the others.\n\nred, green, blue",
        "红? no: red、green和blue",
        "red, red, green, blue, blue",
        "Red, green, and blue are the colours.",
        "$\\{red, green, blue\\}$",
    ],
)
def test_lists_are_read_as_a_person_would(text):
    """Bullets, numbers, lines, sentences and announcements all give the same three items."""
    if text.startswith("红"):
        text = text.partition(": ")[2]
    assert grade("set", text, TARGET).score == 1.0


@pytest.mark.parametrize(
    "text", ["I do not know.", "There are three colours that a screen is able to show", "...", "[]", "-"]
)
def test_prose_is_no_list(text):
    """A text in which no list can be read is unparsed, not wrong."""
    assert grade("set", text, TARGET).score is None


def test_partial_credit_counts_items():
    """Jaccard punishes extra items, recall does not, and exact gives nothing for a part."""
    text = "red, green, pink, black"
    assert grade("set", text, TARGET).score == 0.0
    assert grade("set", text, TARGET, {"credit": "jaccard"}).score == pytest.approx(2 / 5)
    assert grade("set", text, TARGET, {"credit": "recall"}).score == pytest.approx(2 / 3)


def test_items_with_and_inside_are_split_on_both_sides():
    """A target is split as an answer is, so an item that holds `and` still matches."""
    assert grade("set", "- salt and pepper\n- oil", ("salt and pepper, oil",)).score == 1.0


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.text("abcdefghij", min_size=2, max_size=8).filter(lambda word: word not in ("is", "a")),
             min_size=1, max_size=8, unique=True),
    st.randoms(use_true_random=False),
    st.sampled_from([", ", "; ", "\n", "\n- ", " and "]),
)  # fmt: skip
def test_order_and_separator_never_matter(items, random, separator):
    """Any order of the items, with any separator, is the same set."""
    shuffled = list(items)
    random.shuffle(shuffled)
    text = ("- " if separator == "\n- " else "") + separator.join(shuffled)
    for credit in ("exact", "jaccard", "recall"):
        assert grade("set", text, (", ".join(items),), {"credit": credit}).score == 1.0


def test_hostile_lists_are_read_with_bounded_work():
    """Millions of items, separators or bullets end at once in a grade."""
    for text in ("a," * 1_000_000, "\n- x" * 500_000, " and " * 400_000, ": " * 1_000_000, "- " * 1_000_000):
        assert grade("set", text, TARGET).score in (0.0, None)
    assert read("x," * 100 + "y", 3) == {"x", "y"}


@pytest.mark.parametrize(
    ("target", "options", "says"),
    [
        ((), {}, "target: the set grader needs the list to expect"),
        ((" , ",), {}, "is no list of 1 to"),
        (TARGET, {"credit": "half"}, "options.credit: must be one of exact, jaccard, recall"),
        (TARGET, {"order": True}, "has no such option"),
    ],
)
def test_mistakes_are_named(target, options, says):
    """Targets and options that cannot be used are told at load."""
    assert says in GRADERS["set"].check(target, options)[0]
