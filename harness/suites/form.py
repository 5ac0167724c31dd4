"""What a suite is once it has been read: the records, and how its text is hashed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from harness.records import JSON, Probe, canonical_json, sha256
from harness.suites.fresh import Template, instantiate

FORMAT = 1
"""Version of the suite format this code reads."""
HEADER_FILE = "suite.toml"
PROBES_FILE = "probes.jsonl"


@dataclass(frozen=True, slots=True)
class VersionNote:
    """One line of a suite's changelog."""

    version: int
    date: str
    """YYYY-MM-DD."""
    note: str
    hash: str | None
    """Content hash of the suite at that version; None while it is still being written."""


@dataclass(frozen=True, slots=True)
class Item:
    """One line of probes.jsonl: a fixed probe, or the template of a fresh one."""

    line: int
    probe: Probe
    template: Template | None = None
    """How its text is drawn; None for fixed text."""


SELECTED_BY = {
    "families": "family",
    "topics": "topic",
    "languages": "language",
    "depths": "depth",
    "difficulties": "difficulty",
}
"""Key in the config -> field of a probe. Twins agree in all of them, so a pair is kept or left out as a whole."""


@dataclass(frozen=True, slots=True)
class Selection:
    """Which probes of a suite are asked: those that fit every key that is given."""

    families: tuple[str, ...] | None = None
    topics: tuple[str, ...] | None = None
    languages: tuple[str, ...] | None = None
    depths: tuple[int, ...] | None = None
    difficulties: tuple[int, ...] | None = None
    probes: int | None = None
    """At most so many of them."""
    ids: frozenset[str] | None = None
    """Which these are; follows from the suite and the keys above."""

    def keeps(self, probe: Probe) -> bool:
        """Say whether a probe is asked."""
        fits = all(getattr(probe, SELECTED_BY[key]) in values for key, values in self._given())
        return fits and (self.ids is None or probe.id in self.ids)

    def as_json(self) -> dict[str, JSON]:
        """Return the keys that are given, values in order: equal selections give equal JSON."""
        given: dict[str, JSON] = {key: list(values) for key, values in self._given()}
        return given if self.probes is None else given | {"probes": self.probes}

    def words(self) -> str:
        """Return the selection for people: `topics biology; languages de, en`; empty for a whole suite."""
        words = [f"{key} {', '.join(map(str, values))}" for key, values in self._given()]
        return "; ".join(words if self.probes is None else [*words, f"at most {self.probes}"])

    def _given(self) -> Iterator[tuple[str, Sequence[str | int]]]:
        for each in SELECTED_BY:
            values: tuple[str | int, ...] | None = getattr(self, each)
            if values is not None:
                yield each, sorted(set(values))


@dataclass(frozen=True, slots=True)
class Suite:
    """A named, versioned, content-hashed set of probes.

    `probes` are always ready to send: right after loading, fresh ones have the text of seed 0.
    """

    name: str
    version: int
    title: str
    description: str
    licence: str
    languages: tuple[str, ...]
    families: tuple[str, ...]
    topics: tuple[str, ...]
    arms: tuple[str, ...]
    """Sides of a pair, the watched one first and the plain one last; empty when there are no pairs."""
    topic_words: Mapping[str, Mapping[str, tuple[str, ...]]] = field(hash=False)
    """Words that make a topic, by language: on the watched side of each of its pairs, absent from the other sides."""
    unmatched: Mapping[str, tuple[str, ...]] = field(hash=False)
    """Families and topics whose twins differ on purpose in more than words: in `length`, or in the `tools` offered."""
    parameters: Mapping[str, JSON] = field(hash=False)
    """Sampling settings of every probe that does not say otherwise."""
    versions: tuple[VersionNote, ...]
    header: Mapping[str, JSON] = field(hash=False)
    """The header as written; of a part of a suite, also which part, under `selection`: runs store it so."""
    content_hash: str
    """Hash of header and probes as written; the same for every run, whatever was drawn."""
    items: tuple[Item, ...]
    probes: tuple[Probe, ...]
    place: str
    """The folder it was read from, as messages show it."""
    selection: Selection = Selection()
    """Which part of the suite `probes` are; `items` and `content_hash` stay those of the whole."""

    @property
    def recorded_hash(self) -> str | None:
        """Return the hash that the header records for this version."""
        return next((note.hash for note in self.versions if note.version == self.version), None)

    def for_run(self, seed: int) -> Suite:
        """Return the suite with its fresh probes drawn from a run's seed; the same seed draws the same text.

        Raises:
            ConfigError: a template has no draw that keeps its own conditions.
        """
        if all(item.template is None for item in self.items):
            return self
        drawn = instantiate(
            self.name,
            [(item.probe, item.template) for item in self.items],
            seed,
            f"{self.place}/{PROBES_FILE}",
        )
        # Drawn from the whole suite: a probe has the same text whatever else is asked beside it.
        return replace(self, probes=tuple(filter(self.selection.keeps, drawn)))


def content_hash(header: Mapping[str, JSON], probes: list[Mapping[str, JSON]]) -> str:
    """Return the hash of a suite's content: its header without recorded hashes, and its probes in order."""
    kept: dict[str, JSON] = dict(header)
    versions = kept.get("versions")
    if isinstance(versions, list):
        kept["versions"] = [
            {key: value for key, value in note.items() if key != "hash"} if isinstance(note, dict) else note
            for note in versions
        ]
    return sha256(canonical_json({"header": kept, "probes": list(probes)}))
