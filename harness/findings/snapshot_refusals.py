"""Refusals on two sides with the refusal detector's measured error taken out, and its doubt put into the interval."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import TypeAlias, cast

import numpy as np
import numpy.typing as npt

from harness.findings.snapshot_questions import Shift, by_task, shift, units
from harness.graders.refusal_error import RATES, ErrorRates
from harness.records import JSON
from harness.stats.clusters import clustered_difference
from harness.stats.intervals import Floats, Interval, normal_quantile, wilson
from harness.stats.rogan_gladen import Detector, Measured, Rates, spread, true_share, widened
from harness.tables.matched import Bools, Matched, SideCounts

Places: TypeAlias = npt.NDArray[np.intp]
METHOD = "rogan-gladen"
NAME = "share declined, the detector's error taken out,"


@dataclass(frozen=True, slots=True, eq=False)
class Prose:
    """What the refusal detector did on one side: arrays with a row per run and a column per probe of the match."""

    read: Floats
    """Answers that it could have called a refusal: those it read, without the right ones, which never are."""
    called: Floats
    """Of these, those that count as refusals because it said so."""
    other: float = 0.0
    """Answers read by another version of it than its error was measured for."""


@dataclass(frozen=True, slots=True)
class Rate:
    """A corrected share of one side."""

    estimate: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Refusals:
    """The share declined on both sides, as read and corrected."""

    raw: Shift
    corrected: Shift | None
    """None where it cannot be corrected, or needs not to be."""
    before: Rate | None
    after: Rate | None
    detectors: tuple[tuple[str, Detector], ...]
    """By language, those whose error was taken out."""
    why_not: str = ""
    """Why nothing was taken out; empty where it was."""
    unread: bool = False
    """No refusal rests on the detector."""

    def as_json(self) -> dict[str, JSON]:
        """Return it as JSON data."""

        def moved(found: Shift) -> dict[str, JSON]:
            return {
                "before": found.before,
                "after": found.after,
                "difference": cast("dict[str, JSON]", asdict(found.interval)),
                "p": found.p,
            }

        return {
            "raw": moved(self.raw),
            "corrected": None if self.corrected is None else moved(self.corrected),
            "corrected_before": cast("JSON", None if self.before is None else asdict(self.before)),
            "corrected_after": cast("JSON", None if self.after is None else asdict(self.after)),
            "detector": {
                language: {
                    "sensitivity": each.sensitivity.estimate,
                    "sensitivity_of": each.sensitivity.of,
                    "specificity": each.specificity.estimate,
                    "specificity_of": each.specificity.of,
                }
                for language, each in self.detectors
            },
            "not_corrected_because": self.why_not or None,
        }


def refusals(
    matched: Matched,
    prose: tuple[Prose, Prose],
    level: float,
    where: Bools | None = None,
    rates: Mapping[str, ErrorRates] = RATES,
) -> Refusals | None:
    """Return how often requests were declined, with the detector's error taken out where that can be done.

    Refusals by a field of the provider's, answers cut off or empty, and labels of a log need no detector and are kept
    as they are. Of the rest, the called answers of each language are replaced by Rogan and Gladen's estimate.
    The interval joins what tasks (and runs) differ by with the sampling error of sensitivity and specificity.

    Args:
        matched: one endpoint and suite.
        prose: what the detector did on both sides.
        level: of the interval.
        where: which probes; all of them if left out.
        rates: measured error by language.

    Returns:
        None where nothing was declined on either side, or fewer than two tasks were measured on both.
    """
    chosen = np.ones(len(matched.probes), dtype=bool) if where is None else where
    raw = shift("share declined", units(matched, "declined", chosen), level, shared=matched.shared_runs)
    if raw is None or raw.before + raw.after == 0:
        return None
    at = np.flatnonzero(chosen)
    read = np.sum([side.read[:, at].sum(0) for side in prose], axis=0)
    called = sum(float(side.called[:, at].sum()) for side in prose)
    languages = sorted({matched.tags["language"][place] for place, n in zip(at, read, strict=True) if n})
    unknown = [each for each in languages if each not in rates]
    detectors = {each: _detector(rates[each]) for each in languages if each in rates}
    vague = [each for each, detector in detectors.items() if not detector.identified]
    why_not = ""
    if not called:
        why_not = "no refusal rests on it: a field of the provider's, an empty or cut reply, or a log's label told each"
    elif sum(side.other for side in prose):
        why_not = "answers were read by another version of the detector than was measured: harness regrade"
    elif unknown:
        why_not = (
            f"its error is not measured in {', '.join(each or 'an unnamed language' for each in unknown)}"
        )
    elif vague:
        why_not = (
            f"too little is known of its error in {', '.join(vague)}: sensitivity + specificity is near one"
        )
    if why_not:
        return Refusals(raw, None, None, None, (), why_not, unread=not called)
    return _corrected(matched, prose, at, raw, detectors)


def _detector(rate: ErrorRates) -> Detector:
    return Detector(
        Measured(rate.sensitivity.right, rate.sensitivity.of),
        Measured(rate.specificity.right, rate.specificity.of),
    )


def _corrected(
    matched: Matched,
    prose: tuple[Prose, Prose],
    places: Places,
    raw: Shift,
    detectors: Mapping[str, Detector],
) -> Refusals:
    languages = list(detectors)
    tasks = [matched.tags["task"][place] for place in places]
    # A probe whose answers it never read has no language among these; any will do.
    index = np.array(
        [
            languages.index(own) if (own := matched.tags["language"][place]) in detectors else 0
            for place in places
        ]
    )
    sides = tuple(zip((matched.left, matched.right), prose, strict=True))

    def shares(rates: Rates) -> tuple[tuple[Floats, Floats], ...]:
        """Return pooled and run-by-run corrected shares by task, for both sides."""
        return tuple(_by_side(side, own, places, index, rates, tasks) for side, own in sides)

    measured = [(each.sensitivity.estimate, each.specificity.estimate) for each in detectors.values()]
    (first, first_runs), (second, second_runs) = shares(measured)
    low = min(each.span()[0] for each in detectors.values())
    wide = max(each.span()[1] for each in detectors.values()) - low

    def scale(each: Floats) -> Floats:
        return np.clip((each - low) / wide, 0.0, 1.0)

    found = clustered_difference(
        scale(first),
        scale(second),
        scale(first_runs),
        scale(second_runs),
        raw.interval.level,
        unit="task",
        shared=matched.shared_runs,
    )
    both = ~(np.isnan(first) | np.isnan(second))

    def mean(side: int) -> float:
        return float((first, second)[side][both].mean())

    def difference(rates: Rates) -> float:
        (one, _), (other, _) = shares(rates)
        return float((other - one)[both].mean())

    def one_side(side: int) -> Rate:
        sd = spread(list(detectors.values()), lambda rates: float(shares(rates)[side][0][both].mean()))
        least = min(each.informed for each in detectors.values())
        seen = (raw.before, raw.after)[side]
        own = wilson(seen * raw.n, raw.n, raw.interval.level)
        z = normal_quantile(raw.interval.level)
        below, above = (
            np.hypot((seen - (own.low or 0.0)) / least, z * sd),
            np.hypot(((own.high or 1.0) - seen) / least, z * sd),
        )
        value = mean(side)
        ends = np.clip([value, value - below, value + above], 0.0, 1.0)
        return Rate(*(float(end) for end in ends))

    scaled = found.difference.interval
    interval = Interval(
        raw.n, mean(1) - mean(0),
        None if scaled.low is None else scaled.low * wide, None if scaled.high is None else scaled.high * wide,
        scaled.level, scaled.method,
    )  # fmt: skip
    doubt = spread(list(detectors.values()), difference)
    interval, p = widened(interval, 1.0 if found.p is None else found.p, doubt, METHOD)
    before, after = one_side(0), one_side(1)
    moved = after.estimate - before.estimate
    # Shares are cut to 0..1, and so is what they moved by; the interval holds it.
    interval = replace(
        interval,
        estimate=moved,
        low=max(-1.0, min(interval.low or 0.0, moved)),
        high=min(1.0, max(interval.high or 0.0, moved)),
    )
    corrected = Shift(NAME, raw.n, before.estimate, after.estimate, interval, p)
    return Refusals(raw, corrected, before, after, tuple(detectors.items()))


def _by_side(
    side: SideCounts,
    prose: Prose,
    at: Places,
    index: Places,
    rates: Rates,
    tasks: Sequence[str],
) -> tuple[Floats, Floats]:
    """Return corrected shares by task: pooled over runs, shape (tasks,), and run by run, shape (runs, tasks)."""
    declined, measured = side.counts["declined"][:, at], side.measured[:, at]
    called, read = prose.called[:, at], prose.read[:, at]
    sensitivity = np.array([rates[place][0] for place in index])
    specificity = np.array([rates[place][1] for place in index])
    made = []
    for pooled in (True, False):
        grids = [each.sum(0)[None, :] if pooled else each for each in (declined, measured, called, read)]
        kept, n, said, seen = grids
        true = true_share(said, seen, sensitivity, specificity)
        with np.errstate(invalid="ignore", divide="ignore"):
            share = np.where(n > 0, (kept - said + true) / n, np.nan)
        made.append(by_task(share, tasks))
    return made[0][0], made[1]
