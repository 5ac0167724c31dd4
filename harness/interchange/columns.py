"""A table of calls as a log: CSV, JSON lines or a JSON list, with a mapping of its columns."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal, cast

from harness.endpoints.imported import LABEL_GRADER, Entry, Label
from harness.errors import ConfigError, UsageError
from harness.graders import GRADERS, grade
from harness.graders.base import short
from harness.interchange.datasets import look, messages_of, target_of
from harness.interchange.logs import Call, Log, SuiteNotes, model_name, name_of, with_id
from harness.interchange.mapping import Column, Mapped
from harness.interchange.rows import Faults, Row, read_table, usable
from harness.records import Message, Outcome, Probe, Reply, Usage
from harness.suites.header import LANGUAGE

_TEXT_LIMIT = 4_000_000
_MISSING = object()


class _CellError(ValueError):
    """A cell that cannot be read; the message names its field."""


def read_columns(path: Path, mapped: Mapped) -> Log:
    """Read a table of calls.

    Args:
        path: CSV, TSV, JSON lines or a JSON list, gzipped or not.
        mapped: which column holds what.

    Raises:
        UsageError: the mapping lacks what every log needs.
        ConfigError: with the mistakes in the file, by line, a bounded number of them listed.
    """
    _needed(mapped)
    faults = Faults(str(path))
    table = read_table(path, None, faults)
    _columns_there(table.rows, mapped, faults)
    suite = name_of(mapped.suite or path.name.split(".")[0])
    grader = _grader(mapped)
    calls: list[Call] = []
    timeless: list[int] = []
    for row in table.rows if not any(fault.line is None for fault in faults.found) else ():
        try:
            reader = _Reader(row, mapped, suite, grader)
            if reader.at() is None:
                timeless.append(len(calls))
            calls.append(reader.call())
        except _CellError as error:
            faults.add(row.line, str(error))
    _give_times(calls, timeless, mapped, faults)
    if faults.found:
        raise ConfigError([*faults.lines(), f"{path}: nothing was imported"])
    told = (
        (f"{len(timeless):,} rows have no time: each was given the earliest of its run",) if timeless else ()
    )
    notes = SuiteNotes(mapped.title or suite, mapped.description, mapped.licence)
    suites = {name: notes if name == suite else SuiteNotes(name) for name in {call.suite for call in calls}}
    return Log(
        "columns", path.name, table.sha256.removeprefix("sha256:"), "", mapped.as_json(), tuple(calls), suites, told
    )  # fmt: skip


def _give_times(calls: list[Call], timeless: list[int], mapped: Mapped, faults: Faults) -> None:
    """Give rows without a time the earliest of their run; where a run has none at all, that is a mistake."""
    missing = set(timeless)
    earliest: dict[str, int] = {}
    for place, call in enumerate(calls):
        if place not in missing:
            earliest[call.run] = min(earliest.get(call.run, call.at_us), call.at_us)
    for place in timeless:
        call = calls[place]
        if call.run in earliest and "day" not in mapped.runs:
            calls[place] = replace(call, at_us=earliest[call.run])
        else:
            faults.add(
                int(call.place.removeprefix("line ")),
                "at: is missing or blank, and no other row of its run has a time",
            )


def _needed(mapped: Mapped) -> None:
    have = mapped.fields.keys()
    missing = [name for name in ("model", "prompt", "answer", "at") if name not in have]
    if missing:
        raise UsageError(
            f"no column is mapped to {', '.join(missing)}: add "
            f"--map {','.join(f'{name}=COLUMN' for name in missing)}, or name a value for "
            "all rows in a mapping file (docs/import.md)"
        )
    if "day" in mapped.runs or not mapped.runs:
        return
    unmapped = [name for name in mapped.runs if name not in have and name not in ("suite", "endpoint")]
    if unmapped:
        raise UsageError(f"runs: {', '.join(unmapped)} is mapped to no column")


def _grader(mapped: Mapped) -> str:
    """Return who judges: the grader named, the log's own labels, or, where there is neither, whether it refuses."""
    labelled = "score" in mapped.fields or "outcome" in mapped.fields
    if mapped.grader is not None and labelled:
        raise UsageError(
            "either the log's own score and outcome are taken, or a grader judges: leave one out"
        )
    if mapped.grader is not None:
        if mapped.grader != "refusal" and "target" not in mapped.fields and not mapped.options:
            raise UsageError(f"the grader {mapped.grader} needs the right answers: add --map target=COLUMN")
        return mapped.grader
    if labelled:
        return LABEL_GRADER
    if "target" in mapped.fields:
        raise UsageError(
            f"there are targets and nothing that compares answers with them: add --grader, one of {', '.join(GRADERS)}"
        )
    return "refusal"


def _columns_there(rows: tuple[Row, ...], mapped: Mapped, faults: Faults) -> None:
    if not rows:
        return
    have = ", ".join(short(column)[1:-1] for column in list(rows[0].fields)[:20])
    for name, column in mapped.fields.items():
        for each in column.columns:
            if all(look(row.fields, each, _MISSING) is _MISSING for row in rows):
                faults.add(None, f"{name}: no row has the column {short(each)}; the first has {have}")


@dataclass(frozen=True, slots=True)
class _Reader:
    """Reads one row."""

    row: Row
    mapped: Mapped
    suite: str
    grader: str

    def call(self) -> Call:
        """Return the row, read."""
        model = self._required("model", 200)
        moment = self.at() or 0
        probe = self._probe()
        call = Call(
            place=f"line {self.row.line}",
            run="",
            model=model,
            endpoint=name_of(self._text("endpoint") or "")
            if "endpoint" in self.mapped.fields
            else model_name(model),
            suite=name_of(self._required("suite", 200)) if "suite" in self.mapped.fields else self.suite,
            probe=probe,
            entry=self._entry(),
            at_us=moment,
            latency_ms=1000 * (self._number("latency_s", 0, 1e6) or 0.0),
            parameters=self.mapped.parameters,
        )
        return replace(call, run=" ".join(self._run_part(name, call) for name in self.mapped.runs))

    def _run_part(self, name: str, call: Call) -> str:
        if name == "day":
            return f"{datetime.fromtimestamp(call.at_us // 1_000_000, UTC):%Y-%m-%d}"
        if name in ("model", "endpoint", "suite"):
            return str(getattr(call, name))
        return self._text(name) or ""

    def _raw(self, name: str) -> object:
        """Return a field's value before it is read; None where the row has none."""
        column = self.mapped.fields.get(name)
        if column is None:
            return None
        if column.value is not None:
            return column.value
        found = [look(self.row.fields, each, None) for each in column.columns]
        value: object = found[0]
        if len(found) > 1:
            value = "-".join(_plain(name, each) or "" for each in found)
        return self._meant(name, column, value)

    def _meant(self, name: str, column: Column, value: object) -> object:
        if column.values is None:
            return value
        text = _plain(name, value) or ""
        if text not in column.values:
            raise _CellError(f"{name}: the mapping has no value for {short(text)}")
        return column.values[text]

    def _text(self, name: str) -> str | None:
        return _plain(name, self._raw(name))

    def _required(self, name: str, limit: int) -> str:
        text = self._text(name)
        if text is None or not usable(text) or len(text) > limit:
            raise _CellError(f"{name}: is missing, blank, too long or cannot be encoded")
        return text

    def _number(self, name: str, low: float, high: float) -> float | None:
        text = self._text(name)
        if text is None or not text.strip():
            return None
        try:
            value = float(text)
        except ValueError:
            raise _CellError(f"{name}: must be a number, got {short(text)}") from None
        if not math.isfinite(value):
            return None  # NaN is how pandas writes an empty cell
        if not low <= value <= high:
            raise _CellError(f"{name}: must be from {low:g} to {high:g}, got {short(text)}")
        return value

    def _count(self, name: str) -> int | None:
        value = self._number(name, 0, 1e12)
        return None if value is None else int(value)

    def at(self) -> int | None:
        """Return when the row was asked, UTC microseconds; None where it does not say."""
        form = self.mapped.fields["at"].format
        text = self._text("at")
        if text is None or not text.strip():
            return None
        try:
            if form in ("unix", "unix_ms"):
                seconds = float(text) / (1000 if form == "unix_ms" else 1)
                moment = datetime.fromtimestamp(seconds, UTC)
            else:
                moment = datetime.strptime(text, form) if form else datetime.fromisoformat(text)  # noqa: DTZ007
        except (ValueError, OverflowError, OSError):
            wanted = f"as {short(form)} says" if form else "ISO 8601, or as `format` in a mapping file says"
            raise _CellError(f"at: {short(text)} is no time ({wanted})") from None
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC)
        return int(moment.timestamp()) * 1_000_000 + moment.microsecond

    def _probe(self) -> Probe:
        read = messages_of(_listed(self._raw("prompt")))
        if isinstance(read, str):
            raise _CellError(f"prompt: {read}")
        messages = tuple(
            Message(cast("Literal['system', 'user', 'assistant']", role), text) for role, text in read
        )
        system = self._text("system")
        if system is not None and usable(system):
            messages = (Message("system", system), *messages)
        target: tuple[str, ...] = ()
        raw = self._raw("target")
        if self.grader not in (LABEL_GRADER, "refusal") and "target" in self.mapped.fields:
            made = target_of(raw)
            if isinstance(made, str):
                raise _CellError(f"target: {made}")
            target = made
            problems = GRADERS[self.grader].check(target, self.mapped.options)
            if problems:
                raise _CellError(problems[0])
        elif raw is not None and (text := _plain("target", raw) if not isinstance(raw, list) else None):
            target = (text,) if usable(text) else ()
        language = self._text("language") or "en"
        if not LANGUAGE.fullmatch(language):
            raise _CellError(f"language: {short(language)} is no code such as en or pt-BR")
        probe = Probe(
            "",
            messages,
            self.grader,
            target,
            {} if self.grader == LABEL_GRADER else self.mapped.options,
            family=name_of(self._text("family") or "") if self._text("family") else "",
            pair=self._text("pair") or None,
            arm=self._text("arm") or None,
            topic=self._text("topic") or None,
            language=language,
            kind=self._text("kind") or None,
        )
        return with_id(probe, self._required("probe", 500) if "probe" in self.mapped.fields else None)

    def _entry(self) -> Entry:
        answer = self._text("answer") or ""
        if len(answer) > _TEXT_LIMIT:
            raise _CellError(f"answer: is {len(answer):,} characters long; keep it under {_TEXT_LIMIT:,}")
        reply = Reply(
            text=answer,
            finish_reason=self._text("finish_reason") or None,
            served_model=self._text("served_model") or None,
            usage=Usage(self._count("input_tokens"), self._count("output_tokens")),
        )
        error = self._text("error")
        return Entry(reply, self._label(), error if error else None, self._number("cost_usd", 0, 1e9))

    def _label(self) -> Label | None:
        if self.grader != LABEL_GRADER:
            return None
        score = self._score()
        said = [] if score is None else [f"score={score:g}"]
        outcome: Outcome | None = None
        source = degree = None
        if "outcome" in self.mapped.fields:
            words = (self._text("outcome") or "").split()
            if not words or words[0] not in set(Outcome):
                raise _CellError(
                    f"outcome: {short(' '.join(words))} is no outcome; name what it stands for under `values`"
                )
            outcome = Outcome(words[0])
            source = "provider" if "provider" in words else None
            degree = "partial" if "partial" in words else None
            column = self.mapped.fields["outcome"]
            raw = "-".join(
                _plain("outcome", look(self.row.fields, each, None)) or "" for each in column.columns
            )
            said.insert(0, f"{'-'.join(column.columns) or 'outcome'}={raw or outcome.value}")
            if outcome is Outcome.ANSWERED:
                # Where the log says no more than that it answered, answering is what it scores.
                score = 1.0 if score is None and "score" not in self.mapped.fields else score
            else:
                score = None
        return Label(", ".join(said) or "no score", outcome, source, degree, score)

    def _score(self) -> float | None:
        column = self.mapped.fields.get("score")
        if column is None:
            return None
        if column.pattern is not None:
            found = grade("regex", self._text("score") or "", (column.pattern,), {"ignore_case": True})
            return found.score or 0.0
        text = (self._text("score") or "").strip().lower()
        if text in ("true", "false"):
            return float(text == "true")
        return self._number("score", 0, 1)


def _plain(name: str, value: object) -> str | None:
    """Return a cell as text; numbers as they are written, without the `.0` that pandas adds to whole ones."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        if value.bit_length() > 512:
            raise _CellError(f"{name}: is too long a number")
        return str(value)
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)
    raise _CellError(f"{name}: must be text or a number, got {short(value)}")


def _listed(value: object) -> object:
    """Return a prompt as `messages_of` takes it: a number as its text."""
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value
