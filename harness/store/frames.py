"""Reading: the tables that analysis works on, as pandas DataFrames.

pandas is imported when a table is asked for: commands that need none start faster.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from harness.records import canonical_json
from harness.store.chain import plain
from harness.store.encoding import read_header
from harness.store.interning import Value
from harness.store.judgements import NOT_A_JUDGES
from harness.store.reading import Reader
from harness.store.tallies import COLUMNS, SUMS

if TYPE_CHECKING:
    import pandas as pd

Origin: TypeAlias = Literal["own", "imported", "all"]
"""Which runs: those we made, those that were imported, or both."""
PROBE_COLUMNS = (
    *(
        "suite",
        "probe_id",
        "family",
        "topic",
        "arm",
        "pair",
        "language",
        "depth",
        "difficulty",
        "anchor",
        "fresh",
    ),
    "kind",
)
TALLY_COLUMNS: tuple[str, ...] = (
    *("run_id", "started_at", "endpoint", "model", "suite", "suite_version", "suite_hash"),
    *PROBE_COLUMNS[1:],
    *COLUMNS,
)
IDENTITY_COLUMNS = ("run_id", "started_at", "endpoint", "model", "served_model", "fingerprint", "n")
RUN_COLUMNS = (
    *(
        "run_id",
        "started_at",
        "finished_at",
        "status",
        "trigger",
        "clock",
        "planned",
        "completed",
        "seed",
        "suites",
    ),
    *("endpoints", "harness_version", "cost_usd", "input_tokens", "output_tokens", "vantage"),
)


class Frames:
    """The tables of one database."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    def tallies(
        self,
        endpoints: Sequence[str] | None = None,
        suites: Sequence[str] | None = None,
        run_ids: Sequence[int] | None = None,
        since_us: int | None = None,
        until_us: int | None = None,
        origin: Origin | None = None,
    ) -> pd.DataFrame:
        """Return one row per (run, endpoint, suite, probe) with the columns `TALLY_COLUMNS`.

        Args:
            endpoints: names; None for all.
            suites: names; None for all.
            run_ids: numbers; None for all.
            since_us: only runs that started at or after this moment.
            until_us: only runs that started before this moment.
            origin: our own runs, imported ones, or all; by default our own, or those that `run_ids` names.
        """
        import numpy as np
        import pandas as pd

        where, values = _conditions("t", endpoints, run_ids, since_us, until_us, origin)
        if suites is not None:
            asked = f"SELECT id FROM probes WHERE suite IN ({_marks(suites)})"  # noqa: S608 - values bound
            where += f" AND t.probe_id IN ({asked})"
            values += suites
        rows = self._reader.rows(
            f"""SELECT t.run_id, r.started_us, t.endpoint_id, t.probe_id, {", ".join("t." + name for name in COLUMNS)}
                FROM tallies t JOIN runs r ON r.id = t.run_id WHERE {where}
                ORDER BY t.run_id, t.endpoint_id, t.probe_id""",  # noqa: S608 - our words, values bound
            values,
        )
        # Counts and microseconds are far below 2**53, up to which doubles hold every whole number.
        numbers = np.array(rows, dtype=np.float64).reshape(len(rows), 4 + len(COLUMNS))
        ids = numbers[:, :4].astype(np.int64)
        frame = pd.DataFrame({"run_id": ids[:, 0], "started_at": _moments(ids[:, 1])})
        named = self._table("endpoints", ("name", "model")).reindex(ids[:, 2])
        frame["endpoint"], frame["model"] = named["name"].to_numpy(), named["model"].to_numpy()
        probes = self._table("probes", PROBE_COLUMNS).reindex(ids[:, 3])
        for name in PROBE_COLUMNS:
            frame[name] = probes[name].array
        for name in ("depth", "difficulty"):
            frame[name] = frame[name].astype("Int64")
        for name in ("anchor", "fresh"):
            frame[name] = frame[name].astype(bool)
        used = pd.DataFrame(
            self._reader.rows(
                """SELECT r.run_id, s.name, s.version, s.content_hash
                   FROM run_suites r JOIN suites s ON s.id = r.suite_id"""
            ),
            columns=["run_id", "suite", "suite_version", "suite_hash"],
        ).set_index(["run_id", "suite"])
        places = used.index.get_indexer(pd.MultiIndex.from_arrays([frame["run_id"], frame["suite"]]))
        frame["suite_version"] = used["suite_version"].to_numpy(dtype="int64")[places]
        frame["suite_hash"] = used["suite_hash"].to_numpy()[places]
        for place, name in enumerate(COLUMNS, 4):
            frame[name] = numbers[:, place] if name in SUMS else numbers[:, place].astype(np.int64)
        return frame[list(TALLY_COLUMNS)]

    def identities(
        self,
        endpoints: Sequence[str] | None = None,
        run_ids: Sequence[int] | None = None,
        since_us: int | None = None,
        until_us: int | None = None,
        origin: Origin | None = None,
    ) -> pd.DataFrame:
        """Return one row per (run, endpoint, served model, fingerprint) with the columns `IDENTITY_COLUMNS`."""
        import pandas as pd

        where, values = _conditions("t", endpoints, run_ids, since_us, until_us, origin)
        rows = self._reader.rows(
            f"""SELECT t.run_id, r.started_us, e.name, e.model, i.served_model, i.fingerprint, t.n
                FROM identity_tallies t JOIN runs r ON r.id = t.run_id JOIN endpoints e ON e.id = t.endpoint_id
                JOIN identities i ON i.id = t.identity_id WHERE {where}
                ORDER BY t.run_id, t.endpoint_id, t.n DESC, t.identity_id""",  # noqa: S608 - our words, values bound
            values,
        )
        cleaned = [(*row[:4], _clean(row[4]), _clean(row[5]), row[6]) for row in rows]
        frame = pd.DataFrame(cleaned, columns=list(IDENTITY_COLUMNS))
        frame["started_at"] = _moments(frame["started_at"].to_numpy(dtype="int64"))
        return frame.astype({"run_id": "int64", "n": "int64"})

    def refusal_readings(self, run_ids: Sequence[int], version: int) -> pd.DataFrame:
        """Return what the refusal detector made of each probe's answers, one row per (run, endpoint, suite, probe).

        Columns: `run_id`, `endpoint`, `suite`, `probe_id`; `read` (answers that it read), `right` (of these, with a
        score above zero), `called` (counted as refusals because it said so), `other` (read by another version).

        Args:
            run_ids: which runs.
            version: of the detector.
        """
        import pandas as pd

        columns = ("run_id", "endpoint", "suite", "probe_id", "read", "right", "called", "other")
        rows = self._reader.rows(
            f"""SELECT x.run_id, e.name, p.suite, p.probe_id, count(o.refusal_score),
                 sum(o.refusal_score IS NOT NULL AND coalesce(o.score, 0) > 0), sum(v.rule = 'prose_refusal'),
                 sum(o.refusal_score IS NOT NULL AND instr(' ' || v.makers || ' ', ?) = 0)
               FROM exchanges x JOIN observations o ON o.exchange_id = x.id JOIN verdicts v ON v.id = o.verdict_id
               JOIN endpoints e ON e.id = x.endpoint_id JOIN probes p ON p.id = x.probe_id
               WHERE x.final AND x.run_id IN ({_marks(run_ids)})
               GROUP BY x.run_id, x.endpoint_id, x.probe_id""",  # noqa: S608 - values bound
            [f" graders.refusal/{version} ", *run_ids],
        )
        return pd.DataFrame(rows, columns=list(columns))

    def runs(self, origin: Origin = "own") -> pd.DataFrame:
        """Return one row per run, oldest first, with the columns `RUN_COLUMNS`: our own, imported ones, or all."""
        import pandas as pd

        rows: list[tuple[Any, ...]] = []
        for (
            run_id,
            started_us,
            finished_us,
            status,
            completed,
            frame,
            cost,
            tokens_in,
            tokens_out,
        ) in self._reader.rows(
            f"""SELECT r.id, r.started_us, r.finished_us, r.status, r.completed, r.header, coalesce(s.cost, 0.0),
                 coalesce(s.tokens_in, 0), coalesce(s.tokens_out, 0)
               FROM runs r LEFT JOIN (
                 SELECT run_id, sum(cost_usd) cost, sum(input_tokens) tokens_in, sum(output_tokens) tokens_out
                 FROM spend GROUP BY run_id) s ON s.run_id = r.id
               WHERE {_of_origin("r.id", origin)} ORDER BY r.id"""  # noqa: S608 - our words
        ):
            header, _ = read_header(frame)
            rows.append(
                (
                    *(
                        run_id,
                        started_us,
                        finished_us,
                        status,
                        header.trigger,
                        header.clock,
                        header.planned,
                        completed,
                    ),
                    *(header.seed, _json(header.suites), _json(header.endpoints), header.harness_version),
                    *(cost, tokens_in, tokens_out, _json(header.vantage)),
                )
            )
        table = pd.DataFrame(rows, columns=list(RUN_COLUMNS))
        table["started_at"] = _moments(table["started_at"].to_numpy(dtype="int64"))
        finished = pd.Series([row[2] for row in rows], dtype="Int64")
        table["finished_at"] = _moments(finished.fillna(0).to_numpy(dtype="int64")).where(finished.notna())
        whole = ("run_id", "planned", "completed", "seed", "input_tokens", "output_tokens")
        return table.astype({**dict.fromkeys(whole, "int64"), "cost_usd": "float64"})

    def _table(self, name: str, columns: Sequence[str]) -> pd.DataFrame:
        import pandas as pd

        rows = self._reader.rows(f"SELECT id, {', '.join(columns)} FROM {name}")  # noqa: S608 - our words
        return pd.DataFrame(rows, columns=["id", *columns]).set_index("id")


def _conditions(
    table: str,
    endpoints: Sequence[str] | None,
    run_ids: Sequence[int] | None,
    since_us: int | None,
    until_us: int | None,
    origin: Origin | None,
) -> tuple[str, list[Value]]:
    conditions = [_of_origin(f"{table}.run_id", origin or ("own" if run_ids is None else "all"))]
    if run_ids is None and origin is None:
        conditions.append(f"{table}.{NOT_A_JUDGES}")
    values: list[Value] = []
    if endpoints is not None:
        named = f"SELECT id FROM endpoints WHERE name IN ({_marks(endpoints)})"  # noqa: S608 - values bound
        conditions.append(f"{table}.endpoint_id IN ({named})")
        values += endpoints
    if run_ids is not None:
        conditions.append(f"{table}.run_id IN ({_marks(run_ids)})")
        values += run_ids
    if since_us is not None:
        conditions.append("r.started_us >= ?")
        values.append(since_us)
    if until_us is not None:
        conditions.append("r.started_us < ?")
        values.append(until_us)
    return " AND ".join(conditions), values


def _of_origin(column: str, origin: Origin) -> str:
    """Return the condition under which a run is our own, imported, or either."""
    if origin == "all":
        return "1"
    return f"{column} {'NOT ' if origin == 'own' else ''}IN (SELECT run_id FROM origins)"  # noqa: S608 - ours


def _marks(values: Sequence[object]) -> str:
    return ", ".join("?" for _ in values)


def _moments(times_us: Any) -> pd.Series[pd.Timestamp]:
    import pandas as pd

    return pd.Series(times_us.astype("datetime64[us]")).dt.tz_localize("UTC")


def _clean(value: str | None) -> str | None:
    """Return text from the wire as Arrow can hold it: lone surrogates become their escapes."""
    return None if value is None else value.encode("utf-8", "backslashreplace").decode()


def _json(value: object) -> str:
    return canonical_json(plain(value)).decode()
