"""Secrets that came back in pieces: over the events of a stream, over tokens, or spelled in JSON's escapes.

Searching a body's bytes does not find those, but whoever joins the pieces, as an adapter does, has the secret whole.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from typing import Any

_DATA = b"data:"
_LONGEST = 8_000_000
_DEEPEST = 60

_Leaf = tuple[Any, Any]
"""A string's place: the object or array that holds it, and its key there."""
_Spans = Callable[[str], Sequence[tuple[int, int]]]


def blank_pieces(body: bytes, spans: _Spans, blank: str) -> bytes:
    """Return a JSON document or an event stream without secrets in its strings, taken together as they are read.

    Args:
        body: as received; what is neither comes back as it is, as does a body without secrets.
        spans: returns the (start, end) of every secret in a text, in order and apart from each other.
        blank: what a secret is replaced by, where its first character stood.
    """
    if len(body) > _LONGEST:
        return body
    whole = _parsed(body)
    if whole is not None:
        return _dumped(whole) if _blank([whole], spans, blank) else body
    lines = body.split(b"\n")
    found = {
        number: event
        for number, line in enumerate(lines)
        if line.startswith(_DATA) and (event := _parsed(line[len(_DATA) :])) is not None
    }
    for number in _blank(list(found.values()), spans, blank):
        place = list(found)[number]
        end = b"\r" if lines[place].endswith(b"\r") else b""
        lines[place] = b"data: " + _dumped(found[place]) + end
    joined = b"\n".join(lines)
    return body if joined == body else joined


def _parsed(data: bytes) -> Any:
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict | list) else None


def _dumped(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass")


def _blank(documents: Sequence[Any], spans: _Spans, blank: str) -> list[int]:
    """Blank secrets in the documents' strings; return which documents changed."""
    # Pieces of one text stand at the same path in event after event, or side by side in an array: tokens, parts.
    groups: dict[tuple[object, ...], list[tuple[int, _Leaf]]] = defaultdict(list)
    for number, document in enumerate(documents):
        for path, leaf in _leaves(document, (), 0):
            groups["event", *path].append((number, leaf))
            groups["array", *(part for part in path if isinstance(part, str))].append((number, leaf))
    changed: set[int] = set()
    for members in groups.values():
        changed |= _blank_group(members, spans, blank)
    return sorted(changed)


def _leaves(value: Any, path: tuple[object, ...], depth: int) -> Iterator[tuple[tuple[object, ...], _Leaf]]:
    if depth > _DEEPEST:
        return
    items: Any = value.items() if isinstance(value, dict) else enumerate(value)
    for key, inner in items:
        if isinstance(inner, str):
            yield (*path, key), (value, key)
        elif isinstance(inner, dict | list):
            yield from _leaves(inner, (*path, key), depth + 1)


def _blank_group(members: Sequence[tuple[int, _Leaf]], spans: _Spans, blank: str) -> set[int]:
    texts = [holder[key] for _, (holder, key) in members]
    found = spans("".join(texts))
    if not found:
        return set()
    changed = set()
    start = 0
    for (number, (holder, key)), text in zip(members, texts, strict=True):
        end = start + len(text)
        kept, at = "", start
        for first, last in found:
            if last <= start or first >= end:
                continue
            kept += text[at - start : max(first, at) - start] + (blank if first >= start else "")
            at = max(at, min(last, end))
        if kept or at > start:
            holder[key] = kept + text[at - start :]
            changed.add(number)
            if isinstance(holder, dict) and isinstance(holder.get("bytes"), list):
                holder["bytes"] = None  # a token's text once more, as numbers
        start = end
    return changed
