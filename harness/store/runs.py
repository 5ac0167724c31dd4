"""Reading: runs, and what they used."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable

from harness.errors import IntegrityError, StoreError
from harness.records import UNSENT, Outcome, RunStatus
from harness.store.encoding import read_header, read_probe
from harness.store.origins import NOT_IMPORTED
from harness.store.reading import Reader
from harness.store.rows import EndpointRecord, RunInfo, SuiteRecord


class Runs:
    """The runs of one database."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    def run_count(self) -> int:
        """Return how many runs there are."""
        return int(self._reader.rows("SELECT count(*) FROM runs")[0][0])

    def run(self, run_id: int) -> RunInfo:
        """Return one run as it stands.

        Raises:
            StoreError: there is none of that number.
        """
        row = self._reader.one(
            "SELECT header, status, completed, exchanges, finished_us, hash, last_hash FROM runs WHERE id = ?",
            (run_id,),
        )
        if row is None:
            raise StoreError(f"{self._reader.path}: there is no run {run_id}; it has {self.run_count()}")
        frame, status, completed, exchanges, finished_us, own, last = row
        resumed = self._reader.rows(
            "SELECT at_us FROM run_events WHERE run_id = ? AND event = 'resumed' ORDER BY number", (run_id,)
        )
        try:
            header, _ = read_header(frame)
        except (ValueError, TypeError, KeyError) as error:
            raise IntegrityError(
                f"{self._reader.path}: header of run {run_id} is not as it was written: {error}"
            ) from error
        times = tuple(at_us for (at_us,) in resumed)
        return RunInfo(
            run_id, header, RunStatus(status), completed, exchanges, finished_us, times, own.hex(), last.hex()
        )

    def last_run(self) -> RunInfo | None:
        """Return the newest run, if there is one."""
        row = self._reader.one("SELECT max(id) FROM runs")
        return None if row is None or row[0] is None else self.run(row[0])

    def resumable(self) -> list[int]:
        """Return the numbers of our own runs that are not done, oldest first."""
        return [
            run_id
            for (run_id,) in self._reader.rows(
                "SELECT id FROM runs WHERE status != 'done' AND id NOT IN (SELECT run_id FROM origins) ORDER BY id"
            )
        ]

    def done_indexes(self, run_id: int) -> bytearray:
        """Return one byte per call of the run's plan: 1 where it has its final exchange."""
        row = self._reader.one("SELECT planned FROM runs WHERE id = ?", (run_id,))
        if row is None:
            raise StoreError(f"{self._reader.path}: there is no run {run_id}")
        done = bytearray(row[0])

        def mark(row: tuple[int, ...]) -> None:
            if 0 <= row[0] < len(done):
                done[row[0]] = 1

        self._reader.each("SELECT call_index FROM exchanges WHERE run_id = ? AND final", (run_id,), mark)
        return done

    def suites(self, run_id: int) -> list[SuiteRecord]:
        """Return the suites of a run as they were used, fresh probes with their text."""
        found: list[SuiteRecord] = []
        for suite_id, name, version, content_hash, header in self._reader.rows(
            """SELECT s.id, s.name, s.version, s.content_hash, s.header
               FROM run_suites r JOIN suites s ON s.id = r.suite_id WHERE r.run_id = ? ORDER BY r.position""",
            (run_id,),
        ):
            probes = self._reader.rows(
                """SELECT p.dictionary_id, p.definition FROM suite_probes s JOIN probes p ON p.id = s.probe_id
                   WHERE s.suite_id = ? ORDER BY s.position""",
                (suite_id,),
            )
            texts = [read_probe(self._reader.expand(*row)) for row in probes]
            found.append(SuiteRecord(name, version, content_hash, json.loads(header), tuple(texts)))
        return found

    def endpoints(self, run_id: int) -> list[EndpointRecord]:
        """Return the endpoints of a run as they were used."""
        rows = self._reader.rows(
            """SELECT e.name, e.model, e.protocol, e.url, e.vantage, e.parameters
               FROM run_endpoints r JOIN endpoints e ON e.id = r.endpoint_id WHERE r.run_id = ? ORDER BY r.position""",
            (run_id,),
        )
        return [
            EndpointRecord(name, model, protocol, url, vantage, json.loads(parameters))
            for name, model, protocol, url, vantage, parameters in rows
        ]

    def spent(self, since_us: int) -> tuple[float, int]:
        """Return (US dollars, calls) of our own runs since a moment, counted by whole UTC hours."""
        row = self._reader.one(
            f"""SELECT coalesce(sum(cost_usd), 0.0), coalesce(sum(calls), 0) FROM spend
                WHERE hour_us > ? - 3600000000 AND {NOT_IMPORTED}""",  # noqa: S608 - a constant of ours
            (since_us,),
        )
        assert row is not None
        return float(row[0]), int(row[1])

    def unpriced(
        self, run_ids: Iterable[int] | None, since_us: int
    ) -> dict[int, dict[tuple[str, str, str], int]]:
        """Return run -> (endpoint, suite, probe) -> requests that may have cost something nobody told."""
        chosen, values = f"x.{NOT_IMPORTED}", [since_us]
        if run_ids is not None:
            listed = list(run_ids)
            chosen, values = f"x.run_id IN ({', '.join('?' * len(listed))})", [since_us, *listed]
        found: dict[int, dict[tuple[str, str, str], int]] = defaultdict(dict)
        for run_id, endpoint, suite, probe_id, n in self._reader.rows(
            f"""SELECT x.run_id, e.name, p.suite, p.probe_id, count(*) FROM runs r JOIN exchanges x ON x.run_id = r.id
                LEFT JOIN observations o ON o.exchange_id = x.id JOIN endpoints e ON e.id = x.endpoint_id
                JOIN probes p ON p.id = x.probe_id
                WHERE coalesce(r.finished_us, 9e18) >= ?1 AND x.sent_us >= ?1 AND o.cost_usd IS NULL
                  AND coalesce(x.status, 0) < 300
                  AND coalesce(x.failure, '') NOT IN ({", ".join(repr(each.value) for each in UNSENT)})
                  AND {chosen}
                GROUP BY x.run_id, e.name, p.suite, p.probe_id ORDER BY x.run_id, e.name, p.suite, p.probe_id""",  # noqa: S608 - ours
            values,
        ):
            found[run_id][endpoint, suite, probe_id] = n
        return dict(found)

    def run_cost_usd(self, run_id: int) -> float:
        """Return what a run has cost so far, US dollars."""
        row = self._reader.one("SELECT coalesce(sum(cost_usd), 0.0) FROM spend WHERE run_id = ?", (run_id,))
        assert row is not None
        return float(row[0])

    def outcomes(self, run_id: int) -> dict[str, int]:
        """Return how often each outcome occurred in a run; outcomes that did not are left out."""
        names = [outcome.value for outcome in Outcome]
        sums = ", ".join(f"sum({name})" for name in names)
        row = self._reader.one(f"SELECT {sums} FROM tallies WHERE run_id = ?", (run_id,))  # noqa: S608 - our words
        assert row is not None
        return {name: count for name, count in zip(names, row, strict=True) if count}

    def denials(self) -> list[tuple[int, str, str, int]]:
        """Return (run, endpoint, reason, how often) for calls that were denied access."""
        rows = self._reader.rows(
            f"""SELECT t.run_id, e.name, v.reason, count(*)
               FROM (SELECT DISTINCT run_id, endpoint_id, probe_id FROM tallies WHERE denied > 0 AND {NOT_IMPORTED}) t
               JOIN exchanges x ON x.run_id = t.run_id AND x.endpoint_id = t.endpoint_id AND x.probe_id = t.probe_id
               JOIN observations o ON o.exchange_id = x.id JOIN verdicts v ON v.id = o.verdict_id
               JOIN endpoints e ON e.id = t.endpoint_id
               WHERE v.outcome = 'denied' GROUP BY t.run_id, e.name, v.reason ORDER BY t.run_id, e.name, v.reason"""  # noqa: S608 - a constant of ours
        )
        return [
            (int(run_id), str(name), str(reason or ""), int(count)) for run_id, name, reason, count in rows
        ]

    def makers(self, run_id: int) -> list[str]:
        """Return which versions of the code judged a run's exchanges; reads one row per exchange."""
        rows = self._reader.rows(
            """SELECT DISTINCT v.makers FROM exchanges x JOIN observations o ON o.exchange_id = x.id
               JOIN verdicts v ON v.id = o.verdict_id WHERE x.run_id = ? ORDER BY v.makers""",
            (run_id,),
        )
        return [str(makers) for (makers,) in rows]

    def unmapped(self) -> list[tuple[str, str, int]]:
        """Return (endpoint, `field=value`, how often) for wire values without a place in our tables."""
        rows = self._reader.rows(
            f"""SELECT e.name, o.unmapped, count(*)
               FROM (SELECT DISTINCT run_id, endpoint_id, probe_id FROM tallies WHERE unmapped > 0 AND {NOT_IMPORTED}) t
               JOIN exchanges x ON x.run_id = t.run_id AND x.endpoint_id = t.endpoint_id AND x.probe_id = t.probe_id
               JOIN observations o ON o.exchange_id = x.id JOIN endpoints e ON e.id = x.endpoint_id
               WHERE o.unmapped IS NOT NULL GROUP BY e.name, o.unmapped ORDER BY e.name, o.unmapped"""  # noqa: S608 - a constant of ours
        )
        return [(str(name), str(value), int(count)) for name, value, count in rows]

    def mean_latency_ms(self) -> dict[str, float]:
        """Return the mean latency of measured exchanges by endpoint, over the last 20 runs."""
        rows = self._reader.rows(
            f"""SELECT e.name, sum(t.latency_ms_sum) / sum(t.n - t.failed)
               FROM tallies t JOIN endpoints e ON e.id = t.endpoint_id
               WHERE t.run_id > (SELECT max(id) FROM runs) - 20 AND t.{NOT_IMPORTED}
               GROUP BY e.name HAVING sum(t.n - t.failed) > 0"""  # noqa: S608 - a constant of ours
        )
        return dict(rows)
