"""suite.toml: what a suite says about itself, checked field by field."""

from __future__ import annotations

import datetime
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from harness.records import JSON
from harness.suites.form import FORMAT, VersionNote
from harness.suites.mistakes import Mistakes, Reader, is_list, short

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}")
LANGUAGE = re.compile(r"[a-z]{2,3}(?:-[A-Za-z0-9]{2,8}){0,2}")
_HASH = re.compile(r"sha256:[0-9a-f]{64}")
_KEYS = (
    "format", "name", "version", "title", "description", "licence", "languages", "families", "topics", "arms",
    "topic_words", "unmatched", "parameters", "calibration", "versions",
)  # fmt: skip
_UNMATCHED = ("length", "tools")
"""What twins may differ in beside their words, where a family or topic is about just that."""


_CALIBRATION_KEYS = (
    "endpoint", "model", "date", "run", "calls", "seed", "suite", "suite_version", "suite_hash", "method", "expected",
    "expected_low", "expected_high", "families",
)  # fmt: skip
_CALIBRATED_KEYS = (
    "family", "standing", "asked", "right", "unread", "point", "point_low", "point_high", "expected", "rungs",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Header:
    """A header whose fields all have the right type."""

    name: str = "suite"
    version: int = 1
    title: str = ""
    description: str = ""
    licence: str = ""
    languages: tuple[str, ...] = ("en",)
    families: tuple[str, ...] = ()
    topics: tuple[str, ...] = ()
    arms: tuple[str, ...] = ()
    topic_words: Mapping[str, Mapping[str, tuple[str, ...]]] = field(default_factory=dict, hash=False)
    unmatched: Mapping[str, tuple[str, ...]] = field(default_factory=dict, hash=False)
    parameters: Mapping[str, JSON] = field(default_factory=dict, hash=False)
    versions: tuple[VersionNote, ...] = ()


def plain(value: object) -> JSON:
    """Return a TOML value as JSON: dates become text."""
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [plain(item) for item in value]
    if isinstance(value, datetime.date | datetime.time):
        return value.isoformat()
    if isinstance(value, str | int | float):
        return value
    return str(value)


def names(reader: Reader, key: str, pattern: re.Pattern[str] = NAME) -> tuple[str, ...]:
    """Return a list of names, each of them well formed."""
    found = reader.texts(key) or ()
    for item in found:
        if not pattern.fullmatch(item):
            reader.wrong(key, f"{short(item)} is not a name; use letters, digits, - _ and .")
    return found


def parameters(reader: Reader, key: str = "parameters") -> Mapping[str, JSON]:
    """Return sampling settings, the common ones checked."""
    table = reader.table(key)
    inner = Reader(reader.mistakes, reader.place, table, f"{reader.prefix}{key}.")
    inner.whole("max_tokens", 1, 1_000_000)
    for name, high in (("temperature", 2.0), ("top_p", 1.0)):
        value = table.get(name)
        if name in table and (
            isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= high
        ):
            inner.wrong(name, f"must be a number from 0 to {high:g}, got {short(value)}")
    return table


def read_header(raw: Mapping[str, JSON], place: str, folder: str, mistakes: Mistakes) -> Header | None:
    """Return the header, or None when its format is one we do not know (nothing else can then be judged).

    Args:
        raw: the parsed file.
        place: the file, as messages show it.
        folder: name of the folder, which the suite's name must equal; empty when any name will do.
        mistakes: where everything wrong is recorded.
    """
    reader = Reader(mistakes, place, raw)
    if raw.get("format") != FORMAT or isinstance(raw.get("format"), bool):
        if "format" not in raw:
            reader.wrong("format", f"is missing; add format = {FORMAT}")
        else:
            reader.wrong(
                "format",
                f"{short(raw['format'])} is not a suite format this version reads ({FORMAT}); "
                "use a harness that knows it, or write the suite in that format",
            )
        return None
    reader.only(_KEYS)
    name = reader.text("name", required=True, limit=80)
    if name is not None and not NAME.fullmatch(name):
        reader.wrong("name", f"{short(name)} is not a name; use letters, digits, - _ and .")
    elif name is not None and folder and name != folder:
        reader.wrong("name", f"is {short(name)} in a folder named {short(folder)}; make them the same")
    version = reader.whole("version", 1, 1_000_000)
    if "version" not in raw:
        reader.wrong("version", "is missing; add version = 1")
    arms = names(reader, "arms")
    if len(arms) == 1:
        reader.wrong("arms", "a pair needs at least two; add the other or remove arms")
    topics = names(reader, "topics")
    families = names(reader, "families")
    languages = names(reader, "languages", LANGUAGE)
    _calibration(reader)
    if not languages and "languages" not in raw:
        reader.wrong("languages", 'is missing; add languages = ["en"]')
    return Header(
        name=name or folder or "suite",
        version=version or 1,
        title=reader.text("title", required=True, limit=200) or "",
        description=reader.text("description", required=True, limit=5_000) or "",
        licence=reader.text("licence", required=True, limit=100) or "",
        languages=languages or ("en",),
        families=families,
        topics=topics,
        arms=arms,
        topic_words=_topic_words(reader, topics, arms, languages or ("en",)),
        unmatched=_unmatched(reader, (*families, *topics)),
        parameters=parameters(reader),
        versions=_versions(reader, version),
    )


def _topic_words(
    reader: Reader, topics: tuple[str, ...], arms: tuple[str, ...], languages: tuple[str, ...]
) -> Mapping[str, Mapping[str, tuple[str, ...]]]:
    """Return each topic's words by language; a plain list holds for every language."""
    table = reader.table("topic_words")
    inner = Reader(reader.mistakes, reader.place, table, "topic_words.")
    if table and not arms:
        reader.wrong("topic_words", "needs arms to tell the watched side from the plain one; add arms")
    words: dict[str, Mapping[str, tuple[str, ...]]] = {}
    for topic, value in table.items():
        if topic not in topics:
            inner.wrong(short(topic)[1:-1], "is no topic of this suite; add it to topics or remove it")
        if isinstance(value, Mapping):
            own = Reader(reader.mistakes, reader.place, value, f"topic_words.{topic}.")
            own.only(languages)
            words[topic] = {language: _words_of(own, language) for language in languages}
        else:
            words[topic] = dict.fromkeys(languages, _words_of(inner, topic))
    for topic in topics if table else ():
        if topic not in table:
            inner.wrong(topic, "is missing; add the words that make the topic")
    return words


def _words_of(reader: Reader, key: str) -> tuple[str, ...]:
    found = reader.texts(key) or ()
    if "*" in found or not found:
        reader.wrong(key, "needs words; write some, with * at the end of a stem (enzym*)")
    return found


def _unmatched(reader: Reader, groups: tuple[str, ...]) -> Mapping[str, tuple[str, ...]]:
    table = reader.table("unmatched")
    inner = Reader(reader.mistakes, reader.place, table, "unmatched.")
    found: dict[str, tuple[str, ...]] = {}
    for group in table:
        if group not in groups:
            inner.wrong(short(group)[1:-1], "is no family or topic of this suite; declare it or remove it")
        found[group] = inner.texts(group) or ()
        for what in found[group]:
            if what not in _UNMATCHED:
                known = " or ".join(_UNMATCHED)
                inner.wrong(group, f"twins cannot be unmatched in {short(what)}; use {known}")
    return found


def _calibration(reader: Reader) -> None:
    """Check the record of a calibration: `harness calibrate` writes it, and nothing but people reads it."""
    inner = Reader(reader.mistakes, reader.place, reader.table("calibration"), "calibration.")
    inner.only(_CALIBRATION_KEYS)
    families = inner.raw.get("families", [])
    if not is_list(families) or not all(isinstance(each, Mapping) for each in families):
        inner.wrong("families", "must be a list of tables; write [[calibration.families]] above each")
        return
    for number, each in enumerate(families, start=1):
        if isinstance(each, Mapping):
            Reader(reader.mistakes, reader.place, each, f"calibration.families[{number}].").only(
                _CALIBRATED_KEYS
            )


def _versions(reader: Reader, version: int | None) -> tuple[VersionNote, ...]:
    raw = reader.raw.get("versions")
    if raw is None:
        reader.wrong("versions", 'is missing; add [[versions]] with version, date = "YYYY-MM-DD" and note')
        return ()
    if not is_list(raw) or not raw or not all(isinstance(item, Mapping) for item in raw):
        reader.wrong("versions", "must be a list of tables; write [[versions]] above each")
        return ()
    notes = []
    for number, item in enumerate(raw, start=1):
        if not isinstance(item, Mapping):
            continue
        inner = Reader(reader.mistakes, reader.place, item, f"versions[{number}].")
        inner.only(("version", "date", "note", "hash"))
        which = inner.whole("version", 1, 1_000_000)
        if "version" not in item:
            inner.wrong("version", "is missing; add the version this note is about")
        date = inner.text("date", required=True, limit=10)
        if date is not None and not _is_date(date):
            inner.wrong("date", f"must be a day such as 2026-11-30, got {short(date)}")
        note = inner.text("note", required=True, limit=2_000)
        recorded = inner.text("hash", limit=100)
        if recorded is not None and not _HASH.fullmatch(recorded):
            inner.wrong("hash", "must be sha256: and 64 hex digits; let harness write it")
            recorded = None
        notes.append(VersionNote(which or 0, date or "", note or "", recorded))
    seen = [note.version for note in notes]
    if sorted(set(seen)) != sorted(seen):
        reader.wrong("versions", "names a version twice; keep one note per version")
    if version is not None and seen and version not in seen:
        reader.wrong("versions", f"has no note on version {version}; add one")
    elif version is not None and seen and version != max(seen):
        reader.wrong("version", f"is {version}, but versions goes up to {max(seen)}; make them agree")
    return tuple(notes)


def _is_date(text: str) -> bool:
    try:
        return datetime.date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False
