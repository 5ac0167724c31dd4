"""Missing answers taken at their worst: between what limits a difference lies whatever they would have been."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from harness.stats.differences import paired_difference
from harness.stats.intervals import LEVEL


@dataclass(frozen=True, slots=True)
class WorstCase:
    """Limits of the difference, second minus first, over all that missing answers could have been."""

    low: float
    """Had every missing answer on the first side been a success, and on the second a failure."""
    high: float
    """The other way round."""
    interval_low: float
    """Lower confidence bound in the first case: what sampling leaves open is in it as well."""
    interval_high: float
    """Upper confidence bound in the second case."""


def worst_case(
    successes: tuple[npt.ArrayLike, npt.ArrayLike],
    missing: tuple[npt.ArrayLike, npt.ArrayLike],
    asked: tuple[npt.ArrayLike, npt.ArrayLike],
    level: float = LEVEL,
) -> WorstCase | None:
    """Return worst-case limits of the mean difference of matched units.

    Nothing is assumed about why answers are missing: neither at random nor alike on both sides. The confidence
    bounds are those of `paired_difference` at either extreme: together they hold the true difference at
    the level.

    Args:
        successes: Sum of scores per unit on both sides, shape (units,).
        missing: Answers per unit that were asked for and not measured.
        asked: All answers per unit, missing ones included; units asked on one side only are left out.
        level: Confidence level.

    Returns:
        None with fewer than two units asked on both sides.

    Source: Manski (1990), American Economic Review 80, 319-323; Horowitz and Manski (2000), JASA 95, 77-84.
    """
    got, gone, whole = (
        [np.asarray(side, dtype=np.float64) for side in pair] for pair in (successes, missing, asked)
    )
    both = (whole[0] > 0) & (whole[1] > 0)
    if int(both.sum()) < 2:
        return None
    least = [np.clip(got[side][both] / whole[side][both], 0.0, 1.0) for side in (0, 1)]
    most = [np.clip((got[side] + gone[side])[both] / whole[side][both], 0.0, 1.0) for side in (0, 1)]
    down, up = (
        paired_difference(most[0], least[1], level).interval,
        paired_difference(least[0], most[1], level).interval,
    )
    if down.estimate is None or up.estimate is None or down.low is None or up.high is None:
        return None
    return WorstCase(down.estimate, up.estimate, down.low, up.high)
