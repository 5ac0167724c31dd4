"""What a calibration writes: a suite of the probes it chose, with the calibration in its header."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from harness.errors import ConfigError, UsageError
from harness.monitor.calibration import Calibration, Family
from harness.records import JSON, utc_text
from harness.stats.intervals import Interval
from harness.stats.ladder import METHOD
from harness.suites import FORMAT, HEADER_FILE, Suite, VersionNote, load_suite, raw_probes, write_suite


def check_place(folder: Path, force: bool) -> tuple[VersionNote, ...]:
    """Return the notes of the suite that would be replaced, before anything is asked.

    Raises:
        UsageError: the folder is taken, or holds something that is no suite of ours.
    """
    if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
        return ()
    if not force:
        raise UsageError(
            f"{folder}: already there; --force writes its next version, --out names another folder"
        )
    if not (folder / HEADER_FILE).is_file():
        raise UsageError(f"{folder}: holds no suite to replace; name another folder with --out")
    try:
        return load_suite(folder).versions
    except ConfigError as error:
        raise UsageError(
            f"{folder}: cannot be replaced: its {HEADER_FILE} has mistakes ({error.mistakes[0]}); remove it, or name "
            "another folder with --out"
        ) from error


def write_calibrated(
    found: Calibration, source: Path, folder: Path, earlier: Sequence[VersionNote] = ()
) -> Suite:
    """Write the chosen probes as a suite, line for line as the calibrated suite has them.

    Args:
        found: with at least one probe taken.
        source: folder of the suite that was calibrated on.
        folder: where the new one goes; its name is the suite's.
        earlier: notes of the versions it replaces.

    Raises:
        ConfigError: the suite's files changed meanwhile, or the folder's name is no name of a suite.
        UsageError: the folder cannot be written.
    """
    raw = raw_probes(source)
    missing = [each for each in found.taken if each not in raw]
    if missing:
        raise ConfigError(
            f"{found.suite.place}: {missing[0]} is gone: the suite changed meanwhile; calibrate again"
        )
    header = _header(found, folder.resolve().name, earlier)
    comment = f"Written by harness calibrate {found.endpoint}; calibrate again rather than edit."
    return write_suite(folder, header, [raw[each] for each in found.taken], comment)


def _header(found: Calibration, name: str, earlier: Sequence[VersionNote]) -> dict[str, JSON]:
    suite = found.suite
    taken = set(found.taken)
    probes = [probe for probe in suite.probes if probe.id in taken]
    families = {probe.family for probe in probes}
    languages = {probe.language for probe in probes}
    topics = {probe.topic for probe in probes}
    date = utc_text(found.started_us)[:10]
    version = max((note.version for note in earlier), default=0) + 1
    note = f"Calibrated on {found.endpoint} ({found.model}), run {found.run_id}, {found.calls} calls."
    return {
        "format": FORMAT,
        "name": name,
        "version": version,
        "title": f"{suite.title}: near one half for {found.endpoint}",
        "description": (
            f"Probes of {suite.name} version {suite.version} that {found.endpoint} is expected to get about half "
            "right, so that a change either way shows soonest. Chosen by family and rung, not by their own answers."
        ),
        "licence": suite.licence,
        # A line that names no language has the first one, so the order stays.
        "languages": [each for each in suite.languages if each in languages],
        "families": [each for each in suite.families if each in families],
        "topics": [each for each in suite.topics if each in topics] or None,
        "parameters": suite.parameters,
        "calibration": {
            "endpoint": found.endpoint,
            "model": found.model,
            "date": date,
            "run": found.run_id,
            "calls": found.calls,
            "seed": found.seed,
            "suite": suite.name,
            "suite_version": suite.version,
            "suite_hash": suite.content_hash,
            "method": METHOD,
            "expected": _rounded(found.expected.estimate),
            "expected_low": _rounded(found.expected.low),
            "expected_high": _rounded(found.expected.high),
            "families": [family_json(each) for each in found.families],
        },
        "versions": [
            *(_note(each.version, each.date, each.note, each.hash) for each in earlier),
            _note(version, date, note, None),
        ],
    }


def _note(version: int, date: str, note: str, sha256: str | None) -> dict[str, JSON]:
    return {"version": version, "date": date, "note": note, "hash": sha256}


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 3)


def family_json(family: Family) -> dict[str, JSON]:
    """Return what was found about a family as JSON data; None where there is nothing to say."""
    point: Interval = family.fit.point
    choice = family.choice
    return {
        "family": family.name,
        "standing": choice.standing if choice else "not measured",
        "asked": point.n,
        "right": _rounded(sum(each.right for each in family.fit.tallies)),
        "unread": family.unread,
        "point": _rounded(point.estimate),
        "point_low": _rounded(point.low),
        "point_high": _rounded(point.high),
        "expected": _rounded(choice.expected) if choice else None,
        "rungs": [f"{rung}: {number}" for rung, number in sorted(choice.counts.items())] if choice else [],
    }


def config_lines(name: str, endpoint: str, path: str | None) -> Sequence[str]:
    """Return what to add to config.toml so that the suite is asked of the endpoint it was made for."""
    lines = [f"[suites.{name}]", f"endpoints = [{json.dumps(endpoint)}]"]
    return lines if path is None else [*lines, f"path = {json.dumps(path)}"]


def calibration_json(found: Calibration, suite: Suite | None) -> Mapping[str, JSON]:
    """Return everything a calibration came to as JSON data."""
    expected = found.expected
    return {
        "run_id": found.run_id,
        "status": found.status.value,
        "stopped_by": found.stopped_by,
        "endpoint": found.endpoint,
        "model": found.model,
        "suite": found.suite.name,
        "suite_version": found.suite.version,
        "suite_hash": found.suite.content_hash,
        "seed": found.seed,
        "calls": found.calls,
        "cost_usd": round(found.cost_usd, 6),
        "cost_usd_at_most": round(found.cost_at_most_usd, 6),
        "seconds": round(found.seconds, 3),
        "method": METHOD,
        "families": [{**family_json(each), "too_long": each.too_long} for each in found.families],
        "expected": {
            "probes": expected.n,
            "score": _rounded(expected.estimate),
            "low": _rounded(expected.low),
            "high": _rounded(expected.high),
            "level": expected.level,
        },
        "written": None
        if suite is None
        else {
            "suite": suite.name,
            "version": suite.version,
            "folder": suite.place,
            "content_hash": suite.content_hash,
        },
    }
