"""The package client of this Python environment: pip, or uv where there is no pip."""

from __future__ import annotations

import importlib
import importlib.util
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Sequence

from harness.errors import LaunchError

_TAIL_LINES = 6
_PIP_OPTIONS = ("--disable-pip-version-check", "--no-input", "--progress-bar", "off")


def fetch(requirement: str, *, alone: bool = False, built: bool = False, again: bool = False) -> None:
    """Install one requirement into the running environment.

    Args:
        requirement: a package, with the versions that will do.
        alone: without its dependencies.
        built: never compile it, which would take a compiler and many minutes.
        again: though it is there, and from the index instead of from a cache.

    Raises:
        LaunchError: there is no package client, or it failed; with its last words and the command to try.
    """
    has_pip = importlib.util.find_spec("pip") is not None
    client = client_command(sys.executable, has_pip=has_pip, uv=shutil.which("uv"))
    if client is None:
        raise LaunchError(
            f"{requirement} cannot be installed: {sys.executable} has no pip, and there is no uv on PATH "
            f"(fix: {shlex.join([sys.executable, '-m', 'ensurepip'])}, then the same command again)"
        )
    command = [*client, "--upgrade"]
    if alone:
        command.append("--no-deps")
    if built:
        command += ["--only-binary", requirement.partition(">")[0].partition("=")[0]]
    if again:
        command += ["--force-reinstall", "--no-cache-dir" if has_pip else "--no-cache"]
    command.append(requirement)
    try:
        done = subprocess.run(  # noqa: S603 - our own words and a requirement from our own table, no shell
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            errors="replace",
            env={**os.environ, "PYTHONUTF8": "1", "NO_COLOR": "1"},
            check=False,
        )
    except OSError as error:
        raise LaunchError(f"{command[0]} cannot be run: {error.strerror}") from None
    if done.returncode != 0:
        raise LaunchError(failure_words(requirement, command, done.stdout))
    importlib.invalidate_caches()


def client_command(python: str, *, has_pip: bool, uv: str | None) -> list[str] | None:
    """Return how packages are installed into an environment; None when there is no client for it.

    An environment made by uv has no pip in it: there, uv itself installs.

    Args:
        python: the environment's interpreter.
        has_pip: whether that interpreter can import pip.
        uv: where the `uv` program is, if anywhere.
    """
    if has_pip:
        return [python, "-m", "pip", "install", *_PIP_OPTIONS]
    return [uv, "pip", "install", "--python", python] if uv is not None else None


def failure_words(requirement: str, command: Sequence[str], output: str) -> str:
    """Return what to tell a user whose package client failed.

    Args:
        requirement: what was to be installed.
        command: what was run.
        output: all it printed.
    """
    fix = f"try by hand: {shlex.join(command)}"
    if "externally-managed-environment" in output:
        return (
            f"{requirement} could not be installed: this Python belongs to the system "
            "(fix: install harness in a virtual environment, python3 -m venv .venv)"
        )
    if "Permission denied" in output:
        fix = f"install harness in a virtual environment of your own, or {fix}"
    words = [line for line in output.splitlines() if line.strip()][-_TAIL_LINES:]
    said = "; the package client said:" + "".join(f"\n  {line}" for line in words) if words else ""
    return f"{requirement} could not be installed (fix: {fix}){said}"
