"""A world file -> World, or every mistake in it at once; and the worlds that come with harness."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from pydantic import ValidationError

from harness.config.shown import dotted, file_text, plain
from harness.config.toml import parse, read_text
from harness.errors import ConfigError
from harness.rehearsal.world import Degrade, Lock, Reroute, Swap, Unlock, World
from harness.suites import Suite, configured

WORLDS = Path(__file__).parent / "worlds"


def shipped_worlds() -> Mapping[str, Path]:
    """Return the worlds that come with harness, by name."""
    return {path.stem: path for path in sorted(WORLDS.glob("*.toml"))}


def world_path(given: str) -> Path:
    """Return the file a person means: a path, or the name of a world that comes with harness.

    Raises:
        ConfigError: it is neither.
    """
    path = Path(given)
    if path.exists() or path.suffix == ".toml" or "/" in given:
        return path
    known = shipped_worlds()
    if given in known:
        return known[given]
    raise ConfigError(f"{plain(given)}: no such file, and no world of that name (worlds: {', '.join(known)})")


def load_world(path: Path) -> World:
    """Read and check a world file.

    Raises:
        ConfigError: one line for every mistake.
    """
    file = file_text(path)
    parsed = parse(read_text(path))
    found = [mistake.line(file) for mistake in parsed.mistakes]
    world: World | None = None
    if parsed.whole:
        try:
            world = World.model_validate(parsed.data)
        except ValidationError as error:
            for details in error.errors(include_url=False):
                where = _where(details["loc"])
                given = "" if details["type"] == "missing" else f", got {plain(str(details['input']))}"
                found.append(f"{file}: {dotted(where)}: {details['msg']}{given} (see docs/rehearsal.md)")
        else:
            found.extend(f"{file}: {mistake}" for mistake in _cross(world))
    if found or world is None:
        raise ConfigError(found or [f"{file}: is not a world file (see docs/rehearsal.md)"])
    return world


def shortened(world: World, days: int) -> World:
    """Return a world's first days, with what happens in them."""
    if days >= world.days:
        return world
    events = tuple(event for event in world.events if event.day < days)
    return world.model_copy(update={"days": days, "events": events})


def load_suites(world: World, folder: Path, path: Path) -> dict[str, Suite]:
    """Return the suites of a world, and check what its events say of them.

    Args:
        world: the world.
        folder: where a `probes` folder may lie.
        path: the world file, for messages.

    Raises:
        ConfigError: a suite has mistakes, or an event names what no suite has.
    """
    file = file_text(path)
    suites: dict[str, Suite] = {}
    found: list[str] = []
    for name, use in world.suites.items():
        try:
            suites[name] = configured(name, use, folder, path)
        except ConfigError as error:
            found.extend(error.mistakes)
    topics = {topic for suite in suites.values() for topic in suite.topics}
    families = {family for suite in suites.values() for family in suite.families}
    if len(suites) == len(world.suites):
        for number, event in enumerate(world.events, 1):
            if isinstance(event, (Lock, Unlock)) and event.topic not in topics:
                found.append(f"{file}: events[{number}].topic: {_unknown(event.topic, topics)}")
            if isinstance(event, Degrade):
                wrong = [name for name in event.families or () if name not in families]
                found.extend(
                    f"{file}: events[{number}].families: {_unknown(name, families)}" for name in wrong
                )
    if found:
        raise ConfigError(found)
    return suites


def _where(loc: tuple[str | int, ...]) -> tuple[str | int, ...]:
    """Return the key of a pydantic error: events counted from 1, without the tag that told their kind."""
    if len(loc) < 2 or loc[0] != "events" or not isinstance(loc[1], int):
        return loc
    return ("events", loc[1] + 1, *loc[3:])


def _cross(world: World) -> Iterator[str]:
    for name, endpoint in world.endpoints.items():
        if endpoint.model not in world.models:
            yield f"endpoints.{name}.model: {_unknown(endpoint.model, world.models)}"
    for number, event in enumerate(world.events, 1):
        where = f"events[{number}] ({event.kind})"
        if event.endpoint not in world.endpoints:
            yield f"{where}.endpoint: {_unknown(event.endpoint, world.endpoints)}"
        if isinstance(event, (Swap, Reroute)) and event.model not in world.models:
            yield f"{where}.model: {_unknown(event.model, world.models)}"
        if event.day >= world.days:
            yield f"{where}.day: is {event.day:g}, but the world ends after {world.days} days"
        if event.until is not None and event.until <= event.day:
            yield f"{where}.until: is {event.until:g}, which is not after day {event.day:g}"


def _unknown(name: str, known: Iterable[str]) -> str:
    names = sorted(known)
    close = difflib.get_close_matches(name, names, n=1)
    hint = f"did you mean {close[0]}?" if close else f"there are: {', '.join(names) or 'none'}"
    return f"there is no {plain(name)!r} ({hint})"
