"""Arrays in, result objects out: intervals and differences with stated assumptions and sources.

The engines need scipy, which takes a moment to load: they are loaded when first asked for.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from harness.stats.differences import (
    PairedDifference,
    newcombe,
    newcombe_paired,
    paired_bounds,
    paired_difference,
)
from harness.stats.intervals import (
    LEVEL,
    Interval,
    mean_score,
    normal_quantile,
    wilson,
    wilson_bounds,
)

if TYPE_CHECKING:
    from harness.stats.combining import (
        Strength,
        alarm_threshold,
        average,
        detector_e,
        e_bh,
        strength,
    )
    from harness.stats.day_effect import DayEffectPaths, day_effect_paths, fit_prior
    from harness.stats.day_effect_state import (
        DayEffectState,
        DayEffectStep,
        day_effect_from_bytes,
        day_effect_to_bytes,
        restart_day_effect,
        start_day_effect,
        step_day_effect,
    )
    from harness.stats.days import (
        CONTAMINATED,
        NARROW,
        PLAIN,
        ROBUST,
        DayEffect,
        DayEffectSettings,
        day_prior,
    )
    from harness.stats.haar import (
        ChangeEstimate,
        HaarSettings,
        anscombe,
        anscombe_scores,
        estimate_change,
        log_ratios,
    )
    from harness.stats.identity import (
        identity_distance,
        logprob_distance,
    )
    from harness.stats.margins import (
        Equivalence,
        equivalence,
        tost_runs,
    )
    from harness.stats.new_levels import (
        NewLevelsState,
        NewLevelsStep,
        new_levels_from_bytes,
        new_levels_paths,
        new_levels_to_bytes,
        restart_new_levels,
        start_new_levels,
        step_new_levels,
    )
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
    from harness.stats.normal_state import (
        from_bytes,
        to_bytes,
    )
    from harness.stats.paired import (
        LockSplit,
        McNemar,
        against_references,
        difference_in_differences,
        log_e_mcnemar,
        mcnemar,
        rate_differences,
        run_difference,
        split_lock,
    )

_ENGINES = {
    "combining": (
        "Strength",
        "alarm_threshold",
        "average",
        "detector_e",
        "e_bh",
        "strength",
    ),
    "day_effect": ("DayEffectPaths", "day_effect_paths", "fit_prior"),
    "days": ("CONTAMINATED", "NARROW", "PLAIN", "ROBUST", "DayEffect", "DayEffectSettings", "day_prior"),
    "day_effect_state": (
        "DayEffectState",
        "DayEffectStep",
        "day_effect_from_bytes",
        "day_effect_to_bytes",
        "restart_day_effect",
        "start_day_effect",
        "step_day_effect",
    ),
    "haar": (
        "ChangeEstimate",
        "HaarSettings",
        "anscombe",
        "anscombe_scores",
        "estimate_change",
        "log_ratios",
    ),
    "identity": (
        "identity_distance",
        "logprob_distance",
    ),
    "margins": (
        "Equivalence",
        "equivalence",
        "tost_runs",
    ),
    "new_levels": (
        "NewLevelsState",
        "NewLevelsStep",
        "new_levels_from_bytes",
        "new_levels_paths",
        "new_levels_to_bytes",
        "restart_new_levels",
        "start_new_levels",
        "step_new_levels",
    ),
    "normal_paths": (
        "NormalScorePaths",
        "follow",
        "score_paths",
        "score_state",
        "tally_p",
        "tally_paths",
        "tally_state",
    ),
    "normal_scores": (
        "NormalScoreSettings",
        "NormalScoreStep",
        "ScoreState",
        "TallyState",
        "restart",
        "start_scores",
        "start_tallies",
        "step_score",
        "step_tallies",
    ),
    "normal_state": (
        "from_bytes",
        "to_bytes",
    ),
    "paired": (
        "LockSplit",
        "McNemar",
        "against_references",
        "difference_in_differences",
        "log_e_mcnemar",
        "mcnemar",
        "rate_differences",
        "run_difference",
        "split_lock",
    ),
}


def __getattr__(name: str) -> Any:
    """Load the module that has the name, once."""
    for module, names in _ENGINES.items():
        if name in names:
            found = getattr(import_module(f"{__name__}.{module}"), name)
            globals()[name] = found
            return found
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


__all__ = [
    "CONTAMINATED",
    "LEVEL",
    "NARROW",
    "PLAIN",
    "ROBUST",
    "ChangeEstimate",
    "DayEffect",
    "DayEffectPaths",
    "DayEffectSettings",
    "DayEffectState",
    "DayEffectStep",
    "Equivalence",
    "HaarSettings",
    "Interval",
    "LockSplit",
    "McNemar",
    "NewLevelsState",
    "NewLevelsStep",
    "NormalScorePaths",
    "NormalScoreSettings",
    "NormalScoreStep",
    "PairedDifference",
    "ScoreState",
    "Strength",
    "TallyState",
    "against_references",
    "alarm_threshold",
    "anscombe",
    "anscombe_scores",
    "average",
    "day_effect_from_bytes",
    "day_effect_paths",
    "day_effect_to_bytes",
    "day_prior",
    "detector_e",
    "difference_in_differences",
    "e_bh",
    "equivalence",
    "estimate_change",
    "fit_prior",
    "follow",
    "from_bytes",
    "identity_distance",
    "log_e_mcnemar",
    "log_ratios",
    "logprob_distance",
    "mcnemar",
    "mean_score",
    "new_levels_from_bytes",
    "new_levels_paths",
    "new_levels_to_bytes",
    "newcombe",
    "newcombe_paired",
    "normal_quantile",
    "paired_bounds",
    "paired_difference",
    "rate_differences",
    "restart",
    "restart_day_effect",
    "restart_new_levels",
    "run_difference",
    "score_paths",
    "score_state",
    "split_lock",
    "start_day_effect",
    "start_new_levels",
    "start_scores",
    "start_tallies",
    "step_day_effect",
    "step_new_levels",
    "step_score",
    "step_tallies",
    "strength",
    "tally_p",
    "tally_paths",
    "tally_state",
    "to_bytes",
    "tost_runs",
    "wilson",
    "wilson_bounds",
]
