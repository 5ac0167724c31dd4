"""Reading: what is stored as records of the data format, with everything that their hashes cover."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator
from typing import Any

from harness import dataformat
from harness.dataformat import (
    EndpointLine,
    EventData,
    ExchangeLine,
    FindingLine,
    JudgementLine,
    ObservationLine,
    PreviousRun,
    ProbeLine,
    RunLine,
    SuiteLine,
)
from harness.store.encoding import read_probe
from harness.store.origins import Origins
from harness.store.reading import Reader
from harness.store.rows import Stored
from harness.store.runs import Runs


class Lines:
    """The records of one database. A run that was imported in our own format gives the records it came as."""

    def __init__(self, reader: Reader, runs: Runs, origins: Origins) -> None:
        self._reader = reader
        self._runs = runs
        self._origins = origins

    def suites(self, run_id: int) -> Iterator[ProbeLine | SuiteLine]:
        """Yield the suites of a run as used, each after its probes."""
        for suite_id, name, version, content_hash, header, sha256 in self._reader.rows(
            """SELECT s.id, s.name, s.version, s.content_hash, s.header, s.sha256
               FROM run_suites r JOIN suites s ON s.id = r.suite_id WHERE r.run_id = ? ORDER BY r.position""",
            (run_id,),
        ):
            probes: list[str] = []
            for dictionary_id, frame, own in self._reader.rows(
                """SELECT p.dictionary_id, p.definition, p.sha256 FROM suite_probes s JOIN probes p ON p.id = s.probe_id
                   WHERE s.suite_id = ? ORDER BY s.position""",
                (suite_id,),
            ):
                yield dataformat.probe_line(name, read_probe(self._reader.expand(dictionary_id, frame)))
                probes.append(own.hex())
            yield SuiteLine(
                name=name,
                version=version,
                content_hash=content_hash,
                header=json.loads(header),
                probes=tuple(probes),
                sha256=sha256.hex(),
            )

    def endpoints(self, run_id: int) -> Iterator[EndpointLine]:
        """Yield the endpoints of a run as used."""
        for name, model, protocol, url, vantage, parameters, sha256 in self._reader.rows(
            """SELECT e.name, e.model, e.protocol, e.url, e.vantage, e.parameters, e.sha256
               FROM run_endpoints r JOIN endpoints e ON e.id = r.endpoint_id WHERE r.run_id = ? ORDER BY r.position""",
            (run_id,),
        ):
            yield EndpointLine(
                name=name,
                model=model,
                protocol=protocol,
                url=url,
                vantage=vantage,
                parameters=json.loads(parameters),
                sha256=sha256.hex(),
            )

    def run(self, run_id: int) -> RunLine:
        """Return a run's record.

        Raises:
            StoreError: there is no such run.
        """
        origin = self._origins.of(run_id)
        if origin is not None and origin.source == "harness":
            return RunLine.model_validate(origin.record["run"])
        info = self._runs.run(run_id)
        row = self._reader.one(
            """SELECT r.previous_id, p.hash, r.previous_exchanges, r.previous_last, r.previous_event
               FROM runs r LEFT JOIN runs p ON p.id = r.previous_id WHERE r.id = ?""",
            (run_id,),
        )
        assert row is not None
        return RunLine(
            run=run_id,
            header=dataformat.header_data(info.header),
            suites=self._digests("run_suites", "suites", "suite_id", run_id),
            endpoints=self._digests("run_endpoints", "endpoints", "endpoint_id", run_id),
            previous=_previous(row),
            hash=info.hash,
            status=info.status,
            finished_us=info.finished_us,
            completed=info.completed,
            exchanges=info.exchanges,
            last=info.last_hash,
            events=tuple(self._events(run_id)),
            origin=origin,
        )

    def findings(self, run_id: int) -> Iterator[FindingLine]:
        """Yield the findings that a run raised, as they stand; of an imported run, those that came with it."""
        origin = self._origins.of(run_id)
        if origin is not None and origin.source == "harness":
            for data in origin.record.get("findings", ()):
                yield FindingLine.model_validate(data)
        for body, standing in self._reader.rows(
            """SELECT f.body,
                 (SELECT e.event FROM finding_events e WHERE e.finding_id = f.id ORDER BY e.number DESC LIMIT 1)
               FROM findings f JOIN finding_updates u ON u.id = f.update_id WHERE u.run_id = ? ORDER BY f.number""",
            (run_id,),
        ):
            yield FindingLine(finding=json.loads(body), standing=standing or "open")

    def judgements(self, run_ids: Collection[int]) -> Iterator[JudgementLine]:
        """Yield the judgements of answers in some runs by judges' exchanges in some of them."""
        numbers = {run_id: self.run(run_id).run for run_id in run_ids}
        for run_id in sorted(run_ids):
            for number, judged_us, judge_run, own, judging in self._reader.rows(
                """SELECT j.number, j.judged_us, y.run_id, coalesce(a.hash, x.hash), coalesce(b.hash, y.hash)
                   FROM judgements j JOIN exchanges x ON x.id = j.exchange_id
                   JOIN exchanges y ON y.id = j.judge_exchange_id
                   LEFT JOIN origin_exchanges a ON a.exchange_id = x.id
                   LEFT JOIN origin_exchanges b ON b.exchange_id = y.id
                   WHERE x.run_id = ? ORDER BY j.exchange_id, j.number""",
                (run_id,),
            ):
                if judge_run in numbers:
                    yield JudgementLine(
                        run=numbers[run_id],
                        exchange=own.hex(),
                        number=number,
                        judge_run=numbers[judge_run],
                        judge_exchange=judging.hex(),
                        judged_us=judged_us,
                    )

    def exchanges(
        self, run_id: int, endpoints: Collection[str] | None = None, suites: Collection[str] | None = None
    ) -> Iterator[tuple[ExchangeLine, list[ObservationLine]]]:
        """Yield a run's exchanges in the order of their chain, each with its observations, replaced ones first.

        Args:
            run_id: the run.
            endpoints: only these; None for all.
            suites: only these; None for all.
        """
        made_elsewhere = self._origins.chain(run_id)
        number = self.run(run_id).run if made_elsewhere else run_id
        replaced = {
            row_id
            for (row_id,) in self._reader.rows(
                """SELECT DISTINCT p.exchange_id FROM past_observations p JOIN exchanges x ON x.id = p.exchange_id
                   WHERE x.run_id = ?""",
                (run_id,),
            )
        }
        before = self._runs.run(run_id).hash
        for stored in self._reader.exchanges(run_id, final=False):
            previous, before = before, stored.hash
            exchange = stored.exchange
            if endpoints is not None and exchange.endpoint not in endpoints:
                continue
            if suites is not None and exchange.suite not in suites:
                continue
            place = made_elsewhere.get(stored.row_id, (stored.number, previous, stored.hash))
            yield self._both(stored, number, *place, replaced=stored.row_id in replaced)

    def _both(
        self, stored: Stored, run: int, number: int, previous: str, own: str, *, replaced: bool
    ) -> tuple[ExchangeLine, list[ObservationLine]]:
        exchange = stored.exchange
        line = dataformat.exchange_line(exchange, run=run, number=number, previous=previous, hash_=own)
        past = self._reader.past_observations(stored.row_id) if replaced else []
        seen = [
            dataformat.observation_line(each, exchange, run=run, hash_=own, replaced_us=replaced_us)
            for replaced_us, each in past
        ]
        if stored.observation is not None:
            seen.append(dataformat.observation_line(stored.observation, exchange, run=run, hash_=own))
        return line, seen

    def _digests(self, link: str, table: str, column: str, run_id: int) -> tuple[str, ...]:
        rows = self._reader.rows(
            f"SELECT t.sha256 FROM {link} l JOIN {table} t ON t.id = l.{column} WHERE l.run_id = ? ORDER BY l.position",  # noqa: S608 - ours
            (run_id,),
        )
        return tuple(sha256.hex() for (sha256,) in rows)

    def _events(self, run_id: int) -> Iterator[EventData]:
        for number, event, at_us, status, completed, exchanges, last, own in self._reader.rows(
            """SELECT number, event, at_us, status, completed, exchanges, last_hash, hash
               FROM run_events WHERE run_id = ? ORDER BY number""",
            (run_id,),
        ):
            yield EventData(
                number=number,
                event=event,
                at_us=at_us,
                status=status,
                completed=completed,
                exchanges=exchanges,
                last=last.hex(),
                hash=own.hex(),
            )


def _previous(row: tuple[Any, ...]) -> PreviousRun | None:
    number, own, exchanges, last, event = row
    if number is None:
        return None
    return PreviousRun(run=number, hash=own.hex(), exchanges=exchanges, last=last.hex(), event=event.hex())
