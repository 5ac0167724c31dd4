"""config.toml -> Config, or every mistake in it at once."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from harness.config.checks import CronMistake, cross_checks
from harness.config.explain import mistakes_in
from harness.config.frozen import FrozenDict
from harness.config.schema import Config, Endpoint
from harness.config.shown import Mistake, file_text
from harness.config.toml import parse, read_text
from harness.config.urls import BLANK, SECRETIVE, scrub_url
from harness.errors import ConfigError
from harness.records import canonical_json, sha256


def load_config(
    path: Path, environ: Mapping[str, str] | None = None, *, cron_mistake: CronMistake | None = None
) -> Config:
    """Read and check a config file. Nothing is sent, and no key is needed.

    Args:
        path: the file; messages name it as given here.
        environ: the environment, to recognise a key that was pasted from it into the file.
        cron_mistake: judges a cron line of five fields: what is wrong with it, or None.

    Raises:
        ConfigError: one line for every mistake: file, key, value, fix.
    """
    parsed = parse(read_text(path))
    found = list(parsed.mistakes)
    config: Config | None = None
    if parsed.whole:
        further: list[Mistake] = []
        try:
            config = Config.model_validate(parsed.data)
        except ValidationError as error:
            further.extend(mistakes_in(error))
        further.extend(cross_checks(parsed.data, path.parent, environ or {}, cron_mistake))
        found.extend(sorted(further, key=lambda mistake: _place(parsed.data, mistake)))
        if config is None and not found:
            # Every error has its words in explain.py or checks.py; this is for one forgotten there.
            found.append(Mistake((), "does not fit docs/config.md", "compare it with a fresh `harness init`"))
    if found or config is None:
        file = file_text(path)
        raise ConfigError(list(dict.fromkeys(mistake.line(file) for mistake in found)))
    return config


def _place(data: Mapping[str, Any], mistake: Mistake) -> tuple[int, ...]:
    """Return where a mistake's key stands in the file; a missing key comes after those that are there."""
    place: list[int] = []
    table: Any = data
    for part in mistake.where:
        if isinstance(table, Mapping):
            keys = list(table)
            place.append(keys.index(part) if part in table else len(keys))
            table = table.get(part)
        elif isinstance(table, list) and isinstance(part, int):
            place.append(part)
            table = table[part] if part < len(table) else None
    return tuple(place)


def shown_endpoint(endpoint: Endpoint) -> Endpoint:
    """Return an endpoint as it may be stored and shown: nothing secret in its URLs and extra headers.

    `load_config` refuses a file that has secrets there; a Config made by a program can have them.
    """
    headers = {name: BLANK if SECRETIVE.search(name) else value for name, value in endpoint.headers.items()}
    urls = {"url": _shown_url(endpoint.url), "proxy": _shown_url(endpoint.proxy)}
    return endpoint.model_copy(update={**urls, "headers": FrozenDict(headers)})


def _shown_url(url: str | None) -> str | None:
    return scrub_url(url) if url and any(mark in url for mark in "@?#") else url


def config_json(config: Config) -> str:
    """Return the config as used, defaults filled in and secrets blanked, as canonical JSON."""
    endpoints = {name: shown_endpoint(each) for name, each in config.endpoints.items()}
    custody = config.custody.model_copy(update={"timestamp_url": _shown_url(config.custody.timestamp_url)})
    shown = config.model_copy(update={"endpoints": FrozenDict(endpoints), "custody": custody})
    return canonical_json(shown.model_dump(mode="json")).decode()


def config_hash(config: Config) -> str:
    """Return the hash of `config_json`: equal for equal settings, whatever their order in the file."""
    return sha256(config_json(config).encode())


def template_text() -> str:
    """Return the commented config.toml that `harness init` writes."""
    return files("harness.config").joinpath("template.toml").read_text(encoding="utf-8")
