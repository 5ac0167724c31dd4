"""Checking the sums: tallies, identities and spend made again from the observations and compared."""

from __future__ import annotations

import math
import sqlite3
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from harness.store.chain import MARK_MODULUS, observation_mark
from harness.store.reading import OBSERVATION_COLUMNS, Reader
from harness.store.tallies import COLUMNS, HOUR_US, SUMS, counts

Report = Callable[[str, str, str], None]

_COLUMNS = ", ".join("o." + name for name in OBSERVATION_COLUMNS.split(", "))
_PRESENT = f"""
    SELECT x.id, x.run_id, x.endpoint_id, x.probe_id, x.sent_us, x.total_ms, x.final, o.exchange_id, {_COLUMNS}
    FROM exchanges x LEFT JOIN observations o ON o.exchange_id = x.id"""  # noqa: S608 - constants of ours
_PAST = f"""
    SELECT x.id, x.run_id, x.endpoint_id, x.probe_id, o.number, o.replaced_us, {_COLUMNS}
    FROM past_observations o JOIN exchanges x ON x.id = o.exchange_id"""  # noqa: S608 - constants of ours
# Adding and taking away in another order changes the last digits of a fraction.
_RELATIVE, _ABSOLUTE = 1e-9, 1e-6


def check_sums(
    connection: sqlite3.Connection, reader: Reader, bad: Report, checked: Counter[str]
) -> Iterator[str]:
    """Compare all sums with what they sum up; report what differs; yield notes."""
    tallies: defaultdict[tuple[int, ...], list[float]] = defaultdict(lambda: [0.0] * (len(COLUMNS) + 1))
    identities: defaultdict[tuple[int, ...], list[float]] = defaultdict(lambda: [0.0])
    spend: defaultdict[tuple[int, ...], list[float]] = defaultdict(lambda: [0.0] * 4)
    waiting: Counter[int] = Counter()
    for row in connection.execute(_PRESENT):
        row_id, run_id, endpoint_id, probe_id, sent_us, total_ms, final, judged = row[:8]
        if judged is None:
            if final:
                waiting[run_id] += 1
                spend[sent_us - sent_us % HOUR_US, run_id][0] += 1
            continue
        checked["observations"] += 1
        if not final:
            bad("observations", str(row_id), "judges a try that was repeated")
        try:
            observation = reader.decode_observation(row[8:])
        except (ValueError, TypeError) as error:
            bad("observations", str(row_id), f"is not as it was written: {error}")
            continue
        sums = tallies[run_id, endpoint_id, probe_id]
        for place, value in enumerate(counts(observation, total_ms)):
            sums[place] += value
        sums[-1] = (int(sums[-1]) + observation_mark(row_id, observation)) % MARK_MODULUS
        identities[run_id, endpoint_id, row[9]][0] += 1
        hour = spend[sent_us - sent_us % HOUR_US, run_id]
        hour[0] += 1
        hour[1] += observation.input_tokens or 0
        hour[2] += observation.output_tokens or 0
        hour[3] += observation.cost_usd or 0.0
    for row_id, run_id, endpoint_id, probe_id, number, replaced_us, *values in connection.execute(_PAST):
        checked["past_observations"] += 1
        try:
            mark = observation_mark(row_id, reader.decode_observation(values), (number, replaced_us))
        except (ValueError, TypeError) as error:
            bad("past_observations", f"{row_id}/{number}", f"is not as it was written: {error}")
            continue
        sums = tallies[run_id, endpoint_id, probe_id]
        sums[-1] = (int(sums[-1]) + mark) % MARK_MODULUS
    _compare(
        connection, "tallies", "run_id, endpoint_id, probe_id", (*COLUMNS, "checksum"), tallies, bad, checked
    )
    _compare(
        connection, "identity_tallies", "run_id, endpoint_id, identity_id", ("n",), identities, bad, checked
    )
    money = ("calls", "input_tokens", "output_tokens", "cost_usd")
    _compare(connection, "spend", "hour_us, run_id", money, spend, bad, checked)
    for run_id, count in sorted(waiting.items()):
        yield f"run {run_id} has {count} exchanges that are not judged yet; harness regrade judges them"


def _compare(
    connection: sqlite3.Connection,
    table: str,
    key: str,
    columns: Sequence[str],
    made: Mapping[tuple[int, ...], list[float]],
    bad: Report,
    checked: Counter[str],
) -> None:
    width = key.count(",") + 1
    left = set(made)
    row: tuple[Any, ...]
    for row in connection.execute(f"SELECT {key}, {', '.join(columns)} FROM {table}"):  # noqa: S608 - constants of ours
        checked[table] += 1
        name = f"({key}) = {row[:width]}"
        sums = made.get(row[:width])
        if sums is None:
            bad(table, name, "sums up observations that are not there")
            continue
        left.discard(row[:width])
        wrong = [
            column
            for column, stored, value in zip(columns, row[width:], sums, strict=True)
            if stored != value
            and not (column in SUMS and math.isclose(stored, value, rel_tol=_RELATIVE, abs_tol=_ABSOLUTE))
        ]
        if wrong:
            bad(table, name, f"does not agree with the observations in {', '.join(wrong)}")
    for missing in sorted(left):
        bad(table, f"({key}) = {missing}", "is missing, though there are observations for it")
