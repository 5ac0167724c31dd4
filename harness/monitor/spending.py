"""What was spent: the costs that replies told, and at most what the rest can have cost.

A reply that was served without saying how many tokens it took, and a request whose reply was lost, cost what nobody
knows. The record has no figure for them; where money is counted they count with the plan's upper estimate.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from harness.config import Endpoint
from harness.monitor.stored import endpoints_of
from harness.plan import estimate_call
from harness.store import Store


@dataclass(frozen=True, slots=True)
class Untold:
    """Requests whose cost nobody told."""

    requests: int = 0
    usd_at_most: float = 0.0


def untold(store: Store, run_ids: Iterable[int] | None = None, since_us: int = 0) -> dict[int, Untold]:
    """Return what runs sent whose cost is not known, by run; runs without any, or without prices, are left out.

    Args:
        store: open for reading.
        run_ids: which runs; all of our own by default.
        since_us: only what was sent from then on, UTC microseconds.
    """
    found: dict[int, Untold] = {}
    for run_id, asked in store.unpriced(run_ids, since_us).items():
        priced = {
            name: endpoint
            for name, endpoint in endpoints_of(store, run_id).items()
            if isinstance(endpoint, Endpoint)
            and (endpoint.prices.input_usd_per_mtok or endpoint.prices.output_usd_per_mtok)
        }
        counts = {key: n for key, n in asked.items() if key[0] in priced}
        if not counts:
            continue
        probes = {(used.name, probe.id): probe for used in store.suites(run_id) for probe in used.probes}
        usd = sum(
            n * estimate_call(priced[endpoint], probes[suite, probe_id]).cost_usd
            for (endpoint, suite, probe_id), n in counts.items()
        )
        found[run_id] = Untold(sum(counts.values()), usd)
    return found


def spent_in_run(store: Store, run_id: int) -> float:
    """Return what a run has cost so far, US dollars, at most."""
    return store.run_cost_usd(run_id) + untold(store, [run_id]).get(run_id, Untold()).usd_at_most


def spent_before(store: Store, now_us: int) -> tuple[float, float, int]:
    """Return (US dollars this UTC day, US dollars this UTC month, calls this UTC day) before this run, at most."""
    today = datetime.fromtimestamp(now_us / 1e6, UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    day_us, month_us = (int(each.timestamp() * 1e6) for each in (today, today.replace(day=1)))
    day_usd, day_calls = store.spent(day_us)
    month_usd, _ = store.spent(month_us)
    more = [
        sum(each.usd_at_most for each in untold(store, since_us=since_us).values())
        for since_us in (day_us, month_us)
    ]
    return day_usd + more[0], month_usd + more[1], day_calls


def dollars(usd: float, usd_at_most: float) -> str:
    """Return an amount for people: `at most` where not all of it is known."""
    return f"${usd:.4f}" if usd_at_most <= usd + 5e-7 else f"at most ${usd_at_most:.4f}"
