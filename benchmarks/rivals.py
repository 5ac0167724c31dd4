"""Our detectors beside others', on the same simulated answers: false claims per null year, and runs to detect.

`python -m benchmarks.rivals` prints the tables of docs/validation/rivals.md. river and dedrift are used where they are
installed (`pip install '.[rivals]'`, best in an environment of its own) and said to be absent where not.
"""

from __future__ import annotations

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

from harness.stats import alarm_threshold, day_effect_paths, score_paths
from harness.stats.worlds import QUIET, WORLDS, Border, Change, Tallies, draw_border_counts, draw_years
from tests.engine_figures import CHANGES, rng_for, stream_evidence
from tests.floor_figures import ranks
from tests.robust_figures import share

Floats = npt.NDArray[np.float64]
Alarms = npt.NDArray[np.float64]
"""The number, from 1, of the run with the first alarm of each year; infinite where there is none."""
BASELINE = 7
DAILY = 0.01 / 365
YEARS = 40


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
    """River's ADWIN with its defaults, fed every answer."""

    def run(right: Tallies) -> Alarms:
        out = np.full(len(right), np.inf)
        for year, answers in enumerate(right):
            detector: Any = river.ADWIN()
            for number, answer in enumerate(answers.ravel().tolist()):
                detector.update(answer)
                if detector.drift_detected:
                    out[year] = number // right.shape[2] + 1
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
    kept: dict[int, Floats] = {}

    def statistic(right: Tallies) -> Floats:
        """Compute once for both levels."""
        if id(right) not in kept:
            kept[id(right)] = day_effect_paths(right, 1).log_e
        return kept[id(right)]

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


def false_claims(years: int = YEARS) -> list[str]:
    """Share of null years with a claim."""
    known, absent = detectors()
    worlds = [w for w in WORLDS if w.name not in ("near-deterministic suite", "autocorrelation .5")]
    drawn = [draw_years(w, Change(), rng_for("rivals", w.name), years=years) for w in worlds]
    rows = [f"| detector | {' | '.join(w.name for w in worlds)} |", "|---|" + "--:|" * len(worlds)]
    for name, run in known.items():
        rows.append(
            f"| {name} | {' | '.join(share(np.asarray(np.isfinite(run(right)))) for right in drawn)} |"
        )
        print(f"{name} done", file=sys.stderr, flush=True)
    return [*rows, *(f"\n{reason}" for reason in absent)]


def detection(years: int = YEARS) -> list[str]:
    """Median and mean runs to detect, and the share found within 60."""
    known, absent = detectors()
    drawn = [
        (name, draw_years(QUIET, change, rng_for("rivals", name), years=years, runs=90))
        for name, change in CHANGES
    ]
    rows = [f"| detector | {' | '.join(name for name, _ in drawn)} |", "|---|" + "--:|" * len(drawn)]
    for name, run in known.items():
        rows.append(f"| {name} | {' | '.join(waited(run(right)) for _, right in drawn)} |")
        print(f"{name} done", file=sys.stderr, flush=True)
    return [*rows, *(f"\n{reason}" for reason in absent)]


def waited(alarm: Alarms, change: int = 30) -> str:
    """Return median, mean of those found, and share found, as a cell; years with an alarm before are left out."""
    delay = alarm[alarm > change] - change
    soon = delay[delay <= 60]
    if not soon.size:
        return "– (0%)"
    median = np.median(delay)
    return (
        f"{'–' if np.isinf(median) else f'{median:.0f}'} / {soon.mean():.1f} ({soon.size / len(alarm):.0%})"
    )


def b3it(counts: Tallies, reference: Floats) -> npt.NDArray[np.bool_]:
    """B3IT's production rule (2602.11083): the mean distance to the reference leaves its last fourteen days, before the
    latest four, by four of their standard deviations and by .2, three days running.
    """
    apart = np.abs(counts / 10 - reference).mean(2)
    hit = np.zeros(apart.shape, dtype=bool)
    streak = np.zeros(len(apart))
    for run in range(9, apart.shape[1]):
        before = apart[:, max(0, run - 18) : run - 4]
        off = np.abs(apart[:, run] - before.mean(1))
        streak = np.where((off > 0.2) & (off > 4 * before.std(1, ddof=1)), streak + 1, 0)
        hit[:, run] = streak >= 3
    return hit


def mmd_hamming(counts: Tallies, reference: Floats, rng: np.random.Generator) -> npt.NDArray[np.bool_]:
    """MMD with the Hamming kernel on one-token answers, 199 permutations within prompts, daily at .01."""
    before = np.rint(reference * 100).astype(np.int64)
    seen = ((counts / 10 - reference) ** 2).sum(2)
    pooled = before + counts
    larger = np.zeros(seen.shape)
    for _ in range(199):
        drawn = rng.hypergeometric(pooled, 110 - pooled, 10)
        larger += ((drawn / 10 - (pooled - drawn) / 100) ** 2).sum(2) >= seen
    hit: npt.NDArray[np.bool_] = (1 + larger) / 200 <= 0.01
    return hit


def identity(years: int = YEARS) -> list[str]:
    """Identity by twenty border inputs, ten answers a day each."""
    rows = [
        "| world | NS-SR and rank bets on distances, 1% a year | B3IT's rule | MMD-Hamming, daily .01 |",
        "|---|--:|--:|--:|",
    ]
    cases: tuple[tuple[str, Border, bool], ...] = (
        ("null", Border(), False),
        ("null, noisy days", Border(day=0.5), False),
        ("null, 3% bad days", Border(bad_days=0.03), False),
        ("quantised to 8 bits", Border(shift_sd=0.075), True),
        ("quantised to 4 bits", Border(shift_sd=0.35), True),
        ("30% rerouted", Border(shift_sd=0.35, rerouted=0.3), True),
    )
    for name, border, changed in cases:
        rng = rng_for("rivals-identity", name)
        counts, reference = draw_border_counts(border, rng, years=years, runs=90 if changed else 372)
        distance = ((counts / 10 - reference) ** 2).sum(2)
        paths = score_paths(-distance, rng.random(distance.shape))
        log_e = stream_evidence(paths.p)
        hits = [
            log_e >= alarm_threshold(365, 0.01),
            b3it(counts, reference),
            mmd_hamming(counts, reference, rng),
        ]
        cells = [waited(first_run(hit)) if changed else share(np.asarray(hit.any(1))) for hit in hits]
        rows.append(f"| {name} | {' | '.join(cells)} |")
    return rows


TABLES: dict[str, Callable[[], list[str]]] = {
    "detection": detection,
    "false-claims": false_claims,
    "identity": identity,
}

if __name__ == "__main__":
    for wanted in sys.argv[1:] or TABLES:
        began = perf_counter()
        print(f"<!-- rivals: {wanted} -->", *TABLES[wanted](), "<!-- end -->", "", sep="\n", flush=True)
        print(f"{wanted}: {perf_counter() - began:.0f} s", file=sys.stderr, flush=True)
