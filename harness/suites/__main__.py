"""Check suites and record their hashes: `python -m harness.suites FOLDER...`."""

from __future__ import annotations

import sys
from pathlib import Path

from harness.errors import EXIT_DONE, EXIT_USAGE, ConfigError
from harness.suites import check_suite, load_suite, record_hash


def main(folders: list[str]) -> int:
    """Check each folder's suite and, when it is free of mistakes, record the hash of its current version."""
    mistakes: list[str] = [] if folders else ["usage: python -m harness.suites FOLDER..."]
    for folder in folders:
        try:
            found = check_suite(load_suite(Path(folder)))
            mistakes += found
            if not found:
                suite = record_hash(Path(folder))
                sys.stdout.write(
                    f"{suite.name} {suite.version}: {len(suite.probes)} probes, {suite.content_hash}\n"
                )
        except ConfigError as error:
            mistakes += error.mistakes
    sys.stderr.write("".join(f"{mistake}\n" for mistake in mistakes))
    return EXIT_USAGE if mistakes else EXIT_DONE


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
