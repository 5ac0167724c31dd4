"""A stream's NS-SR state as bytes and back: a few kB after a year of a hundred probes.

Equal histories give equal states; compare decoded states, because another build of zlib may pack the same
state into other bytes.
"""

from __future__ import annotations

import json
import zlib
from dataclasses import asdict
from struct import calcsize, error, pack, unpack_from
from typing import Any

import numpy as np
import numpy.typing as npt

from harness.stats.normal_scores import VERSION, NormalScoreSettings, ScoreState, TallyState

_MAGIC = b"NSSR"
_HEAD = "<4sHI"
"""Magic, version, length of the unpacked body."""
_LIMIT = 64 * 2**20
"""No state is as long as this once unpacked; refuses a damaged length before memory is asked for."""

Sums = tuple[tuple[float, ...], ...]


def to_bytes(state: ScoreState | TallyState) -> bytes:
    """Return the state as bytes, with the version of the rule that made it."""
    header: dict[str, Any] = {"settings": asdict(state.settings), "runs": state.runs}
    if isinstance(state, ScoreState):
        data = np.array(state.scores, dtype="<f8").tobytes()
        header["form"] = "scores"
    else:
        planes, order = _planes(state.codes(), len(state.pairs))
        data = planes
        header |= {"form": "tallies", "n_probes": state.n_probes, "pairs": state.pairs, "order": order}
    header["sums"] = [len(state.log_down), len(state.settings.shifts)]
    text = json.dumps(header, sort_keys=True, separators=(",", ":")).encode()
    sums = np.array([state.log_down, state.log_up], dtype="<f8").tobytes()
    body = pack("<I", len(text)) + text + sums + data
    return pack(_HEAD, _MAGIC, VERSION, len(body)) + zlib.compress(body, 6)


def from_bytes(stored: bytes) -> ScoreState | TallyState:
    """Return the state that `to_bytes` wrote.

    Raises:
        ValueError: not a state of this engine, damaged, or made by another version of the rule (replay the
            stored runs then).
    """
    try:
        magic, version, length = unpack_from(_HEAD, stored)
        if magic != _MAGIC:
            raise ValueError("not a state of NS-SR")
        if version != VERSION:
            raise ValueError(
                f"a state of NS-SR version {version}; this is version {VERSION}: replay its runs"
            )
        if length > _LIMIT:
            raise ValueError("a damaged state of NS-SR")
        unpacker = zlib.decompressobj()
        body = unpacker.decompress(stored[calcsize(_HEAD) :], length + 1)
        if len(body) != length or not unpacker.eof or unpacker.unused_data:
            raise ValueError("a damaged state of NS-SR")
        return _read(body)
    except (error, zlib.error, KeyError, TypeError, UnicodeDecodeError, IndexError) as problem:
        raise ValueError("a damaged state of NS-SR") from problem


def _read(body: bytes) -> ScoreState | TallyState:
    """Return the state in an unpacked body."""
    (size,) = unpack_from("<I", body)
    header = json.loads(body[4 : 4 + size])
    fields = header["settings"]
    settings = NormalScoreSettings(**(fields | {"shifts": tuple(fields["shifts"])}))
    n_scores, n_shifts = header["sums"]
    at = 4 + size + 16 * n_scores * n_shifts
    sums = np.frombuffer(body[4 + size : at], dtype="<f8").reshape(2, n_scores, n_shifts)
    down, up = (_rows(side) for side in sums)
    if header["form"] == "scores":
        scores = np.frombuffer(body[at:], dtype="<f8")
        if scores.size != header["runs"]:
            raise ValueError("a damaged state of NS-SR")
        return ScoreState(settings, tuple(scores.tolist()), down, up)
    pairs = tuple((int(parts), int(asked)) for parts, asked in header["pairs"])
    codes = _codes(body[at:], header["runs"], header["n_probes"], header["order"])
    cells = codes.astype("<u2").tobytes()
    return TallyState(settings, header["n_probes"], header["runs"], pairs, cells, down, up)


def _rows(sums: npt.NDArray[np.float64]) -> Sums:
    """Return an array of sums as tuples of numbers."""
    return tuple(tuple(float(v) for v in row) for row in sums)


def _planes(codes: npt.NDArray[np.uint16], kinds: int) -> tuple[bytes, list[int]]:
    """Return the codes bit by bit, probe after probe, and the codes in order of how frequent they are.

    A frequent code gets few bits set, and a probe that always does the same gives one long stretch: zlib
    then packs a year of yes/no answers into less than one bit an answer.
    """
    order = np.argsort(-np.bincount(codes.ravel(), minlength=kinds), kind="stable")
    place = np.empty(kinds, dtype=np.uint16)
    place[order] = np.arange(kinds)
    turned = place[codes].T
    bits = max(1, (kinds - 1).bit_length())
    planes = [np.packbits((turned >> bit & 1).astype(np.uint8)).tobytes() for bit in range(bits)]
    return b"".join(planes), [int(code) for code in order]


def _codes(planes: bytes, runs: int, n_probes: int, order: list[int]) -> npt.NDArray[np.uint16]:
    """Return the codes, shape (runs, n_probes), from their bit planes."""
    bits = max(1, (len(order) - 1).bit_length())
    each = (runs * n_probes + 7) // 8
    if len(planes) != bits * each:
        raise ValueError("a damaged state of NS-SR")
    raw = np.frombuffer(planes, dtype=np.uint8).reshape(bits, each)
    flat = np.unpackbits(raw, axis=1, count=runs * n_probes).astype(np.uint16)
    turned = (flat << np.arange(bits, dtype=np.uint16)[:, None]).sum(0).reshape(n_probes, runs)
    codes: npt.NDArray[np.uint16] = np.array(order, dtype=np.uint16)[turned.T]
    return codes
