"""What every command needs: options, the config and suites, the store, consoles, and one way to end."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from harness.config import Config, load_config
from harness.errors import ConfigError, StoreError
from harness.monitor.judges import check_judges
from harness.monitor.schedule import cron_mistake
from harness.records import JSON
from harness.store import Origin, Store
from harness.suites import Suite, configured

ConfigOption = Annotated[Path, typer.Option("--config", metavar="FILE", help="Configuration file.")]
DbOption = Annotated[
    Path | None, typer.Option("--db", metavar="FILE", help="Database; by default the one the config names.")
]
JsonOption = Annotated[
    bool, typer.Option("--json", help="Print data as JSON on stdout, and nothing else there.")
]
SuiteOption = Annotated[
    list[str] | None, typer.Option("--suite", metavar="NAME", help="Only this suite; may be given again.")
]
EndpointOption = Annotated[
    list[str] | None,
    typer.Option("--endpoint", metavar="NAME", help="Only this endpoint; may be given again."),
]
OriginOption = Annotated[
    Origin, typer.Option("--origin", help="Our own runs, imported ones, or all.", show_default=True)
]
DEFAULT_CONFIG = Path("config.toml")


def _console(stderr: bool) -> Console:
    """Return a console; where there is no terminal to fold lines for, they are not folded."""
    terminal = (sys.stderr if stderr else sys.stdout).isatty()
    return Console(
        stderr=stderr, highlight=False, emoji=False, soft_wrap=True, width=None if terminal else _FILE_WIDTH
    )


_FILE_WIDTH = 200
out = _console(stderr=False)
"""Results: stdout."""
err = _console(stderr=True)
"""Progress, notes and mistakes: stderr."""


@dataclass(frozen=True, slots=True)
class Project:
    """A loaded config with what it names."""

    config: Config
    file: Path
    folder: Path
    """Where the config lies; paths in it are relative to this."""
    database: Path
    results: Path

    def suites(self, only: Sequence[str] | None = None) -> dict[str, Suite]:
        """Load the suites the config names (or only some of them).

        Raises:
            ConfigError: with every mistake in every one of them.
        """
        loaded: dict[str, Suite] = {}
        mistakes: list[str] = []
        for name, use in self.config.suites.items():
            if only is not None and name not in only:
                continue
            try:
                loaded[name] = configured(name, use, self.folder, self.file)
            except ConfigError as error:
                mistakes.extend(error.mistakes)
        if mistakes:
            raise ConfigError(mistakes)
        check_judges(self.config, loaded, self.file)
        return loaded


def load_project(config_path: Path, db: Path | None) -> Project:
    """Read the config and say where everything is.

    Raises:
        ConfigError: with every mistake in it.
    """
    config = load_config(config_path, environment(), cron_mistake=cron_mistake)
    folder = config_path.resolve().parent
    return Project(
        config,
        config_path,
        folder,
        db if db is not None else folder / config.storage.database,
        folder / config.storage.results,
    )


def database_path(config_path: Path, db: Path | None) -> Path:
    """Return the database to read; with --db no config is needed."""
    return db if db is not None else load_project(config_path, None).database


@contextmanager
def reading(config_path: Path, db: Path | None) -> Iterator[Store]:
    """Open the database for reading; never disturbs a writer.

    Raises:
        StoreError: there is none yet, or it cannot be read.
    """
    path = database_path(config_path, db)
    if not path.exists():
        raise StoreError(f"{path}: no database there yet; harness run makes it (or name another with --db)")
    with Store.open(path, mode="read") as store:
        yield store


def print_json(value: JSON) -> None:
    """Print one JSON document on stdout."""
    sys.stdout.write(json.dumps(value, indent=2, ensure_ascii=False) + "\n")


def print_json_line(value: JSON) -> None:
    """Print one JSON object on one line of stdout."""
    sys.stdout.write(json.dumps(value, ensure_ascii=False) + "\n")


def environment() -> Mapping[str, str]:
    """Return the process's environment, for the config room to read."""
    return os.environ
