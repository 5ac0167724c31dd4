"""Data made elsewhere, turned into suites: datasets in, suite folders out.

`import_suite` reads JSON lines, JSON or CSV and writes a folder that `load_suite` accepts, or says every reason
why not.
"""

from __future__ import annotations

from harness.interchange.datasets import FIELDS, parse_mapping
from harness.interchange.suites import Imported, Wanted, import_suite

__all__ = ["FIELDS", "Imported", "Wanted", "import_suite", "parse_mapping"]
