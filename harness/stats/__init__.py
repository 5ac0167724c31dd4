"""Arrays in, result objects out: intervals and differences with stated assumptions and sources."""

from harness.stats.differences import (
    PairedDifference,
    newcombe,
    newcombe_paired,
    paired_bounds,
    paired_difference,
)
from harness.stats.haar import (
    ChangeEstimate,
    HaarSettings,
    anscombe,
    anscombe_scores,
    estimate_change,
    log_ratios,
)
from harness.stats.intervals import LEVEL, Interval, mean_score, normal_quantile, wilson, wilson_bounds
from harness.stats.normal_paths import (
    NormalScorePaths,
    follow,
    score_paths,
    score_state,
    tally_p,
    tally_paths,
    tally_state,
)
from harness.stats.normal_scores import (
    NormalScoreSettings,
    NormalScoreStep,
    ScoreState,
    TallyState,
    restart,
    start_scores,
    start_tallies,
    step_score,
    step_tallies,
)
from harness.stats.normal_state import from_bytes, to_bytes

__all__ = [
    "LEVEL",
    "ChangeEstimate",
    "HaarSettings",
    "Interval",
    "NormalScorePaths",
    "NormalScoreSettings",
    "NormalScoreStep",
    "PairedDifference",
    "ScoreState",
    "TallyState",
    "anscombe",
    "anscombe_scores",
    "estimate_change",
    "follow",
    "from_bytes",
    "log_ratios",
    "mean_score",
    "newcombe",
    "newcombe_paired",
    "normal_quantile",
    "paired_bounds",
    "paired_difference",
    "restart",
    "score_paths",
    "score_state",
    "start_scores",
    "start_tallies",
    "step_score",
    "step_tallies",
    "tally_p",
    "tally_paths",
    "tally_state",
    "to_bytes",
    "wilson",
    "wilson_bounds",
]
