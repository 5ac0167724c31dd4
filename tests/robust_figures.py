"""What the incident tier's detector does in null years and how fast it finds changes, by seeded simulation.

`python -m tests.robust_figures` prints the tables of docs/validation/robust.md (about half an hour on one free
core); with names, only those. Set OPENBLAS_NUM_THREADS=1 on a busy machine.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from time import perf_counter

import numpy as np
import numpy.typing as npt

from harness.stats import NARROW, PLAIN, DayEffectSettings, alarm_threshold, day_effect_paths
from harness.stats.worlds import QUIET, WORLDS, Change, World, draw_years
from tests.engine_figures import CHANGES, exact_interval, rng_for

Floats = npt.NDArray[np.float64]
ALPHAS = (0.01, 0.02)
WORSE = World(
    "10% of days a logit worse, day noise .25, weekend dip, correlation .3",
    day_sd=0.25,
    autocorrelation=0.3,
    weekend=-0.3,
    worse_days=0.1,
)
HARDER = (
    World("20% bad days", bad_days=0.2),
    World("10% bad days, day noise .2, weekend dip", day_sd=0.2, bad_days=0.1, weekend=-0.3),
    World("10% bad days, day noise .4", day_sd=0.4, bad_days=0.1),
    WORSE,
)
"""Worse than what the prior foresees."""
_AT_ONCE = 20
"""Years drawn at a time: few enough for the processor's cache."""


def largest(
    world: World, settings: DayEffectSettings, years: int, *, answers: int = 1, probes: int = 100
) -> Floats:
    """Return the largest log statistic of each null year."""
    rng, most = rng_for("robust", world.name, settings.direction, answers, probes), []
    for start in range(0, years, _AT_ONCE):
        right = draw_years(
            world, Change(), rng, years=min(_AT_ONCE, years - start), answers=answers, probes=probes
        )
        most.append(day_effect_paths(right, answers, settings).log_e.max(1))
    return np.concatenate(most)


def share(hits: npt.NDArray[np.bool_]) -> str:
    """Return a share with its exact 95% interval (Clopper and Pearson), as a cell."""
    k, n = int(hits.sum()), hits.size
    low, high = exact_interval(k, n)
    return f"{k / n:.1%} ({low:.1%}–{high:.1%})"


def at_each(most: Floats) -> str:
    """Return the shares of years that reach each threshold, as cells."""
    return " | ".join(share(most >= alarm_threshold(365, alpha)) for alpha in ALPHAS)


def null_years(years: int = 400) -> list[str]:
    """False alarms of the detector per null year, in the worlds of every table."""
    return _by_world(WORLDS, years)


def harder(years: int = 200) -> list[str]:
    """The same on days worse than the prior foresees."""
    return _by_world(HARDER, years)


def _by_world(worlds: tuple[World, ...], years: int) -> list[str]:
    return [
        "| days | years | at 1% | at 2% |",
        "|---|--:|--:|--:|",
        *(
            f"| {world.name} | {years} | {at_each(largest(world, DayEffectSettings(), years))} |"
            for world in worlds
        ),
    ]


def null_years_otherwise(years: int = 40) -> list[str]:
    """The same for a rise, with several answers per probe, with few probes, and without bad days in the prior."""
    rows = ["| days | form | years | at 1% | at 2% |", "|---|---|--:|--:|--:|"]
    for world in (*(w for w in WORLDS if w.name in ("10% bad days", "day noise, logit sd .4")), WORSE):
        for form, settings, answers, probes in (
            ("rise", DayEffectSettings(direction="up"), 1, 100),
            ("25 probes", DayEffectSettings(), 1, 25),
            ("25 probes, four answers each", DayEffectSettings(), 4, 25),
            ("no bad days in the prior", DayEffectSettings(effects=PLAIN, spreads=NARROW), 1, 100),
            ("spread of days not learnt", DayEffectSettings(spreads=NARROW), 1, 100),
        ):
            most = largest(world, settings, years, answers=answers, probes=probes)
            rows.append(f"| {world.name} | {form} | {years} | {at_each(most)} |")
    return rows


def found(log_e: Floats, alpha: float, first_run: int = 30) -> str:
    """Return median and mean runs until a change is found, and the share found within 60, as cells."""
    hit = log_e >= alarm_threshold(365, alpha)
    delay = np.where(hit.any(1), hit.argmax(1) + 1.0 - first_run, np.inf)
    delay = delay[delay > 0]
    soon = delay[delay <= 60]
    median = np.median(delay)
    return (
        f"{'–' if np.isinf(median) else f'{median:.0f}'} | {f'{soon.mean():.1f}' if soon.size else '–'} "
        f"| {len(soon) / len(log_e):.0%}"
    )


def delays(years: int = 300) -> list[str]:
    """How many runs until each change is found."""
    rows = [
        "| change with run 31 | at 1%: median | mean | found in 60 | at 2%: median | mean | found in 60 |",
        "|---|--:|--:|--:|--:|--:|--:|",
    ]
    for name, change in CHANGES:
        rng = rng_for("robust-delay", name)
        log_e = np.concatenate(
            [
                day_effect_paths(draw_years(QUIET, change, rng, years=_AT_ONCE, runs=90), 1).log_e
                for _ in range(years // _AT_ONCE)
            ]
        )
        rows.append(f"| {name} | {' | '.join(found(log_e, alpha) for alpha in ALPHAS)} |")
    return rows


TABLES: dict[str, Callable[[], list[str]]] = {
    "null": null_years,
    "delays": delays,
    "harder": harder,
    "otherwise": null_years_otherwise,
}

if __name__ == "__main__":
    for wanted in sys.argv[1:] or TABLES:
        began = perf_counter()
        print(
            f"<!-- robust_figures: {wanted} -->", *TABLES[wanted](), "<!-- end -->", "", sep="\n", flush=True
        )
        print(f"{wanted}: {perf_counter() - began:.0f} s", file=sys.stderr, flush=True)
