"""Server-sent events out of the recorded bytes of a stream, parsed by httpx-sse."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from harness.endpoints import reading
from harness.records import Headers

LINES: Final = 400_000
"""More lines than any reply of the longest kept size has that carries content; the rest is not read."""

_FIELDS: Final = (b"data:", b"event:", b"id:", b"retry:", b":")


def is_stream(headers: Headers, body: bytes, *, streamed: bool) -> bool:
    """Return whether a body is a stream of events, by its first bytes, then by what the server calls it.

    Servers answer a streamed request with a plain document (errors above all), and now and then the other
    way round; the bytes decide.
    """
    head = body[:64].lstrip()
    if not body or head.startswith((b"{", b"[")):
        return False
    if head.startswith(_FIELDS):
        return True
    if head.startswith(b"<"):
        return False
    for name, value in headers:
        if name.lower() == "content-type":
            return "event-stream" in value.lower()
    return streamed


class _Recording:
    """The recorded bytes of a stream, in the shape of the response that httpx-sse reads from."""

    headers: Final = {"content-type": "text/event-stream"}

    def __init__(self, body: bytes) -> None:
        if body.count(b"\n") + body.count(b"\r") > LINES:
            lines = body.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n", LINES)
            body = b"\n".join(lines[:LINES])
        self._text = body.decode("utf-8-sig", "replace")

    def iter_text(self) -> Iterator[str]:
        yield self._text
        yield "\n\n"  # closes an event that the end of the body left open


def events(body: bytes) -> Iterator[tuple[str, Any]]:
    """Yield (event name, document) for each event whose data is JSON, and (`[DONE]`, None) for that mark.

    An event that the end of the body cut short is left out unless its data happens to be whole.
    """
    # Imported here: httpx-sse brings httpx along, which takes longer to load than most commands run.
    from httpx_sse import EventSource

    for event in EventSource(_Recording(body)).iter_sse():  # type: ignore[arg-type]  # headers and text are all it uses
        if not event.data:
            continue
        if event.data.strip() == "[DONE]":
            yield "[DONE]", None
            continue
        document = reading.load_text(event.data)
        if document is not None:
            yield event.event, document


def carries(line: bytes, field: bytes) -> bool:
    """Return whether a piece of JSON text has a string field that is not empty, without parsing it.

    Args:
        line: the piece, as received.
        field: the field's name in its quotes, such as `b'"content"'`.
    """
    at = line.find(field)
    while at >= 0:
        at += len(field)
        value = line[at : at + 16].lstrip(b" :")
        if value[:1] == b'"' and value[1:2] not in (b'"', b""):
            return True
        at = line.find(field, at)
    return False
