"""Bundles: written the same each time, checked with nothing else, by two checkers that agree; hostile ones refused."""

from __future__ import annotations

import copy
import hashlib
import importlib.util
import io
import json
import shutil
import sqlite3
import stat
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from harness import cli, custody
from harness.claims import Finding, Kind, Standing, StreamKey, Tier, Verdict
from harness.custody import layout
from harness.errors import EvidenceError, UsageError
from harness.records import RunStatus
from harness.runner.posting import post
from harness.store import EventRow, Store, UpdateRow
from tests.store_examples import ENDPOINTS, HOUR_US, START_US, begin, exchange, fill, header, observation
from tests.timestamping import make_authority, reply_to, serving

NOW_US = START_US + 1_000 * HOUR_US
Files = dict[str, bytes]


@pytest.fixture(scope="module")
def checker() -> ModuleType:
    """The script for strangers, as a module."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed")
    path = Path(custody.__file__).parent / "shipped" / "verify_bundle.py"
    spec = importlib.util.spec_from_file_location("verify_bundle", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database of four runs under two seals (one run went on between them, the last is under none), and a key."""
    folder = tmp_path_factory.mktemp("bundles")
    key = custody.make_key(folder / "k.pem")
    path = folder / "t.db"
    fill(path, runs=1, exchanges=8)
    with Store.open(path, mode="write") as store:
        run_id = begin(store, 6, START_US + 24 * HOUR_US)
        first = [exchange(0, 5, final=False, status=503), *(exchange(index, 5) for index in range(3))]
        rows = store.append(run_id, first)
        store.append(run_id, [], [(row, observation(answer="<b>4</b>")) for row in rows[1:]])
        store.finish_run(run_id, RunStatus.INTERRUPTED, START_US + 25 * HOUR_US)
        custody.make_seal(store, key, now_us=NOW_US)
        store.resume_run(run_id, START_US + 26 * HOUR_US)
        odd = exchange(3, 5, response_body=b"\xff\x00 not text", failure_detail="lone \ud800")
        store.append(run_id, [odd, exchange(4, 5), exchange(5, 5)])
        store.finish_run(run_id, RunStatus.DONE, START_US + 27 * HOUR_US)
        store.replace_observations([(rows[1], observation(0.5))], START_US + 28 * HOUR_US)
        begin(store, 4, START_US + 48 * HOUR_US)
        custody.make_seal(store, key, now_us=NOW_US + 1)
        run_id = begin(store, 2, START_US + 72 * HOUR_US)
        store.append(run_id, [exchange(index, 9) for index in range(2)])
        store.finish_run(run_id, RunStatus.DONE, START_US + 73 * HOUR_US)
    return folder


@pytest.fixture(scope="module")
def key(folder: Path) -> custody.SigningKey:
    return custody.load_key(folder / "k.pem")


def bundle(folder: Path, target: Path, *only: str, key: custody.SigningKey | None = None) -> custody.Bundled:
    with Store.open(folder / "t.db", mode="read") as store:
        return custody.write_bundle(store, target, selection=custody.read_selection(only), key=key)


@pytest.fixture(scope="module")
def whole(folder: Path) -> Files:
    bundle(folder, folder / "whole.zip")
    return unpack(folder / "whole.zip")


@pytest.fixture(scope="module")
def part(folder: Path) -> Files:
    bundle(folder, folder / "part.zip", "endpoint:gpt")
    return unpack(folder / "part.zip")


def unpack(path: Path) -> Files:
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def pack(path: Path, files: Files, *, listed: bool = True) -> Path:
    """Write files as a bundle; the index is made to list them as they are, as a forger without a key would."""
    files = dict(files)
    if listed:
        index = json.loads(files.pop(layout.INDEX))
        files.pop(layout.INDEX_SIGNATURE, None)
        index["public_key"] = None
        index["files"] = {
            name: {"sha256": hashlib.sha256(data).hexdigest(), "size": len(data)}
            for name, data in files.items()
        }
        files[layout.INDEX] = canonical(index)
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return path


def canonical(value: object) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode(
        "utf-8", "surrogatepass"
    )


def line_of(record: object) -> bytes:
    """Return a record as the one line that a bundle has of it: ASCII, because replies can hold lone surrogates."""
    return json.dumps(record, separators=(",", ":")).encode() + b"\n"


def problems(path: Path, **options: Any) -> list[str]:
    found = custody.verify_bundle(path, **options)
    assert found.ok == (found.problem_count == 0)
    return [str(each) for each in found.problems]


def found_or_refused(path: Path) -> list[str]:
    try:
        return problems(path)
    except custody.BundleError as error:
        return [str(error)]


def agrees(checker: ModuleType, path: Path) -> bool:
    """Say whether the script for strangers finds a bundle intact."""
    try:
        checker.main(str(path))
    except BaseException:  # as the script itself does when run
        return False
    return True


# --- whole bundles ----------------------------------------------------------------------------


def test_a_bundle_is_checked_with_nothing_else(folder: Path, checker: ModuleType, tmp_path: Path) -> None:
    """ZIP and TAR, signed by the key; both checkers find the same exchanges, and what no seal covers is said."""
    key = custody.load_key(folder / "k.pem")
    for name in ("b.zip", "b.tar"):
        made = bundle(folder, tmp_path / name, key=key)
        assert made.unsealed == 2
        found = custody.verify_bundle(tmp_path / name)
        assert found.problems == ()
        assert found.counts["exchanges"] == 17
        assert found.counts["observations"] == 12
        assert f"the list of files is signed by {key.public.fingerprint}" in found.notes
        assert "2 exchanges are under no seal, exchange 1 of run 4 first" in found.notes
        assert agrees(checker, tmp_path / name)


def test_the_same_evidence_gives_the_same_bytes(
    folder: Path, key: custody.SigningKey, tmp_path: Path
) -> None:
    """Written twice, a bundle is byte for byte the same; its records are those of the store."""
    for ending in ("zip", "tar"):
        first, second = tmp_path / f"1.{ending}", tmp_path / f"2.{ending}"
        bundle(folder, first, key=key)
        bundle(folder, second, key=key)
        assert first.read_bytes() == second.read_bytes()
    files = unpack(tmp_path / "1.zip")
    with tarfile.open(tmp_path / "1.tar") as archive:
        assert archive.getnames() == list(files)
        for member in archive:
            opened = archive.extractfile(member)
            assert opened is not None
            assert opened.read() == files[member.name]
    lines = [json.loads(line) for line in files[layout.EXCHANGES].splitlines()]
    with Store.open(folder / "t.db", mode="read") as store:
        stored = [each.hash for each in store.exchanges(final=False)]
    assert [line["hash"] for line in lines] == stored


def test_whose_seals_count(folder: Path, key: custody.SigningKey, tmp_path: Path) -> None:
    """With a fingerprint, exchanges under no seal by that key are a problem: here two, and all by another key."""
    bundle(folder, tmp_path / "b.zip")
    mine = key.public.fingerprint
    assert problems(tmp_path / "b.zip", fingerprint=mine) == [
        f"seals: 2 exchanges are under no seal by {mine}, exchange 1 of run 4 first"
    ]
    bundle(folder, tmp_path / "sealed.zip", "run:1", "run:2")
    assert problems(tmp_path / "sealed.zip", fingerprint=mine) == []
    assert problems(tmp_path / "sealed.zip", fingerprint="SHA256:other") == [
        "seals: 15 exchanges are under no seal by SHA256:other, exchange 1 of run 1 first"
    ]


@pytest.mark.parametrize(
    "only",
    [("run:2",), ("endpoint:local",), ("suite:sums", "run:2"), ("call:CALL",), ("endpoint:gpt", "run:4")],
)
def test_a_chosen_part_comes_with_proofs(
    folder: Path, checker: ModuleType, tmp_path: Path, only: tuple[str, ...]
) -> None:
    """Each exchange of a part is shown to be under a seal; other probes are left out; both checkers agree."""
    with Store.open(folder / "t.db", mode="read") as store:
        call = next(store.exchanges(2)).exchange.call_id
    made = bundle(folder, tmp_path / "b.zip", *(word.replace("CALL", call) for word in only))
    counts = made.index.counts
    found = custody.verify_bundle(tmp_path / "b.zip")
    assert found.problems == ()
    assert counts.get("proofs", 0) == counts["exchanges"] - made.unsealed
    assert made.unsealed == (1 if {"endpoint:local", "run:4"} & set(only) else 0)
    assert agrees(checker, tmp_path / "b.zip")


def test_a_selection_must_fit(folder: Path, tmp_path: Path) -> None:
    """Words that are none, runs that are not there, nothing chosen, names that are taken: each is told."""
    for words, told in ((("rum:1",), "write run:3"), (("run:x",), "write run:3"), (("run:",), "write run:3")):
        with pytest.raises(UsageError, match=told):
            custody.read_selection(words)
    with pytest.raises(UsageError, match="there is no such run"):
        bundle(folder, tmp_path / "b.zip", "run:9")
    with pytest.raises(EvidenceError, match="no exchange is endpoint:none"):
        bundle(folder, tmp_path / "b.zip", "endpoint:none")
    with pytest.raises(UsageError, match="must end in"):
        bundle(folder, tmp_path / "b.7z")
    with pytest.raises(UsageError, match="cannot be written"):
        bundle(folder, tmp_path / "none" / "b.zip")
    (tmp_path / "b.zip").touch()
    with pytest.raises(UsageError, match="is there already"):
        bundle(folder, tmp_path / "b.zip")
    assert [each.name for each in tmp_path.iterdir()] == ["b.zip"]


# --- tampering --------------------------------------------------------------------------------


def leaves(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the path of every single value in JSON data."""
    if isinstance(value, dict) and value:
        for name, each in value.items():
            yield from leaves(each, (*path, name))
    elif isinstance(value, list) and value:
        for place, each in enumerate(value):
            yield from leaves(each, (*path, place))
    else:
        yield path


def changed(value: Any) -> Any:
    """Return another value of the same kind."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int | float):
        return value + 1
    if isinstance(value, str):
        return value[:-1] + ("0" if value[-1:] != "0" else "1")
    return 1 if value is None else ["x"]


def put(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    made = copy.deepcopy(value)
    inner = made
    for step in path[:-1]:
        inner = inner[step]
    inner[path[-1]] = new
    return made


@pytest.mark.parametrize(
    "name", [layout.EXCHANGES, layout.RUNS, layout.SUITES, layout.ENDPOINTS, layout.PROOFS]
)
def test_every_value_of_every_record_counts(
    whole: Files, part: Files, checker: ModuleType, tmp_path: Path, name: str
) -> None:
    """Whatever value of a line is changed, and the list of files made anew, both checkers find it."""
    files = part if name == layout.PROOFS else whole
    lines = files[name].splitlines(keepends=True)
    at = len(lines) // 2
    record = json.loads(lines[at])
    unseen = []
    for path in leaves(record):
        data = put(record, path, changed(_at(record, path)))
        made = pack(
            tmp_path / "b.zip", files | {name: b"".join([*lines[:at], line_of(data), *lines[at + 1 :]])}
        )
        # The script reads each record as what its place says it is; the name of its form is looked at by harness alone.
        if not problems(made) or (agrees(checker, made) and path not in {("format",), ("hash_form",)}):
            unseen.append(path)
    assert unseen == []


def _at(value: Any, path: tuple[Any, ...]) -> Any:
    for step in path:
        value = value[step]
    return value


Change = Callable[[list[bytes]], list[bytes]]
MOVES: dict[str, Change] = {
    "first line gone": lambda lines: lines[1:],
    "last line gone": lambda lines: lines[:-1],
    "middle line gone": lambda lines: [*lines[: len(lines) // 2], *lines[len(lines) // 2 + 1 :]],
    "line twice": lambda lines: [lines[0], *lines],
    "two swapped": lambda lines: [lines[1], lines[0], *lines[2:]],
    "all gone": lambda _: [],
    "junk": lambda lines: [*lines, b"{}\n"],
    "no end": lambda lines: [*lines[:-1], lines[-1][:-1]],
    "not UTF-8": lambda lines: [b"\xff\n", *lines],
    "deep": lambda lines: [b"[" * 100_000 + b"\n", *lines],
}


@pytest.mark.parametrize("move", MOVES)
@pytest.mark.parametrize("name", [layout.EXCHANGES, layout.RUNS, layout.SUITES])
def test_lines_cannot_be_moved(
    whole: Files, checker: ModuleType, tmp_path: Path, name: str, move: str
) -> None:
    """Lines taken out, put in, doubled or swapped are found by both checkers, though the list of files is made anew."""
    if (name, move) == (layout.SUITES, "two swapped"):
        pytest.skip("the order of the lines of suites means nothing")
    lines = MOVES[move](whole[name].splitlines(keepends=True))
    made = pack(tmp_path / "b.zip", whole | {name: b"".join(lines)})
    assert found_or_refused(made)
    harmless = name == layout.SUITES and move == "line twice"
    assert agrees(checker, made) == harmless


def test_every_byte_of_a_seal_counts(whole: Files, checker: ModuleType, tmp_path: Path) -> None:
    """A changed manifest, signature or key; a seal that is missing, stray, or from elsewhere."""
    changes: list[dict[str, bytes | None]] = [
        {"seals/seal-0001.json": whole["seals/seal-0001.json"].replace(b'"number":1', b'"number":3', 1)},
        {"seals/seal-0002.sig": bytes(64)},
        {"seals/seal-0002.sig": b""},
        {"seals/seal-0001.pem": custody.PublicKey(bytes(31) + b"\x01").pem.encode()},
        {"seals/seal-0001.pem": b"junk"},
        {"seals/seal-0001.json": None},
        {"seals/seal-0001.json": b"[" * 100_000},
        {
            "seals/seal-0001.json": whole["seals/seal-0002.json"],
            "seals/seal-0001.sig": whole["seals/seal-0002.sig"],
        },
    ]
    for change in changes:
        files = {name: data for name, data in (whole | change).items() if data is not None}
        made = pack(tmp_path / "b.zip", files)
        assert any("seals/seal-000" in each for each in problems(made)), change
        assert not agrees(checker, made)
    stray = pack(tmp_path / "b.zip", whole | {"seals/seal-0003.json": b"{}"})
    assert problems(stray) == ["seals/seal-0003.json: belongs to no seal that the bundle lists"]


def test_a_forged_record_shows_against_the_seal(folder: Path, checker: ModuleType, tmp_path: Path) -> None:
    """Another record, right in all its hashes, does not fit the seals of the first."""
    fill(tmp_path / "t.db", runs=1, exchanges=8)
    with Store.open(tmp_path / "t.db", mode="write") as store:
        run_id = begin(store, 6, START_US + 24 * HOUR_US)
        rows = store.append(run_id, [exchange(index, 77) for index in range(6)])
        store.append(run_id, [], [(row, observation()) for row in rows])
        store.finish_run(run_id, RunStatus.DONE, START_US + 27 * HOUR_US)
        begin(store, 4, START_US + 48 * HOUR_US)
    with Store.open(tmp_path / "t.db", mode="read") as store:
        custody.write_bundle(store, tmp_path / "forged.zip")
    bundle(folder, tmp_path / "true.zip", "run:1", "run:2", "run:3")
    true, forged = unpack(tmp_path / "true.zip"), unpack(tmp_path / "forged.zip")
    index = json.loads(forged[layout.INDEX])
    index["seals"] = json.loads(true[layout.INDEX])["seals"]
    mixed = forged | {name: data for name, data in true.items() if name.startswith("seals/")}
    made = pack(tmp_path / "mixed.zip", mixed | {layout.INDEX: canonical(index)})
    found = problems(made)
    assert found[0] == "seals/seal-0001.json: run 2 is not the one that was sealed"
    assert "its root is not that of what is here" in " ".join(found)
    assert not agrees(checker, made)


def test_a_file_that_is_not_listed_shows(
    whole: Files, folder: Path, key: custody.SigningKey, tmp_path: Path
) -> None:
    """Without the list made anew, every changed, missing or new file is named; a changed list loses its signature."""
    for name in sorted(set(whole) - {layout.INDEX}):
        made = pack(tmp_path / "b.zip", whole | {name: whole[name] + b" \n"}, listed=False)
        assert any(name in each for each in found_or_refused(made)), name
        made = pack(
            tmp_path / "b.zip", {each: data for each, data in whole.items() if each != name}, listed=False
        )
        assert any(each.startswith(name) for each in problems(made)), name
    made = pack(tmp_path / "b.zip", whole | {layout.REPORT: b"<p>all is well</p>"}, listed=False)
    assert problems(made) == ["report.html: is not in bundle.json"]
    bundle(folder, tmp_path / "signed.zip", key=key)
    signed = unpack(tmp_path / "signed.zip")
    index = json.loads(signed[layout.INDEX]) | {"made_by": "somebody"}
    made = pack(tmp_path / "b.zip", signed | {layout.INDEX: canonical(index)}, listed=False)
    assert problems(made) == ["bundle.sig: does not hold over bundle.json"]


def test_a_stamp_goes_with_its_seal(folder: Path, tmp_path: Path) -> None:
    """The timestamp in a bundle is checked by the certificate the reader trusts: not another's, not another stamp."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed")
    make_authority(tmp_path / "tsa")
    make_authority(tmp_path / "other", "Other")
    roots = custody.read_roots(tmp_path / "tsa" / "ca.pem")
    path = tmp_path / "t.db"
    path.write_bytes((folder / "t.db").read_bytes())
    with (
        serving(lambda query: reply_to(tmp_path / "tsa", query)) as url,
        Store.open(path, mode="write") as store,
    ):
        service = custody.TimeService(url, roots, post)
        custody.make_seal(store, custody.load_key(folder / "k.pem"), now_us=NOW_US + 3, service=service)
        custody.write_bundle(store, tmp_path / "b.zip")
    stamped = custody.verify_bundle(tmp_path / "b.zip", roots=roots)
    assert stamped.problems == ()
    assert any("seal 3: signed by" in note and "says CN=Test TSA" in note for note in stamped.notes)
    assert any("not checked: name" in note for note in custody.verify_bundle(tmp_path / "b.zip").notes)
    (told,) = problems(tmp_path / "b.zip", roots=custody.read_roots(tmp_path / "other" / "ca.pem"))
    assert told.startswith("seals/seal-0003.tsr: the timestamp is not signed by a trusted service")
    files = unpack(tmp_path / "b.zip")
    moved = pack(tmp_path / "moved.zip", files | {"seals/seal-0002.tsr": files["seals/seal-0003.tsr"]})
    assert problems(moved) == ["seals/seal-0002.tsr: the timestamp is over something else"]


def test_findings_are_sealed_and_bundled(folder: Path, checker: ModuleType, tmp_path: Path) -> None:
    """A finding is in the seal by its hash, in the bundle as it stands, and cannot be changed in either unseen."""
    path = tmp_path / "t.db"
    path.write_bytes((folder / "t.db").read_bytes())
    key = custody.load_key(folder / "k.pem")
    stream = StreamKey("gpt", "sums", "correct")
    found = Finding(
        "f1", Kind.CAPABILITY, Tier.INCIDENT, Verdict.CHANGE, stream, "It got worse.", START_US, 1, 1
    )
    with Store.open(path, mode="write") as store:
        store.findings.open_period("real", START_US, START_US, "the first period", "{}")
        store.findings.commit(UpdateRow(1, 1, 5, "findings/1", findings=(found,)), "real")
        withdrawn = EventRow("f1", Standing.WITHDRAWN, "the days after are as before")
        store.findings.commit(UpdateRow(2, 1, 6, "findings/1", events=(withdrawn,)), "real")
        made = custody.make_seal(store, key, now_us=NOW_US + 2)
    assert made is not None
    assert [(each.run, made.manifest.findings[0].id) for each in made.manifest.runs] == [(4, "f1")]
    assert (made.manifest.findings_chain.periods, made.manifest.findings_chain.updates) == (1, 2)
    with Store.open(path, mode="read") as store:
        assert custody.check_seals(store)[0] == []
        custody.write_bundle(store, tmp_path / "b.zip")
    files = unpack(tmp_path / "b.zip")
    (line,) = (json.loads(each) for each in files[layout.FINDINGS].splitlines())
    assert (line["finding"]["headline"], line["standing"]) == ("It got worse.", "withdrawn")
    assert problems(tmp_path / "b.zip") == []
    assert agrees(checker, tmp_path / "b.zip")
    line["finding"]["headline"] = "It got better."
    forged = pack(tmp_path / "forged.zip", files | {layout.FINDINGS: line_of(line)})
    assert problems(forged) == ["findings.jsonl line 1: finding f1 is not the one that was sealed"]
    assert not agrees(checker, forged)
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE findings SET body = replace(body, 'worse', 'better')")
    with Store.open(path, mode="read") as store:
        assert not store.verify().ok
        assert "seals 3: finding f1 is not the one that was sealed" in map(str, custody.check_seals(store)[0])


# --- hostile archives -------------------------------------------------------------------------


def _entry(name: str, mode: int = stat.S_IFREG | 0o644) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name)
    info.external_attr = mode << 16
    return info


def test_archives_that_mean_harm_are_refused(
    whole: Files, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Names that lead elsewhere, links, doubles, bombs, broken bytes: refused in words, and nothing lands on disk."""
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "b.zip"

    def refused(told: str) -> None:
        with pytest.raises(custody.BundleError, match=told):
            custody.verify_bundle(path)

    for name in (
        "../x",
        "/etc/passwd",
        "seals/../../x",
        "C:\\x",
        "bundle.json/",
        "seals/seal-0001.json\x00",
        "x.jsonl",
    ):
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr(_entry(name), b"x")
        refused("which no bundle has|twice|has no bundle.json|cannot be read")
        with tarfile.open(path, "w") as tar:
            tar.addfile(tarfile.TarInfo(name.replace("\x00", "")), io.BytesIO())
        refused("which no bundle has|has no bundle.json")
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(_entry("bundle.json", stat.S_IFLNK | 0o777), b"/etc/passwd")
    refused("is a link or worse")
    for kind in (tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE, tarfile.DIRTYPE):
        with tarfile.open(path, "w") as tar:
            member = tarfile.TarInfo("bundle.json")
            member.type, member.linkname = kind, "/etc/passwd"
            tar.addfile(member)
        refused("is a link or worse")
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("bundle.json", b"{}")
        with pytest.warns(UserWarning, match="Duplicate"):
            archive.writestr("bundle.json", b"{}")
    refused("twice")
    with zipfile.ZipFile(path, "w", zipfile.ZIP_BZIP2) as archive:
        archive.writestr("bundle.json", b"{}")
    refused("compressed in a way no bundle is")
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("bundle.json", b"{}")
        with archive.open("exchanges.jsonl", "w") as bomb:
            for _ in range(257):
                bomb.write(bytes(1 << 20))
    refused("is a bomb, not a record")
    with zipfile.ZipFile(path, "w") as archive:
        for number in range(21):
            archive.writestr(f"seals/seal-{number:05d}.sig", b"")
    with monkeypatch.context() as patch:
        patch.setattr("harness.custody.archive.FILES_LIMIT", 20)
        refused("holds more than 20 files")
    for data in (b"", b"junk", b"PK\x05\x06" + bytes(18), b"PK\x03\x04" + bytes(100)):
        path.write_bytes(data)
        refused("cannot be read as a ZIP or TAR file|has no bundle.json")
    good = pack(path, whole).read_bytes()
    for cut in range(100, len(good), len(good) // 40):
        path.write_bytes(good[:cut])
        refused(".")
    assert sorted(each.name for each in tmp_path.iterdir()) == ["b.zip"]


def test_a_broken_archive_never_ends_in_a_traceback(
    whole: Files, checker: ModuleType, tmp_path: Path
) -> None:
    """With single bytes changed anywhere in the file, a bundle is refused or found changed, or means the same."""
    good = pack(tmp_path / "good.zip", whole).read_bytes()
    path = tmp_path / "b.zip"
    for place in range(0, len(good), len(good) // 60):
        path.write_bytes(good[:place] + bytes([good[place] ^ 0x41]) + good[place + 1 :])
        try:
            found = custody.verify_bundle(path)
        except custody.BundleError:
            continue
        if found.ok:
            assert unpack(path) == unpack(tmp_path / "good.zip")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (b"", "is not JSON"),
        (b"[]", "bundle.json"),
        (b"[" * 100_000, "is not JSON"),
        (b'{"format":"harness.bundle/2"}', "format"),
        (b'{"a":1,"a":2}', "twice"),
        (b"\xff", "is not JSON"),
    ],
)
def test_an_index_that_is_none_is_refused(tmp_path: Path, text: bytes, told: str) -> None:
    """What cannot be the list of files ends the check at once."""
    with zipfile.ZipFile(tmp_path / "b.zip", "w") as archive:
        archive.writestr("bundle.json", text)
    with pytest.raises(custody.BundleError, match=told):
        custody.verify_bundle(tmp_path / "b.zip")


def test_a_line_without_end_is_refused(whole: Files, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A line longer than any bundle's is not read to its end."""
    monkeypatch.setattr("harness.custody.archive.LINE_LIMIT", 1_000)
    with pytest.raises(custody.BundleError, match=r"line 1 of runs\.jsonl is longer than any bundle's"):
        custody.verify_bundle(pack(tmp_path / "b.zip", whole))


# --- redaction --------------------------------------------------------------------------------


def test_bodies_can_be_left_out(
    folder: Path, checker: ModuleType, key: custody.SigningKey, tmp_path: Path
) -> None:
    """A derived bundle holds hashes for the bodies of a call, of a probe, and of one body; it says so and verifies."""
    bundle(folder, tmp_path / "b.zip", key=key)
    with Store.open(folder / "t.db", mode="read") as store:
        rows = [each.exchange for each in store.exchanges(2, final=False)]
    body = hashlib.sha256(rows[5].response_body).hexdigest()
    wish = custody.Wish((body[:12],), (rows[0].call_id,), ("sums/p3",))
    made = custody.redact_bundle(tmp_path / "b.zip", tmp_path / "less.zip", wish, key)
    assert made.derived_from == hashlib.sha256(unpack(tmp_path / "b.zip")[layout.INDEX]).hexdigest()
    files = unpack(tmp_path / "less.zip")
    everything = b"".join(files.values())
    p3 = [each for each in rows if each.probe_id == "p3"]
    assert p3
    for gone in (rows[0].response_body, rows[5].response_body, *(each.response_body for each in p3)):
        for piece in (gone, json.dumps(gone.decode("utf-8", "replace"))[1:-1].encode()):
            assert piece not in everything
    assert b"How much is 3 + 3?" not in everything
    assert b"How much is 4 + 4?" in everything
    found = custody.verify_bundle(tmp_path / "less.zip")
    assert found.problems == ()
    assert any("derived from another bundle by leaving out" in note for note in found.notes)
    assert agrees(checker, tmp_path / "less.zip")
    again = custody.redact_bundle(
        tmp_path / "less.zip", tmp_path / "least.zip", custody.Wish(probes=("sums/p1",))
    )
    assert set(made.redacted.bodies) < set(again.redacted.bodies)
    assert problems(tmp_path / "least.zip") == []
    assert agrees(checker, tmp_path / "least.zip")
    observed = [json.loads(line) for line in files[layout.OBSERVATIONS].splitlines()]
    blanked = [line for line in observed if line["call_id"] == rows[0].call_id]
    assert {(line["answer"], line["evidence"]) for line in blanked} == {(None, "")}
    assert {line["outcome"] for line in blanked} == {"answered"}


def test_what_was_left_out_must_be_said(whole: Files, checker: ModuleType, tmp_path: Path) -> None:
    """A body that is gone without a word in bundle.json is a problem."""
    lines = [json.loads(line) for line in whole[layout.EXCHANGES].splitlines()]
    lines[3]["response"]["body"]["text"] = None
    made = pack(tmp_path / "b.zip", whole | {layout.EXCHANGES: b"".join(line_of(line) for line in lines)})
    assert any("is missing, and bundle.json does not say so" in each for each in problems(made))
    assert not agrees(checker, made)


def test_a_wish_must_be_met(folder: Path, tmp_path: Path) -> None:
    """A body, call or probe that is not there, and a hash too short to mean one, are told; nothing is written."""
    bundle(folder, tmp_path / "b.zip")
    for wish, told in (
        (custody.Wish(bodies=("ab",)), "8 digits or more"),
        (custody.Wish(bodies=("0" * 64,)), "has no such body"),
        (custody.Wish(calls=("none",)), "has no such"),
        (custody.Wish(probes=("sums/none",)), "has no such"),
        (custody.Wish(), "nothing to leave out"),
    ):
        with pytest.raises(UsageError, match=told):
            custody.redact_bundle(tmp_path / "b.zip", tmp_path / "less.zip", wish)
    with pytest.raises(UsageError, match="write SUITE/PROBE"):
        custody.parse_probes(["sums"])
    assert [each.name for each in tmp_path.iterdir()] == ["b.zip"]


# --- the commands -----------------------------------------------------------------------------


def test_from_database_to_a_stranger(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """`harness bundle`, `verify` and `redact`; the stranger has neither config nor database nor key."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "none"))
    (tmp_path / "mine").mkdir()
    monkeypatch.chdir(tmp_path / "mine")
    made = tmp_path / "b.zip"
    assert cli.run(["bundle", str(made), "--db", str(folder / "t.db")]) == 0
    said = capsys.readouterr().out
    assert "2 exchanges are under no seal; harness seal first" in said
    assert "not signed; harness key makes a key" in said
    assert (
        cli.run(
            ["bundle", str(tmp_path / "part.zip"), "--only", "run:1", "--db", str(folder / "t.db"), "--json"]
        )
        == 0
    )
    assert json.loads(capsys.readouterr().out)["counts"]["exchanges"] == 8
    assert layout.REPORT not in unpack(tmp_path / "part.zip")
    assert b"<html" in unpack(made)[layout.REPORT]
    assert cli.run(["verify", str(made)]) == 0
    assert "intact: " in capsys.readouterr().out
    assert cli.run(["verify", str(made), "--key", str(folder / "k.pem.pub")]) == 1
    assert "2 exchanges are under no seal by SHA256:" in capsys.readouterr().err
    assert cli.run(["verify", str(made), "--key", "nonsense"]) == 2
    assert cli.run(["verify", "--key", "SHA256:x"]) == 2
    assert cli.run(["verify", str(tmp_path / "none.zip")]) == 2
    assert (
        cli.run(["redact", str(made), "--probe", "sums/p1", "-o", str(tmp_path / "less.tar"), "--json"]) == 0
    )
    capsys.readouterr()
    assert cli.run(["verify", str(tmp_path / "less.tar"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["ok"] is True
    assert cli.run(["redact", str(made), "--probe", "sums/p1", "-o", str(made)]) == 2
    assert list((tmp_path / "mine").iterdir()) == []
    made.write_bytes(made.read_bytes()[:-100])
    assert cli.run(["verify", str(made)]) == 1
    assert "cannot be read as a ZIP or TAR file" in capsys.readouterr().err


@pytest.mark.slow
def test_the_report_in_a_bundle_is_the_same_each_time(folder: Path, tmp_path: Path) -> None:
    """It is dated by the newest run, so that the whole bundle has the same bytes, pictures included."""
    for name in ("1.zip", "2.zip"):
        assert cli.run(["bundle", str(tmp_path / name), "--db", str(folder / "t.db")]) == 0
    assert (tmp_path / "1.zip").read_bytes() == (tmp_path / "2.zip").read_bytes()


def test_keys_of_providers_never_reach_a_bundle(folder: Path, tmp_path: Path) -> None:
    """The signing key's own bytes are in no file of the bundle either."""
    key = custody.load_key(folder / "k.pem")
    bundle(folder, tmp_path / "b.zip", key=key)
    secret = (folder / "k.pem").read_text().splitlines()[1]
    assert all(secret.encode() not in data for data in unpack(tmp_path / "b.zip").values())


def test_a_run_measured_elsewhere_is_its_makers_to_bundle(tmp_path: Path) -> None:
    """Imported runs stay out of a bundle unless they are named, and one in our own format cannot be named."""
    from tests.store_examples import SUITE

    path = tmp_path / "t.db"
    fill(path, runs=1, exchanges=3)
    from harness.dataformat import IMPORTED, OriginData, origin_hash

    for source in ("inspect", "harness"):
        origin = OriginData(
            source=source, file="x", file_sha256="0" * 64, tool="t", imported_us=1, harness_version="1",
            key=hashlib.sha256(source.encode()).hexdigest(), record={},
        )  # fmt: skip
        with Store.open(path, mode="write") as store:
            made = header(2, START_US + 50 * HOUR_US)
            from dataclasses import replace

            run_id = store.begin_run(
                replace(made, trigger=f"{IMPORTED}{origin_hash(origin)}"), [SUITE], ENDPOINTS
            )
            store.append(run_id, [exchange(index, 3) for index in range(2)])
            store.finish_run(run_id, RunStatus.DONE, START_US + 51 * HOUR_US)
            store.add_origin(run_id, origin)
    with Store.open(path, mode="read") as store:
        made_bundle = custody.write_bundle(store, tmp_path / "b.zip")
        assert made_bundle.index.counts["runs"] == 1
        named = custody.write_bundle(store, tmp_path / "c.zip", selection=custody.read_selection(["run:2"]))
        assert named.index.counts["exchanges"] == 2
        with pytest.raises(UsageError, match="was measured elsewhere"):
            custody.write_bundle(store, tmp_path / "d.zip", selection=custody.read_selection(["run:3"]))
    assert problems(tmp_path / "c.zip") == []
