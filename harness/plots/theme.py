"""How every plot looks, and how a figure becomes an SVG or a PNG. No pyplot, no global state."""

from __future__ import annotations

import io
import re
import textwrap
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from html import escape
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.font_manager import fontManager

from harness.tables.words import printable

# Okabe and Ito's palette, told apart with any colour vision. `failed` is no behaviour and has no colour.
OUTCOME_COLOURS = {
    "answered": "#56b4e9",
    "unparsed": "#f0e442",
    "refused": "#d55e00",
    "cut": "#e69f00",
    "empty": "#9a9a9a",
    "truncated": "#009e73",
    "denied": "#cc79a7",
}
SERIES = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")

# In an SVG these become CSS variables, so that one picture serves a light and a dark page.
INK = "#1b1f24"
MUTED = "#59626d"
GRID = "#d8dce2"
BAND = "#eef1f4"
PAPER = "#fefefe"
_VARIABLES = {
    INK: "--ink",
    MUTED: "--muted",
    GRID: "--grid",
    BAND: "--band",
    PAPER: "--paper",
    SERIES[0]: "--series",
}

_LONG_NUMBER = re.compile(r"(\.\d\d)\d+")

WIDTH_IN = 7.2
_FALLBACKS = (
    "Noto Sans CJK SC", "Noto Sans CJK JP", "WenQuanYi Zen Hei", "Hiragino Sans GB", "Microsoft YaHei",
    "Noto Sans Devanagari", "Noto Sans Bengali", "Noto Sans Thai",
)  # fmt: skip
_STYLE: dict[Any, Any] = {
    "axes.axisbelow": True,
    "axes.edgecolor": GRID,
    "axes.facecolor": "none",
    "axes.grid": True,
    "axes.grid.axis": "y",
    "axes.labelcolor": MUTED,
    "axes.labelsize": 8.5,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.unicode_minus": True,
    "date.autoformatter.day": "%Y-%m-%d",
    "figure.facecolor": "none",
    "font.family": ["DejaVu Sans"],
    "font.size": 9,
    "grid.color": GRID,
    "grid.linewidth": 0.6,
    "hatch.linewidth": 0.5,
    "legend.fontsize": 8.5,
    "legend.frameon": False,
    "legend.labelcolor": INK,
    "svg.fonttype": "none",
    "svg.hashsalt": "harness",
    "text.color": INK,
    # A model called "$\frac" is a name, not a formula.
    "text.parse_math": False,
    "timezone": "UTC",
    "xtick.color": MUTED,
    "xtick.labelsize": 8,
    "xtick.major.size": 3,
    "ytick.color": MUTED,
    "ytick.labelsize": 8,
    "ytick.major.size": 0,
}


@cache
def _families() -> list[str]:
    """Return our font and, where installed, others that have the signs it lacks."""
    installed = {font.name for font in fontManager.ttflist}
    return ["DejaVu Sans", *(name for name in _FALLBACKS if name in installed)]


@contextmanager
def style(*, wide: bool = False) -> Iterator[None]:
    """Use the house style inside the block, whatever the reader's own matplotlib settings.

    `wide` looks for fonts beyond our own, which takes a while and is worth it only for names that need them.
    """
    with matplotlib.rc_context(), warnings.catch_warnings():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(dict(_STYLE))
        if wide:
            matplotlib.rcParams["font.family"] = _families()
        # Names may be in any script: an SVG has the reader's fonts, a PNG shows a box for what it lacks.
        warnings.filterwarnings("ignore", message=r"Glyph \d+ .*missing from font")
        warnings.filterwarnings("ignore", message=r"Matplotlib currently does not support")
        yield


@dataclass(frozen=True, slots=True, eq=False)
class Plot:
    """A finished picture with the words that belong to it."""

    name: str
    """Safe as a file name and as an HTML id."""
    title: str
    caption: str
    """What must be read with it: what was counted, what the bands are, what was left out."""
    alt: str
    """What the picture shows, for who cannot see it."""
    figure: Figure
    wide: bool = False
    """Whether its names need signs that our own font lacks."""

    def svg(self) -> str:
        """Return an `<svg>` element to put into a page: no scripts, no outside resources, own ids."""
        buffer = io.StringIO()
        with style(wide=self.wide):
            canvas: Any = FigureCanvasSVG(self.figure)
            canvas.print_svg(buffer, metadata={"Date": None, "Creator": None})
        return _inline(buffer.getvalue(), self.name, self.title, self.alt)

    def png(self, path: Path, dpi: int = 144) -> Path:
        """Write a PNG on white paper and return its path."""
        with style(wide=self.wide):
            canvas: Any = FigureCanvasAgg(self.figure)
            self.figure.set_dpi(dpi)
            self.figure.patch.set_facecolor("white")
            canvas.print_png(
                str(path), metadata={"Title": self.title, "Software": None}, pil_kwargs={"compress_level": 3}
            )
            self.figure.patch.set_facecolor("none")
        return path


def _inline(document: str, name: str, title: str, alt: str) -> str:
    start = document.index("<svg")
    svg = document[start:]
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    svg = re.sub(r"<!--.*?-->", "", svg, flags=re.DOTALL)
    # Several pictures share a page: ids must not meet.
    svg = re.sub(r'(\sid=")', rf"\1{name}-", svg)
    svg = re.sub(r"(url\(#)", rf"\1{name}-", svg)
    svg = re.sub(r'(xlink:href="#)', rf"\1{name}-", svg)
    for colour, variable in _VARIABLES.items():
        svg = svg.replace(colour, f"var({variable},{colour})")
    svg = re.sub(r"'DejaVu Sans'(?:, '[^';\"]*')*", "var(--face,sans-serif)", svg)
    # A hundredth of a point is finer than any screen; the rest would be half the page's weight.
    svg = re.sub(r'\s(?:d|x|y|transform)="[^"]*"', lambda found: _LONG_NUMBER.sub(r"\1", found[0]), svg)
    svg = re.sub(r"\s*\n\s*", "\n", svg)
    head = svg.index(">")
    opening = re.sub(r'\s(width|height)="[^"]*"', "", svg[:head])
    described = (
        f'{opening} role="img" aria-labelledby="{name}-title {name}-desc">'
        f'<title id="{name}-title">{escape(title)}</title><desc id="{name}-desc">{escape(alt)}</desc>'
    )
    return described + svg[head + 1 :].rstrip()


def slug(*parts: str) -> str:
    """Return a name that is safe for files and ids; two different inputs may give the same one."""
    text = "-".join(re.sub(r"[^a-z0-9]+", "-", part.casefold()).strip("-")[:40] for part in parts if part)
    return text.strip("-") or "plot"


def wide(*names: str) -> bool:
    """Whether any of these names is written in a script our own font lacks."""
    return any("\u0900" <= sign < "\u1e00" or sign >= "\u2e80" for name in names for sign in name)


def short(text: object, limit: int = 26) -> str:
    """Return a name as it stands on an axis."""
    return printable(text, limit)


class Sheet:
    """A figure with its title above and its notes below, laid out in inches so that nothing overlaps."""

    def __init__(self, title: str, subtitle: str, notes: Sequence[str], height_in: float) -> None:
        """Lay out the words; `height_in` is what the plot area itself gets, labels included."""
        title_lines = textwrap.wrap(title, 76) or [""]
        subtitle_lines = textwrap.wrap(subtitle, 104)
        note_lines = [line for note in notes for line in textwrap.wrap(note, 112, subsequent_indent="   ")]
        self.top_in = 0.14 + 0.21 * len(title_lines) + 0.17 * len(subtitle_lines) + 0.10
        self.bottom_in = 0.06 + 0.155 * len(note_lines) + (0.06 if note_lines else 0.0)
        self.height_in = self.top_in + height_in + self.bottom_in
        self.figure = Figure(figsize=(WIDTH_IN, self.height_in))
        FigureCanvasAgg(self.figure)
        y = self.height_in - 0.14
        for line in title_lines:
            self._text(y, line, size=11, weight="bold", color=INK)
            y -= 0.21
        for line in subtitle_lines:
            self._text(y, line, size=8.5, color=MUTED)
            y -= 0.17
        y = self.bottom_in - 0.04
        for line in note_lines:
            self._text(y, line, size=7.8, color=MUTED)
            y -= 0.155

    def _text(self, y_in: float, text: str, **options: object) -> None:
        self.figure.text(0.12 / WIDTH_IN, y_in / self.height_in, text, va="top", ha="left", **options)  # type: ignore[arg-type]

    def axes(
        self,
        left_in: float,
        from_top_in: float,
        width_in: float,
        height_in: float,
        sharex: Axes | None = None,
    ) -> Axes:
        """Return axes whose box lies so far from the left edge and below the title."""
        bottom = self.height_in - self.top_in - from_top_in - height_in
        box = (
            left_in / WIDTH_IN, bottom / self.height_in, width_in / WIDTH_IN, height_in / self.height_in,
        )  # fmt: skip
        return self.figure.add_axes(box, sharex=sharex)


def beside(axes: Axes, place: float, words: Sequence[tuple[str, float]]) -> None:
    """Write words to the right of the axes at this height, each ending so many points from their edge."""
    for text, across in words:
        axes.annotate(
            text,
            (1, place),
            xycoords=("axes fraction", "data"),
            xytext=(across, 0),
            textcoords="offset points",
            va="center",
            ha="right",
            fontsize=8,
            color=MUTED,
        )
