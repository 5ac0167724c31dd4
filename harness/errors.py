"""The exception tree, and the exit code each branch ends a command with.

    HarnessError               1   something we foresaw went wrong
      UsageError               2   the command line cannot be carried out as given
        ConfigError            2   config.toml (or a key, or a suite) has mistakes; carries all of them
      LaunchError              1   a local server could not be installed or started
      StoreError               1   the database cannot be opened, read or written
        LockedError            1   another process is writing to this database
        IntegrityError         1   stored evidence does not match its hashes
      EvidenceError            4   there is not enough evidence for what was asked

A user's mistake ends in one of these and prints without a traceback; a bug keeps its traceback.
"""

from __future__ import annotations

from collections.abc import Sequence

EXIT_DONE = 0
EXIT_ERROR = 1
EXIT_USAGE = 2
EXIT_FINDINGS = 3
EXIT_EVIDENCE = 4


class HarnessError(Exception):
    """Something foreseen went wrong; the message names the thing, the place and the fix."""

    exit_code = EXIT_ERROR


class UsageError(HarnessError):
    """The command cannot be carried out as given."""

    exit_code = EXIT_USAGE


class ConfigError(UsageError):
    """One or more mistakes in a file the user wrote, one line each."""

    def __init__(self, mistakes: Sequence[str] | str) -> None:
        self.mistakes: tuple[str, ...] = (mistakes,) if isinstance(mistakes, str) else tuple(mistakes)
        super().__init__("\n".join(self.mistakes))


class LaunchError(HarnessError):
    """A local model server could not be installed, started or stopped."""


class StoreError(HarnessError):
    """The database cannot be opened, read or written."""


class LockedError(StoreError):
    """Another process is the writer of this database."""


class IntegrityError(StoreError):
    """Stored evidence does not match the hashes recorded with it."""


class EvidenceError(HarnessError):
    """There is not enough evidence in the database for what was asked."""

    exit_code = EXIT_EVIDENCE
