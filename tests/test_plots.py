"""Pictures: nothing overlaps or falls off the sheet, names cannot do harm, few and many runs both work."""

from __future__ import annotations

import re
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from itertools import combinations
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import pytest
from matplotlib.axis import Axis
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.transforms import Bbox

from harness.claims import Finding, Kind, Since, Standing, StreamKey, Tier, Verdict
from harness.plots import Plot, arm_plot, comparison_plot, gallery, outcome_plot, save, score_plot, twin_plot
from harness.plots.theme import OUTCOME_COLOURS, slug, style
from harness.plots.timeline import DENSE, Timeline
from harness.tables import MEASURED_OUTCOMES, Claims, Evidence, compare, overview
from tests.synthetic import START, make_evidence

HOSTILE = "<script>alert(1)</script> $\\frac{a}{0}$ \u202egnp.exe\n# h1 | [x](javascript:1) " + "x" * 300
MANY = [f"family-{number:02d}-with-a-long-name" for number in range(45)]
PAIRS = ("topic-pairs",)
FINGERPRINTS = tuple(f"fp_{number}" for number in range(15))
IRREGULAR = [START + timedelta(minutes=minutes) for minutes in (0, 4, 9, 28_800, 30_240, 30_300, 31_680)]


def pictures(evidence: Evidence) -> list[Plot]:
    """Every picture of some evidence, and the comparison of its first run with its last."""
    made = [plot for plots in gallery(overview(evidence)).plots.values() for plot in plots]
    runs = evidence.tallies["run_id"]
    if runs.nunique() > 1:
        first, last = (evidence.tallies[runs == number] for number in (runs.min(), runs.max()))
        made.append(comparison_plot(compare(first, last, left_label="first run", right_label="latest run")))
    return made


def words(figure: Figure) -> Iterator[tuple[str, Bbox]]:
    """Every text a reader sees, with its box in pixels."""
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    renderer = canvas.get_renderer()
    ticks = {}
    for axis in figure.findobj(Axis):
        low, high = sorted(axis.get_view_interval())
        for tick in axis.get_major_ticks():
            shown = axis.get_visible() and low - 1e-9 <= tick.get_loc() <= high + 1e-9
            ticks[id(tick.label1)] = shown and tick.label1.get_visible()
            ticks[id(tick.label2)] = shown and tick.label2.get_visible()
    for text in figure.findobj(Text):
        if text.get_text().strip() and text.get_visible() and ticks.get(id(text), True):
            yield text.get_text(), text.get_window_extent(renderer)


def faults(plot: Plot) -> list[str]:
    """Texts that overlap one another or leave the sheet."""
    with style(wide=plot.wide):
        found = list(words(plot.figure))
    width, height = plot.figure.get_size_inches() * plot.figure.dpi
    wrong = [
        f"{plot.name}: off the sheet: {text!r}"
        for text, box in found
        if box.x0 < -1 or box.y0 < -1 or box.x1 > width + 1 or box.y1 > height + 1
    ]
    for (one, first), (other, second) in combinations(found, 2):
        across = min(first.x1, second.x1) - max(first.x0, second.x0)
        down = min(first.y1, second.y1) - max(first.y0, second.y0)
        if across > 1 and down > 1.5:
            wrong.append(f"{plot.name}: {one!r} overlaps {other!r} by {across:.0f} x {down:.0f}")
    return wrong


@pytest.mark.parametrize(
    "options",
    [
        pytest.param({"runs": 1}, id="first run of a newcomer"),
        pytest.param({"runs": 2, "every": timedelta(minutes=5)}, id="two runs minutes apart"),
        pytest.param({"runs": 3, "served": ("m-1", "m-2"), "suites": PAIRS}, id="three runs, a new model"),
        pytest.param({"runs": 7, "starts": IRREGULAR, "suites": PAIRS}, id="runs at odd times"),
        pytest.param({"runs": 28, "failed": 0.1, "served": ("m-1", "m-2"), "suites": PAIRS}, id="a month"),
        pytest.param({"runs": 90, "fingerprints": ("a", "b", "c"), "suites": PAIRS}, id="a quarter"),
        pytest.param({"runs": 365, "fingerprints": ("a", "b", "c")}, id="a year", marks=pytest.mark.slow),
        pytest.param({"runs": 1, "families": MANY, "topics": MANY, "per_group": 2}, id="many groups"),
        pytest.param(
            {"runs": 15, "topics": MANY, "per_group": 1, "fingerprints": FINGERPRINTS, "suites": PAIRS},
            id="many topics and fingerprints",
        ),
        pytest.param({"runs": 1, "per_group": 1, "families": ("one",), "topics": ("t",)}, id="one probe"),
        pytest.param({"runs": 3, "failed": 0.9, "refused": 0.02, "suites": PAIRS}, id="almost all failed"),
        pytest.param(
            {"runs": 4, "endpoints": (HOSTILE,), "families": (HOSTILE, "中文家族", "b"), "served": (HOSTILE, "b" * 200),
             "suites": ("capability",)},
            id="hostile names",
        ),
    ],
)  # fmt: skip
def test_no_text_overlaps_or_leaves_the_sheet(options: dict[str, Any]) -> None:
    """Measured on the drawn figure, for every picture of the evidence."""
    assert [fault for plot in pictures(make_evidence(**options)) for fault in faults(plot)] == []


def found(day: int, suite: str = "topic-pairs", **changes: Any) -> Finding:
    """A finding about the run of a day, counted from the first."""
    at_us = int((START + timedelta(days=day)).timestamp()) * 1_000_000
    made = Finding(
        *(
            f"f{day}",
            Kind.CAPABILITY,
            Tier.PERSISTENT,
            Verdict.CHANGE,
            StreamKey("smollm2", suite, "correct"),
        ),
        *("smollm2 does worse.", at_us + 7 * 86_400_000_000, day + 8, 1, "down"),
        since=Since(at_us, at_us, at_us, 0.95),
    )
    return replace(made, **changes)


def marked(runs: int, *findings: Finding) -> Evidence:
    """Evidence of daily runs with these findings."""
    made = make_evidence(runs, suites=PAIRS, served=("m-1", "m-2"), drop_at=runs // 2)
    return replace(made, claims=Claims(findings, {}, (), (), runs))


def texts(plot: Plot) -> list[str]:
    return [text.get_text() for text in plot.figure.findobj(Text)]


@pytest.mark.parametrize("runs", [7, 30, 75])
def test_findings_that_stand_are_marked_with_date_and_kind(runs: int) -> None:
    """A numbered line at the first run after the change, its date and kind below; what was withdrawn is not marked."""
    half, key = runs // 2, StreamKey("smollm2", "topic-pairs", "lock", "law")
    evidence = marked(
        runs,
        found(half),
        found(half, stream=key, kind=Kind.TOPIC_LOCK, tier=Tier.INCIDENT, standing=Standing.CONFIRMED),
        *(found(half + day, "", kind=Kind.ACCESS) for day in (1, 2, runs - half - 1)),
        found(2, tier=Tier.INCIDENT, standing=Standing.WITHDRAWN),
        found(3, tier=Tier.INCIDENT),
        found(0),
        found(4, "another-suite"),
        found(5, verdict=Verdict.NO_CHANGE),
    )
    (part,) = overview(evidence).values()
    days = [(mark.at - START).days for mark in part.marks]
    assert days == sorted({3, half, half + 1, half + 2, runs - 1})
    first = next(mark for mark in part.marks if (mark.at - START).days == half)
    assert {"capability (persistent)", "topic-lock on law (incident, confirmed)"} <= set(first.words)
    for plot in pictures(evidence)[:-1]:
        assert faults(plot) == []
        said = texts(plot)
        date = f"{part.marks[-1].at:%Y-%m-%d %H:%M}"
        assert any(
            text.startswith(f"{len(days)}  found to have changed from {date}: access") for text in said
        )
        assert {str(number) for number in range(1, len(days) + 1)} <= set(said)
        assert "access (persistent)" in plot.alt


def test_more_findings_than_can_be_told_apart_are_counted() -> None:
    """Fifteen dates give twelve marks and a sentence that says so; without findings a picture says nothing of them."""
    evidence = marked(65, *(found(day) for day in range(5, 65, 4)))
    for plot in pictures(evidence)[:-1]:
        assert faults(plot) == []
        assert any("15 dates of findings" in text for text in texts(plot))
    plain = pictures(replace(evidence, claims=None))
    assert not any("found to have changed" in text for plot in plain for text in texts(plot))


def test_the_check_for_overlaps_finds_one() -> None:
    """Two texts at one place are a fault: the test above can fail."""
    figure = Figure()
    figure.text(0.5, 0.5, "one text")
    figure.text(0.5, 0.5, "another")
    assert len(faults(Plot("x", "x", "", "", figure))) == 1


def test_svg_stands_alone_and_escapes_every_name() -> None:
    """Well-formed, without script, comment, outside reference or id shared with another picture."""
    evidence = make_evidence(3, endpoints=(HOSTILE,), families=(HOSTILE, "b"), topics=("<b>", "law"))
    ids: list[str] = []
    for plot in pictures(evidence):
        svg = plot.svg()
        root = ET.fromstring(svg.replace("&nbsp;", " "))  # noqa: S314 - our own document
        assert root.get("role") == "img"
        assert "<script" not in svg.lower()
        assert not re.search(r"(?:href|src)=\"(?!#)", svg)
        assert not re.search(r"url\((?!#)", svg)
        assert not re.search(r"\son\w+=", svg)
        found = re.findall(r'\sid="([^"]+)"', svg)
        ids += found
        for used in re.findall(r'(?:url\(#|xlink:href="#)([^")]+)', svg):
            assert used in found
        title = root.find("{http://www.w3.org/2000/svg}title")
        assert title is not None
        assert title.text == plot.title
    assert len(ids) == len(set(ids))


def test_svg_takes_its_colours_from_the_page() -> None:
    """Ink, paper and the main colour are variables with a fallback, so that one picture serves light and dark."""
    svg = score_plot(overview(make_evidence(1))["smollm2", "capability"]).svg()
    assert "var(--ink,#1b1f24)" in svg
    assert "var(--series,#0072b2)" in svg
    assert "DejaVu" not in svg


def test_the_same_evidence_gives_the_same_picture() -> None:
    """Byte for byte, also the second time from the same figure."""
    part = overview(make_evidence(4))["smollm2", "topic-pairs"]
    plot = twin_plot(part)
    again = twin_plot(part)
    assert plot is not None
    assert again is not None
    assert plot.svg() == plot.svg() == again.svg()


def test_drawing_leaves_matplotlib_as_it_was(tmp_path: Path) -> None:
    """No setting of the reader's is changed, and pyplot is never imported."""
    before = dict(matplotlib.rcParams)
    plot = score_plot(overview(make_evidence(2))["smollm2", "capability"])
    plot.png(plot_path := tmp_path / "p.png")
    plot.svg()
    assert dict(matplotlib.rcParams) == before
    assert plot_path.read_bytes().startswith(b"\x89PNG")
    program = (
        "import sys; from tests.synthetic import make_evidence; from harness.tables import overview;"
        "from harness.plots import gallery; g = gallery(overview(make_evidence(2)));"
        "[p.svg() for ps in g.plots.values() for p in ps]; print('matplotlib.pyplot' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_a_readers_own_settings_do_not_change_the_picture() -> None:
    """A matplotlibrc with other colours and TeX on makes no difference."""
    part = overview(make_evidence(1))["smollm2", "capability"]
    plain = score_plot(part).svg()
    with matplotlib.rc_context({"text.usetex": True, "axes.facecolor": "red", "font.size": 30}):
        assert score_plot(part).svg() == plain


def test_pictures_are_saved_by_the_ending_of_their_name(tmp_path: Path) -> None:
    """`.svg` gives an SVG, anything else a PNG."""
    plot = outcome_plot(overview(make_evidence(1))["smollm2", "capability"])
    assert save(plot, tmp_path / "a.svg").read_text(encoding="utf-8").startswith("<svg")
    assert save(plot, tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")


def legend_of(figure: Figure) -> list[str]:
    return [
        text.get_text()
        for axes in figure.axes
        if (legend := axes.get_legend())
        for text in legend.get_texts()
    ]


@pytest.mark.parametrize("runs", [1, 12])
def test_outcomes_keep_their_order_and_colour_and_failed_is_not_one_of_them(runs: int) -> None:
    """The legend follows the vocabulary; failed exchanges are said to be missing, and never stacked."""
    part = overview(make_evidence(runs, failed=0.2, refused=0.2))["smollm2", "topic-pairs"]
    plot = outcome_plot(part)
    shown = legend_of(plot.figure)
    assert shown == [name for name in MEASURED_OUTCOMES if name in shown]
    assert set(OUTCOME_COLOURS) == set(MEASURED_OUTCOMES)
    assert "failed: missing data" in plot.caption
    assert re.search(r"Not seen: (?:truncated, )?denied\.", plot.caption)


def test_shares_of_a_run_fill_the_bar() -> None:
    """Stacked widths add to 1 over measured exchanges, whatever failed."""
    part = overview(make_evidence(1, failed=0.4))["smollm2", "capability"]
    bars = outcome_plot(part).figure.axes[0].patches
    assert sum(bar.get_width() for bar in bars) == pytest.approx(1.0)


def test_score_axes_run_from_zero_to_one_and_differences_around_zero() -> None:
    """No axis is cut to make a change look larger."""
    few, many = overview(make_evidence(1)), overview(make_evidence(5))
    assert score_plot(few["smollm2", "capability"]).figure.axes[0].get_xlim() == (0, 1)
    for axes in score_plot(many["smollm2", "capability"]).figure.axes:
        assert axes.get_ylim() == (0, 1)
    for parts in (few, many):
        plot = twin_plot(parts["smollm2", "topic-pairs"])
        assert plot is not None
        low, high = plot.figure.axes[0].get_xlim() if parts is few else plot.figure.axes[0].get_ylim()
        assert low == -high


def test_every_title_says_how_much_was_seen() -> None:
    """The n and the number of runs stand on the picture itself; dates are in UTC."""
    for plot in pictures(make_evidence(5, suites=PAIRS)):
        texts = " ".join(text.get_text() for text in plot.figure.texts)
        assert re.search(r"\bn = [\d,]+ exchanges in 5 runs|\d+ pairs, 5 runs|up to \d+ tasks", texts), texts
        if len(plot.figure.axes) > 2:
            assert any("UTC" in axes.get_xlabel() for axes in plot.figure.axes)


def test_rehearsals_are_marked_on_the_picture() -> None:
    """A PNG travels without its page: the word is part of the picture."""
    evidence = make_evidence(3, clock="simulated", suites=PAIRS)
    for plot in [p for plots in gallery(overview(evidence)).plots.values() for p in plots]:
        assert "simulated rehearsal" in " ".join(text.get_text() for text in plot.figure.texts).replace(
            "\n", " "
        )


def test_what_is_left_out_is_counted_and_named() -> None:
    """With more families than fit the largest stay, and the picture says which do not."""
    part = overview(make_evidence(1, families=MANY))["smollm2", "capability"]
    texts = " ".join(text.get_text() for text in score_plot(part).figure.texts)
    assert "Not drawn, for room (the largest are): 27 families" in texts
    made = gallery(
        overview(make_evidence(1, endpoints=[f"e{n}" for n in range(10)], suites=PAIRS, per_group=2)), limit=3
    )
    assert len(made.plots) == 3
    assert len(made.left_out) == 7


def test_bands_are_lettered_and_explained() -> None:
    """Each letter above the plot has its line below, with what changed."""
    part = overview(make_evidence(6, served=("m-1", "m-2")))["smollm2", "capability"]
    texts = [text.get_text() for text in score_plot(part).figure.texts]
    assert any(text.startswith("B  from 2026-03-04 06:00: served model m-1 → m-2") for text in texts)


def test_arms_are_drawn_over_each_other_only_when_there_is_something_to_follow() -> None:
    """No arms, or too few runs, gives no picture; the arms then stand among the rows of scores."""
    few, many = overview(make_evidence(2)), overview(make_evidence(4))
    assert arm_plot(few["smollm2", "topic-pairs"]) is None
    assert arm_plot(many["smollm2", "capability"]) is None
    plot = arm_plot(many["smollm2", "topic-pairs"])
    assert plot is not None
    assert legend_of(plot.figure) == ["neutral", "topic"]
    assert twin_plot(many["smollm2", "capability"]) is None


def test_names_that_look_alike_to_a_file_system_stay_apart() -> None:
    """Two endpoints that differ only in signs get two file names; a name without letters gets one too."""
    made = gallery(overview(make_evidence(1, endpoints=("a/b", "a b"), suites=("capability",))))
    names = [plot.name for plots in made.plots.values() for plot in plots]
    assert len(names) == len(set(names)) == 4
    assert slug("中文") == "plot"
    assert all(re.fullmatch(r"[a-z0-9-]+", name) for name in names)


def days(*values: float) -> Sequence[object]:
    return [START + timedelta(days=value) for value in values]


@pytest.mark.parametrize(
    ("at", "by_clock"),
    [
        (days(0, 1, 2, 3, 5, 6), True),
        (days(0, 1, 1.003, 2), False),
        (days(0, 0.003, 0.006, 40), False),
        (days(*range(200), 200.01), True),
        (days(0), False),
    ],
)
def test_runs_stand_at_their_times_only_where_they_can_be_told_apart(
    at: Sequence[object], by_clock: bool
) -> None:
    """A missed day leaves a gap; crowded or far-flung runs stand in order and the axis says so."""
    timeline = Timeline(at)  # type: ignore[arg-type]
    assert timeline.by_clock is by_clock
    assert ("in order" in timeline.label) is not by_clock
    left, right = timeline.edges()
    assert (left < right).all()
    assert (left[1:] >= right[:-1] - 1e-9).all()


def test_a_day_without_a_run_stays_blank_among_many() -> None:
    """The surface of many columns is interrupted where nobody asked."""
    starts = [START + timedelta(days=day) for day in range(DENSE + 20) if day not in {30, 31}]
    part = overview(make_evidence(len(starts), starts=starts, suites=("capability",)))[
        "smollm2", "capability"
    ]
    surface = outcome_plot(part).figure.axes[0].collections[0].get_paths()
    assert len(surface) == 2


def test_comparison_shows_both_sides_and_says_it_is_no_finding() -> None:
    """Hollow before, filled after, and the caution on the picture itself."""
    evidence = make_evidence(2, drop_at=1)
    first, last = (evidence.tallies[evidence.tallies["run_id"] == number] for number in (1, 2))
    plot = comparison_plot(compare(first, last, left_label="run 1", right_label="run 2"))
    texts = " ".join(text.get_text() for text in plot.figure.texts)
    assert plot.title == "Run 2 against run 1"
    assert "A description, not yet a finding." in texts
    assert "−" in plot.alt
    low, high = plot.figure.axes[1].get_xlim()
    assert low == -high


def test_a_comparison_by_many_kinds_keeps_the_suites_and_the_largest_groups() -> None:
    """Breakdowns that do not fit are left out and counted, whatever they are made by."""
    evidence = make_evidence(2)
    kinds = [f"kind {place % 40}" for place in range(len(evidence.tallies))]
    tallies = evidence.tallies.assign(kind=kinds)
    plot = comparison_plot(compare(*(tallies[tallies["run_id"] == number] for number in (1, 2))))
    labels = [label.get_text() for label in plot.figure.axes[0].get_yticklabels()]
    assert len(labels) <= 28
    assert any(label in {"capability", "all suites"} for label in labels)


def test_nothing_in_common_is_drawn_as_nothing() -> None:
    """When every shared probe failed on one side the picture says that nothing can be said."""
    evidence = make_evidence(2)
    tallies = evidence.tallies.assign(failed=evidence.tallies["n"], answered=0, score_sum=0.0)
    gone = replace(evidence, tallies=tallies)
    plot = comparison_plot(compare(evidence.tallies, gone.tallies))
    assert "nothing can be said" in " ".join(text.get_text() for text in plot.figure.texts)
    for made in pictures(gone):
        assert np.isfinite(made.figure.axes[0].get_position().bounds).all()
        assert made.svg().startswith("<svg")
