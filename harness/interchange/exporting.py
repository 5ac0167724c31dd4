"""Our own data out: records of chosen runs as JSON lines, CSV or Parquet."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp
from typing import IO, Literal, Protocol

from harness.dataformat import Line, encode, kind_of
from harness.dataformat.fields import KINDS
from harness.errors import EvidenceError, UsageError
from harness.interchange.sheets import CsvSheet, ParquetSheet
from harness.store import Origin, Store

Form = Literal["jsonl", "csv", "parquet"]
FILES: Mapping[str, str] = {
    "probe": "probes",
    "suite": "suites",
    "endpoint": "endpoints",
    "run": "runs",
    "finding": "findings",
    "exchange": "exchanges",
    "observation": "observations",
    "judgement": "judgements",
}
"""Kind of record -> name of its file, in the order in which an import reads them."""


@dataclass(frozen=True, slots=True)
class Choice:
    """Which runs to export, and what of them; None leaves a thing unrestricted."""

    run_ids: tuple[int, ...] | None = None
    endpoints: tuple[str, ...] | None = None
    suites: tuple[str, ...] | None = None
    since_us: int | None = None
    until_us: int | None = None
    """Exclusive."""
    origin: Origin = "own"


def chosen_runs(store: Store, choice: Choice) -> list[int]:
    """Return the numbers of the chosen runs, oldest first.

    Raises:
        EvidenceError: there are none.
        UsageError: two of them have the same number where they were made.
    """
    imported = store.origins.labels()
    found: list[int] = []
    for run_id in range(1, store.run_count() + 1):
        if choice.run_ids is not None:
            if run_id not in choice.run_ids:
                continue
        elif choice.origin != "all" and (run_id in imported) != (choice.origin == "imported"):
            continue
        info = store.run_info(run_id)
        late = choice.until_us is not None and info.started_us >= choice.until_us
        if late or (choice.since_us is not None and info.started_us < choice.since_us):
            continue
        if choice.endpoints is not None and not set(choice.endpoints) & set(info.header.endpoints):
            continue
        if choice.suites is not None and not set(choice.suites) & set(info.header.suites):
            continue
        found.append(run_id)
    if not found:
        hint = "; imported runs are exported with --origin imported" if imported else ""
        raise EvidenceError(f"there is no such run to export (harness status lists them){hint}")
    first: dict[int, int] = {}
    for run_id in found:
        number = store.lines.run(run_id).run if run_id in imported else run_id
        if number in first:
            raise UsageError(
                f"runs {first[number]} and {run_id} were both run {number} where they were made; "
                "export them separately, with --run"
            )
        first[number] = run_id
    return found


def records(store: Store, choice: Choice) -> Iterator[Line]:
    """Yield the records of the chosen runs: what a run refers to comes before it, and an exchange before its meaning.

    Raises:
        EvidenceError: no run is chosen.
    """
    seen: set[tuple[str, str]] = set()
    chosen = chosen_runs(store, choice)
    written: set[str] = set()
    for run_id in chosen:
        for shared in (*store.lines.suites(run_id), *store.lines.endpoints(run_id)):
            key = (shared.format, shared.sha256)
            if key not in seen:
                seen.add(key)
                yield shared
        yield store.lines.run(run_id)
        yield from store.lines.findings(run_id)
        for exchange, observations in store.lines.exchanges(run_id, choice.endpoints, choice.suites):
            written.add(exchange.hash)
            yield exchange
            yield from observations
    for judgement in store.lines.judgements(chosen):
        if judgement.exchange in written and judgement.judge_exchange in written:
            yield judgement


def export_lines(store: Store, choice: Choice, file: IO[str]) -> Counter[str]:
    """Write the records as JSON lines into one stream; return how many of each kind."""
    counts: Counter[str] = Counter()
    for line in records(store, choice):
        file.write(encode(line) + "\n")
        counts[kind_of(type(line))] += 1
    return counts


class _Sheet(Protocol):
    def add(self, line: Line) -> None: ...

    def close(self) -> None: ...


class _JsonLines:
    def __init__(self, path: Path, _kind: type[Line]) -> None:
        self._file = path.open("w", encoding="ascii", newline="\n")

    def add(self, line: Line) -> None:
        self._file.write(encode(line) + "\n")

    def close(self) -> None:
        self._file.close()


_SHEETS: Mapping[Form, Callable[[Path, type[Line]], _Sheet]] = {
    "jsonl": _JsonLines,
    "csv": CsvSheet,
    "parquet": ParquetSheet,
}


def export_folder(
    store: Store, choice: Choice, folder: Path, form: Form, *, force: bool = False
) -> dict[str, int]:
    """Write the records into a folder, one file per kind: all of them whole, or none.

    Args:
        store: open for reading.
        choice: which runs, and what of them.
        folder: made if need be.
        form: `jsonl`, `csv` or `parquet`.
        force: whether to replace files that are there.

    Returns:
        File name -> records in it; a kind without records has no file.

    Raises:
        UsageError: files are there already, or the folder cannot be written to.
        EvidenceError: no run is chosen.
    """
    names = {kind: f"{name}.{form}" for kind, name in FILES.items()}
    there = _there(folder, names.values())
    if there and not force:
        raise UsageError(
            f"{folder}: {', '.join(there)} already there; --force replaces, or name another folder"
        )
    chosen_runs(store, choice)
    with whole(folder) as unfinished:
        written = _write(store, choice, unfinished, names, form)
    for name in set(there) - set(written):
        (folder / name).unlink(missing_ok=True)
    return written


@contextmanager
def whole(folder: Path) -> Iterator[Path]:
    """Give a place to write files to; they are moved into the folder when all are written, and none before.

    Args:
        folder: made if need be; not left behind empty when nothing came of it.

    Raises:
        UsageError: it cannot be written to.
    """
    made = not folder.exists()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        unfinished = Path(mkdtemp(prefix=".unfinished-", dir=folder))
        try:
            yield unfinished
            for path in sorted(unfinished.iterdir()):
                path.replace(folder / path.name)
        finally:
            rmtree(unfinished, ignore_errors=True)
            if made:
                with suppress(OSError):
                    folder.rmdir()
    except OSError as error:
        raise UsageError(
            f"{folder}: cannot write there ({error.strerror or error}); free some space, or name another with -o"
        ) from error


def _there(folder: Path, names: Iterable[str]) -> list[str]:
    return [name for name in names if (folder / name).exists()]


def _write(
    store: Store, choice: Choice, folder: Path, names: Mapping[str, str], form: Form
) -> dict[str, int]:
    sheets: dict[str, _Sheet] = {}
    counts: Counter[str] = Counter()
    with ExitStack() as opened:
        for line in records(store, choice):
            kind = kind_of(type(line))
            if kind not in sheets:
                sheets[kind] = _SHEETS[form](folder / names[kind], KINDS[kind])
                opened.callback(sheets[kind].close)
            sheets[kind].add(line)
            counts[kind] += 1
    return {names[kind]: counts[kind] for kind in _ordered(counts)}


def _ordered(counts: Mapping[str, int]) -> Sequence[str]:
    return [kind for kind in FILES if counts.get(kind)]
