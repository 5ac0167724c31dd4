"""A database that is moved or deleted under its writer, who could go on writing to a file without a name."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path


def still_there(path: Path, opened: os.stat_result) -> bool:
    """Say whether a path still names the file that was opened."""
    try:
        return os.path.samestat(path.stat(), opened)
    except OSError:
        return False


def rescue(connection: sqlite3.Connection, path: Path) -> str:
    """Save what an open connection still sees into a file of its own; return what to tell the user.

    The file that was deleted exists as long as it is open, and ends with the process.
    """
    what = f"{path}: was moved, replaced or deleted while it was being written to"
    saved = path.with_name(f"{path.name}.rescued-{os.getpid()}")
    try:
        connection.execute("VACUUM INTO ?", (str(saved),))
    except sqlite3.Error as error:
        return (
            f"{what}, and what was in it could not be saved ({error}); put it back, or restore it from a copy"
        )
    return (
        f"{what}; everything committed is saved in {saved}: move that to {path}, take away {path.name}-wal if it is "
        f"there, and run again with --resume"
    )
