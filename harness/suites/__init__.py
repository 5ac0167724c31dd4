"""Suites: named, versioned, content-hashed sets of probes, read from folders of data.

A folder holds `suite.toml` (what the suite is) and `probes.jsonl` (one probe a line). `load_suite` tells
every mistake in them at once; `Suite.for_run` draws the fresh probes of a run.
"""

from __future__ import annotations

from harness.suites.checking import check_suite
from harness.suites.form import FORMAT, HEADER_FILE, PROBES_FILE, Selection, Suite, VersionNote
from harness.suites.packaged import EXAMPLE_FILES, find_suite, record_hash, shipped
from harness.suites.reading import load_suite, raw_probes
from harness.suites.selecting import configured, cut
from harness.suites.writing import write_suite

__all__ = [
    "EXAMPLE_FILES",
    "FORMAT",
    "HEADER_FILE",
    "PROBES_FILE",
    "Selection",
    "Suite",
    "VersionNote",
    "check_suite",
    "configured",
    "cut",
    "find_suite",
    "load_suite",
    "raw_probes",
    "record_hash",
    "shipped",
    "write_suite",
]
