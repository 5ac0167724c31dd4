"""What a disk may do to a run and to what is written of it: a clear error, exit 1, and nothing lost or left in half."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.cli import run
from harness.errors import StoreError
from harness.records import RunStatus
from harness.store import Store
from tests.provider import Provider, config_text
from tests.store_examples import START_US, begin, exchange, fill, observation


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Path]:
    """A disk of 900 kB."""
    place = tmp_path / "small"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=900k", "tmpfs", str(place)]
    if os.getuid() != 0 or subprocess.run(mount, capture_output=True).returncode != 0:
        pytest.skip("mounting a small disk needs root")
    try:
        yield place
    finally:
        subprocess.run(["umount", "-l", str(place)], check=False)


def test_a_full_disk_ends_a_run_that_can_be_resumed(small: Path) -> None:
    """One line says so, exit 1; what came back verifies; with room again --resume asks only what is missing."""
    with Provider(answer=lambda _: "The answer is 4. " + os.urandom(4000).hex()) as provider:
        (small / "config.toml").write_text(config_text(provider.url))
        config = ["--config", str(small / "config.toml")]
        done = subprocess.run(
            [sys.executable, "-m", "harness", "run", *config], capture_output=True, text=True
        )
        assert done.returncode == 1
        assert done.stderr.startswith(
            f"error: {small / 'results' / 'harness.db'}: the disk is full; everything"
        )
        assert done.stderr.count("\n") == 1
        with Store.open(small / "results" / "harness.db", mode="read") as store:
            assert store.verify().problems == ()
            kept = store.run_info(1).completed
        assert 0 < kept < 85
        assert run(["report", *config]) == 2
        assert run(["backup", str(small / "copy.db"), *config]) == 1
        left = {path.name for path in small.rglob("*") if path.is_file()}
        assert left <= {"config.toml", "harness.db", "harness.db-wal", "harness.db-shm", "harness.db.lock"}
        subprocess.run(["mount", "-o", "remount,size=40m", str(small)], check=True)
        before = len(provider.bodies)
        assert run(["run", "--resume", *config]) == 0
        assert len(provider.bodies) - before == 85 - kept
        assert run(["verify", *config]) == 0


@pytest.mark.parametrize("form", ["jsonl", "csv", "parquet", "inspect"])
def test_an_export_is_there_whole_or_not_at_all(
    small: Path, tmp_path: Path, form: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """A disk that fills up while exporting ends in one line and leaves what was there; with room it is all there."""
    subprocess.run(["mount", "-o", "remount,size=24k", str(small)], check=True)
    fill(tmp_path / "t.db", runs=1, exchanges=60)
    words = ["export", "--db", str(tmp_path / "t.db"), "--format", form, "-o"]
    assert run([*words, str(small / "out")]) == 2
    said = capsys.readouterr().err
    assert "cannot write there (" in said
    assert "free some space" in said
    assert "Traceback" not in said
    assert list(small.iterdir()) == []
    assert run([*words, str(tmp_path / "whole")]) == 0
    wanted = {path.name: path.stat().st_size for path in (tmp_path / "whole").iterdir()}
    pages = sum(-(-size // 4096) for size in wanted.values()) + 2
    subprocess.run(["mount", "-o", f"remount,size={4 * pages}k", str(small)], check=True)
    assert run([*words, str(small / "out")]) == 0
    kept = {path.name: path.read_bytes() for path in (small / "out").iterdir()}
    assert set(kept) == set(wanted)
    # There is room for one export, not for a second one beside it.
    assert run([*words, str(small / "out"), "--force"]) == 2
    assert {path.name: path.read_bytes() for path in (small / "out").iterdir()} == kept


@pytest.mark.parametrize("words", [["status", "--json"], ["export"]])
def test_output_that_cannot_be_written_is_an_error(tmp_path: Path, words: list[str]) -> None:
    """A full disk behind stdout ends in one line and exit 1, not in a traceback or in silence."""
    fill(tmp_path / "t.db", runs=1)
    with Path("/dev/full").open("w") as full:
        command = [sys.executable, "-m", "harness", *words, "--db", str(tmp_path / "t.db")]
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True)
    assert done.returncode == 1
    assert "error: output: No space left on device; free some space" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("how", ["deleted", "moved", "replaced"])
def test_a_database_that_goes_away_is_noticed_and_saved(tmp_path: Path, how: str) -> None:
    """The writer stops at its next commit, and what was committed is in a file beside that verifies and goes on."""
    path = tmp_path / "t.db"
    with Store.open(path, mode="write") as store:
        run_id = begin(store, 60)
        rows = store.append(run_id, [exchange(index) for index in range(40)])
        store.append(run_id, [], [(row, observation()) for row in rows])
        path.rename(tmp_path / "elsewhere.db")
        if how == "deleted":
            (tmp_path / "elsewhere.db").unlink()
        if how == "replaced":
            path.touch()
        with pytest.raises(
            StoreError, match=r"t\.db: was moved, replaced or deleted .* saved in .*rescued-\d+: move"
        ):
            store.append(run_id, [exchange(40)])
    (saved,) = tmp_path.glob("t.db.rescued-*")
    for name in ("t.db", "t.db-wal", "t.db-shm"):
        (tmp_path / name).unlink(missing_ok=True)
    saved.rename(path)
    with Store.open(path, mode="write") as store:
        assert store.verify().problems == ()
        assert store.run_info(run_id).completed == 40
        store.resume_run(run_id, START_US)
        store.append(run_id, [exchange(index) for index in range(40, 60)])
        store.append(run_id, [], [(row, observation()) for row, _ in store.unobserved(run_id)])
        store.finish_run(run_id, RunStatus.DONE, START_US)
        assert store.verify().ok


def test_a_clock_that_goes_backwards_breaks_nothing(tmp_path: Path) -> None:
    """Runs, events and exchanges keep the order in which they were written, whatever the clock said."""
    path = tmp_path / "t.db"
    with Store.open(path, mode="write") as store:
        for number in range(3):
            run_id = begin(store, 4, START_US - number * 10**12)
            rows = store.append(run_id, [exchange(index) for index in (3, 2, 1, 0)])
            store.append(run_id, [], [(row, observation()) for row in rows])
            store.finish_run(run_id, RunStatus.DONE, START_US - (number + 1) * 10**12)
        assert store.verify().ok
        assert [each.exchange.index for each in store.exchanges(2)] == [3, 2, 1, 0]
    assert run(["verify", "--db", str(path)]) == 0
    assert run(["status", "--db", str(path)]) == 0
