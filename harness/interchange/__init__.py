"""Data made elsewhere in, and ours out: datasets to suites, our own export both ways, other people's logs to runs."""

from __future__ import annotations

from harness.interchange.columns import read_columns
from harness.interchange.datasets import FIELDS, parse_mapping
from harness.interchange.export_files import is_export
from harness.interchange.exporting import Choice, export_folder, export_lines, records
from harness.interchange.inspect_export import export_inspect
from harness.interchange.logs import Log, write_log
from harness.interchange.mapping import Mapped, load_mapping, parse_map
from harness.interchange.ours import Added, Result, import_export
from harness.interchange.recognise import read_log, recognise_log
from harness.interchange.suites import Imported, Wanted, import_suite

__all__ = [
    "FIELDS",
    "Added",
    "Choice",
    "Imported",
    "Log",
    "Mapped",
    "Result",
    "Wanted",
    "export_folder",
    "export_inspect",
    "export_lines",
    "import_export",
    "import_suite",
    "is_export",
    "load_mapping",
    "parse_map",
    "parse_mapping",
    "read_columns",
    "read_log",
    "recognise_log",
    "records",
    "write_log",
]
