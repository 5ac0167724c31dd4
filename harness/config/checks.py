"""What is wrong between sections, or in ways a type cannot say.

Works on the raw tables, so that a mistake in one section never hides one in another: whatever has the
wrong type is skipped here, its own message comes from the schema.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from itertools import chain
from pathlib import Path
from typing import Any

from harness.config import urls
from harness.config.explain import close_to
from harness.config.parameters import body_mistakes, header_mistakes, parameter_mistakes
from harness.config.schema import PROTOCOLS
from harness.config.shown import (
    SECOND,
    UNREADABLE,
    Mistake,
    Where,
    dotted,
    leaves,
    plain,
    secret_in,
    secret_name,
    shown,
)

CronMistake = Callable[[str], str | None]
"""Cron line -> what is wrong with it in a few words, or None."""

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_SECRET_VARIABLE = re.compile(r"(?:KEY|TOKEN|SECRET|PASSWORD)$", re.IGNORECASE)
_SHORTEST_SECRET = 12
_MOST_NAMES = 20
"""Names that a fix lists."""
_ONLY_FROM = "keys only from the environment or a file: take it out and use key_env or key_file"

Tables = Mapping[str, Any]


def cross_checks(
    data: Tables, folder: Path, environ: Mapping[str, str], cron_mistake: CronMistake | None
) -> list[Mistake]:
    """Return every mistake the schema cannot see.

    Args:
        data: the file's tables as read, of any shape.
        folder: where the config lies; its paths are relative to it.
        environ: the environment, to recognise a key that was pasted from it.
        cron_mistake: judges a cron line of five fields; None: only the fields are counted.
    """
    return list(
        chain(
            _case_twins(data),
            *(_endpoint(name, endpoint) for name, endpoint in _named(data, "endpoints")),
            _dollars(data),
            _references(data),
            _schedules(data, cron_mistake),
            _storage(_table(data, "storage"), folder),
            _variable(("alerts",), _table(data, "alerts"), "urls_env"),
            _custody(_table(data, "custody"), folder),
            _pasted(data, environ),
        )
    )


# --- reading raw tables without trusting them ----------------------------------------------------


def _table(data: Tables, key: str) -> Tables:
    value = data.get(key)
    return value if isinstance(value, dict) else {}


def _named(data: Tables, key: str) -> Iterator[tuple[str, Tables]]:
    for name, value in _table(data, key).items():
        if isinstance(value, dict):
            yield name, value


def _text(table: Tables, key: str) -> str | None:
    value = table.get(key)
    return value if isinstance(value, str) and value != UNREADABLE else None


def _list(table: Tables, key: str) -> list[str]:
    value = table.get(key)
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []


# --- names ---------------------------------------------------------------------------------------


def _case_twins(data: Tables) -> Iterator[Mistake]:
    for section in ("endpoints", "suites", "judges", "schedules", "vantages"):
        seen: dict[str, str] = {}
        for name in _table(data, section):
            twin = seen.setdefault(name.lower(), name)
            if twin != name:
                yield Mistake(
                    (section, name), f"differs from {dotted((section, twin))} only in case", "rename one"
                )


def _references(data: Tables) -> Iterator[Mistake]:
    """Names that point at other sections."""
    for section in ("suites", "schedules"):
        for name, table in _named(data, section):
            for key in ("suites", "endpoints") if section == "schedules" else ("endpoints",):
                yield from _names(data, (section, name, key), _list(table, key), key)
    for name, table in _named(data, "endpoints"):
        vantage = _text(table, "vantage")
        if vantage is not None and vantage != "default":
            yield from _names(data, ("endpoints", name, "vantage"), [vantage], "vantages")
    for name, judge in _named(data, "judges"):
        endpoint = _text(judge, "endpoint")
        if endpoint is not None:
            yield from _names(data, ("judges", name, "endpoint"), [endpoint], "endpoints")
    for name, schedule in _named(data, "schedules"):
        yield from _never_asks(data, name, schedule)


def _names(data: Tables, where: Where, names: list[str], section: str) -> Iterator[Mistake]:
    known = [name for name in _table(data, section) if not name.endswith(SECOND)]
    seen: set[str] = set()
    for name in names:
        if name in seen:
            yield Mistake(where, f"names {shown(name)} twice", "keep one of the two")
        elif name not in known:
            near = close_to(name, known)
            here = (
                f"there are: {', '.join(map(plain, known[:_MOST_NAMES]))}"
                if known
                else f"add [{section}.NAME]"
            )
            fix = f'did you mean "{plain(near)}"?' if near else here
            yield Mistake(where, f"names {shown(name)}, which is not in [{section}]", fix)
        seen.add(name)


def _never_asks(data: Tables, name: str, schedule: Tables) -> Iterator[Mistake]:
    """A schedule whose suites are all asked of other endpoints than its own."""
    wanted = set(_list(schedule, "endpoints")) or set(_table(data, "endpoints"))
    suites = set(_list(schedule, "suites")) or set(_table(data, "suites"))
    tables = dict(_named(data, "suites"))
    if not wanted <= set(_table(data, "endpoints")) or not suites <= set(tables) or not suites:
        return
    if all(
        _list(tables[suite], "endpoints") and wanted.isdisjoint(_list(tables[suite], "endpoints"))
        for suite in suites
    ):
        text = "asks nothing: none of its suites is asked of any of its endpoints"
        yield Mistake(("schedules", name), text, "correct its suites or endpoints, or those of [suites.NAME]")


# --- endpoints -----------------------------------------------------------------------------------


def _endpoint(name: str, endpoint: Tables) -> Iterator[Mistake]:
    where: Where = ("endpoints", name)
    protocol = _text(endpoint, "protocol")
    # An unknown one has its own message, and no rules to break.
    protocol = protocol if protocol in PROTOCOLS else None
    yield from _address(where, endpoint, protocol)
    for key in ("key_env", "proxy_env"):
        yield from _variable(where, endpoint, key)
    if "key_env" in endpoint and "key_file" in endpoint:
        yield Mistake((*where, "key_file"), "and key_env are both set", "keep one of the two")
    if "proxy" in endpoint and "proxy_env" in endpoint:
        yield Mistake((*where, "proxy_env"), "and proxy are both set", "keep one of the two")
    proxy = _text(endpoint, "proxy")
    if proxy:
        for text, fix in urls.proxy_problems(proxy):
            yield Mistake((*where, "proxy"), f"{text}, got {shown(proxy)}", fix)
    model = _text(endpoint, "model")
    if model and (model.strip() != model or not model.isprintable()):
        yield Mistake(
            (*where, "model"), f"has a space or control character around it, got {shown(model)}", "remove it"
        )
    yield from parameter_mistakes((*where, "parameters"), _table(endpoint, "parameters"), protocol)
    yield from body_mistakes((*where, "body"), _table(endpoint, "body"))
    yield from header_mistakes((*where, "headers"), _table(endpoint, "headers"))
    limits, launch = _table(endpoint, "limits"), _table(endpoint, "launch")
    first, longest = limits.get("backoff_s", 1.0), limits.get("backoff_max_s", 60.0)
    if isinstance(first, int | float) and isinstance(longest, int | float) and 0 <= longest < first:
        text = f"must not be below backoff_s, {shown(first)}, got {shown(longest)}"
        yield Mistake((*where, "limits", "backoff_max_s"), text, "raise it, or lower backoff_s")
    if launch.get("lora_scale") and "lora" not in launch:
        yield Mistake(
            (*where, "launch", "lora_scale"), "is set without lora", "name the adapter's file in lora"
        )


def _address(where: Where, endpoint: Tables, protocol: str | None) -> Iterator[Mistake]:
    if "launch" in endpoint:
        for key in ("url", "key_env", "key_file", "proxy", "proxy_env", "ca_file"):
            if key in endpoint:
                why = (
                    "a launched server has its own address"
                    if key == "url"
                    else "a launched server needs none"
                )
                yield Mistake((*where, key), "cannot be set together with launch", f"remove it: {why}")
        return
    if "url" not in endpoint:
        fix = f'add url = "https://api.openai.com/v1" (or the like) under [{dotted(where)}], or use launch'
        yield Mistake((*where, "url"), "is missing", fix)
    url = _text(endpoint, "url")
    if not url:
        return
    found = urls.problems(url, protocol)
    for text, fix in found:
        yield Mistake((*where, "url"), f"{text}, got {shown(url)}", fix)
    host = urls.host_of(url)
    keyed = "key_env" in endpoint or "key_file" in endpoint or host in urls.KEY_VARIABLES
    if not found and url.lower().startswith("http://") and keyed and not urls.is_loopback(host):
        text = f"would send the key unencrypted, got {shown(url)}"
        yield Mistake((*where, "url"), text, "begin it with https://, or take the key away")


def _variable(where: Where, table: Tables, key: str) -> Iterator[Mistake]:
    value = _text(table, key)
    if value is None or secret_in(value):
        # A key in the place of its variable's name is told by _pasted.
        return
    if not _VARIABLE.fullmatch(value):
        what = "the URLs themselves" if "://" in value else "the value itself"
        hidden = "" if "://" in value else f", got {shown(value)}"
        text = f"must be the name of an environment variable{hidden}"
        yield Mistake((*where, key), text, f"write the variable's name, not {what}")


def _dollars(data: Tables) -> Iterator[Mistake]:
    """A budget in dollars holds only if every endpoint's price is known."""
    budgets = _table(data, "budgets")
    set_here = [key for key in ("usd_per_run", "usd_per_day", "usd_per_month") if key in budgets]
    if not set_here:
        return
    for name, endpoint in _named(data, "endpoints"):
        prices = _table(endpoint, "prices")
        if "launch" in endpoint or ("prices" in endpoint and not isinstance(endpoint["prices"], dict)):
            continue
        for key in ("input_usd_per_mtok", "output_usd_per_mtok"):
            if key not in prices:
                text = f"is missing: {dotted(('budgets', set_here[0]))} cannot hold without it"
                fix = f"add it under [{dotted(('endpoints', name, 'prices'))}]; 0 means free"
                yield Mistake(("endpoints", name, "prices", key), text, fix)


# --- schedules and storage -----------------------------------------------------------------------


def _schedules(data: Tables, cron_mistake: CronMistake | None) -> Iterator[Mistake]:
    for name, schedule in _named(data, "schedules"):
        cron = _text(schedule, "cron")
        if cron is None:
            continue
        where: Where = ("schedules", name, "cron")
        count = len(cron.split())
        if count != 5:
            text = f"must have five fields, got {count}: {shown(cron)}"
            yield Mistake(
                where, text, 'minute hour day month weekday, such as "17 6 * * *" for daily at 06:17 UTC'
            )
            continue
        problem = cron_mistake(cron) if cron_mistake is not None else None
        if problem:
            text = f"is not a usable cron line, got {shown(cron)}: {plain(problem, 120)}"
            yield Mistake(where, text, 'write it like "17 6 * * *", daily at 06:17 UTC')


def _storage(storage: Tables, folder: Path) -> Iterator[Mistake]:
    database = _text(storage, "database") or "results/harness.db"
    results = _text(storage, "results") or "results"
    for key, value, is_file in (("database", database, True), ("results", results, False)):
        problem = _path_problem(value, folder, is_file)
        if problem is not None:
            yield Mistake(("storage", key), f"{problem[0]}, got {shown(value)}", problem[1])
    if Path(database) == Path(results):
        yield Mistake(
            ("storage", "database"), f"and results are the same, {shown(results)}", "give them two names"
        )


def _custody(custody: Tables, folder: Path) -> Iterator[Mistake]:
    for key in ("key", "timestamp_ca"):
        value = _text(custody, key)
        problem = None if value is None else _path_problem(value, folder, is_file=True)
        if problem is not None:
            yield Mistake(
                ("custody", key), f"{problem[0]}, got {shown(value)}", "write the whole path of a file"
            )
    url = _text(custody, "timestamp_url")
    if url is None:
        return
    parts = urls.split(url)
    if (
        parts is None
        or parts.scheme not in ("http", "https")
        or not parts.hostname
        or parts.username is not None
    ):
        fix = "write it like https://freetsa.org/tsr"
        yield Mistake(("custody", "timestamp_url"), f"is not the URL of a service, got {shown(url)}", fix)
    if _text(custody, "timestamp_ca") is None:
        fix = "save the service's root certificate (PEM) and name the file"
        yield Mistake(("custody", "timestamp_ca"), "is missing, so a timestamp could not be checked", fix)


def _path_problem(value: str, folder: Path, is_file: bool) -> tuple[str, str] | None:
    if not value.isprintable():
        return "has a control character in it", "remove it"
    if "://" in value:
        return "is a URL", "write a path; the database is an SQLite file"
    if value.startswith("~"):
        return "begins with ~, which is not expanded", "write the whole path"
    try:
        path = folder / value
        if is_file and (value.endswith("/") or path.is_dir()):
            return "is a folder", f'name a file in it, "{plain(value.rstrip("/"))}/harness.db"'
        if not is_file and path.exists() and not path.is_dir():
            return "is a file, not a folder", "name a folder"
        blocked = next((above for above in path.parents if above.exists() and not above.is_dir()), None)
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        return f"cannot be used as a path: {why.lower()}", "choose another"
    if blocked is not None:
        return f"lies in {plain(blocked.name)}, which is a file, not a folder", "choose another"
    return None


# --- secrets -------------------------------------------------------------------------------------


def _pasted(data: Tables, environ: Mapping[str, str]) -> Iterator[Mistake]:
    """Keys that stand in the file itself; their values are never shown."""
    secrets = {
        value: name
        for name, value in environ.items()
        if _SECRET_VARIABLE.search(name) and len(value) >= _SHORTEST_SECRET and "://" not in value
    }
    for where, value in leaves(data):
        if not isinstance(value, str) or value == UNREADABLE:
            continue
        name = str(where[-1])
        section = where[2] if len(where) > 3 and where[0] == "endpoints" else None
        if section in ("headers", "body", "parameters") and secret_name(name):
            yield Mistake(where, "would hold a key", _ONLY_FROM)
            continue
        variable = next((variable for secret, variable in secrets.items() if secret in value), None)
        if variable is not None:
            yield Mistake(where, f"holds the value of {plain(variable)}", _ONLY_FROM)
        elif secret_in(value) and not (name in ("url", "proxy") and re.search(r"@|\?", value)):
            # A URL with a user name or a query has had its message already.
            yield Mistake(where, f"looks like a key, {plain(value)}", _ONLY_FROM)
