"""Keys, Merkle trees, seals over a database, and timestamps by somebody else."""

from __future__ import annotations

import json
import re
import shutil
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness import cli, custody
from harness.custody import merkle, timestamps
from harness.custody.sealing import stored_root
from harness.errors import EvidenceError, UsageError
from harness.records import RunStatus
from harness.runner.posting import PostError, post
from harness.store import Store
from tests.store_examples import HOUR_US, START_US, begin, exchange, fill, observation
from tests.timestamping import make_authority, openssl, reply_to, serving

needs_openssl = pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")
NOW_US = START_US + 1_000 * HOUR_US


# --- Merkle trees -----------------------------------------------------------------------------

LEAVES = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"]
ROOTS = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]


def test_roots_are_those_of_certificate_transparency() -> None:
    """The test vectors of the reference implementation of RFC 6962 come out."""
    hashes = [merkle.leaf_hash(bytes.fromhex(each)) for each in LEAVES]
    grown = merkle.Accumulator()
    assert grown.root() == merkle.Tree([]).root() == merkle.EMPTY_ROOT
    for count, root in enumerate(ROOTS, 1):
        grown.add(hashes[count - 1])
        assert grown.root().hex() == merkle.Tree(hashes[:count]).root().hex() == root


@settings(max_examples=80, deadline=None)
@given(size=st.integers(1, 70), data=st.data())
def test_a_proof_holds_for_its_leaf_alone(size: int, data: st.DataObject) -> None:
    """Every leaf's proof leads to the root; with another leaf, place, size or hash it does not."""
    leaves = [merkle.leaf_hash(b"%d" % number) for number in range(size)]
    tree = merkle.Tree(leaves)
    index = data.draw(st.integers(0, size - 1))
    path = tree.path(index)
    assert merkle.root_from_path(leaves[index], index, size, path) == tree.root()
    assert merkle.root_from_path(merkle.leaf_hash(b"x"), index, size, path) != tree.root()
    for other in {0, size - 1, (index + 1) % size} - {index}:
        assert merkle.root_from_path(leaves[index], other, size, path) != tree.root()
    assert merkle.root_from_path(leaves[index], index, size, [*path, leaves[0]]) is None
    assert merkle.root_from_path(leaves[index], size, size, path) is None
    if path:
        assert merkle.root_from_path(leaves[index], index, size, path[:-1]) is None
        assert merkle.root_from_path(leaves[index], index, size, [bytes(32), *path[1:]]) != tree.root()


# --- keys -------------------------------------------------------------------------------------


def test_a_key_is_private_and_never_overwritten(tmp_path: Path) -> None:
    """Folder 0700, file 0600; a second key in its place is refused; one that others can read is not used."""
    path = tmp_path / "config" / "harness" / "k.pem"
    made = custody.make_key(path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert custody.load_key(path).public == made.public
    for name in (path, path.with_name("other.pem")):
        if name != path:
            name.with_name("other.pem.pub").touch()
        with pytest.raises(UsageError, match="never overwritten"):
            custody.make_key(name)
    path.chmod(0o640)
    with pytest.raises(UsageError, match=r"others than its owner may use it \(mode 640\); chmod 600"):
        custody.load_key(path)


@needs_openssl
def test_keys_that_cannot_sign_are_named(tmp_path: Path) -> None:
    """A missing file, a public key, a passphrase and another kind of key are each told apart."""
    with pytest.raises(UsageError, match="`harness key` makes one"):
        custody.load_key(tmp_path / "none")
    for name, words, told in (
        ("rsa", ("genrsa", "-out"), "is not an Ed25519 key"),
        ("locked", ("genpkey", "-algorithm", "ed25519", "-aes256", "-pass", "pass:x", "-out"), "passphrase"),
    ):
        openssl(*words, tmp_path / name)
        (tmp_path / name).chmod(0o600)
        with pytest.raises(UsageError, match=told):
            custody.load_key(tmp_path / name)
    made = custody.make_key(tmp_path / "k")
    (tmp_path / "k.pub").chmod(0o600)
    with pytest.raises(UsageError, match="is not a private key"):
        custody.load_key(tmp_path / "k.pub")
    assert custody.read_public_key((tmp_path / "k.pub").read_bytes()) == made.public
    assert custody.read_public_key(made.public.openssh.encode()) == made.public
    for junk in (b"", b"ssh-ed25519 AAAA", b"ssh-rsa x", (tmp_path / "rsa").read_bytes()):
        with pytest.raises(ValueError, match=r"is not an? "):
            custody.read_public_key(junk)


def test_openssl_and_ssh_keygen_agree_on_the_key(tmp_path: Path) -> None:
    """The fingerprint is the one ssh-keygen prints; openssl gives the same public key."""
    if shutil.which("ssh-keygen") is None or shutil.which("openssl") is None:
        pytest.skip("ssh-keygen or openssl is not installed")
    made = custody.make_key(tmp_path / "k")
    (tmp_path / "line").write_text(made.public.openssh + "\n")
    shown = subprocess.run(
        ["ssh-keygen", "-lf", tmp_path / "line"], capture_output=True, text=True, check=True
    )
    assert shown.stdout.split()[1] == made.public.fingerprint
    assert openssl("pkey", "-in", tmp_path / "k", "-pubout").decode() == made.public.pem
    assert made.public.pem == (tmp_path / "k.pub").read_text()


def test_the_key_is_kept_with_the_account(tmp_path: Path) -> None:
    """XDG_CONFIG_HOME counts where it is a whole path, else ~/.config."""
    assert custody.default_path({"HOME": "/home/me"}) == Path("/home/me/.config/harness/signing-key.pem")
    assert custody.default_path({"HOME": "/h", "XDG_CONFIG_HOME": "/x"}) == Path("/x/harness/signing-key.pem")
    assert custody.default_path({"HOME": "/h", "XDG_CONFIG_HOME": "x"}) == Path(
        "/h/.config/harness/signing-key.pem"
    )


# --- seals ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def key(tmp_path_factory: pytest.TempPathFactory) -> custody.SigningKey:
    return custody.make_key(tmp_path_factory.mktemp("key") / "k.pem")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Three runs: done, interrupted with 3 of 12 calls, done."""
    database = tmp_path / "t.db"
    fill(database, runs=1, exchanges=20)
    with Store.open(database, mode="write") as store:
        run_id = begin(store, 12, START_US + 24 * HOUR_US)
        rows = store.append(run_id, [exchange(index, 5) for index in range(3)])
        store.append(run_id, [], [(row, observation()) for row in rows])
        store.finish_run(run_id, RunStatus.INTERRUPTED, START_US + 25 * HOUR_US)
        run_id = begin(store, 2, START_US + 48 * HOUR_US)
        store.append(run_id, [exchange(index, 6) for index in range(2)])
        store.finish_run(run_id, RunStatus.DONE, START_US + 49 * HOUR_US)
    return database


def seal(
    path: Path, key: custody.SigningKey, now_us: int = NOW_US, **options: object
) -> custody.Sealed | None:
    with Store.open(path, mode="write") as store:
        return custody.make_seal(store, key, now_us=now_us, **options)  # type: ignore[arg-type]


def wrong(path: Path) -> list[str]:
    with Store.open(path, mode="read") as store:
        assert store.verify().ok
        return [str(each) for each in custody.check_seals(store)[0]]


def test_a_seal_says_what_is_there_and_what_is_not(path: Path, key: custody.SigningKey) -> None:
    """Runs, suites, counts, gaps, versions and the key are in the manifest, and the signature is over its bytes."""
    made = seal(path, key)
    assert made is not None
    manifest = made.manifest
    assert [(run.run, run.exchanges, run.status.value) for run in manifest.runs] == [
        (1, 20, "done"), (2, 3, "interrupted"), (3, 2, "done"),
    ]  # fmt: skip
    assert (manifest.number, manifest.previous, manifest.made_us, manifest.chain.runs) == (1, None, NOW_US, 3)
    assert [each.name for each in manifest.suites] == ["sums"]
    assert manifest.leaves.size == 1 + 3 + 3 + 25
    assert (manifest.gaps.calls, manifest.gaps.unfinished) == (9, (2,))
    assert [(each.run, each.missing) for each in manifest.gaps.runs] == [(2, 9)]
    assert manifest.public_key == key.public.raw.hex()
    assert json.loads(made.row.manifest)["format"] == "harness.seal/1"
    assert key.public.verifies(made.row.signature, made.row.manifest)
    assert not key.public.verifies(made.row.signature, made.row.manifest + b" ")
    assert custody.read_manifest(made.row.manifest) == manifest
    assert wrong(path) == []


def test_seals_follow_one_another(path: Path, key: custody.SigningKey) -> None:
    """A second seal takes what is new, a run that went on included, and names the first; then nothing is left."""
    first = seal(path, key)
    assert first is not None
    assert seal(path, key) is None
    with Store.open(path, mode="write") as store:
        store.resume_run(2, START_US + 60 * HOUR_US)
        store.append(2, [exchange(index, 5) for index in range(3, 12)])
        store.finish_run(2, RunStatus.DONE, START_US + 61 * HOUR_US)
        begin(store, 5, START_US + 70 * HOUR_US)
    second = seal(path, key, NOW_US + 5)
    assert second is not None
    assert [(run.run, run.exchanges, run.status.value) for run in second.manifest.runs] == [
        (2, 12, "done"), (4, 0, "running"),
    ]  # fmt: skip
    assert second.manifest.previous is not None
    assert second.manifest.previous.sha256 == custody.manifest_sha256(first.row)
    assert wrong(path) == []


def test_a_period_is_by_the_start_of_runs(path: Path, key: custody.SigningKey) -> None:
    """Since is inclusive, until is not; a period without runs is no evidence."""
    day = 24 * HOUR_US
    made = seal(path, key, period=custody.Period(START_US + day, START_US + 2 * day))
    assert made is not None
    assert [run.run for run in made.manifest.runs] == [2]
    with pytest.raises(EvidenceError, match="no run started in this period"):
        seal(path, key, period=custody.Period(START_US + 9 * day, None))
    rest = seal(path, key)
    assert rest is not None
    assert [run.run for run in rest.manifest.runs] == [1, 3]


def rewrite(path: Path) -> None:
    """Change a reply in run 1 and make every hash again, as the owner of the database could."""
    made = path.with_name("forged.db")
    with Store.open(path, mode="read") as store, Store.open(made, mode="write") as forged:
        for run_id in (1, 2, 3):
            info = store.run_info(run_id)
            assert forged.begin_run(info.header, store.suites(run_id), store.endpoints(run_id)) == run_id
            rows = [each.exchange for each in store.exchanges(run_id, final=False)]
            if run_id == 2:
                rows[1] = exchange(1, 999)
            ids = forged.append(run_id, rows)
            judged = [each.observation for each in store.exchanges(run_id, final=False)]
            forged.append(run_id, [], [(row, each) for row, each in zip(ids, judged, strict=True) if each])
            assert info.finished_us is not None
            forged.finish_run(run_id, info.status, info.finished_us)
        for row in store.seals.all():
            forged.seals.add(row)
    path.unlink()
    made.replace(path)


def test_a_chain_made_anew_shows_against_the_seal(path: Path, key: custody.SigningKey) -> None:
    """Whoever makes all hashes again passes the chain, but not the seal, which names the run."""
    seal(path, key)
    rewrite(path)
    found = wrong(path)
    assert found[0] == "seals 1: run 2: its exchanges up to 3 are not those that were sealed"
    assert "seals 1: the exchanges of runs 1 to 3 are not those that were sealed" in found


def forge(path: Path, change: dict[str, object], key: custody.SigningKey | None) -> None:
    """Write a seal with a changed manifest, with the row's hash made again and, with a key, the signature too."""
    with Store.open(path, mode="read") as store:
        (row,) = store.seals.all()
    told = json.loads(row.manifest) | change
    manifest = json.dumps(told, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("DELETE FROM seals")
        connection.execute("UPDATE additions SET rows = 0, last_hash = NULL WHERE name = 'seals'")
    signature = row.signature if key is None else key.sign(manifest)
    with Store.open(path, mode="write") as store:
        store.seals.add(type(row)(1, row.made_us, manifest, signature, row.public_key, row.timestamp))


@pytest.mark.parametrize(
    ("change", "signed", "told"),
    [
        ({"made_us": NOW_US - 1}, False, "seals 1: its signature does not hold"),
        ({"root": "0" * 64}, True, "seals 1: the exchanges of runs 1 to 3 are not those that were sealed"),
        ({"number": 2}, True, "seals 1: says another number or key than is stored with it"),
        ({"suites": []}, True, "seals 1: counts other leaves than it lists"),
        ({"runs": []}, True, "seals 1: counts other leaves than it lists"),
        ({"extra": 1}, True, "seals 1: is not a seal's manifest: extra"),
        ({"public_key": "0" * 64}, True, "seals 1: says another number or key"),
        (
            {"previous": {"number": 0, "sha256": "0" * 64}},
            True,
            "seals 1: does not follow the seal before it",
        ),
    ],
)
def test_a_changed_manifest_shows(
    path: Path, key: custody.SigningKey, change: dict[str, object], signed: bool, told: str
) -> None:
    """Without the key the signature tells; with it, what the manifest says must agree with the rows."""
    seal(path, key)
    forge(path, change, key if signed else None)
    assert wrong(path)[0].startswith(told)


def test_a_manifest_in_another_form_is_refused(path: Path, key: custody.SigningKey) -> None:
    """Spaces, a field twice, NaN and deep nesting are not the one canonical form."""
    made = seal(path, key)
    assert made is not None
    text = made.row.manifest.decode()
    for changed, told in (
        (text.replace(":", ": ", 1), "canonical"),
        (text.replace('{"algorithm"', '{"root":"00","algorithm"', 1), "twice"),
        (text.replace(str(NOW_US), "NaN"), "NaN"),
        ("[" * 100_000, "not JSON"),
        ("\x00", "not JSON"),
    ):
        with pytest.raises(custody.ManifestError, match=told):
            custody.read_manifest(changed.encode())


@needs_openssl
def test_openssl_checks_a_seal(path: Path, key: custody.SigningKey, tmp_path: Path) -> None:
    """The command in docs/custody.md says yes to the files as written and no to a changed one."""
    made = seal(path, key)
    assert made is not None
    files = custody.write_seal_files(made.row, tmp_path / "seals")
    assert [each.name for each in files] == ["seal-0001.json", "seal-0001.sig", "seal-0001.pem"]
    manifest, signature, public = files
    words = [
        "openssl",
        "pkeyutl",
        "-verify",
        "-pubin",
        "-inkey",
        public,
        "-rawin",
        "-in",
        manifest,
        "-sigfile",
        signature,
    ]
    done = subprocess.run(words, capture_output=True, text=True)
    assert (done.returncode, done.stdout.strip()) == (0, "Signature Verified Successfully")
    manifest.write_bytes(manifest.read_bytes().replace(b'"number":1', b'"number":2'))
    assert subprocess.run(words, capture_output=True).returncode != 0


@needs_openssl
def test_the_commands_in_the_docs_work(path: Path, key: custody.SigningKey, tmp_path: Path) -> None:
    """docs/custody.md's commands for a seal's files say yes to the signature and give the fingerprint."""
    page = (Path(__file__).parent.parent / "docs" / "custody.md").read_text(encoding="utf-8")
    found = re.search(r"```sh\n(openssl pkeyutl.*?)```", page, re.DOTALL)
    assert found
    made = seal(path, key)
    assert made is not None
    custody.write_seal_files(made.row, tmp_path / "seals")
    done = subprocess.run(
        ["sh", "-c", found[1]], cwd=tmp_path / "seals", capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines() == [
        "Signature Verified Successfully", key.public.fingerprint.removeprefix("SHA256:") + "=",
    ]  # fmt: skip


# --- timestamps -------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed")
    folder = tmp_path_factory.mktemp("tsa")
    make_authority(folder)
    return folder


def test_a_seal_is_stamped_by_someone_else(
    path: Path, key: custody.SigningKey, authority: Path, tmp_path: Path
) -> None:
    """Openssl's responder stamps the manifest; we check it, openssl checks it, and verify tells the time."""
    roots = custody.read_roots(authority / "ca.pem")
    with serving(lambda query: reply_to(authority, query)) as url:
        made = seal(path, key, service=custody.TimeService(url, roots, post))
    assert made is not None
    assert made.timestamp is not None
    assert made.timestamp.service == "CN=Test TSA"
    assert made.timestamp.policy == "1.2.3.4.1"
    with Store.open(path, mode="read") as store:
        problems, notes = custody.check_seals(store, roots)
        assert problems == []
        assert "says CN=Test TSA" in notes[0]
        assert "not checked: name the service's certificate" in custody.check_seals(store)[1][0]
    manifest, _, _, reply = custody.write_seal_files(made.row, tmp_path / "seals")
    assert b"OK" in openssl("ts", "-verify", "-data", manifest, "-in", reply, "-CAfile", authority / "ca.pem")


def test_timestamps_that_prove_nothing_are_refused(authority: Path, tmp_path: Path) -> None:
    """Another nonce, another hash, an authority nobody trusts, a signer that may not stamp, a refusal, junk."""
    roots = custody.read_roots(authority / "ca.pem")
    make_authority(tmp_path / "other", "Other")
    kept: list[bytes] = []

    def keep(query: bytes) -> bytes:
        kept.append(reply_to(authority, query))
        return kept[-1]

    with serving(keep) as url:
        timestamps.obtain(url, b"data", roots, post)
        timestamps.obtain(url, b"data", roots, post)
    first, second = kept
    assert (
        timestamps.check(first, b"data", roots).serial + 1 == timestamps.check(second, b"data", roots).serial
    )
    cases: list[tuple[object, bytes, str]] = [
        (lambda _: first, b"data", "answers another request"),
        (lambda _: first, b"other", "is over something else"),
        (lambda query: reply_to(tmp_path / "other", query), b"data", "is not signed by a trusted service"),
        (lambda _: b"junk", b"data", "is not a timestamp"),
        (lambda _: b"", b"data", "is not a timestamp"),
        (lambda _: bytes(200_001), b"data", "too long"),
        (lambda _: reply_to(authority, b"junk"), b"data", "the service refused"),
    ]
    for answer, data, told in cases:
        with serving(answer) as url, pytest.raises(custody.TimestampError, match=told):  # type: ignore[arg-type]
            timestamps.obtain(url, data, roots, post)
    for place in range(0, len(first), 40):
        changed = first[:place] + bytes([first[place] ^ 1]) + first[place + 1 :]
        try:
            said = timestamps.check(changed, b"data", roots)
        except custody.TimestampError:
            continue
        # Bytes outside the signature (a status word, the certificates' order) may differ; what is said may not.
        assert said.at_us == timestamps.check(first, b"data", roots).at_us
    with serving(lambda _: 503) as url, pytest.raises(PostError, match="status 503"):
        timestamps.obtain(url, b"data", roots, post)
    with pytest.raises(PostError, match="cannot be reached"):
        post(url, b"", "application/timestamp-query")
    with pytest.raises(custody.TimestampError, match="no certificate"):
        timestamps.check(first, b"data", ())


def test_certificates_out_of_order_are_told(authority: Path, tmp_path: Path) -> None:
    """A reply with two certificates counts in DER's order, and in the other is refused in words that say so."""
    folder = tmp_path / "two"
    shutil.copytree(authority, folder)
    config = (folder / "ts.cnf").read_text().replace(str(authority), str(folder))
    (folder / "ts.cnf").write_text(config + f"certs = {folder}/ca.pem\n")
    roots = custody.read_roots(folder / "ca.pem")
    both = [openssl("x509", "-in", folder / name, "-outform", "DER") for name in ("ca.pem", "tsa.pem")]
    kept: list[bytes] = []

    def answer(query: bytes) -> bytes:
        reply = reply_to(folder, query)
        low, high = sorted(both, key=reply.index)
        assert low + high in reply
        kept.append(reply.replace(low + high, b"".join(sorted(both))))
        return kept[-1]

    with serving(answer) as url:
        good = timestamps.obtain(url, b"data", roots, post)
    assert timestamps.check(good, b"data", roots).service == "CN=Test TSA"
    wrong_way = good.replace(b"".join(sorted(both)), b"".join(sorted(both, reverse=True)))
    with pytest.raises(custody.TimestampError, match="its certificates are out of order"):
        timestamps.check(wrong_way, b"data", roots)


def test_a_timestamp_put_in_later_shows(path: Path, key: custody.SigningKey, authority: Path) -> None:
    """A stamp over another manifest, put in with the row's hash made again, is found."""
    roots = custody.read_roots(authority / "ca.pem")
    with serving(lambda query: reply_to(authority, query)) as url:
        stamp = timestamps.obtain(url, b"something else", roots, post)
    seal(path, key)
    with Store.open(path, mode="read") as store:
        (row,) = store.seals.all()
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("DELETE FROM seals")
        connection.execute("UPDATE additions SET rows = 0, last_hash = NULL WHERE name = 'seals'")
    with Store.open(path, mode="write") as store:
        store.seals.add(type(row)(1, row.made_us, row.manifest, row.signature, row.public_key, stamp))
    assert wrong(path) == ["seals 1: the timestamp is over something else"]


def test_certificates_to_trust_must_be_some(tmp_path: Path) -> None:
    """A missing file and one without a certificate are named."""
    with pytest.raises(UsageError, match="cannot be read"):
        custody.read_roots(tmp_path / "none")
    (tmp_path / "x").write_text("x")
    with pytest.raises(UsageError, match="holds no certificate"):
        custody.read_roots(tmp_path / "x")


# --- the commands -----------------------------------------------------------------------------


def test_from_key_to_verified_seal(
    path: Path,
    tmp_path: Path,
    authority: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """`harness key`, `seal` and `verify` as a user runs them, with a service in the config; then the service fails."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "xdg"))
    assert cli.run(["seal", "--db", str(path)]) == 2
    assert "`harness key` makes one" in capsys.readouterr().err
    assert cli.run(["key", "--json"]) == 0
    made = json.loads(capsys.readouterr().out)
    assert made["path"] == str(tmp_path / "xdg" / "harness" / "signing-key.pem")
    answers: list[bytes | int] = []
    with serving(lambda query: answers.pop() if answers else reply_to(authority, query)) as url:
        (tmp_path / "config.toml").write_text(
            '[endpoints.gpt]\nprotocol = "openai-chat"\nmodel = "m"\nurl = "http://127.0.0.1:9/v1"\n[suites.capability]\n'
            f'[storage]\ndatabase = "t.db"\n[custody]\ntimestamp_url = "{url}"\ntimestamp_ca = "{authority}/ca.pem"\n'
        )
        answers.append(500)
        assert cli.run(["seal", "--until", "2025-10-10"]) == 1
        said = capsys.readouterr()
        assert "seal 1 is made, but has no timestamp" in said.err
        assert cli.run(["seal", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["seal"], told["missing_calls"], told["fingerprint"]) == (2, 9, made["fingerprint"])
    assert [Path(each).name for each in told["files"]][-1] == "seal-0002.tsr"
    assert cli.run(["seal"]) == 0
    assert "nothing new since seal 2" in capsys.readouterr().out
    assert cli.run(["verify"]) == 0
    assert "says CN=Test TSA" in capsys.readouterr().out
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE seals SET signature = zeroblob(64) WHERE id = 1")
    assert cli.run(["verify"]) == 1
    said = capsys.readouterr()
    assert "seals 1: does not match its hash" in said.err
    assert "seals 1: its signature does not hold" in said.err


def test_a_million_leaves_would_fit() -> None:
    """The accumulator keeps one hash per level, whatever the number of leaves."""
    tree = merkle.Accumulator()
    for number in range(5_000):
        tree.add(merkle.leaf_hash(b"%d" % number))
        assert len(tree._peaks) == (number + 1).bit_count()


def test_the_root_is_made_from_the_rows(path: Path, key: custody.SigningKey) -> None:
    """Sealing and checking go through the same rows; leaving out the last exchange gives another root."""
    made = seal(path, key)
    assert made is not None
    with Store.open(path, mode="read") as store:
        assert stored_root(store, made.manifest) == made.manifest.root
        runs = [*made.manifest.runs[:-1], made.manifest.runs[-1].model_copy(update={"exchanges": 1})]
        assert (
            stored_root(store, made.manifest.model_copy(update={"runs": tuple(runs)})) != made.manifest.root
        )


def test_long_work_tells_how_far_it_is(
    path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where there is no terminal, plain lines on stderr say it; stdout has the result alone."""
    assert cli.run(["verify", "--db", str(path)]) == 0
    assert capsys.readouterr().err == ""
    monkeypatch.setattr("harness.cli.bar._PLAIN_EVERY_S", 0.0)
    assert cli.run(["verify", "--db", str(path), "--json"]) == 0
    said = capsys.readouterr()
    assert said.err == "checking: 25 of 25\n"
    assert json.loads(said.out)["ok"]
