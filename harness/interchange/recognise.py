"""Which format a file has, told by looking at it, and its reader."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from harness.errors import UsageError
from harness.interchange.columns import read_columns
from harness.interchange.export_files import is_export
from harness.interchange.inspect_logs import looks_like_inspect, read_inspect
from harness.interchange.lm_eval import looks_like_lm_eval, read_lm_eval
from harness.interchange.logs import Log
from harness.interchange.mapping import Mapped
from harness.interchange.promptfoo import looks_like_promptfoo, read_promptfoo

_READERS: Mapping[str, Callable[[Path, Mapped], Log]] = {
    "inspect": read_inspect,
    "lm-eval": read_lm_eval,
    "promptfoo": read_promptfoo,
    "columns": read_columns,
}
_LOOKS: Mapping[str, Callable[[Path], bool]] = {
    "harness": is_export,
    "inspect": looks_like_inspect,
    "lm-eval": looks_like_lm_eval,
    "promptfoo": looks_like_promptfoo,
}


def recognise_log(path: Path) -> str:
    """Return the format of a file or folder.

    Raises:
        UsageError: it has none of those that can be told by looking.
    """
    for name, looks in _LOOKS.items():
        if looks(path):
            return name
    raise UsageError(
        f"{path}: is no export of harness (docs/data-format.md), no Inspect log, no lm-eval samples_*.jsonl and no "
        "promptfoo results; for a table name its columns with --map or --mapping, or say what it is with --format "
        "(docs/import.md)"
    )


def read_log(path: Path, form: str, wanted: Mapped) -> Log:
    """Read another tool's log.

    Args:
        path: the file.
        form: one of `inspect`, `lm-eval`, `promptfoo`, `columns`.
        wanted: the mapping of a table; of other formats, grader and suite alone.

    Raises:
        ConfigError: with the mistakes in the file.
        UsageError: the options do not fit it.
    """
    return _READERS[form](path, wanted)
