"""Compression: every piece of content is a Zstandard frame of its own, with a dictionary made from earlier content.

Replies of one endpoint resemble each other so much that, with a few kilobytes of earlier replies as dictionary, one
takes a third of what it takes alone. A dictionary is stored once, never changed, and needs nothing else to be read.
"""

from __future__ import annotations

import re
import sqlite3
from collections import OrderedDict, deque
from dataclasses import dataclass, field
from typing import Literal

import zstandard

from harness.store.chain import digest

Content = Literal["request", "reply", "reply_headers", "probe"]

_LEVEL = 6
_RAW_BYTES = 16_384
"""Size of a dictionary of plain content, and of a trained one."""
_SAMPLES = 256
_SAMPLE_BYTES = 131_072
"""Most that one lane remembers of recent content, in pieces and bytes."""
_PIECE_BYTES = 8_192
_THIN_AFTER = 2_048
_THIN = 16
"""Once a lane has seen that many, only one piece in so many is remembered."""
_FIRST_REVIEWS = (16, 256, 2_048)
_REVIEW_EVERY = 16_384
_WORTH_OVER = 2_048
_MARGIN = 2
"""A new dictionary has to save so many times its own size within that many pieces."""
_LANES = 64
_DECOMPRESSORS = 64
CONTENT_LIMIT = 1 << 28
"""Longest content a frame may claim to hold; a damaged or forged one must not take all memory."""

_SEED = re.compile(rb'"seed":\s*(-?\d+)(?![0-9.eE])')


def _type_of(name: str) -> int:
    if name not in ("raw", "trained"):
        raise ValueError(f"no dictionary type {name!r}")
    return zstandard.DICT_TYPE_FULLDICT if name == "trained" else zstandard.DICT_TYPE_RAWCONTENT


def _compressor(dictionary: zstandard.ZstdCompressionDict | None) -> zstandard.ZstdCompressor:
    parameters = zstandard.ZstdCompressionParameters.from_level(
        _LEVEL,
        source_size=20_000,
        dict_size=_RAW_BYTES,
        write_content_size=1,
        write_checksum=0,
        write_dict_id=0,
    )
    return zstandard.ZstdCompressor(dict_data=dictionary, compression_params=parameters)


@dataclass(slots=True)
class _Lane:
    """One owner's content of one kind: its newest dictionary and what was lately seen."""

    dictionary_id: int | None
    compressor: zstandard.ZstdCompressor
    seen: int = 0
    reviews: int = 0
    samples: deque[bytes] = field(default_factory=deque)
    sample_bytes: int = 0

    def remember(self, data: bytes) -> None:
        self.seen += 1
        if self.seen > _THIN_AFTER and self.seen % _THIN:
            return
        piece = data[:_PIECE_BYTES]
        self.samples.append(piece)
        self.sample_bytes += len(piece)
        while len(self.samples) > _SAMPLES or self.sample_bytes > _SAMPLE_BYTES:
            self.sample_bytes -= len(self.samples.popleft())

    def due(self) -> bool:
        if self.reviews < len(_FIRST_REVIEWS):
            return self.seen >= _FIRST_REVIEWS[self.reviews]
        return self.seen >= _REVIEW_EVERY * (self.reviews - len(_FIRST_REVIEWS) + 1)


class Dictionaries:
    """Reads dictionaries of one database; what it has read it keeps, within bounds."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._decompressors: OrderedDict[int | None, zstandard.ZstdDecompressor] = OrderedDict()

    def load(self, dictionary_id: int) -> zstandard.ZstdCompressionDict:
        """Read one dictionary.

        Raises:
            ValueError: there is none, or it is not as it was written.
        """
        row = self._connection.execute(
            "SELECT type, data, sha256 FROM dictionaries WHERE id = ?", (dictionary_id,)
        ).fetchone()
        if row is None:
            raise ValueError(f"dictionary {dictionary_id} is missing")
        name, frame, sha256 = row
        data = self.expand(None, frame)
        if digest(data) != sha256:
            raise ValueError(f"dictionary {dictionary_id} does not match its hash")
        try:
            return zstandard.ZstdCompressionDict(data, dict_type=_type_of(name))
        except zstandard.ZstdError as error:
            raise ValueError(f"dictionary {dictionary_id} cannot be used: {error}") from error

    def expand(self, dictionary_id: int | None, frame: bytes) -> bytes:
        """Return the content of a frame.

        Raises:
            ValueError: the frame or its dictionary is damaged.
        """
        decompressor = self._decompressors.get(dictionary_id)
        if decompressor is None:
            dictionary = None if dictionary_id is None else self.load(dictionary_id)
            decompressor = self._decompressors[dictionary_id] = zstandard.ZstdDecompressor(
                dict_data=dictionary
            )
            if len(self._decompressors) > _DECOMPRESSORS:
                self._decompressors.popitem(last=False)
        try:
            if zstandard.frame_content_size(frame) > CONTENT_LIMIT:
                raise ValueError("frame claims to hold more than anything we store")
            return decompressor.decompress(frame, allow_extra_data=False)
        except (zstandard.ZstdError, TypeError) as error:
            raise ValueError(f"frame cannot be read: {error}") from error

    def forget(self) -> None:
        """Drop what was kept in memory."""
        self._decompressors.clear()


class Compressor:
    """Compresses content for writing, and makes a new dictionary when one would pay.

    Looks at the choice again after 16, 256 and 2,048 pieces of a lane and then every 16,384: content that has come
    to look different gets a new dictionary there.
    """

    def __init__(self, connection: sqlite3.Connection, dictionaries: Dictionaries) -> None:
        self._connection = connection
        self._dictionaries = dictionaries
        self._lanes: OrderedDict[tuple[Content, str], _Lane] = OrderedDict()

    def compress(self, content: Content, owner: str, data: bytes) -> tuple[int | None, bytes]:
        """Return (dictionary id, frame). To be called inside a transaction, as it may store a dictionary."""
        key = (content, owner)
        lane = self._lanes.get(key)
        if lane is None:
            lane = self._lanes[key] = self._lane(content, owner)
            if len(self._lanes) > _LANES:
                self._lanes.popitem(last=False)
        frame = lane.compressor.compress(data)
        answer = lane.dictionary_id, frame
        if data:
            lane.remember(data)
            if lane.due():
                lane.reviews += 1
                self._review(content, owner, lane)
        return answer

    def forget(self) -> None:
        """Drop what was kept in memory: after a rollback, dictionaries made meanwhile are not there."""
        self._lanes.clear()

    def _lane(self, content: Content, owner: str) -> _Lane:
        row = self._connection.execute(
            "SELECT max(id) FROM dictionaries WHERE content = ? AND owner = ?", (content, owner)
        ).fetchone()
        dictionary_id: int | None = row[0]
        if dictionary_id is None:
            return _Lane(None, _compressor(None))
        return _Lane(dictionary_id, _compressor(self._dictionaries.load(dictionary_id)))

    def _review(self, content: Content, owner: str, lane: _Lane) -> None:
        """Try dictionaries made of three quarters of the samples on the last quarter; keep the best if it pays."""
        held_out = list(lane.samples)[3::4]
        made_from = [sample for place, sample in enumerate(lane.samples) if place % 4 != 3]
        if not held_out:
            return
        now = sum(len(lane.compressor.compress(sample)) for sample in held_out)
        best: tuple[float, str, bytes, _Lane] | None = None
        for name, data in _candidates(made_from):
            dictionary = zstandard.ZstdCompressionDict(data, dict_type=_type_of(name))
            compressor = _compressor(dictionary)
            saved = (now - sum(len(compressor.compress(sample)) for sample in held_out)) / len(held_out)
            frame = _compressor(None).compress(data)
            gain = saved * _WORTH_OVER - _MARGIN * len(frame)
            if gain > 0 and (best is None or gain > best[0]):
                best = gain, name, data, _Lane(None, compressor)
        if best is None:
            return
        _, name, data, chosen = best
        cursor = self._connection.execute(
            "INSERT INTO dictionaries (content, owner, type, data, sha256) VALUES (?, ?, ?, ?, ?)",
            (content, owner, name, _compressor(None).compress(data), digest(data)),
        )
        lane.dictionary_id, lane.compressor = cursor.lastrowid, chosen.compressor


def _candidates(samples: list[bytes]) -> list[tuple[str, bytes]]:
    # The end of a dictionary is the cheapest to refer to, so the newest content goes last.
    candidates = [("raw", b"".join(samples)[-_RAW_BYTES:])]
    try:
        trained = zstandard.train_dictionary(_RAW_BYTES, [*samples], k=200, d=8, level=_LEVEL)
        candidates.append(("trained", trained.as_bytes()))
    except zstandard.ZstdError:  # too few samples, or too much alike, to train on
        pass
    return candidates


def cut_seed(body: bytes, seed: int) -> tuple[bytes, int | None]:
    """Cut the digits of a call's seed out of its request, so that the rest is the same for every sample of a probe.

    Only a JSON member named `seed` with just that number is cut.

    Returns:
        The body without the digits and the offset at which they belong; the body as it is and None if there is none.
    """
    digits = b"%d" % seed
    for found in _SEED.finditer(body):
        if found[1] == digits:
            start, end = found.span(1)
            return body[:start] + body[end:], start
    return body, None


def put_seed_back(body: bytes, offset: int | None, seed: int) -> bytes:
    """Undo `cut_seed`."""
    return body if offset is None else body[:offset] + b"%d" % seed + body[offset:]
