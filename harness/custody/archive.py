"""Archives, written so that the same content gives the same bytes, and read as what they are: hostile input.

Nothing is ever unpacked to disk. A name that a bundle does not have, a link, a second file of one name, an encrypted
or oddly compressed file, and content out of all proportion to the archive are refused before anything is read.
"""

from __future__ import annotations

import hashlib
import io
import os
import stat
import struct
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Self

from harness.custody.layout import (
    FILE_LIMIT,
    FILES_LIMIT,
    INDEX,
    INDEX_SIGNATURE,
    LINE_LIMIT,
    SPREAD_FLOOR,
    SPREAD_LIMIT,
    BundleError,
    FileEntry,
    is_known,
)
from harness.errors import UsageError

_EPOCH = (1980, 1, 1, 0, 0, 0)
"""The earliest time a ZIP file can name."""
_SPOOLED = 8 << 20
_BROKEN = (
    zipfile.BadZipFile, tarfile.TarError, zlib.error, EOFError, OSError, struct.error, NotImplementedError,
    ValueError, OverflowError, RuntimeError, KeyError, IndexError, MemoryError,
)  # fmt: skip
"""What Python's own readers raise on broken archives."""


class ArchiveWriter:
    """Writes a ZIP or TAR file, by its ending; the file appears whole or not at all."""

    def __init__(self, path: Path) -> None:
        if os.path.lexists(path):
            raise UsageError(f"{path}: is there already; name another file, or move it away")
        if path.suffix not in (".zip", ".tar"):
            raise UsageError(f"{path}: must end in .zip or .tar")
        self._path = path
        self._unfinished = path.with_name(f".{path.name}.{os.getpid()}")
        self.entries: dict[str, FileEntry] = {}
        self._zip: zipfile.ZipFile | None = None
        self._tar: tarfile.TarFile | None = None

    def __enter__(self) -> Self:
        try:
            if self._path.suffix == ".zip":
                self._zip = zipfile.ZipFile(self._unfinished, "x", zipfile.ZIP_DEFLATED)
            else:
                self._tar = tarfile.open(self._unfinished, "x:", format=tarfile.USTAR_FORMAT)
        except OSError as error:
            raise UsageError(
                f"{self._path}: cannot be written ({error.strerror}); choose another place"
            ) from error
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        try:
            for archive in (self._zip, self._tar):
                if archive is not None:
                    archive.close()
            if kind is None:
                self._unfinished.rename(self._path)
        except OSError as error:
            raise UsageError(f"{self._path}: cannot be written ({error.strerror})") from error
        finally:
            with suppress(OSError):
                self._unfinished.unlink()

    @contextmanager
    def member(self, name: str) -> Iterator[Callable[[bytes], None]]:
        """Give a function that writes to the next file."""
        sha256, size = hashlib.sha256(), 0
        with tempfile.SpooledTemporaryFile(_SPOOLED) as spool:
            target: IO[bytes] = spool
            if self._zip is not None:
                info = zipfile.ZipInfo(name, _EPOCH)
                info.compress_type = zipfile.ZIP_DEFLATED
                info.create_system, info.external_attr = 3, (stat.S_IFREG | 0o644) << 16
                target = self._zip.open(info, "w", force_zip64=True)

            def write(data: bytes) -> None:
                nonlocal size
                sha256.update(data)
                size += len(data)
                target.write(data)

            try:
                yield write
            finally:
                if target is not spool:
                    target.close()
            if self._tar is not None:
                entry = tarfile.TarInfo(name)
                entry.size, entry.mode = size, 0o644
                spool.seek(0)
                self._tar.addfile(entry, spool)
        self.entries[name] = FileEntry(sha256=sha256.hexdigest(), size=size)

    def add(self, name: str, data: bytes) -> None:
        """Write a whole file."""
        with self.member(name) as write:
            write(data)


class ArchiveReader:
    """Reads a ZIP or TAR file that anyone may have made. Use as a context manager."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._zip: zipfile.ZipFile | None = None
        self._tar: tarfile.TarFile | None = None
        self._sizes: dict[str, int] = {}
        self.found: dict[str, FileEntry] = {}
        """Hash and size of each file that was read to its end."""

    def __enter__(self) -> Self:
        try:
            with self._explained("cannot be read as a ZIP or TAR file"):
                if not self._path.is_file():
                    raise UsageError(f"{self._path}: no such file")
                if zipfile.is_zipfile(self._path):
                    self._zip = zipfile.ZipFile(self._path)
                    self._look_at_zip(self._zip)
                else:
                    self._tar = tarfile.open(self._path, "r:")
                    self._look_at_tar(self._tar)
            self._look_at_sizes()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        for archive in (self._zip, self._tar):
            if archive is not None:
                archive.close()

    @contextmanager
    def _explained(self, words: str) -> Iterator[None]:
        try:
            yield
        except _BROKEN as error:
            detail = str(error)[:200] or type(error).__name__
            raise BundleError(f"{self._path}: {words} ({detail})") from error

    def _take(self, name: str, size: int) -> None:
        shown = ascii(name[:100])
        if len(self._sizes) >= FILES_LIMIT:
            raise BundleError(f"{self._path}: holds more than {FILES_LIMIT:,} files; a bundle does not")
        if not is_known(name):
            raise BundleError(f"{self._path}: holds {shown}, which no bundle has; nothing of it was read")
        if name in self._sizes:
            raise BundleError(f"{self._path}: holds {shown} twice")
        self._sizes[name] = size

    def _look_at_zip(self, archive: zipfile.ZipFile) -> None:
        for info in archive.infolist():
            kind = stat.S_IFMT(info.external_attr >> 16)
            if kind not in (0, stat.S_IFREG):
                raise BundleError(f"{self._path}: {info.filename[:100]!a} is a link or worse, not a file")
            if info.flag_bits & 0x1:
                raise BundleError(f"{self._path}: {info.filename[:100]!a} is encrypted")
            if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                raise BundleError(
                    f"{self._path}: {info.filename[:100]!a} is compressed in a way no bundle is"
                )
            self._take(info.filename, info.file_size)

    def _look_at_tar(self, archive: tarfile.TarFile) -> None:
        for info in archive:
            if not info.isreg() or info.sparse is not None:
                raise BundleError(f"{self._path}: {info.name[:100]!a} is a link or worse, not a file")
            self._take(info.name, info.size)

    def _look_at_sizes(self) -> None:
        size = self._path.stat().st_size
        total = sum(self._sizes.values())
        if total > max(SPREAD_FLOOR, SPREAD_LIMIT * size):
            raise BundleError(
                f"{self._path}: claims to hold {total:,} bytes in an archive of {size:,}; that is a bomb, not a record"
            )
        if INDEX not in self._sizes:
            raise BundleError(f"{self._path}: has no {INDEX}; it is not a bundle of harness")

    def names(self) -> set[str]:
        """Return the names of all files."""
        return set(self._sizes)

    @contextmanager
    def _open(self, name: str) -> Iterator[IO[bytes]]:
        if self._zip is not None:
            opened: IO[bytes] | None = self._zip.open(name)
        else:
            assert self._tar is not None
            opened = self._tar.extractfile(name)
        assert opened is not None
        with opened:
            yield opened

    def read(self, name: str) -> bytes:
        """Return a whole file; nothing where there is none.

        Raises:
            BundleError: it is too long, or broken.
        """
        size = self._sizes.get(name)
        if size is None:
            return b""
        if size > FILE_LIMIT:
            raise BundleError(f"{self._path}: {name} is longer than any bundle's")
        with self._explained(f"{name} cannot be read"), self._open(name) as file:
            data = file.read(FILE_LIMIT + 1)
        if len(data) != size:
            raise BundleError(f"{self._path}: {name} has another length than it claims")
        self.found[name] = FileEntry(sha256=hashlib.sha256(data).hexdigest(), size=len(data))
        return data

    def lines(self, name: str) -> Iterator[tuple[int, str]]:
        """Yield (line number, line without its end) of a file; nothing where there is none.

        Raises:
            BundleError: a line is too long or not UTF-8, or the file is broken.
        """
        if name not in self._sizes:
            return
        sha256, size, number = hashlib.sha256(), 0, 0
        with self._explained(f"{name} cannot be read"), self._open(name) as raw:
            file = io.BufferedReader(raw, 1 << 16)  # type: ignore[type-var]
            while line := file.readline(LINE_LIMIT + 1):
                number += 1
                sha256.update(line)
                size += len(line)
                if len(line) > LINE_LIMIT:
                    raise BundleError(f"{self._path}: line {number} of {name} is longer than any bundle's")
                if not line.endswith(b"\n"):
                    raise BundleError(f"{self._path}: {name} breaks off in line {number}")
                try:
                    text = line[:-1].decode()
                except UnicodeDecodeError:
                    raise BundleError(f"{self._path}: line {number} of {name} is not UTF-8") from None
                yield number, text
        self.found[name] = FileEntry(sha256=sha256.hexdigest(), size=size)

    def finish(self) -> None:
        """Read what was not read yet, for its hash."""
        for name in sorted(self._sizes.keys() - self.found.keys() - {INDEX, INDEX_SIGNATURE}):
            sha256, size = hashlib.sha256(), 0
            with self._explained(f"{name} cannot be read"), self._open(name) as file:
                while piece := file.read(1 << 20):
                    sha256.update(piece)
                    size += len(piece)
            self.found[name] = FileEntry(sha256=sha256.hexdigest(), size=size)
