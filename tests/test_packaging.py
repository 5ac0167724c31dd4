"""What is installed is what is in the checkout."""

from __future__ import annotations

import subprocess
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_every_suite_is_in_the_wheel() -> None:
    """Each committed suite, and nothing else of probes/, is packaged under the name it is found by."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    included = project["tool"]["hatch"]["build"]["targets"]["wheel"]["force-include"]
    listed = subprocess.run(
        ["git", "ls-files", "probes/*/suite.toml"], cwd=ROOT, capture_output=True, text=True
    )
    committed = {Path(line).parent.name for line in listed.stdout.splitlines()}
    if not committed:  # an unpacked archive, without git
        committed = {path.parent.name for path in (ROOT / "probes").glob("*/suite.toml")}
    assert included == {f"probes/{name}": f"harness/_probes/{name}" for name in committed}
