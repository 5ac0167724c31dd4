"""What is summed up on write, and how one observation counts: the one definition of a tally.

Writing, grading again and verifying all use it.
"""

from __future__ import annotations

import sqlite3
from collections import Counter
from dataclasses import dataclass

from harness.records import Observation, Outcome
from harness.store.chain import MARK_MODULUS, observation_mark

COLUMNS: tuple[str, ...] = (
    "n",
    *(outcome.value for outcome in (Outcome.ANSWERED, Outcome.UNPARSED, Outcome.REFUSED)),
    "refused_provider",
    "refused_partial",
    *(
        outcome.value
        for outcome in (Outcome.CUT, Outcome.EMPTY, Outcome.TRUNCATED, Outcome.DENIED, Outcome.FAILED)
    ),
    "graded",
    "score_sum",
    "rerouted",
    "noticed",
    "unmapped",
    "input_tokens",
    "output_tokens",
    "cost_usd",
    "latency_ms_sum",
)
SUMS = {"score_sum": 1e-9, "cost_usd": 1e-9, "latency_ms_sum": 1e-6}
"""Columns that are sums of fractions, and how far adding in another order may move them; the others are exact."""

HOUR_US = 3_600_000_000


@dataclass(frozen=True, slots=True)
class Place:
    """Where an exchange is counted: looked up once, when it is judged."""

    run_id: int
    endpoint_id: int
    probe_id: int
    sent_us: int
    total_ms: float


_ADD_TALLY = f"""
    INSERT INTO tallies (run_id, endpoint_id, probe_id, {", ".join(COLUMNS)}, checksum)
    VALUES (?, ?, ?, {", ".join("?" for _ in COLUMNS)}, ?)
    ON CONFLICT (run_id, endpoint_id, probe_id)
    DO UPDATE SET {", ".join(f"{name} = {name} + excluded.{name}" for name in COLUMNS)},
      checksum = (checksum + excluded.checksum) % {MARK_MODULUS}"""  # noqa: S608 - our constants
_ADD_IDENTITY = """
    INSERT INTO identity_tallies (run_id, endpoint_id, identity_id, n) VALUES (?, ?, ?, ?)
    ON CONFLICT (run_id, endpoint_id, identity_id) DO UPDATE SET n = n + excluded.n"""
_ADD_SPEND = """
    INSERT INTO spend (hour_us, run_id, calls, input_tokens, output_tokens, cost_usd) VALUES (?, ?, ?, ?, ?, ?)
    ON CONFLICT (hour_us, run_id) DO UPDATE SET calls = calls + excluded.calls,
      input_tokens = input_tokens + excluded.input_tokens, output_tokens = output_tokens + excluded.output_tokens,
      cost_usd = cost_usd + excluded.cost_usd"""


def counts(observation: Observation, total_ms: float) -> tuple[float, ...]:
    """Return what one observation adds to each of `COLUMNS`."""
    outcome = observation.outcome
    refused = outcome is Outcome.REFUSED
    return (
        1,
        outcome is Outcome.ANSWERED,
        outcome is Outcome.UNPARSED,
        refused,
        refused and observation.source == "provider",
        refused and observation.degree == "partial",
        outcome is Outcome.CUT,
        outcome is Outcome.EMPTY,
        outcome is Outcome.TRUNCATED,
        outcome is Outcome.DENIED,
        outcome is Outcome.FAILED,
        observation.score is not None,
        observation.score or 0.0,
        observation.rerouted,
        observation.notice is not None,
        observation.unmapped is not None,
        observation.input_tokens or 0,
        observation.output_tokens or 0,
        observation.cost_usd or 0.0,
        0.0 if outcome is Outcome.FAILED else total_ms,
    )


class Sums:
    """What one transaction adds to the sums."""

    def __init__(self) -> None:
        self._tallies: list[tuple[float, ...]] = []
        self._identities: Counter[tuple[int, int, int]] = Counter()
        self._spend: dict[tuple[int, int], list[float]] = {}

    def _hour(self, place: Place) -> list[float]:
        return self._spend.setdefault((place.sent_us - place.sent_us % HOUR_US, place.run_id), [0, 0, 0, 0.0])

    def call(self, place: Place) -> None:
        """Count a final exchange towards budgets, judged or not."""
        self._hour(place)[0] += 1

    def add(self, row_id: int, observation: Observation, place: Place, identity_id: int) -> None:
        """Count an observation."""
        change = counts(observation, place.total_ms)
        self._change(change, observation_mark(row_id, observation), observation, place, identity_id, 1)

    def take_back(
        self, row_id: int, observation: Observation, place: Place, identity_id: int, past: tuple[int, int]
    ) -> None:
        """Undo `add` for an observation that becomes the past one of that number, replaced at that time."""
        change = tuple(-value for value in counts(observation, place.total_ms))
        mark = observation_mark(row_id, observation, past) - observation_mark(row_id, observation)
        self._change(change, mark % MARK_MODULUS, observation, place, identity_id, -1)

    def _change(
        self,
        change: tuple[float, ...],
        mark: int,
        observation: Observation,
        place: Place,
        identity_id: int,
        sign: int,
    ) -> None:
        self._tallies.append((place.run_id, place.endpoint_id, place.probe_id, *change, mark))
        self._identities[place.run_id, place.endpoint_id, identity_id] += sign
        hour = self._hour(place)
        hour[1] += sign * (observation.input_tokens or 0)
        hour[2] += sign * (observation.output_tokens or 0)
        hour[3] += sign * (observation.cost_usd or 0.0)

    def write(self, connection: sqlite3.Connection) -> None:
        """Add everything to the tables; inside the transaction of the observations."""
        connection.executemany(_ADD_TALLY, self._tallies)
        if any(self._identities.values()):
            connection.executemany(_ADD_IDENTITY, [(*key, n) for key, n in self._identities.items() if n])
        connection.executemany(_ADD_SPEND, [(*key, *values) for key, values in self._spend.items()])
