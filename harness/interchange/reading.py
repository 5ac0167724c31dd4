"""What the readers of JSON logs share: bounded files, checked values, probes out of inputs and targets."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, cast

from harness.endpoints.imported import LABEL_GRADER
from harness.graders import GRADERS
from harness.graders.base import short
from harness.interchange.datasets import messages_of, target_of
from harness.interchange.logs import name_of
from harness.interchange.rows import DECODER, FILE_BYTES, usable
from harness.records import JSON, Message, Probe
from harness.suites.header import LANGUAGE

_TAG_LIMIT = 200


class LogError(ValueError):
    """Something in a log cannot be read; the message names the field, its readers the place and the file."""


def read_whole(path: Path) -> bytes:
    """Return a file's bytes.

    Raises:
        LogError: it cannot be read, or is too long.
    """
    try:
        if path.stat().st_size > FILE_BYTES:
            raise LogError(
                f"is {path.stat().st_size:,} bytes long; keep it under {FILE_BYTES:,}, or split it"
            )
        return path.read_bytes()
    except OSError as error:
        raise LogError(f"cannot be read ({os.strerror(error.errno or 0)})") from None


def found_json(data: bytes, what: str) -> Mapping[str, Any]:
    """Return the object in JSON bytes; NaN is read as null.

    Raises:
        LogError: they hold no JSON, or no object.
    """
    try:
        value = DECODER.decode(data.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise LogError(f"{what}: byte {error.start} is not UTF-8") from None
    except json.JSONDecodeError as error:
        raise LogError(f"{what}: line {error.lineno}: is not JSON: {error.msg}") from None
    except (ValueError, RecursionError) as error:
        words = str(error) if not isinstance(error, RecursionError) else "is nested too deeply"
        raise LogError(f"{what}: {words}") from None
    if not isinstance(value, Mapping):
        raise LogError(f"{what}: must be an object, got {short(value)}")
    return value


def text_of(data: Mapping[str, Any], name: str) -> str | None:
    """Return a text field; None where there is none, or it holds no text."""
    value = data.get(name)
    return value if isinstance(value, str) else None


def count_of(data: Mapping[str, Any], name: str) -> int | None:
    """Return a count; None where there is none, or it holds no count."""
    value = data.get(name)
    good = isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 1 << 53
    return value if good else None


def real_of(data: Mapping[str, Any], name: str) -> float | None:
    """Return a finite number of at least 0; None where there is none."""
    value = data.get(name)
    good = isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < 1e12
    return float(value) if good and value is not None else None


def moment_us(value: object, name: str) -> int:
    """Return an ISO 8601 time as UTC microseconds; without a zone it is taken as UTC.

    Raises:
        LogError: it is none.
    """
    try:
        moment = datetime.fromisoformat(value if isinstance(value, str) else "")
        moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
        return int(moment.timestamp() // 1) * 1_000_000 + moment.microsecond
    except (ValueError, OverflowError):
        raise LogError(f"{name}: {short(value)} is no ISO 8601 time") from None


def log_probe(
    asked: object, target: object, grader: str, options: Mapping[str, JSON], tags: object = None
) -> Probe:
    """Return the probe that a log's input and target make, without an id.

    Args:
        asked: text, or messages with role and content.
        target: the right answer or several, where there is one.
        grader: who judges.
        options: of the grader.
        tags: a mapping from which family, topic, arm, pair, language and kind are taken where they are short texts.

    Raises:
        LogError: the input holds no text that can be shown, or the grader cannot use the target.
    """
    read = messages_of(asked)
    if isinstance(read, str):
        raise LogError(f"input: {read}")
    messages = tuple(
        Message(cast("Literal['system', 'user', 'assistant']", role), text) for role, text in read
    )
    accepted: tuple[str, ...] = ()
    if grader not in (LABEL_GRADER, "refusal"):
        made = target_of(target)
        if isinstance(made, str):
            raise LogError(f"target: {made}")
        accepted = made
        problems = GRADERS[grader].check(accepted, options)
        if problems:
            raise LogError(problems[0])
    else:
        made = target_of(target)
        accepted = () if isinstance(made, str) else made
    found = {name: _tag(tags, name) for name in ("family", "topic", "arm", "pair", "language", "kind")}
    language = found["language"] or "en"
    return Probe(
        "",
        messages,
        grader,
        accepted,
        {} if grader == LABEL_GRADER else dict(options),
        family=name_of(found["family"]) if found["family"] else "",
        topic=found["topic"],
        arm=found["arm"],
        pair=found["pair"],
        language=language if LANGUAGE.fullmatch(language) else "en",
        kind=found["kind"],
    )


def _tag(tags: object, name: str) -> str | None:
    value = tags.get(name) if isinstance(tags, Mapping) else None
    good = isinstance(value, str) and usable(value) and len(value) <= _TAG_LIMIT
    return str(value) if good else None
