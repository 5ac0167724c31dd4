"""Our detectors beside others', on the same simulated answers: false claims per null year, runs and calls to detect.

`python -m benchmarks.rivals` prints the tables of docs/validation/rivals.md. river, dedrift and model-equality-testing
are used where they are installed (that page says how, best in an environment of its own) and said to be absent if not.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from importlib import import_module
from math import exp, log
from time import perf_counter
from types import ModuleType
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.optimize import brentq
from scipy.stats import norm

from benchmarks.rivals_identity import b3it, mmd_hamming, model_equality, model_equality_corrected
from harness.stats import alarm_threshold, day_effect_paths, score_paths
from harness.stats.worlds import QUIET, WORLDS, Border, Change, Tallies, draw_border_counts, draw_years
from tests.engine_figures import CHANGES, rng_for, stream_evidence
from tests.floor_figures import ranks
from tests.robust_figures import share

Floats = npt.NDArray[np.float64]
Alarms = npt.NDArray[np.float64]
"""The number, from 1, of the run with the first alarm of each year; infinite where there is none.

A detector that looks within a run gives the part of the run it needed: 30.25 is a quarter of run 31.
"""
BASELINE = 7
DAILY = 0.01 / 365
NULL_YEARS = 400
CHANGED_YEARS = 200
IDENTITY_YEARS = 40
PACKAGE_YEARS = 20
"""The first of those, for model-equality-testing itself: each of its permutations takes a millisecond."""
_AT_ONCE = 20
"""Years given to the incident tier at a time: few enough for the processor's cache."""


def first_run(hit: npt.NDArray[np.bool_]) -> Alarms:
    """Return the first alarm of each year, from hits of shape (years, runs)."""
    return np.where(hit.any(1), hit.argmax(1) + 1.0, np.inf)


def incident(log_e: Floats, alpha: float) -> Alarms:
    """Our incident tier at a yearly chance of a false alarm."""
    return first_run(log_e >= alarm_threshold(365, alpha))


def persistent(right: Tallies) -> Alarms:
    """Our persistent tier, NS-SR and rank bets, at 1% a year."""
    return first_run(
        stream_evidence(ranks(right, 1, rng_for("ties", right.shape))) >= alarm_threshold(365, 0.01)
    )


def _standardised(right: Tallies) -> Floats:
    """Return the daily rate against the first seven days, as if their mean were the truth."""
    n, rates = right.shape[2], right.mean(2)
    base = np.clip(rates[:, :BASELINE].mean(1, keepdims=True), 1e-3, 1 - 1e-3)
    z: Floats = (rates - base) / np.sqrt(base * (1 - base) / n)
    return z


def cusum(right: Tallies) -> Alarms:
    """CUSUM with k = 1/2 and the boundary that would give 36,500 days between alarms if the level were known."""
    boundary = brentq(lambda b: (exp(b) - b - 1) / 0.5 - 36_500, 1, 20) - 1.166  # Siegmund's approximation
    z, total = _standardised(right), np.zeros(len(right))
    hit = np.zeros(right.shape[:2], dtype=bool)
    for run in range(BASELINE, right.shape[1]):
        total = np.maximum(0.0, total - z[:, run] - 0.5)
        hit[:, run] = total >= boundary
    return first_run(hit)


def glr(right: Tallies) -> Alarms:
    """Generalised likelihood ratio for a drop within 60 days, at ln 36,500, the level taken as known."""
    z = _standardised(right)
    sums = np.concatenate([np.zeros((len(z), 1)), np.cumsum(z[:, BASELINE:], axis=1)], axis=1)
    hit = np.zeros(right.shape[:2], dtype=bool)
    for run in range(BASELINE, right.shape[1]):
        now = run - BASELINE + 1
        lengths = np.arange(1, min(now, 60) + 1)
        fallen = np.maximum(0.0, sums[:, now - lengths] - sums[:, [now]])
        hit[:, run] = (fallen**2 / (2 * lengths)).max(1) >= log(36_500)
    return first_run(hit)


def daily_z(right: Tallies) -> Alarms:
    """Two-proportion z of each day against the first seven, one-sided, Bonferroni over the year."""
    n = right.shape[2]
    base, now = right[:, :BASELINE].sum((1, 2))[:, None], right.sum(2)
    pooled = np.clip((base + now) / (n * (BASELINE + 1)), 1e-3, 1 - 1e-3)
    z = (now / n - base / (n * BASELINE)) / np.sqrt(pooled * (1 - pooled) * (1 / n + 1 / (n * BASELINE)))
    z[:, :BASELINE] = 0
    return first_run(z <= norm.ppf(DAILY))


def cmh(right: Tallies) -> Alarms:
    """Cochran-Mantel-Haenszel of the last seven days against the first seven, probes as strata, Bonferroni."""
    sums = np.cumsum(right, axis=1, dtype=np.int32)
    base, each = sums[:, BASELINE - 1].astype(np.float64), float(BASELINE)
    hit = np.zeros(right.shape[:2], dtype=bool)
    for run in range(2 * BASELINE - 1, right.shape[1]):
        now = (sums[:, run] - sums[:, run - BASELINE]).astype(np.float64)
        met, n = base + now, 2 * each
        variance = (each * each * met * (n - met) / (n * n * (n - 1))).sum(1)
        hit[:, run] = (now - met / 2).sum(1) / np.sqrt(np.maximum(variance, 1e-9)) <= norm.ppf(DAILY)
    return first_run(hit)


def adwin(river: ModuleType) -> Callable[[Tallies], Alarms]:
    """River's ADWIN with its defaults, fed every answer, its alarm at the answer that raised it."""

    def run(right: Tallies) -> Alarms:
        out = np.full(len(right), np.inf)
        for year, answers in enumerate(right):
            detector: Any = river.ADWIN()
            for number, answer in enumerate(answers.ravel().tolist()):
                detector.update(answer)
                if detector.drift_detected:
                    out[year] = (number + 1) / right.shape[2]
                    break
        return out

    return run


def dedrift_rates(detectors: ModuleType) -> Callable[[Tallies], Alarms]:
    """Dedrift's rate test with its correction for clustered days, each day against the first seven, at its .05.

    Its library call for one rate, not its whole pipeline with materiality floors and several signatures.
    """

    def run(right: Tallies) -> Alarms:
        n, out = right.shape[2], np.full(len(right), np.inf)
        days = np.repeat(np.arange(BASELINE), n)
        for year, answers in enumerate(right):
            before = answers[:BASELINE].ravel().astype(np.float64)
            rho = detectors.estimate_icc(before, days, threshold=0.05).rho
            for number in range(BASELINE, len(answers)):
                p = detectors.rate_z_pvalue_clustered(
                    int(before.sum()), before.size, int(answers[number].sum()), n, rho, n, n
                )
                if p < 0.05:
                    out[year] = number + 1
                    break
        return out

    return run


def detectors() -> tuple[dict[str, Callable[[Tallies], Alarms]], list[str]]:
    """Return what is compared, and what is absent and why."""
    kept: list[tuple[Tallies, Floats]] = []

    def statistic(right: Tallies) -> Floats:
        """Compute once for both levels."""
        if not kept or kept[0][0] is not right:
            parts = [
                day_effect_paths(right[start : start + _AT_ONCE], 1).log_e
                for start in range(0, len(right), _AT_ONCE)
            ]
            kept[:] = [(right, np.concatenate(parts))]
        return kept[0][1]

    found: dict[str, Callable[[Tallies], Alarms]] = {
        "incident tier (EB-DE), 1%": lambda right: incident(statistic(right), 0.01),
        "incident tier (EB-DE), 2%": lambda right: incident(statistic(right), 0.02),
        "persistent tier (NS-SR and rank bets)": persistent,
        "CUSUM, plug-in level": cusum,
        "GLR, plug-in level": glr,
        "daily z, Bonferroni": daily_z,
        "CMH of 7 days, Bonferroni": cmh,
    }
    absent = []
    for name, module, make in (
        ("river ADWIN", "river.drift", adwin),
        ("dedrift, daily rate test", "dedrift.detectors", dedrift_rates),
    ):
        try:
            found[name] = make(import_module(module))
        except ImportError as problem:
            absent.append(f"{name}: not measured here ({problem})")
    return found, absent


def false_claims(years: int = NULL_YEARS) -> list[str]:
    """Share of null years with a claim."""
    known, absent = detectors()
    cells: dict[str, list[str]] = {name: [] for name in known}
    for world in WORLDS:
        right = draw_years(world, Change(), rng_for("rivals", world.name), years=years)
        for name, run in known.items():
            cells[name].append(share(np.asarray(np.isfinite(run(right)))))
        print(f"{world.name} done", file=sys.stderr, flush=True)
    return _table("detector", [world.name for world in WORLDS], cells, absent)


def detection(years: int = CHANGED_YEARS) -> list[str]:
    """Median and mean runs to detect, median calls, and the share found within 60 runs."""
    known, absent = detectors()
    cells: dict[str, list[str]] = {name: [] for name in known}
    for title, change in CHANGES:
        right = draw_years(QUIET, change, rng_for("rivals", title), years=years, runs=90)
        for name, run in known.items():
            cells[name].append(waited(run(right), right.shape[2]))
        print(f"{title} done", file=sys.stderr, flush=True)
    return _table("detector", [title for title, _ in CHANGES], cells, absent)


def against_adwin(years: int = CHANGED_YEARS) -> list[str]:
    """The incident tier and ADWIN, change by change: which of the two needs fewer runs."""
    known, absent = detectors()
    lines = [
        "| change | 1%: sooner / same run / later | 2%: sooner / same run / later |",
        "|---|--:|--:|",
    ]
    if "river ADWIN" not in known:
        return [*lines, *(f"\n{reason}" for reason in absent)]
    for title, change in CHANGES:
        right = draw_years(QUIET, change, rng_for("rivals", title), years=years, runs=90)
        theirs = np.ceil(known["river ADWIN"](right))
        cells = []
        for alpha in (1, 2):
            ours = known[f"incident tier (EB-DE), {alpha}%"](right)
            cells.append(f"{(ours < theirs).sum()} / {(ours == theirs).sum()} / {(ours > theirs).sum()}")
        lines.append(f"| {' | '.join([title, *cells])} |")
    return lines


def _table(corner: str, columns: list[str], rows: dict[str, list[str]], absent: list[str]) -> list[str]:
    """Return a table's lines, and what it lacks."""
    lines = [f"| {' | '.join([corner, *columns])} |", "|---|" + "--:|" * len(columns)]
    lines += [f"| {' | '.join([name, *cells])} |" for name, cells in rows.items()]
    return [*lines, *(f"\n{reason}" for reason in absent)]


def waited(alarm: Alarms, calls: int, change: int = 30) -> str:
    """Return median runs, mean runs of those found, median calls, and share found, as a cell.

    Years with an alarm before the change count as not found, and are left out of the rest.
    """
    delay = alarm[alarm > change] - change
    soon = np.ceil(delay[delay <= 60])
    if not soon.size:
        return "– (0%)"
    median = float(np.quantile(delay, 0.5, method="inverted_cdf"))
    runs, asked = ("–", "–") if np.isinf(median) else (f"{np.ceil(median):.0f}", f"{calls * median:,.0f}")
    return f"{runs} / {soon.mean():.1f} / {asked} ({soon.size / len(alarm):.0%})"


def identity(years: int = IDENTITY_YEARS) -> list[str]:
    """Identity by twenty border inputs, ten answers a day each."""
    os.environ.setdefault("TQDM_DISABLE", "1")  # read on import: no bar for every single permutation
    absent = []
    package = torch = None
    try:
        package, torch = import_module("model_equality_testing"), import_module("torch")
    except ImportError as problem:
        absent.append(f"model-equality-testing: not measured here ({problem})")
    cases: tuple[tuple[str, Border, bool], ...] = (
        ("null", Border(), False),
        ("null, noisy days", Border(day=0.5), False),
        ("null, 3% bad days", Border(bad_days=0.03), False),
        ("quantised to 8 bits", Border(shift_sd=0.075), True),
        ("quantised to 4 bits", Border(shift_sd=0.35), True),
        ("30% rerouted", Border(shift_sd=0.35, rerouted=0.3), True),
    )
    rows: dict[str, list[str]] = {}
    titles: list[str] = []
    for name, border, changed in cases:
        rng = rng_for("rivals-identity", name)
        counts, reference = draw_border_counts(border, rng, years=years, runs=90 if changed else 372)
        distance = ((counts / 10 - reference) ** 2).sum(2)
        evidence = stream_evidence(score_paths(-distance, rng.random(distance.shape)).p)
        alarms = {
            "NS-SR and rank bets on distances, 1% a year": first_run(evidence >= alarm_threshold(365, 0.01)),
            "B3IT's rule": first_run(b3it(counts, reference)),
            "MMD-Hamming, daily .01": first_run(mmd_hamming(counts, reference, rng)),
        }
        if package and torch:
            alarms["model-equality-testing, daily .01"] = model_equality(
                package,
                torch,
                counts[:PACKAGE_YEARS],
                reference[:PACKAGE_YEARS],
                rng_for("rivals-package", name),
            )
        alarms["its test at .01 / 365"] = model_equality_corrected(
            counts, reference, rng_for("rivals-corrected", name)
        )
        titles = list(alarms)
        rows[name] = [
            waited(alarm, 200) if changed else share(np.asarray(np.isfinite(alarm)))
            for alarm in alarms.values()
        ]
        print(f"{name} done", file=sys.stderr, flush=True)
    return _table("world", titles, rows, absent)


TABLES: dict[str, Callable[[], list[str]]] = {
    "detection": detection,
    "against-adwin": against_adwin,
    "false-claims": false_claims,
    "identity": identity,
}

if __name__ == "__main__":
    for wanted in sys.argv[1:] or TABLES:
        began = perf_counter()
        print(f"<!-- rivals: {wanted} -->", *TABLES[wanted](), "<!-- end -->", "", sep="\n", flush=True)
        print(f"{wanted}: {perf_counter() - began:.0f} s", file=sys.stderr, flush=True)
