"""Checking the sums: tallies, identities and spend made again from the observations and compared."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from harness.store.chain import MARK_MODULUS, observation_mark
from harness.store.reading import OBSERVATION_COLUMNS
from harness.store.tallies import COLUMNS, HOUR_US, SUMS, counts
from harness.store.verify_report import Report

_COLUMNS = ", ".join("o." + name for name in OBSERVATION_COLUMNS.split(", "))
_PRESENT = f"""
    SELECT x.id, x.run_id, x.endpoint_id, x.probe_id, x.sent_us, x.total_ms, x.final, o.exchange_id, {_COLUMNS}
    FROM exchanges x LEFT JOIN observations o ON o.exchange_id = x.id"""  # noqa: S608 - constants of ours
_PAST = f"""
    SELECT x.id, x.run_id, x.endpoint_id, x.probe_id, o.number, o.replaced_us, {_COLUMNS}
    FROM past_observations o JOIN exchanges x ON x.id = o.exchange_id"""  # noqa: S608 - constants of ours
# Adding and taking away in another order changes the last digits of a fraction.
_RELATIVE = 1e-9


def check_sums(report: Report) -> None:
    """Compare all sums with what they sum up; report what differs."""
    tallies: defaultdict[tuple[int, ...], list[float]] = defaultdict(lambda: [0.0] * (len(COLUMNS) + 1))
    identities: defaultdict[tuple[int, ...], list[float]] = defaultdict(lambda: [0.0])
    spend: defaultdict[tuple[int, ...], list[float]] = defaultdict(lambda: [0.0] * 4)
    waiting: Counter[int] = Counter()
    for row in report.connection.execute(_PRESENT):
        row_id, run_id, endpoint_id, probe_id, sent_us, total_ms, final, judged = row[:8]
        if judged is None:
            if final:
                waiting[run_id] += 1
                spend[sent_us - sent_us % HOUR_US, run_id][0] += 1
            continue
        report.counts["observations"] += 1
        if not final:
            report.bad("observations", str(row_id), "judges a try that was repeated")
        try:
            observation = report.reader.decode_observation(row[8:])
        except (ValueError, TypeError) as error:
            report.bad("observations", str(row_id), f"is not as it was written: {error}")
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
    for row_id, run_id, endpoint_id, probe_id, number, replaced_us, *values in report.connection.execute(
        _PAST
    ):
        report.counts["past_observations"] += 1
        try:
            mark = observation_mark(row_id, report.reader.decode_observation(values), (number, replaced_us))
        except (ValueError, TypeError) as error:
            report.bad("past_observations", f"{row_id}/{number}", f"is not as it was written: {error}")
            continue
        sums = tallies[run_id, endpoint_id, probe_id]
        sums[-1] = (int(sums[-1]) + mark) % MARK_MODULUS
    _compare(report, "tallies", "run_id, endpoint_id, probe_id", (*COLUMNS, "checksum"), tallies)
    _compare(report, "identity_tallies", "run_id, endpoint_id, identity_id", ("n",), identities)
    money = ("calls", "input_tokens", "output_tokens", "cost_usd")
    _compare(report, "spend", "hour_us, run_id", money, spend)
    for run_id, count in sorted(waiting.items()):
        report.note(
            f"run {run_id} has {count} exchanges that are not judged yet; harness regrade judges them"
        )


def _compare(
    report: Report,
    table: str,
    key: str,
    columns: Sequence[str],
    made: Mapping[tuple[int, ...], list[float]],
) -> None:
    width = key.count(",") + 1
    left = set(made)
    row: tuple[Any, ...]
    for row in report.connection.execute(f"SELECT {key}, {', '.join(columns)} FROM {table}"):  # noqa: S608 - constants of ours
        report.counts[table] += 1
        name = f"({key}) = {row[:width]}"
        sums = made.get(row[:width])
        if sums is None:
            report.bad(table, name, "sums up observations that are not there")
            continue
        left.discard(row[:width])
        wrong = [
            column
            for column, stored, value in zip(columns, row[width:], sums, strict=True)
            if stored != value
            and not (column in SUMS and math.isclose(stored, value, rel_tol=_RELATIVE, abs_tol=SUMS[column]))
        ]
        if wrong:
            report.bad(table, name, f"does not agree with the observations in {', '.join(wrong)}")
    for missing in sorted(left):
        report.bad(table, f"({key}) = {missing}", "is missing, though there are observations for it")
