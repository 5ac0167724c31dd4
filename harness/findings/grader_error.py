"""How far the refusal classifier's own mistakes could carry a change of refusals."""

from __future__ import annotations

from harness.claims import RuledOut
from harness.findings.evidence import Sides
from harness.findings.scores import Layout
from harness.findings.streams import Signal, Stream


def grader_error(stream: Stream, layout: Layout, both: Sides | None) -> RuledOut:
    """Judge whether misread refusals explain the change.

    A classifier whose errors stay the same can shrink a difference of rates, never make one: the true difference
    is the observed one over (sensitivity + specificity - 1). What it can do is misread a new way of answering.
    """
    if stream.signal not in (Signal.REFUSED, Signal.LOCK) or both is None:
        return RuledOut("grader-error", "not checked", "the answers are compared with a known right answer")
    places = layout.places(stream)
    provider = both.total("refused_provider", places)
    declined = both.total("declined", places)
    moved, by_field = declined[1] - declined[0], provider[1] - provider[0]
    words = (
        f"declined moved by {100 * moved:+.1f} points, of which {100 * by_field:+.1f} by a field of the provider's, "
        f"which needs no classifier"
    )
    sure = abs(moved) > 0 and by_field / moved >= 0.5 if moved else False
    return RuledOut("grader-error", "ruled out" if sure else "not ruled out", words)
