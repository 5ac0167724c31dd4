"""From a dataset to a suite folder: everything checked first, nothing written unless all is well."""

from __future__ import annotations

import json
import re
import shutil
import tempfile
import tomllib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from harness.errors import ConfigError, UsageError
from harness.graders import GRADERS
from harness.graders.base import short
from harness.interchange.datasets import recognise, samples
from harness.interchange.grading import Answering, choose
from harness.interchange.rows import Faults, read_table
from harness.records import JSON, canonical_json, sha256
from harness.suites import FORMAT, HEADER_FILE, PROBES_FILE, VersionNote, check_suite, load_suite
from harness.suites.header import LANGUAGE, NAME
from harness.suites.reading import shown_path

FAMILIES_LIMIT = 500
_NOT_NAME = re.compile(r"[^A-Za-z0-9._-]+")
_FIELDS = {
    "prompt": "input",
    "messages": "input",
    "options": "choices",
    "options.choices": "choices",
    "options.constraints": "instruction_id_list",
}


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to import and how."""

    source: Path
    folder: Path
    """Where the suite goes; its name is the suite's."""
    grader: str | None = None
    """None: chosen by looking at the targets."""
    mapping: Mapping[str, str] = field(default_factory=dict, hash=False)
    limit: int | None = None
    """Rows to take from the beginning; None for all."""
    licence: str | None = None
    language: str = "en"
    force: bool = False
    """Replace a suite that is there, as its next version."""
    leave_out: bool = False
    """Leave rows with mistakes out instead of stopping at them."""


@dataclass(frozen=True, slots=True)
class Imported:
    """What was written."""

    name: str
    folder: str
    version: int
    content_hash: str
    source: str
    source_sha256: str
    form: str
    mapping: Mapping[str, str] = field(hash=False)
    rows: int
    """Rows read, those left out included."""
    probes: int
    repeated: int
    """Rows that say what an earlier one says: written once."""
    left_out: tuple[str, ...]
    """The mistakes of the rows left out, a bounded number of them."""
    left_out_rows: int
    graders: Mapping[str, int] = field(hash=False)
    families: Mapping[str, int] = field(hash=False)
    notes: tuple[str, ...]

    def as_json(self) -> dict[str, JSON]:
        """Return the summary as `--json` prints it."""
        return {
            "name": self.name, "folder": self.folder, "version": self.version, "content_hash": self.content_hash,
            "source": self.source, "source_sha256": self.source_sha256, "form": self.form,
            "mapping": dict(self.mapping), "rows": self.rows, "probes": self.probes, "repeated": self.repeated,
            "left_out_rows": self.left_out_rows, "left_out": list(self.left_out), "graders": dict(self.graders),
            "families": dict(self.families), "notes": list(self.notes),
        }  # fmt: skip


def import_suite(wanted: Wanted, today: str) -> Imported:
    """Turn a dataset into a suite folder that `load_suite` accepts.

    Args:
        wanted: what to import and how.
        today: the date of the version's note, YYYY-MM-DD.

    Raises:
        UsageError: the command cannot be carried out as given; the folder is there already, for one.
        ConfigError: with every mistake in the dataset, a bounded number of them listed. Nothing was written.
    """
    name = _checked(wanted)
    earlier = _earlier(wanted.folder)
    faults = Faults(shown_path(wanted.source))
    table = read_table(wanted.source, wanted.limit, faults)
    read = len(table.rows) + len(faults.found)
    faults.stop(rows_too=not table.rows)
    form = recognise(table, wanted.mapping, targetless=wanted.grader == "refusal", faults=faults)
    faults.stop(rows_too=False)
    answering = choose(samples(table, form, faults), wanted.grader, form, faults)
    kept, repeated = _distinct(answering, faults)
    probes = _probes(kept, faults)
    faults.stop(rows_too=not wanted.leave_out)
    for _ in range(2):  # the second time without the rows that the suite's own checks turned away
        bad = {fault.line for fault in faults.found}
        probes = [(line, probe) for line, probe in probes if line not in bad]
        if not probes:
            faults.add(None, "no row is left to import; correct them")
        faults.stop(rows_too=not wanted.leave_out)
        left_out = len(bad)
        families = Counter(str(probe.get("family", "")) for _, probe in probes)
        described = _described(wanted, table.name, table.sha256, form.name, form.mapping)
        described += f" {len(probes):,} probes from {read:,} rows"
        described += f"; {repeated:,} repeated" if repeated else ""
        described += f"; {left_out:,} left out for mistakes." if left_out else "."
        header = _Header(name, described, wanted, tuple(sorted(set(families) - {""})), today, earlier)
        content_hash = _write(wanted.folder, header, probes, form.mapping, faults)
        if content_hash is not None:
            break
    else:
        raise ConfigError(faults.lines())
    notes = []
    if form.instructed and wanted.grader is None:
        notes.append(
            "instructions are checked by this program's own rules; that an answer is in a language, by its script only"
        )
    beyond = sum(each.beyond for each in kept)
    if beyond:
        notes.append(
            f"{beyond:,} questions have options beyond J: graded by exact, the letter must be the whole answer"
        )
    return Imported(
        name=name, folder=shown_path(wanted.folder), version=header.version, content_hash=content_hash,
        source=table.name, source_sha256=table.sha256, form=form.name, mapping=form.mapping, rows=read,
        probes=len(probes), repeated=repeated, left_out=tuple(faults.lines()), left_out_rows=left_out,
        graders=dict(Counter(str(probe["grader"]) for _, probe in probes)),
        families=dict(sorted(families.items())), notes=tuple(notes),
    )  # fmt: skip


def _checked(wanted: Wanted) -> str:
    """Return the suite's name, once the command itself makes sense."""
    name = wanted.folder.resolve().name
    if not NAME.fullmatch(name):
        raise UsageError(f"{short(name)} cannot name a suite; use letters, digits, - _ and .")
    if wanted.grader is not None and wanted.grader not in GRADERS:
        raise UsageError(
            f"--grader: there is none named {short(wanted.grader)}; use one of {', '.join(GRADERS)}"
        )
    if not LANGUAGE.fullmatch(wanted.language):
        raise UsageError(f"--language {short(wanted.language)}: must be a code such as en or pt-BR")
    if wanted.licence is not None and not 0 < len(wanted.licence.strip()) <= 100:
        raise UsageError("--licence: must be a text of 1 to 100 characters, such as MIT")
    place = shown_path(wanted.folder)
    if wanted.folder.exists() and not wanted.folder.is_dir():
        raise UsageError(f"{place}: is a file; choose another folder")
    if not wanted.force and wanted.folder.is_dir() and any(wanted.folder.iterdir()):
        raise UsageError(f"{place}: already there; --force replaces the suite in it")
    return name


def _earlier(folder: Path) -> tuple[VersionNote, ...]:
    """Return the version notes of the suite that is replaced: its next version goes on from them."""
    if not (folder / HEADER_FILE).is_file():
        return ()
    try:
        return load_suite(folder).versions
    except ConfigError:
        pass
    try:
        version = tomllib.loads((folder / HEADER_FILE).read_text(encoding="utf-8")).get("version")
    except (OSError, ValueError, RecursionError):
        version = None
    if isinstance(version, int) and 1 <= version < 1_000_000:
        return (VersionNote(version, "1970-01-01", "Replaced; its notes could not be read.", None),)
    return ()


def _described(wanted: Wanted, name: str, digest: str, form: str, mapping: Mapping[str, str]) -> str:
    columns = ", ".join(f"{key} from {short(column)[1:-1]}" for key, column in mapping.items())
    taken = f", its first {wanted.limit:,} rows" if wanted.limit is not None else ""
    grader = f" Grader {wanted.grader}, as asked." if wanted.grader else " Graders chosen by the targets."
    return f"Imported from {short(name)[1:-1]} ({digest}){taken}, read as {form}: {columns}.{grader}"


def _distinct(answering: Sequence[Answering], faults: Faults) -> tuple[list[Answering], int]:
    """Return the samples without those that repeat an earlier one; the same question with another answer is a fault."""
    first: dict[object, Answering] = {}
    repeated = 0
    for each in answering:
        before = first.setdefault(each.messages, each)
        if before is each:
            continue
        if before.target == each.target:
            repeated += 1
        else:
            faults.add(
                each.sample.line,
                f"input: the question of line {before.sample.line} again, with the answer "
                f"{short(list(each.target))} instead of {short(list(before.target))}; keep one",
            )
    return list(first.values()), repeated


def _slug(text: str, limit: int = 80) -> str:
    return _NOT_NAME.sub("-", text).strip("-._")[:limit]


def _short_hash(value: JSON) -> str:
    return sha256(canonical_json(value)).removeprefix("sha256:")[:12]


def _id(each: Answering, family: str) -> str:
    """Return a probe's id: the source's own where it has one, else made of the content; never of the row's place."""
    source = each.sample.source_id
    if source is not None:
        return source if NAME.fullmatch(source) else f"{_slug(source, 60) or 'id'}-{_short_hash(source)}"
    digest = _short_hash([[role, content] for role, content in each.messages])
    return f"{family[:60]}-{digest}" if family else f"probe-{digest}"


def _probes(kept: Sequence[Answering], faults: Faults) -> list[tuple[int, dict[str, JSON]]]:
    """Return each probe as a line of probes.jsonl, with the line of the source it comes from."""
    found: list[tuple[int, dict[str, JSON]]] = []
    first: dict[str, int] = {}
    families: set[str] = set()
    for each in kept:
        line, family = each.sample.line, _slug(each.sample.family)
        if each.sample.family and not family:
            family = f"family-{_short_hash(each.sample.family)}"
        families.add(family)
        probe_id = _id(each, family)
        before = first.setdefault(probe_id, line)
        if before != line:
            faults.add(
                line, f"id: {short(probe_id)} is also on line {before}; rename one, or map another column"
            )
            continue
        probe: dict[str, JSON] = {"id": probe_id}
        if family:
            probe["family"] = family
        if len(each.messages) == 1:
            probe["prompt"] = each.messages[0][1]
        else:
            probe["messages"] = [{"role": role, "content": content} for role, content in each.messages]
        probe["grader"] = each.grader
        if each.target:
            probe["target"] = each.target[0] if len(each.target) == 1 else list(each.target)
        if each.options:
            probe["options"] = each.options
        found.append((line, probe))
    if len(families) > FAMILIES_LIMIT:
        faults.add(
            None, f"family: {len(families):,} different ones, at most {FAMILIES_LIMIT}; map another column"
        )
    return found


@dataclass(frozen=True, slots=True)
class _Header:
    """What suite.toml says."""

    name: str
    description: str
    wanted: Wanted
    families: tuple[str, ...]
    today: str
    earlier: tuple[VersionNote, ...]

    @property
    def version(self) -> int:
        return max((note.version for note in self.earlier), default=0) + 1

    def text(self, content_hash: str | None) -> str:
        """Return the file; a TOML basic string is a JSON string without surrogates, which no text here has."""
        licence = (self.wanted.licence or "").strip() or "not stated: ask the source"
        lines = [
            "# Imported; the probes are the source's, so its licence holds for them.",
            f"format = {FORMAT}",
            f"name = {_quoted(self.name)}",
            f"version = {self.version}",
            f"title = {_quoted(f'Imported: {self.name}')}",
            f"description = {_quoted(self.description)}",
            f"licence = {_quoted(licence)}",
            f"languages = [{_quoted(self.wanted.language)}]",
        ]
        if self.families:
            lines.append(f"families = [{', '.join(_quoted(each) for each in self.families)}]")
        note = "Imported." if not self.earlier else "Imported again."
        for each in (*self.earlier, VersionNote(self.version, self.today, note, content_hash)):
            lines += ["", "[[versions]]", f"version = {each.version}", f"date = {_quoted(each.date)}"]
            lines.append(f"note = {_quoted(each.note)}")
            if each.hash is not None:
                lines.append(f"hash = {_quoted(each.hash)}")
        return "\n".join(lines) + "\n"


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _write(
    folder: Path,
    header: _Header,
    probes: Sequence[tuple[int, Mapping[str, JSON]]],
    mapping: Mapping[str, str],
    faults: Faults,
) -> str | None:
    """Write the suite beside its place, check it there and move it in; return its hash, None when it has mistakes."""
    place = folder.resolve()
    created = next((each for each in reversed(place.parents) if not each.exists()), None)
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=place.parent, prefix=".import-") as above:
            made = Path(above) / place.name
            made.mkdir()
            text = "".join(json.dumps(probe, ensure_ascii=False) + "\n" for _, probe in probes)
            (made / PROBES_FILE).write_text(text, encoding="utf-8")
            (made / HEADER_FILE).write_text(header.text(None), encoding="utf-8")
            content_hash = _accepted(made, [line for line, _ in probes], mapping, faults)
            if content_hash is not None:
                (made / HEADER_FILE).write_text(header.text(content_hash), encoding="utf-8")
                place.mkdir(exist_ok=True)
                for name in (PROBES_FILE, HEADER_FILE):
                    (made / name).replace(place / name)
    except OSError as error:
        raise UsageError(
            f"{shown_path(folder)}: cannot write there ({error.strerror}); choose another folder"
        ) from error
    finally:
        if created is not None and not place.exists():
            shutil.rmtree(created, ignore_errors=True)
    return content_hash


def _accepted(made: Path, lines: Sequence[int], mapping: Mapping[str, str], faults: Faults) -> str | None:
    """Return the hash of a suite without mistakes; else record each mistake at the row of the source it is about."""
    try:
        suite = load_suite(made)
        mistakes: Sequence[str] = check_suite(suite)
        if not mistakes:
            return suite.content_hash
    except ConfigError as error:
        mistakes = error.mistakes
    pattern = re.compile(
        rf"{re.escape(shown_path(made / PROBES_FILE))}: line (\d+): (?:([a-z.]+)[^:\s]*: )?(.*)", re.DOTALL
    )
    for mistake in mistakes:
        found = pattern.fullmatch(mistake)
        if found is None:
            faults.add(None, mistake.removeprefix(f"{shown_path(made)}/"))
            continue
        key = _FIELDS.get(found[2], found[2])
        faults.add(lines[int(found[1]) - 1], f"{mapping.get(key, key)}: {found[3]}" if key else found[3])
    return None
