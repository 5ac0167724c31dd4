"""Arrays in, result objects out: intervals and differences with stated assumptions and sources."""

from harness.stats.differences import (
    PairedDifference,
    newcombe,
    newcombe_paired,
    paired_bounds,
    paired_difference,
)
from harness.stats.intervals import LEVEL, Interval, mean_score, normal_quantile, wilson, wilson_bounds

__all__ = [
    "LEVEL",
    "Interval",
    "PairedDifference",
    "mean_score",
    "newcombe",
    "newcombe_paired",
    "normal_quantile",
    "paired_bounds",
    "paired_difference",
    "wilson",
    "wilson_bounds",
]
