"""docs/outcomes.md says what the tables say."""

from __future__ import annotations

import re
from pathlib import Path

from harness.outcomes import RULES, TEXT_RULES
from harness.outcomes.errors import ERRORS
from harness.outcomes.page import render
from harness.outcomes.tables import BLOCKS, FINISH, REASONS, STATUS
from harness.records import Failure, Outcome

PAGE = Path(__file__).parents[1] / "docs" / "outcomes.md"


def test_the_committed_page_is_the_generated_one() -> None:
    """docs/outcomes.md equals what the tables give."""
    assert PAGE.read_text(encoding="utf-8") == render(), "python -m harness.outcomes.page > docs/outcomes.md"


def test_the_page_names_every_word_of_the_tables() -> None:
    """Outcomes, rules, reasons, finish reasons, blocks, errors, statuses and failures are all on the page."""
    page = render()
    named = {word.lower() for word in re.findall(r"`([^`]+)`", page)}
    tables: list[object] = [*Outcome, *RULES, *TEXT_RULES, *ERRORS, *Failure, *BLOCKS]
    tables += [value for table in FINISH.values() for value in table]
    tables += [value for values in BLOCKS.values() for value in values]
    tables += [reason for reasons in REASONS.values() for reason in reasons]
    assert {str(word).lower() for word in tables} <= named
    assert all(f"\n| {status} | " in page for status in STATUS)
