"""The report in a real browser: it is drawn, it fits a phone, and hostile names do nothing."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from PIL import Image

from harness.report import write_report
from tests.synthetic import make_evidence

BROWSER = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
OWNED = "m<script>document.title='owned'</script><img src=x onerror=\"document.title='owned'\">"
pytestmark = pytest.mark.skipif(BROWSER is None, reason="needs a browser: apt-get install -y chromium")


def browse(folder: Path, *words: str) -> str:
    """Run the browser headless, away from the network and its own updates, and return what it prints."""
    assert BROWSER is not None
    options = (
        "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
        "--disable-component-update --disable-sync --hide-scrollbars --virtual-time-budget=2000"
    )
    command = [BROWSER, *options.split(), f"--user-data-dir={folder / 'profile'}", *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=True).stdout


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("report")
    return write_report(make_evidence(5, endpoints=(OWNED,)), folder).html


def test_the_page_is_drawn_at_both_widths(page: Path) -> None:
    """At desktop and phone width the page has text and coloured pictures, not one flat colour."""
    for width in (1200, 390):
        picture = page.parent / f"{width}.png"
        browse(page.parent, f"--window-size={width},2400", f"--screenshot={picture}", page.as_uri())
        with Image.open(picture) as image:
            assert image.size[0] == width
            colours = image.convert("RGB").getcolors(maxcolors=1_000_000)
        assert colours is not None
        assert len(colours) > 100


def test_hostile_names_do_nothing_in_a_browser(page: Path) -> None:
    """A model called like a script is shown by its name and never runs."""
    document = browse(page.parent, "--dump-dom", page.as_uri())
    title = re.search(r"<title>(.*?)</title>", document, re.DOTALL)
    assert title is not None
    assert title[1] != "owned"
    assert "<script" not in document
    assert "&lt;script&gt;" in document
