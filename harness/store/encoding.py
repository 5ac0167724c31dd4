"""How single values are put into columns and taken out again."""

from __future__ import annotations

import json
from dataclasses import fields

import zstandard

from harness.records import Headers, Message, Probe, RunHeader, Tool
from harness.store.bodies import CONTENT_LIMIT
from harness.store.chain import canonical, plain
from harness.store.interning import Value


def pack_call_id(call_id: str) -> str | bytes:
    """Return a call's id as stored: hex digits as the bytes they stand for, which take half the room."""
    try:
        packed = bytes.fromhex(call_id)
    except ValueError:
        return call_id
    return packed if packed and packed.hex() == call_id else call_id


def header_json(header: RunHeader) -> bytes:
    """Return a run's header as canonical JSON."""
    values = {field.name: plain(getattr(header, field.name)) for field in fields(header)}
    for name in ("commitment", "reason"):  # runs stored before the fields existed keep their hash
        if values[name] is None:
            del values[name]
    return canonical(values)


def read_header(frame: bytes) -> tuple[RunHeader, bytes]:
    """Return a stored run header, and the bytes it was hashed as."""
    encoded = unframe(frame)
    data = json.loads(encoded)
    data["endpoints"] = tuple(data["endpoints"])
    return RunHeader(**data), encoded


def unframe(frame: bytes) -> bytes:
    """Return the content of a frame that needs no dictionary.

    Raises:
        ValueError: it is damaged.
    """
    try:
        if zstandard.frame_content_size(frame) > CONTENT_LIMIT:
            raise ValueError("frame claims to hold more than anything we store")
        return zstandard.ZstdDecompressor().decompress(frame, allow_extra_data=False)
    except (zstandard.ZstdError, TypeError) as error:
        raise ValueError(f"frame cannot be read: {error}") from error


def read_probe(definition: bytes) -> Probe:
    """Return a probe from its canonical JSON."""
    data = json.loads(definition)
    data["messages"] = tuple(Message(**message) for message in data["messages"])
    data["target"] = tuple(data["target"])
    data["tools"] = tuple(Tool(**tool) for tool in data.get("tools", ()))
    return Probe(**data)


def read_headers(data: bytes) -> Headers:
    """Return headers from their canonical JSON."""
    pairs = json.loads(data.decode("utf-8", "surrogatepass"))
    return tuple((name, value) for name, value in pairs)


def begins_with(ref: str) -> tuple[str, list[Value]]:
    """Return the condition under which a stored call id begins with `ref`."""
    conditions = "(call_id >= ? AND call_id < ?)"
    values: list[Value] = [ref, ref + "\U0010ffff"]
    try:
        low = bytes.fromhex(ref + "0" * (len(ref) % 2))
        high = bytes.fromhex(ref + "f" * (len(ref) % 2))
    except ValueError:
        return conditions, values
    return f"{conditions} OR call_id BETWEEN ? AND ?", [*values, low, high + b"\xff" * 64]
