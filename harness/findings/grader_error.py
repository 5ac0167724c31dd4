"""How far the refusal classifier's own mistakes could carry a change of refusals, from its measured error."""

from __future__ import annotations

from harness.claims import RuledOut
from harness.findings.evidence import Sides
from harness.findings.scores import Layout
from harness.findings.streams import Signal, Stream
from harness.graders.refusal_error import RATES, ErrorRates


def grader_error(stream: Stream, layout: Layout, both: Sides | None) -> RuledOut:
    """Judge whether misread refusals explain a change of refusals.

    Refusals by a field of the provider's need no classifier. Of the rest, with sensitivity s and specificity c, the
    true share is (observed + c - 1) / (s + c - 1) (Rogan and Gladen 1978, American Journal of Epidemiology 107,
    71-76), here with both at the ends of their measured intervals, in the language that does worst. The change is
    not explained by the classifier when it exceeds what its errors could make of answers that merely changed style:
    the share it may call refusals by mistake (a rise), or the share of refusals it may miss (a fall).

    Args:
        stream: which.
        layout: of the config.
        both: counts before and after.
    """
    if stream.signal not in (Signal.REFUSED, Signal.LOCK) or both is None:
        return RuledOut("grader-error", "not checked", "the answers are compared with a known right answer")
    places = layout.places(stream)
    provider, refused = both.total("refused_provider", places), both.total("refused", places)
    before, after = refused[0] - provider[0], refused[1] - provider[1]
    if not refused[1] - refused[0]:
        return RuledOut("grader-error", "ruled out", "the share of refusals did not move")
    languages = {probe.language for probe in layout.probes(stream)}
    rates = [RATES[language] for language in sorted(languages) if language in RATES]
    if len(rates) < len(languages):
        unknown = ", ".join(sorted(languages - set(RATES)))
        return RuledOut("grader-error", "not checked", f"the classifier's error in {unknown} is not measured")
    ends = [_corrected(before, after, rate) for rate in rates]
    low, high = min(min(pair) for pair in ends), max(max(pair) for pair in ends)
    by_field = provider[1] - provider[0]
    false_share = max(1 - rate.specificity.low for rate in rates)
    missed_share = max(1 - rate.sensitivity.low for rate in rates)
    moved = after - before
    excess = moved - false_share if moved > 0 else -moved - missed_share * before
    sure = excess > 0 or abs(by_field) >= abs(moved)
    words = (
        f"refusals in prose {before:.1%} before and {after:.1%} after, by a field of the provider's "
        f"{provider[0]:.1%} and {provider[1]:.1%}; with the classifier's measured error taken out, "
        f"prose moved by {100 * low:+.0f} to {100 * high:+.0f} points"
    )
    return RuledOut("grader-error", "ruled out" if sure else "not ruled out", words)


def _corrected(before: float, after: float, rate: ErrorRates) -> tuple[float, float]:
    """Return the true change at both ends of the measured sensitivity and specificity."""
    found = []
    for sensitivity, specificity in (
        (rate.sensitivity.low, rate.specificity.low),
        (rate.sensitivity.high, rate.specificity.high),
    ):
        informed = max(sensitivity + specificity - 1, 0.05)
        truth = [min(1.0, max(0.0, (share + specificity - 1) / informed)) for share in (before, after)]
        found.append(truth[1] - truth[0])
    return found[0], found[1]
