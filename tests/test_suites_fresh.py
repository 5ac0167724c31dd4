"""Fresh isomorphs: the expression language and drawing from a run's seed."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.errors import ConfigError
from harness.suites import load_suite
from harness.suites.expressions import Expression, ExpressionError, shown
from tests.test_suites import FRESH, SUM, TWIN_A, TWIN_B, write

DRAW = {"a": {"int": [2, 40]}, "b": {"int": [2, 40]}}
FRESH_A = TWIN_A | {"id": "f-a", "pair": "f", "template": None, "draw": DRAW, "target": "{a + b}",
                    "prompt": "A ship has {a} sails and gets {b}. How many now?"}  # fmt: skip
FRESH_B = FRESH_A | {
    "id": "f-b",
    "arm": "neutral",
    "prompt": "A tent has {a} poles and gets {b}. How many now?",
}
FRESH_A = {key: value for key, value in FRESH_A.items() if value is not None}
FRESH_B = {key: value for key, value in FRESH_B.items() if value is not None}


@pytest.mark.parametrize(
    ("source", "value"),
    [
        ("1 + 2 * 3", 7),
        ("(1 + 2) * 3", 9),
        ("7 // 2", 3),
        ("7 % 4", 3),
        ("7 / 2", Fraction(7, 2)),
        ("6 / 3", 2),
        ("2 ** 10", 1024),
        ("-a", -4),
        ("a > b", True),
        ("1 < a <= 4", True),
        ("a != b and not a == 9", True),
        ("b == 0 or a / b > 1", True),
        ("'yes' if a % 2 == 0 else 'no'", "yes"),
        ("w + 's'", "cats"),
        ("upper(w)", "CAT"),
        ("reverse(w)", "tac"),
        ("len(w)", 3),
        ("max(a, b, 9)", 9),
        ("abs(b - a)", 1),
        ("row[1]", "Paris"),
        ("w[0]", "c"),
    ],
)
def test_expressions_have_the_values_arithmetic_gives(source, value):
    """The little language computes exactly."""
    assert Expression(source).value({"a": 4, "b": 3, "w": "cat", "row": ("France", "Paris")}) == value


@pytest.mark.parametrize(
    "source",
    [
        "", "1 +", "a.b", "a()", "eval('1')", "__import__('os')", "open('x')", "[1, 2]", "{1: 2}", "(1, 2)", "lambda: 1",
        "[x for x in a]", "f'{a}'", "a := 1", "1.5", "None", "b'x'", "a @ b", "a << 2", "~a", "a is b", "max(a, key=1)",
        "a[1:2]", "a[b]", "'x' * 9", "1 + 'x'", "99 ** 50", "2 ** 99", "2 ** -1", "10 ** 15 * 10", "1 / 0", "1 % 0",
        "c + 1", "row[7]", "row[-1]", "len(3)", "upper(3)", "a in row", "1" * 400, "-" * 200 + "1", "(" * 150 + "1" + ")" * 150,
        "+".join("1" * 100),
    ],
)  # fmt: skip
def test_expressions_outside_the_language_are_turned_away(source):
    """Nothing but bounded arithmetic has a value; nothing is ever run."""
    with pytest.raises(ExpressionError):
        Expression(source).value({"a": 4, "b": 0, "row": ("x", "y")})


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet="ab019+-*/%()<>=!&|~.,'[]{}: \n_ifelsnotrd", max_size=60))
def test_any_source_has_a_bounded_value_or_a_plain_error(source):
    """No text breaks the reader or the evaluation."""
    try:
        value = Expression(source).value({"a": 7, "b": 3})
        text = shown(value)
    except ExpressionError:
        return
    assert len(text) <= 2_000


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (7, "7"),
        (Fraction(7, 2), "3.5"),
        (Fraction(-1, 4), "-0.25"),
        (Fraction(1, 1000), "0.001"),
        ("x", "x"),
        (True, "true"),
    ],
)
def test_values_are_shown_as_a_person_writes_them(value, text):
    """Whole numbers plainly, fractions with their decimals."""
    assert shown(value) == text


def test_endless_decimals_and_lists_cannot_be_shown():
    """A third has no short form, and a row must be taken apart."""
    for value in (Fraction(1, 3), (1, 2)):
        with pytest.raises(ExpressionError):
            shown(value)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**31 - 1))
def test_a_seed_draws_the_same_text_again_and_twins_draw_the_same_values(tmp_path_factory, seed):
    """Runs with one seed send one text; both sides of a fresh pair hold the same numbers and the same target."""
    suite = load_suite(write(tmp_path_factory.mktemp("suite"), [SUM, FRESH, FRESH_A, FRESH_B]))
    drawn = suite.for_run(seed)
    assert drawn.probes == suite.for_run(seed).probes
    assert drawn.content_hash == suite.content_hash
    _, fresh, one, other = drawn.probes
    numbers = [int(word) for word in fresh.messages[0].content.rstrip(".").split() if word.isdigit()]
    assert fresh.target == (str(sum(numbers)),)
    assert fresh.fresh
    assert "{" not in fresh.messages[0].content
    digits = [
        "".join(c if c.isdigit() else " " for c in probe.messages[0].content).split()
        for probe in (one, other)
    ]
    assert digits[0] == digits[1]
    assert one.target == other.target == (str(sum(map(int, digits[0]))),)


def test_different_seeds_draw_different_texts(tmp_path):
    """Over ten runs a template with 64 draws repeats itself seldom."""
    suite = load_suite(write(tmp_path, [SUM, FRESH, TWIN_A, TWIN_B]))
    texts = {suite.for_run(seed).probes[1].messages for seed in range(10)}
    assert len(texts) >= 7


def test_a_draw_never_repeats_an_anchor(tmp_path):
    """With one draw left beside three anchors, every seed finds it."""
    draw = {"a": {"int": [2, 3]}, "b": {"int": [2, 3]}}
    anchors = [
        SUM
        | {
            "id": f"anchor-{a}{b}",
            "template": "add",
            "anchor": True,
            "prompt": f"Add {a} and {b}.",
            "target": str(a + b),
        }
        for a, b in ((2, 2), (2, 3), (3, 2))
    ]
    suite = load_suite(write(tmp_path, [*anchors, FRESH | {"draw": draw}, TWIN_A, TWIN_B]))
    assert {suite.for_run(seed).probes[3].messages[0].content for seed in range(12)} == {"Add 3 and 3."}


def test_two_fresh_probes_of_one_template_need_variants_and_then_differ(tmp_path):
    """Probes of one template share their draw unless told apart; the same text twice is never sent."""
    twice = [FRESH, FRESH | {"id": "fresh-2"}]
    with pytest.raises(ConfigError, match="no draw keeps every condition"):
        load_suite(write(tmp_path, [*twice, TWIN_A, TWIN_B]))
    suite = load_suite(write(tmp_path, [FRESH, FRESH | {"id": "fresh-2", "variant": 2}, TWIN_A, TWIN_B]))
    for seed in range(20):
        first, second, *_ = suite.for_run(seed).probes
        assert first.messages != second.messages


def test_conditions_hold_in_every_draw(tmp_path):
    """`where` keeps ambiguous draws out."""
    suite = load_suite(write(tmp_path, [FRESH | {"where": ["a > b"]}, TWIN_A, TWIN_B]))
    for seed in range(20):
        left, right = [
            int(w)
            for w in suite.for_run(seed).probes[0].messages[0].content.rstrip(".").split()
            if w.isdigit()
        ]
        assert left > right


def test_choices_and_options_are_drawn_by_place(tmp_path):
    """Rows keep question and answer together; twins may name different things at the same place."""
    line = {
        "id": "c", "family": "sums", "draw": {"row": {"choice": [["France", "Paris", "Lyon"], ["Italy", "Rome", "Milan"]]}},
        "prompt": "Capital of {row[0]}: {row[1]} or {row[2]}?", "grader": "choice", "target": "A",
        "options": {"choices": ["{row[1]}", "{row[2]}"]},
    }  # fmt: skip
    suite = load_suite(write(tmp_path, [line, TWIN_A, TWIN_B]))
    seen = {suite.for_run(seed).probes[0].options["choices"][0] for seed in range(12)}
    assert seen == {"Paris", "Rome"}


def test_a_suite_without_templates_is_the_same_in_every_run(tmp_path):
    """Fixed suites are not copied."""
    suite = load_suite(write(tmp_path))
    assert suite.for_run(7) is suite
