"""A stream's NS-SR state as bytes and back: a few kB after a year of a hundred probes."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import numpy as np
import numpy.typing as npt

from harness.stats.normal_scores import VERSION, NormalScoreSettings, ScoreState, TallyState
from harness.stats.packing import Frame, pack_codes, unpack_codes

_FRAME = Frame(b"NSSR", VERSION, "NS-SR")

Sums = tuple[tuple[float, ...], ...]


def to_bytes(state: ScoreState | TallyState) -> bytes:
    """Return the state as bytes, with the version of the rule that made it.

    Equal states need not give equal bytes everywhere (see `packing`): compare what `from_bytes` returns.
    """
    header: dict[str, Any] = {"settings": asdict(state.settings), "runs": state.runs}
    if isinstance(state, ScoreState):
        data = np.array(state.scores, dtype="<f8").tobytes()
        header["form"] = "scores"
    else:
        data, order = pack_codes(state.codes(), len(state.pairs))
        header |= {"form": "tallies", "n_probes": state.n_probes, "pairs": state.pairs, "order": order}
    header["sums"] = [len(state.log_down), len(state.settings.shifts)]
    sums = np.array([state.log_down, state.log_up], dtype="<f8").tobytes()
    return _FRAME.seal(header, sums + data)


def from_bytes(stored: bytes) -> ScoreState | TallyState:
    """Return the state that `to_bytes` wrote.

    Raises:
        OtherVersionError: another version of the rule made it: replay the stored runs.
        ValueError: not a state of this engine, or damaged.
    """
    header, data = _FRAME.open(stored)
    try:
        return _read(header, data)
    except (KeyError, TypeError, IndexError, ValueError) as problem:
        raise ValueError(_FRAME.damaged) from problem


def _read(header: dict[str, Any], data: bytes) -> ScoreState | TallyState:
    """Return the state in an opened frame."""
    fields = header["settings"]
    settings = NormalScoreSettings(**(fields | {"shifts": tuple(fields["shifts"])}))
    n_scores, n_shifts = header["sums"]
    at = 16 * n_scores * n_shifts
    sums = np.frombuffer(data[:at], dtype="<f8").reshape(2, n_scores, n_shifts)
    down, up = (_rows(side) for side in sums)
    if header["form"] == "scores":
        scores = np.frombuffer(data[at:], dtype="<f8")
        if scores.size != header["runs"]:
            raise ValueError(f"{scores.size} scores of {header['runs']} runs")
        return ScoreState(settings, tuple(scores.tolist()), down, up)
    pairs = tuple((int(parts), int(asked)) for parts, asked in header["pairs"])
    codes = unpack_codes(data[at:], header["runs"], header["n_probes"], header["order"])
    cells = codes.astype("<u2").tobytes()
    return TallyState(settings, header["n_probes"], header["runs"], pairs, cells, down, up)


def _rows(sums: npt.NDArray[np.float64]) -> Sums:
    """Return an array of sums as tuples of numbers."""
    return tuple(tuple(float(v) for v in row) for row in sums)
