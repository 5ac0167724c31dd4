"""Wrong config files and the exact lines each gets; nothing but ConfigError, whatever the file."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from harness.config import load_config, template_text
from harness.errors import ConfigError
from tests.wrong_configs import ENVIRON, GOOD, KEY, MISTAKES, cron_mistake


def mistakes(path: Path) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load_config(path, ENVIRON, cron_mistake=cron_mistake)
    return list(caught.value.mistakes)


@pytest.mark.parametrize("name", MISTAKES)
def test_mistakes(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every mistake gets its line: file, key, value, fix; all of them at once, in the file's order."""
    text, expected = MISTAKES[name]
    monkeypatch.chdir(tmp_path)
    Path("config.toml").write_text(text, encoding="utf-8")
    assert mistakes(Path("config.toml")) == [f"config.toml: {line}" for line in expected]


def test_good_one_is_good(tmp_path: Path) -> None:
    """The config that the wrong ones are made from is right."""
    path = tmp_path / "config.toml"
    path.write_text(GOOD)
    assert load_config(path, ENVIRON, cron_mistake=cron_mistake).endpoints["gpt"].model == "gpt-6-luna"


def test_table_is_long_enough() -> None:
    """The table covers what users do wrong, not a token few."""
    assert len(MISTAKES) >= 40


def test_no_secret_in_any_message() -> None:
    """No expected line repeats a key or a password."""
    told = "\n".join(line for _, lines in MISTAKES.values() for line in lines)
    assert KEY not in told
    assert "hunter2" not in told


UNREADABLE: dict[str, tuple[bytes, str]] = {
    "empty": (b" \n", "is empty (fix: run `harness init` in a new folder to get a commented example)"),
    "UTF-16": ("x = 1".encode("utf-16"), "is UTF-16 text (fix: save it as UTF-8)"),
    "Latin-1": (b"a = 1\nb = '\xe9'\n", "line 2: byte 0xe9 is not UTF-8 (fix: save it as UTF-8)"),
    "huge": (b"#" * 1_000_001, "is longer than 1,000,000 bytes (fix: is this the right file?)"),
}


@pytest.mark.parametrize("name", UNREADABLE)
def test_unreadable_files(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that is no text of a sensible size gets one line."""
    data, expected = UNREADABLE[name]
    monkeypatch.chdir(tmp_path)
    Path("config.toml").write_bytes(data)
    assert mistakes(Path("config.toml")) == [f"config.toml: {expected}"]


def test_paths_that_are_no_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A missing file, a folder, a loop of links, a file's child and an impossible name get one line each."""
    monkeypatch.chdir(tmp_path)
    Path("folder").mkdir()
    Path("loop").symlink_to("loop")
    Path("file").touch()
    tail = "(fix: check the path and its permissions)"
    assert mistakes(Path("config.toml")) == [
        "config.toml: there is no such file (fix: run `harness init`, or name one with --config)"
    ]
    assert mistakes(Path("folder")) == [
        "folder: is a folder, not a file (fix: name the file in it with --config)"
    ]
    assert mistakes(Path("loop")) == [f"loop: cannot be read: {os.strerror(40)} {tail}"]
    assert mistakes(Path("file/x")) == [f"file/x: cannot be read: {os.strerror(20)} {tail}"]
    assert mistakes(Path("a\0b")) == [f"a\\u0000b: cannot be read: embedded null byte {tail}"]


def test_byte_order_mark_and_line_ends(tmp_path: Path) -> None:
    """A file saved by a Windows editor is read like any other."""
    path = tmp_path / "config.toml"
    path.write_bytes(b"\xef\xbb\xbf" + GOOD.replace("\n", "\r\n").encode())
    assert load_config(path).endpoints["gpt"].model == "gpt-6-luna"


def test_brackets_without_end(tmp_path: Path) -> None:
    """Nesting that would exhaust the reader's stack is a mistake, not a crash."""
    path = tmp_path / "config.toml"
    path.write_text("a = " + "[" * 3000)
    (line,) = mistakes(path)
    assert "inside one another" in line or "line 1" in line


# --- whatever the file ---------------------------------------------------------------------------

ALL = re.sub(r"(?m)^#(?=[^ \n#])", "", template_text())
LINES = ALL.splitlines()
VALUES = [
    f'"{KEY}"',
    "",
    "-1",
    "0",
    "1.5",
    "nan",
    "inf",
    "1e400",
    "true",
    '""',
    '"x"',
    "[]",
    "[1]",
    '["x", "x"]',
    "{}",
    "{ a = 1 }",
    "1979-05-27",
    "07:32:00",
    "'''",
    '"""',
    '"\\u0000"',
    "x",
    "[[[[]]]]",
    '"~"',
    '"https://u:p@h/?key=1#f"',
    '"\\ud7ff\\U0010ffff"',
    "{ a.b.c = [{ d = nan }] }",
    "9" * 30,
]


@st.composite
def mutants(draw: st.DrawFn) -> str:
    lines = list(LINES)
    for _ in range(draw(st.integers(1, 5))):
        place = draw(st.integers(0, len(lines) - 1))
        match draw(st.sampled_from(["delete", "double", "move", "value", "key", "characters"])):
            case "delete":
                del lines[place]
            case "double":
                lines.insert(draw(st.integers(0, len(lines))), lines[place])
            case "move":
                lines.insert(draw(st.integers(0, len(lines) - 1)), lines.pop(place))
            case "value":
                lines[place] = f"{lines[place].split('=')[0]}= {draw(st.sampled_from(VALUES))}"
            case "key":
                lines[place] = draw(st.text("abz.\"' []=", max_size=6)) + lines[place]
            case _:
                cut = draw(st.integers(0, len(lines[place])))
                lines[place] = lines[place][:cut] + draw(st.text(max_size=3)) + lines[place][cut + 1 :]
    return "\n".join(lines)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=mutants() | st.text(max_size=60))
@example(text="endpoints.x.body = 1979-05-27")
@example(text='"\\q" = 1')
@example(text='a\ud7ff = "\x07"')
def test_nothing_but_config_errors(text: str, tmp_path: Path) -> None:
    """However a file is spoilt, it loads or gives messages of one printable line each, and repeats no key."""
    path = tmp_path / "config.toml"
    path.write_text(text, encoding="utf-8", errors="replace")
    try:
        load_config(path, ENVIRON)
    except ConfigError as error:
        told = error.mistakes
    else:
        return
    assert told
    for line in told:
        assert line.startswith(f"{path}: ")
        assert line.isprintable()
        assert re.search(r" \(fix: .+\)$", line)
        assert len(line) < len(str(path)) + 600
        assert KEY not in line
        assert "does not fit" not in line
