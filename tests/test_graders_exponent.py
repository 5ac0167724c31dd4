"""A number whose digits nobody could write out is no number."""

from __future__ import annotations

from harness.graders import GRADERS


def test_a_target_with_a_huge_exponent_is_turned_away() -> None:
    """A target of a billion digits is a mistake in the suite, told at once."""
    for text in ("1e999999999", "1E-99999", "2e+100000"):
        assert GRADERS["numeric"].check((text,), {})
    assert not GRADERS["numeric"].check(("1e12", "-2.5e-3"), {})
