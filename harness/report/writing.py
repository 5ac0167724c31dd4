"""Dressing a report: one self-contained page, one Markdown file, one PNG per picture."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from harness.errors import EvidenceError
from harness.report.content import Content, compose
from harness.tables import Evidence

TEMPLATES = Path(__file__).parent / "templates"
PICTURES = "pictures"

_MARKDOWN = re.compile(r"([\\`*_\[\]|#~$])")


@dataclass(frozen=True, slots=True)
class ReportPaths:
    """What was written."""

    html: Path
    markdown: Path
    pictures: tuple[Path, ...]


def write_report(evidence: Evidence, out_dir: Path) -> ReportPaths:
    """Write `report.html`, `report.md` and `pictures/*.png` into a folder, made where it is missing.

    Each file appears whole or not at all, so a reader never opens half a report.

    Raises:
        EvidenceError: there is no finished exchange to report on.
        OSError: the folder cannot be written.
    """
    if evidence.tallies.empty or evidence.runs.empty:
        raise EvidenceError(
            f"{evidence.database}: no finished exchange to report on; `harness run` makes some"
        )
    content = compose(evidence)
    folder = out_dir / PICTURES
    folder.mkdir(parents=True, exist_ok=True)
    pictures = []
    for plot in content.plots:
        unfinished = folder / f".{plot.name}.png"
        try:
            plot.png(unfinished)
            pictures.append(unfinished.replace(folder / f"{plot.name}.png"))
        finally:
            unfinished.unlink(missing_ok=True)
    html = _write(out_dir / "report.html", render_html(content))
    markdown = _write(out_dir / "report.md", render_markdown(content))
    return ReportPaths(html, markdown, tuple(pictures))


def render_html(content: Content) -> str:
    """Return the page: inline style, inline pictures, no scripts, nothing fetched from anywhere."""
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    # Text enters unescaped here alone: our own style sheet, and pictures whose words are escaped already.
    style = Markup((TEMPLATES / "style.css").read_text(encoding="utf-8"))  # noqa: S704
    pictures = {plot.name: Markup(plot.svg()) for plot in content.plots}  # noqa: S704
    return environment.get_template("report.html.j2").render(report=content, style=style, pictures=pictures)


def render_markdown(content: Content) -> str:
    """Return the same report as Markdown, with links to the PNG files."""
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=False,  # noqa: S701 - Markdown has its own escaping, applied to every value by `finalize`
        finalize=escape_markdown,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    text = environment.get_template("report.md.j2").render(report=content, pictures=PICTURES)
    return re.sub(r"\n{3,}", "\n\n", text).strip() + "\n"


def escape_markdown(value: object) -> str:
    """Return text that Markdown shows as it is: no markup, no HTML, no link made of it."""
    if isinstance(value, Markup):  # a macro's output, escaped piece by piece
        return str(value)
    text = " ".join(str(value).split())
    text = _MARKDOWN.sub(r"\\\1", text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;"))
    return re.sub(r"(?i)\bwww\.", r"www\\.", text.replace("://", "\\://"))


def _write(path: Path, text: str) -> Path:
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        unfinished.write_text(text, encoding="utf-8")
        return unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)
