"""States of streams as bytes: a frame with a version, and tallies packed bit by bit.

Equal states are equal once decoded; the bytes may differ, because another build of zlib may pack the same
numbers otherwise.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from struct import calcsize, error, pack, unpack_from
from typing import Any

import numpy as np
import numpy.typing as npt

Codes = npt.NDArray[np.uint16]

_HEAD = "<4sHI"
"""Magic, version of the rule, length of the unpacked body."""
_LIMIT = 64 * 2**20
"""No state is as long as this once unpacked; a damaged length is refused before memory is asked for."""


class OtherVersionError(ValueError):
    """A state that another version of its rule made: what it was made from must be taken in again."""


@dataclass(frozen=True, slots=True)
class Frame:
    """The engine that a state belongs to."""

    magic: bytes
    """Four bytes."""
    version: int
    name: str
    """As used in messages."""

    @property
    def damaged(self) -> str:
        """What is said of bytes that cannot be read."""
        return f"a damaged state of {self.name}"

    def seal(self, header: Mapping[str, Any], data: bytes) -> bytes:
        """Return header and data as one packed piece."""
        text = json.dumps(header, sort_keys=True, separators=(",", ":")).encode()
        body = pack("<I", len(text)) + text + data
        return pack(_HEAD, self.magic, self.version, len(body)) + zlib.compress(body, 6)

    def open(self, stored: bytes) -> tuple[dict[str, Any], bytes]:
        """Return the header and the data of a sealed state.

        Raises:
            OtherVersionError: another version of the rule made it; its runs must be replayed.
            ValueError: not of this engine, or damaged.
        """
        try:
            magic, version, length = unpack_from(_HEAD, stored)
            if magic != self.magic:
                raise ValueError(f"not a state of {self.name}")
            if version != self.version:
                raise OtherVersionError(
                    f"a state of {self.name} version {version}; this is version {self.version}: replay its runs"
                )
            if length > _LIMIT:
                raise ValueError(self.damaged)
            unpacker = zlib.decompressobj()
            body = unpacker.decompress(stored[calcsize(_HEAD) :], length + 1)
            if len(body) != length or not unpacker.eof or unpacker.unused_data:
                raise ValueError(self.damaged)
            (size,) = unpack_from("<I", body)
            return json.loads(body[4 : 4 + size]), body[4 + size :]
        except (error, zlib.error, UnicodeDecodeError, json.JSONDecodeError) as problem:
            raise ValueError(self.damaged) from problem


def pack_codes(codes: Codes, kinds: int) -> tuple[bytes, list[int]]:
    """Return codes bit by bit, probe after probe, and the codes in order of how frequent they are.

    A frequent code gets few bits set, and a probe that always does the same gives one long stretch: zlib
    then packs a year of yes/no answers into less than one bit an answer.

    Args:
        codes: Shape (runs, probes).
        kinds: Number of different codes.
    """
    order = np.argsort(-np.bincount(codes.ravel(), minlength=kinds), kind="stable")
    place = np.empty(kinds, dtype=np.uint16)
    place[order] = np.arange(kinds)
    turned = place[codes].T
    bits = max(1, (kinds - 1).bit_length())
    planes = [np.packbits((turned >> bit & 1).astype(np.uint8)).tobytes() for bit in range(bits)]
    return b"".join(planes), [int(code) for code in order]


def unpack_codes(planes: bytes, runs: int, probes: int, order: list[int]) -> Codes:
    """Return the codes that `pack_codes` packed, shape (runs, probes).

    Raises:
        ValueError: the length does not fit.
    """
    bits = max(1, (len(order) - 1).bit_length())
    each = (runs * probes + 7) // 8
    if len(planes) != bits * each:
        raise ValueError(f"{len(planes)} bytes of packed tallies, {bits * each} expected")
    raw = np.frombuffer(planes, dtype=np.uint8).reshape(bits, each)
    flat = np.unpackbits(raw, axis=1, count=runs * probes).astype(np.uint16)
    turned = (flat << np.arange(bits, dtype=np.uint16)[:, None]).sum(0).reshape(probes, runs)
    codes: Codes = np.array(order, dtype=np.uint16)[turned.T]
    return codes
