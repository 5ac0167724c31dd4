"""When an endpoint stopped being served, and when it came back: access is an outcome, not a gap."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True)
class AccessEvent:
    """A change in whether an endpoint is to be had from here."""

    endpoint: str
    model: str
    """As requested."""
    kind: Literal["denied", "lost", "regained"]
    """`denied`: refused access from its first run on; `lost`: was served before; `regained`: is served again."""
    run_id: int
    seen_at: datetime
    """Start of the first run that shows it, UTC."""
    before_at: datetime | None
    """Start of the last run that showed otherwise; the change lies between the two."""
    denied: int
    """Calls denied in that run."""
    reasons: tuple[str, ...]
    """Why, as the wire said: key, permission, region, legal, withdrawn, account."""


def access_events(
    tallies: pd.DataFrame, denials: Iterable[tuple[int, str, str, int]]
) -> tuple[AccessEvent, ...]:
    """Return the access events of every endpoint and model, oldest first.

    A run counts as served when anything but a denial was measured, as denied when denials are all that was. A run
    that measured nothing (all calls failed) says nothing about access and is passed over.

    Args:
        tallies: one row per run, endpoint, suite and probe, as the store gives them.
        denials: (run_id, endpoint, reason, count), as the store gives them.
    """
    reasons: dict[tuple[int, str], list[tuple[int, str]]] = {}
    for run_id, endpoint, reason, count in denials:
        reasons.setdefault((run_id, endpoint), []).append((count, reason))
    keys = ["endpoint", "model", "run_id", "started_at"]
    sums = tallies.groupby(keys, sort=True)[["n", "failed", "denied"]].sum().reset_index()
    events: list[AccessEvent] = []
    for name, part in sums.groupby(["endpoint", "model"], sort=True):
        endpoint, model = (str(each) for each in name) if isinstance(name, tuple) else ("", "")
        served: bool | None = None
        before: datetime | None = None
        for row in part.sort_values(["started_at", "run_id"]).to_dict("records"):
            measured = int(row["n"] - row["failed"])
            if not measured:
                continue
            now_served = measured > int(row["denied"])
            moment = row["started_at"].to_pydatetime()
            if now_served is not served and not (served is None and now_served):
                known = sorted(reasons.get((int(row["run_id"]), endpoint), ()), reverse=True)
                events.append(
                    AccessEvent(
                        endpoint=endpoint,
                        model=model,
                        kind="regained" if now_served else "denied" if served is None else "lost",
                        run_id=int(row["run_id"]),
                        seen_at=moment,
                        before_at=before,
                        denied=int(row["denied"]),
                        reasons=tuple(reason for _, reason in known),
                    )
                )
            served, before = now_served, moment
    return tuple(sorted(events, key=lambda event: (event.seen_at, event.endpoint)))
