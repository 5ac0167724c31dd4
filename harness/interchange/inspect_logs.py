"""Inspect AI's logs in: `.eval` (a zip of JSON) and `.json`, read without the package, with bounds."""

from __future__ import annotations

import hashlib
import io
import struct
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, Any

import zstandard

from harness.endpoints.imported import LABEL_GRADER, Entry, Label
from harness.errors import ConfigError
from harness.graders.base import short
from harness.interchange.logs import Call, Log, SuiteNotes, model_name, name_of, with_id
from harness.interchange.mapping import Mapped
from harness.interchange.reading import (
    LogError,
    count_of,
    found_json,
    log_probe,
    moment_us,
    read_whole,
    real_of,
    text_of,
)
from harness.records import Reply, Usage

MEMBER_BYTES = 64_000_000
"""Most that one sample may unpack to."""
TOTAL_BYTES = 2_000_000_000
"""Most that a whole log may unpack to."""
MEMBERS = 200_000
_ZSTD = 93
_LETTERS = {"C": 1.0, "I": 0.0, "P": 0.5, "N": 0.0}
"""Inspect's words for a score: correct, incorrect, partial, no answer."""
_ATTACHMENT = "attachment://"


def looks_like_inspect(path: Path) -> bool:
    """Say whether a file looks like an Inspect log."""
    if not path.is_file():
        return False
    with path.open("rb") as file:
        head = file.read(2_000)
    return head.startswith(b"PK\x03\x04") or (
        head.lstrip()[:1] == b"{" and b'"eval"' in head and b'"status"' in head
    )


def read_inspect(path: Path, wanted: Mapped) -> Log:
    """Read an Inspect log: one run, of one model.

    Scores become labels (`C`, `I`, `P`, `N`, true, false or 0 to 1; of several scorers the first); with a grader named
    the answers are judged here instead; without either it is only seen whether the model refused.

    Raises:
        ConfigError: naming the sample that cannot be read; nothing was imported.
    """
    try:
        digest, header, samples = _opened(path)
        return _log(path, digest, header, samples, wanted)
    except LogError as error:
        raise ConfigError(f"{path}: {error}; nothing was imported") from None


def _opened(path: Path) -> tuple[str, Mapping[str, Any], list[tuple[str, Mapping[str, Any]]]]:
    with path.open("rb") as file:
        packed = file.read(4) == b"PK\x03\x04"
    if not packed:
        data = read_whole(path)
        header = found_json(data, "the log")
        listed = header.get("samples") or []
        if not isinstance(listed, list):
            raise LogError("samples: must be a list")
        samples = [(f"sample {number}", each) for number, each in enumerate(listed, 1)]
        return hashlib.sha256(data).hexdigest(), header, samples
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(1 << 20):
            digest.update(chunk)
        try:
            with zipfile.ZipFile(file) as log:
                members = _members(log)
                name = "header.json" if "header.json" in members else "_journal/start.json"
                if name not in members:
                    raise LogError("is a zip file without header.json: no Inspect log")
                header = found_json(_member(file, log, members[name]), name)
                samples = list(_samples(file, log, members))
        except (zipfile.BadZipFile, OSError, ValueError, struct.error, NotImplementedError) as error:
            if isinstance(error, LogError):
                raise
            raise LogError(f"is a damaged zip file ({error}); fetch it again") from None
    return digest.hexdigest(), header, samples


def _members(log: zipfile.ZipFile) -> dict[str, zipfile.ZipInfo]:
    found = {info.filename: info for info in log.infolist()}
    total = sum(info.file_size for info in found.values())
    if len(found) > MEMBERS or total > TOTAL_BYTES:
        raise LogError(f"would unpack to {len(found):,} files of {total:,} bytes together; split it")
    return found


def _samples(
    file: IO[bytes], log: zipfile.ZipFile, members: Mapping[str, zipfile.ZipInfo]
) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for name, info in sorted(members.items()):
        if name.startswith("samples/") and name.endswith(".json"):
            yield name, found_json(_member(file, log, info), name)


def _member(file: IO[bytes], log: zipfile.ZipFile, info: zipfile.ZipInfo) -> bytes:
    """Return a member's bytes; what the directory says of its size is not believed."""
    if info.flag_bits & 1:
        raise LogError(f"{info.filename}: is encrypted")
    if info.compress_type == _ZSTD:
        data = _zstd(file, info)
    else:
        with log.open(info) as member:
            data = member.read(MEMBER_BYTES + 1)
    if len(data) > MEMBER_BYTES:
        raise LogError(f"{info.filename}: unpacks to more than {MEMBER_BYTES:,} bytes")
    return data


def _zstd(file: IO[bytes], info: zipfile.ZipInfo) -> bytes:
    # Python's zipfile knows Zstandard from 3.14 on; Inspect writes it everywhere.
    file.seek(info.header_offset)
    local = file.read(30)
    if local[:4] != b"PK\x03\x04":
        raise LogError(f"{info.filename}: is not where the zip file says")
    name, extra = struct.unpack("<HH", local[26:30])
    file.seek(info.header_offset + 30 + name + extra)
    packed = file.read(info.compress_size)
    try:
        with zstandard.ZstdDecompressor(max_window_size=1 << 27).stream_reader(
            io.BytesIO(packed), read_across_frames=True
        ) as reader:
            data = reader.read(MEMBER_BYTES + 1)
    except zstandard.ZstdError as error:
        raise LogError(f"{info.filename}: cannot be unpacked ({error})") from None
    if len(data) <= MEMBER_BYTES and zlib.crc32(data) != info.CRC:
        raise LogError(f"{info.filename}: does not match its checksum")
    return data


def _log(
    path: Path,
    digest: str,
    header: Mapping[str, Any],
    samples: list[tuple[str, Mapping[str, Any]]],
    wanted: Mapped,
) -> Log:
    spec = header.get("eval")
    if not isinstance(spec, Mapping):
        raise LogError("eval: is missing; this is no Inspect log")
    if not samples:
        raise LogError("holds no samples (a log written without them, or one of an eval that did not begin)")
    task = text_of(spec, "task") or "inspect"
    model = text_of(spec, "model") or ""
    if not model:
        raise LogError("eval.model: is missing")
    suite = name_of(wanted.suite or task.rpartition("/")[2] or task)
    started = moment_us(spec.get("created"), "eval.created")
    scored = any(isinstance(sample, Mapping) and sample.get("scores") for _, sample in samples)
    grader = wanted.grader or (LABEL_GRADER if scored else "refusal")
    seen: dict[tuple[str, str], str] = {}
    calls: list[Call] = []
    scorers: set[str] = set()
    for place, sample in samples:
        try:
            if not isinstance(sample, Mapping):
                raise LogError("must be an object")
            key = (str(sample.get("id")), str(sample.get("epoch")))
            if key in seen:
                raise LogError(f"has the id {short(key[0])} and epoch {key[1]} of {seen[key]}")
            seen[key] = place
            calls.append(_call(place, sample, model, suite, grader, started, wanted))
            scorers |= set(sample.get("scores") or {})
        except LogError as error:
            raise LogError(f"{place}: {error}") from None
    notes: list[str] = []
    if len(scorers) > 1 and grader == LABEL_GRADER:
        notes.append(
            f"there are {len(scorers)} scorers; the first of each sample was taken: {', '.join(sorted(scorers))}"
        )
    status = text_of(header, "status")
    if status != "success":
        notes.append(
            f"the eval's status is {status or 'unfinished'}: the log may not hold all of its samples"
        )
    packages = spec.get("packages")
    version = packages.get("inspect_ai") if isinstance(packages, Mapping) else None
    record = {
        "task": task,
        "eval_id": text_of(spec, "eval_id") or "",
        "grader": grader,
        "samples": len(calls),
    }
    return Log(
        "inspect", path.name, digest, f"inspect_ai {version}" if isinstance(version, str) else "inspect_ai", record,
        tuple(calls), {suite: SuiteNotes(task)}, tuple(notes),
    )  # fmt: skip


def _call(
    place: str, sample: Mapping[str, Any], model: str, suite: str, grader: str, started: int, wanted: Mapped
) -> Call:
    attachments = sample.get("attachments")
    attached = attachments if isinstance(attachments, Mapping) else {}
    options: dict[str, Any] = dict(wanted.options)
    choices = sample.get("choices")
    if grader == "choice" and isinstance(choices, list) and choices:
        options = {"choices": [str(each) for each in choices], **options}
    probe = log_probe(
        _resolved(sample.get("input"), attached), sample.get("target"), grader, options, sample.get("metadata")
    )  # fmt: skip
    output = sample.get("output")
    output = output if isinstance(output, Mapping) else {}
    error = sample.get("error")
    usage = output.get("usage")
    usage = usage if isinstance(usage, Mapping) else {}
    stop, said_text = _answer(output)
    answer = _resolved(said_text, attached)
    cached = sum(
        count_of(usage, name) or 0 for name in ("input_tokens_cache_read", "input_tokens_cache_write")
    )
    tokens_in = count_of(usage, "input_tokens")
    reply = Reply(
        text=answer if isinstance(answer, str) else "",
        finish_reason=None if stop == "unknown" else stop,
        served_model=text_of(output, "model") or None,
        usage=Usage(None if tokens_in is None else tokens_in + cached, count_of(usage, "output_tokens")),
    )
    said = text_of(error, "message") or "the sample ended in an error" if isinstance(error, Mapping) else None
    label = _label(sample.get("scores")) if grader == LABEL_GRADER else None
    seconds = real_of(output, "time") or real_of(sample, "total_time") or 0.0
    begun = sample.get("started_at")
    return Call(
        place=place,
        run="",
        model=model,
        endpoint=model_name(model),
        suite=suite,
        probe=with_id(probe, str(sample["id"]) if isinstance(sample.get("id"), int | str) else None),
        entry=Entry(reply, label, said),
        at_us=started if begun is None else moment_us(begun, "started_at"),
        latency_ms=1000 * max(0.0, seconds),
    )


def _resolved(value: object, attached: Mapping[str, Any]) -> object:
    """Put long texts, which Inspect keeps apart, back where they belong."""
    if isinstance(value, str) and value.startswith(_ATTACHMENT):
        found = attached.get(value.removeprefix(_ATTACHMENT))
        return found if isinstance(found, str) else value
    if isinstance(value, list):
        return [_resolved(each, attached) for each in value]
    if isinstance(value, Mapping):
        return {
            key: _resolved(each, attached) if key in ("content", "text") else each
            for key, each in value.items()
        }
    return value


def _answer(output: Mapping[str, Any]) -> tuple[str | None, str]:
    """Return (stop reason, text) of what a model put out."""
    choices = output.get("choices")
    first = choices[0] if isinstance(choices, list) and choices and isinstance(choices[0], Mapping) else {}
    message = first.get("message")
    content = message.get("content") if isinstance(message, Mapping) else None
    parts = content if isinstance(content, list) else []
    texts = [
        str(part.get("text") or "")
        for part in parts
        if isinstance(part, Mapping) and part.get("type") == "text"
    ]
    text = content if isinstance(content, str) else "\n".join(texts)
    return text_of(first, "stop_reason"), text or text_of(output, "completion") or ""


def _label(scores: object) -> Label:
    if not isinstance(scores, Mapping) or not scores:
        return Label("no score")
    name, score = next(iter(scores.items()))
    value = score.get("value") if isinstance(score, Mapping) else None
    said = f"{short(str(name))[1:-1]}={short(value)}"
    if isinstance(value, bool):
        return Label(said, score=float(value))
    if isinstance(value, str) and value in _LETTERS:
        return Label(said, score=_LETTERS[value])
    if isinstance(value, int | float) and 0 <= value <= 1:
        return Label(said, score=float(value))
    return Label(said)
