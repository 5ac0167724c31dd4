"""Undoing a reply's content encoding piece by piece, never making more than asked for."""

from __future__ import annotations

import zlib
from typing import Protocol

import zstandard

ACCEPTED = "gzip, deflate, zstd"
"""What we say we can read, and what we can."""
_ZSTD_WINDOW = 8 * 1024 * 1024
"""The largest window HTTP allows (RFC 9659); without a bound, a few bytes could claim gigabytes."""
_ZSTD_SLICE = 64
"""Four bytes of zstd can stand for 128 KiB, so a piece of this size makes at most 2 MiB."""


class UndecodableError(Exception):
    """The bytes are not in the encoding the reply claims."""


class Decoder(Protocol):
    """Undoes one content encoding."""

    def feed(self, data: bytes, room: int) -> bytes:
        """Return what `data` adds to the content, at most `room` + 1 bytes: the last shows an excess.

        Raises:
            UndecodableError: the bytes are not in this encoding.
        """
        ...

    def finish(self) -> None:
        """Say that no more will come.

        Raises:
            UndecodableError: the encoded content is not complete.
        """
        ...


class _Zlib:
    def __init__(self, name: str) -> None:
        self._name = name
        self._start()
        self._fed = False
        self._held = b""

    def _start(self, *, raw: bool = False) -> None:
        # 32 + MAX_WBITS reads gzip and zlib headers alike: servers mix the two up.
        self._inflater = zlib.decompressobj(-zlib.MAX_WBITS if raw else zlib.MAX_WBITS | 32)

    def feed(self, data: bytes, room: int) -> bytes:
        room += 1
        out = []
        data = self._held + data
        # Whether there is a header shows in the first two bytes.
        self._held = data if not self._fed and len(data) < 2 else b""
        while data and room > 0 and not self._held:
            if self._inflater.eof:  # a gzip file may have several members, and padding after them
                data = data.lstrip(b"\0")
                if not data:
                    break
                self._start()
            try:
                piece = self._inflater.decompress(data, room)
            except zlib.error as error:
                if self._fed or self._name != "deflate":
                    raise UndecodableError(f"content-encoding {self._name}: {error}") from error
                # `deflate` means zlib, and many take it to mean the bare stream without a header.
                self._fed = True
                self._start(raw=True)
                continue
            self._fed = True
            out.append(piece)
            room -= len(piece)
            data = self._inflater.unused_data if self._inflater.eof else self._inflater.unconsumed_tail
        return b"".join(out)

    def finish(self) -> None:
        if self._held or (self._fed and not self._inflater.eof):
            raise UndecodableError(f"content-encoding {self._name}: ends early")


class _Zstd:
    def __init__(self) -> None:
        self._start()
        self._fed = False

    def _start(self) -> None:
        self._inflater = zstandard.ZstdDecompressor(max_window_size=_ZSTD_WINDOW).decompressobj()

    def feed(self, data: bytes, room: int) -> bytes:
        room += 1
        out = []
        while data and room > 0:
            piece, data = data[:_ZSTD_SLICE], data[_ZSTD_SLICE:]
            if self._inflater.eof:
                self._start()
            try:
                content = self._inflater.decompress(piece)
            except zstandard.ZstdError as error:
                raise UndecodableError(f"content-encoding zstd: {error}") from error
            self._fed = True
            if self._inflater.eof:
                data = self._inflater.unused_data + data
            out.append(content[:room])
            room -= len(content)
        return b"".join(out)

    def finish(self) -> None:
        if self._fed and not self._inflater.eof:
            raise UndecodableError("content-encoding zstd: ends early")


class _Unknown:
    """An encoding we did not ask for: the reply cannot be read."""

    def __init__(self, encoding: str) -> None:
        self._encoding = encoding

    def feed(self, data: bytes, room: int) -> bytes:
        del data, room
        raise UndecodableError(f"content-encoding {self._encoding[:40]!r} was not asked for")

    def finish(self) -> None:
        pass


def decoder(encoding: str) -> Decoder | None:
    """Return what undoes a `content-encoding`; None when there is nothing to undo."""
    name = encoding.strip().lower()
    if name in ("", "identity"):
        return None
    if name in ("gzip", "x-gzip", "deflate"):
        return _Zlib(name)
    if name == "zstd":
        return _Zstd()
    return _Unknown(name)
