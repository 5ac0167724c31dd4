"""Leaving bodies out of a bundle: a derived bundle has their hash in their place, and still verifies."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from harness.custody import layout
from harness.custody.archive import ArchiveReader, ArchiveWriter
from harness.custody.bundling import finish, write_line
from harness.custody.keys import SigningKey
from harness.custody.layout import BundleError, Index, Redacted, read_index
from harness.dataformat import ExchangeLine, Line, ObservationLine, ProbeLine, decode, encode
from harness.errors import UsageError

LineT = TypeVar("LineT", bound=ExchangeLine | ObservationLine)


@dataclass(frozen=True, slots=True)
class Wish:
    """What is to be left out."""

    bodies: tuple[str, ...] = ()
    """SHA-256 of bodies, or their first digits (8 at least)."""
    calls: tuple[str, ...] = ()
    """Calls: the bodies of all their tries."""
    probes: tuple[str, ...] = ()
    """`SUITE/PROBE`: its text, and the bodies of every call that asked it."""


def redact_bundle(source: Path, target: Path, wish: Wish, key: SigningKey | None = None) -> Index:
    """Write a bundle derived from another by leaving bodies out.

    Everything that may quote such a body goes too: the words of the observations of these exchanges, and the report.
    Hashes, chains, seals and proofs stay as they are.

    Raises:
        BundleError: the source is not a bundle.
        UsageError: something named is not in it, or the target cannot be written.
    """
    with ArchiveReader(source) as archive:
        encoded = archive.read(layout.INDEX)
        index = read_index(encoded)
        bodies, probes, exchanges = _find(archive, wish)
        if not bodies and not probes:
            raise UsageError("nothing to leave out: name --body, --call or --probe")
        blanked = 0

        def exchange(line: ExchangeLine) -> ExchangeLine:
            parts = {
                name: part.model_copy(update={"body": part.body.left_out()})
                for name, part in (("request", line.request), ("response", line.response))
                if part.body.sha256 in bodies
            }
            return line.model_copy(update=parts)

        def observation(line: ObservationLine) -> ObservationLine:
            nonlocal blanked
            if line.exchange not in exchanges:
                return line
            blanked += 1
            return line.model_copy(update={"evidence": "", "notice": None, "unmapped": None, "answer": None})

        with ArchiveWriter(target) as out:
            dropped = sorted({layout.REPORT} & archive.names())
            for name in sorted(archive.names() - {layout.INDEX, layout.INDEX_SIGNATURE, *dropped}):
                with out.member(name) as write:
                    if name == layout.EXCHANGES:
                        _copy_lines(archive, name, write, ExchangeLine, exchange)
                    elif name == layout.OBSERVATIONS:
                        _copy_lines(archive, name, write, ObservationLine, observation)
                    elif name == layout.SUITES:
                        for line in _records(archive, name):
                            if not isinstance(line, ProbeLine) or line.sha256 not in probes:
                                write_line(write, encode(line))
                    elif name in layout.LINES:
                        for _, text in archive.lines(name):
                            write_line(write, text)
                    else:
                        write(archive.read(name))
            gone = index.redacted
            counts = dict(index.counts)
            counts["probes"] = counts.get("probes", 0) - len(probes)
            made = index.model_copy(
                update={
                    "counts": {name: count for name, count in counts.items() if count},
                    "redacted": Redacted(
                        bodies=tuple(sorted({*gone.bodies, *bodies})),
                        probes=tuple(sorted({*gone.probes, *probes})),
                        observations=gone.observations + blanked,
                        files=tuple(sorted({*gone.files, *dropped})),
                    ),
                    "derived_from": hashlib.sha256(encoded).hexdigest(),
                    "public_key": None if key is None else key.public.raw.hex(),
                    "files": dict(sorted(out.entries.items())),
                }
            )
            finish(out, made, key)
    return made


def _records(archive: ArchiveReader, name: str) -> Iterator[Line]:
    for number, text in archive.lines(name):
        try:
            yield decode(text)
        except ValueError as error:
            raise BundleError(f"{name} line {number}: {error}") from None


def _copy_lines(
    archive: ArchiveReader,
    name: str,
    write: Callable[[bytes], None],
    kind: type[LineT],
    change: Callable[[LineT], LineT],
) -> None:
    for line in _records(archive, name):
        if not isinstance(line, kind):
            raise BundleError(f"{name}: holds a record that has no place in it")
        write_line(write, encode(change(line)))


def _find(archive: ArchiveReader, wish: Wish) -> tuple[set[str], set[str], set[str]]:
    """Return the hashes of the bodies, probes and exchanges that are meant.

    Raises:
        UsageError: something named is not in the bundle, or is there already as a hash alone.
    """
    for word in wish.bodies:
        if len(word) < 8 or set(word) - set("0123456789abcdef"):
            raise UsageError(f"--body {word}: give the SHA-256 of a body in hex, 8 digits or more of it")
    asked = dict.fromkeys((*wish.bodies, *wish.calls, *wish.probes), False)
    bodies: set[str] = set()
    for line in _records(archive, layout.EXCHANGES):
        if not isinstance(line, ExchangeLine):
            raise BundleError(f"{layout.EXCHANGES}: holds a record that has no place in it")
        both = [part.body for part in (line.request, line.response) if not part.body.is_left_out]
        for word in (line.call_id, f"{line.suite}/{line.probe_id}"):
            if word in asked and (word in wish.calls or word in wish.probes):
                asked[word] = True
                bodies |= {body.sha256 for body in both}
        for body in both:
            for word in wish.bodies:
                if body.sha256.startswith(word):
                    asked[word] = True
                    bodies.add(body.sha256)
    probes: set[str] = set()
    for line in _records(archive, layout.SUITES):
        if isinstance(line, ProbeLine) and f"{line.suite}/{line.probe.id}" in wish.probes:
            asked[f"{line.suite}/{line.probe.id}"] = True
            probes.add(line.sha256)
    missing = [word for word, found in asked.items() if not found]
    if missing:
        raise UsageError(f"{missing[0]}: the bundle has no such body, call or probe")
    return bodies, probes, _touched(archive, bodies)


def _touched(archive: ArchiveReader, bodies: set[str]) -> set[str]:
    """Return the hashes of the exchanges that have one of these bodies."""
    return {
        line.hash
        for line in _records(archive, layout.EXCHANGES)
        if isinstance(line, ExchangeLine) and {line.request.body.sha256, line.response.body.sha256} & bodies
    }


def parse_probes(words: Sequence[str]) -> tuple[str, ...]:
    """Return `SUITE/PROBE` words as they are.

    Raises:
        UsageError: one is not of that form.
    """
    for word in words:
        if not all(word.partition("/")[::2]):
            raise UsageError(f"--probe {word}: write SUITE/PROBE")
    return tuple(words)
