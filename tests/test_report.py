"""The report: one page that stands alone, the same in Markdown, and words that never say more than was seen."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta
from html.parser import HTMLParser
from pathlib import Path

import pandas as pd
import pytest

from harness.claims import Finding, Kind, Part, RuledOut, Standing, StreamKey, Tier, Verdict
from harness.errors import EvidenceError
from harness.report import write_report
from harness.report.content import Content, compose
from harness.report.writing import escape_markdown, render_html, render_markdown
from harness.tables import Claims, Evidence, SuiteNote
from tests.synthetic import START, make_evidence

HOSTILE = '"><script>alert(1)</script><img src=x onerror=alert(2)>\n# heading\n[click](https://evil.example) ![i](https://evil.example/p.png)'
PAIRS = ("topic-pairs",)
VOID = {"meta", "br", "img", "input", "link", "hr", "path", "use", "rect"}
CLAIMS = r"\b(?:degraded|got worse|has changed|was nerfed|significant|proves?|drift(?:ed)?)\b"


class Page(HTMLParser):
    """What a page is made of; complains about tags that do not match."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.words: list[str] = []
        self.open: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if not self.open or self.open[-1] not in {"style", "script"}:
            self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())


def hostile(runs: int = 2) -> Evidence:
    """Evidence in which every name that comes from outside tries to do harm."""
    evidence = make_evidence(
        runs, endpoints=(HOSTILE,), families=(HOSTILE, "b"), topics=(HOSTILE, "law"), served=(HOSTILE,),
        fingerprints=(HOSTILE, "b"), per_group=4,
    )  # fmt: skip
    tallies = evidence.tallies.assign(
        suite=evidence.tallies["suite"].replace("capability", HOSTILE),
        probe_id=HOSTILE + evidence.tallies["probe_id"].astype(str),
    )
    runs_table = evidence.runs.assign(status=HOSTILE, harness_version=HOSTILE)
    notes = {
        HOSTILE: SuiteNote(HOSTILE, HOSTILE),
        "topic-pairs": SuiteNote(HOSTILE, HOSTILE, ("topic", "neutral")),
    }
    return replace(
        evidence, tallies=tallies, runs=runs_table, suites=notes, database=HOSTILE, harness_version=HOSTILE
    )


@pytest.fixture(scope="module")
def harmful() -> Content:
    return compose(hostile())


@pytest.fixture(scope="module")
def first() -> Page:
    return Page(render_html(compose(make_evidence(1))))


def test_one_page_one_text_and_the_pictures_are_written(tmp_path: Path) -> None:
    """The paths come back, each picture of the page is there as PNG, and nothing half-written is left behind."""
    paths = write_report(make_evidence(2, suites=PAIRS), tmp_path / "deep" / "down")
    assert paths.html == tmp_path / "deep" / "down" / "report.html"
    written = {path for path in (tmp_path / "deep" / "down").rglob("*") if path.is_file()}
    assert written == {paths.html, paths.markdown, *paths.pictures}
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in paths.pictures)
    linked = re.findall(r"\]\((pictures/[^)]+)\)", paths.markdown.read_text(encoding="utf-8"))
    assert sorted(linked) == sorted(f"pictures/{path.name}" for path in paths.pictures)
    again = write_report(make_evidence(2, suites=PAIRS), tmp_path / "deep" / "down")
    assert again == paths


def test_the_page_stands_alone(first: Page) -> None:
    """No script, no frame, no link outside; pictures and style are inside; a policy forbids anything else."""
    assert not {"script", "iframe", "object", "embed", "link", "img", "base", "form"} & set(first.tags)
    for name, value in first.attributes:
        assert not name.startswith("on")
        if name in {"href", "src", "xlink:href", "action"}:
            assert value.startswith("#")
    assert any("default-src 'none'" in value for name, value in first.attributes if name == "content")
    assert first.tags.count("svg") == 5


def test_the_page_can_be_read_without_seeing_it(first: Page) -> None:
    """Language, headings in order, a name and a description for each picture, scope for each table heading."""
    attributes = first.attributes
    assert ("lang", "en") in attributes
    assert first.tags.count("h1") == 1
    assert sum(value == "img" for name, value in attributes if name == "role") == first.tags.count("svg")
    assert first.tags.count("title") == 1 + first.tags.count("svg")
    assert first.tags.count("desc") == first.tags.count("svg")
    assert first.tags.count("caption") == first.tags.count("table")
    assert sum(name == "scope" for name, _ in attributes) == first.tags.count("th")
    ids = [value for name, value in attributes if name == "id"]
    assert len(ids) == len(set(ids))
    for name, value in attributes:
        if name == "aria-labelledby" or (name == "href" and value.startswith("#")):
            assert set(value.removeprefix("#").split()) <= set(ids)


def test_the_style_serves_light_dark_and_paper() -> None:
    """Dark only on screens, so that print is dark ink on white; phones scroll wide tables inside the page."""
    text = render_html(compose(make_evidence(1, suites=PAIRS)))
    assert "@media screen and (prefers-color-scheme: dark)" in text
    assert "@media print" in text
    assert 'name="viewport"' in text
    assert "http" not in re.sub(r'xmlns(?::\w+)?="[^"]*"|http-equiv', "", text)


def test_hostile_names_are_shown_and_do_nothing(harmful: Content) -> None:
    """Endpoint, model, suite, family, topic, probe, status, version and database reach the page as text only."""
    page = Page(render_html(harmful))
    assert not {"script", "img", "iframe"} & set(page.tags)
    assert not [name for name, _ in page.attributes if name.startswith("on")]
    assert not [
        value
        for name, value in page.attributes
        if name in {"href", "xlink:href"} and not value.startswith("#")
    ]
    assert "<script>alert(1)</script>" in page.text


def test_hostile_names_stay_text_in_markdown(harmful: Content) -> None:
    """No HTML, heading, link, image or table cell comes from a name."""
    text = render_markdown(harmful)
    ours = [line for line in text.splitlines() if line.startswith("#")]
    assert all(line.lstrip("# ")[:1] in {'"', "W", "I", "C", "F", "H", "M", "T"} for line in ours)
    assert "\n# heading" not in text
    assert not re.search(r"<[a-zA-Z/!]", text)
    assert not re.search(r"(?<!\\)\]\((?!pictures/)", text)
    assert not re.search(r"(?<!\\):\/\/", text)
    for table in re.findall(r"(?:^\|.*\n)+", text, flags=re.MULTILINE):
        widths = {len(re.findall(r"(?<!\\)\|", line)) for line in table.splitlines()}
        assert len(widths) == 1, table


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("gpt_4*x`y`", r"gpt\_4\*x\`y\`"),
        ("a|b\nc", r"a\|b c"),
        ("[t](u) <b>&amp;", r"\[t\](u) &lt;b&gt;&amp;amp;"),
        ("https://e.example www.e.example", r"https\://e.example www\.e.example"),
        ("back\\slash ~~x~~ $x$ #1", r"back\\slash \~\~x\~\~ \$x\$ \#1"),
    ],
)
def test_markdown_is_escaped_sign_by_sign(name: str, shown: str) -> None:
    """Each sign that Markdown would read is told to be itself."""
    assert escape_markdown(name) == shown


def test_one_run_says_that_nothing_can_be_said_about_change(first: Page) -> None:
    """In the box at the top, in the summary, in the section and in the limits."""
    assert "Nothing about change can be said from one run." in first.text
    assert first.text.count("Nothing can be said about change yet.") == 2
    assert "one run has nothing to be compared with" in first.text
    assert "against the run before" not in first.text


def test_two_runs_are_described_and_not_claimed_about() -> None:
    """The change has counts, an interval and the caution; no sentence claims a cause or a change."""
    content = compose(make_evidence(2, drop_at=1, per_group=30, suites=PAIRS))
    page = Page(render_html(content))
    assert "it is not yet a finding" in page.text
    assert re.search(r"of \d+ tasks measured in both, \d+ scored lower, \d+ higher, \d+ the same", page.text)
    assert "The interval does not include zero." in page.text
    assert not re.search(CLAIMS, page.text.lower())
    assert [one.heading for one in content.change.comparisons] == ["The latest run against the one before"]


def test_two_equal_runs_say_that_zero_is_included_and_proves_nothing() -> None:
    """Same scores in both: said so, with an interval that has width."""
    evidence = make_evidence(1, suites=PAIRS)
    second = evidence.tallies.assign(run_id=2, started_at=evidence.tallies["started_at"] + timedelta(days=1))
    twice = replace(
        evidence,
        tallies=pd.concat([evidence.tallies, second]),
        runs=pd.concat([evidence.runs, evidence.runs.assign(run_id=2, started_at=START + timedelta(days=1))]),
    )
    text = Page(render_html(compose(twice))).text
    assert re.search(
        r"all \d+ tasks measured in both scored the same; on average 0 points \(95% interval −\d to \+\d\)",
        text,
    )
    assert "this alone neither shows a difference nor rules one out" in text


def test_a_long_series_is_also_compared_by_halves() -> None:
    """From eight runs on the later half stands against the earlier half."""
    headings = [
        one.heading for one in compose(make_evidence(9, suites=PAIRS, per_group=3)).change.comparisons
    ]
    assert headings == [
        "The latest run against the one before",
        "The later half of the runs against the earlier half",
    ]


def test_endpoints_asked_in_different_runs_are_compared_each_with_its_own_past() -> None:
    """An endpoint asked every other run is compared with the last run that asked it; one asked once is named."""
    evidence = make_evidence(4, endpoints=("a", "b", "c"), suites=("capability",), per_group=4)
    number, who = evidence.tallies["run_id"], evidence.tallies["endpoint"]
    keep = (
        ((who == "a") & (number % 2 == 1))
        | ((who == "b") & (number % 2 == 0))
        | ((who == "c") & (number == 4))
    )
    content = compose(replace(evidence, tallies=evidence.tallies[keep]))
    assert content.change.comparisons[0].tables[0].rows[0][0] == "a"
    assert (
        "1 combination of endpoint and suite asked in one run only: nothing to compare."
        in content.change.sentences
    )
    assert "(2 runs, 2026-03-01 to 2026-03-02)" in content.change.comparisons[0].sentences[0]


def test_simulated_runs_are_marked_everywhere() -> None:
    """Title, banner, limits, footer, every picture and the Markdown say that it is a rehearsal."""
    content = compose(make_evidence(2, clock="simulated", suites=PAIRS))
    text = render_html(content)
    page = Page(text)
    assert "(simulated)</title>" in text
    assert page.text.count("All runs in this report are a rehearsal") == 2
    assert "Simulated runs say nothing about any real provider." in page.text
    for plot in content.plots:
        assert "simulated rehearsal" in " ".join(line.get_text() for line in plot.figure.texts)
    assert "a rehearsal" in render_markdown(content)
    assert "imulated" not in Page(render_html(compose(make_evidence(1, suites=PAIRS)))).text


def test_gaps_are_told() -> None:
    """Failed and unsent calls, low coverage, unfinished runs and long pauses each have their sentence."""
    starts = [START + timedelta(days=day) for day in (0, 1, 2, 3, 20, 21)]
    evidence = make_evidence(6, starts=starts, failed=0.1, suites=("capability",))
    runs = evidence.runs.assign(planned=evidence.runs["planned"] + 10)
    runs.loc[runs["run_id"] == 6, "status"] = "interrupted"
    said = " ".join(compose(replace(evidence, runs=runs)).coverage.sentences)
    assert re.search(
        r"Missing: \d+ failed and 60 were never sent or not finished\. Missing is not counted as wrong\.",
        said,
    )
    assert "6 runs with less than 95% coverage: read them with care" in said
    assert "1 run not finished: run 6 (interrupted)." in said
    assert "The longest pause between runs lasted 17 days" in said


def test_the_score_leads_and_accuracy_only_stands_beside_it() -> None:
    """Accuracy among readable answers never appears without the warning what it leaves out."""
    content = compose(make_evidence(1, refused=0.3))
    sentences = [sentence for part in content.answers for sentence in part.sentences]
    beside = [sentence for sentence in sentences if "Among the answers that could be read" in sentence]
    assert len(beside) == 2
    assert all("only to be read beside the score" in sentence for sentence in beside)
    assert not any("could be read it is" in sentence for sentence in content.short)
    assert re.search(
        r"score \d+% \(95% interval \d+% to \d+%\), 62 tasks; beside answers: .*\d+% refused",
        content.short[1],
    )


def test_it_says_how_to_check_and_what_it_does_not_say(first: Page) -> None:
    """Commands for the sceptic, limits for the reader, methods and versions for both."""
    for words in (
        "harness verify", "harness show CALL", "What this does not say", "It does not say why",
        "Wilson's score interval", "Bonett and Price", "content hash", "harness, when the runs were made",
    ):  # fmt: skip
        assert words in first.text


def test_many_endpoints_are_not_all_drawn_and_it_says_so() -> None:
    """Pictures stop at a limit; sentences and tables do not."""
    evidence = make_evidence(
        1, endpoints=[f"e{number:02d}" for number in range(14)], suites=("capability",), per_group=2
    )
    content = compose(evidence)
    assert len(content.answers) == 14
    assert sum(bool(part.plots) for part in content.answers) == 12
    assert (
        content.not_drawn
        == "Not drawn, for room: e12 on capability and e13 on capability. Their figures are in the tables."
    )
    assert "6 more combinations of endpoint and suite: see the tables below." in content.short


def test_no_exchange_is_no_report(tmp_path: Path) -> None:
    """Nothing finished ends in one line with the command that helps, and writes nothing."""
    evidence = make_evidence(1)
    with pytest.raises(EvidenceError, match="no finished exchange to report on; `harness run` makes some"):
        write_report(replace(evidence, tallies=evidence.tallies.iloc[:0]), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_everything_failed_is_reported_as_missing() -> None:
    """A provider that was down gives a report without a score, not a score of zero."""
    evidence = make_evidence(2, suites=("capability",))
    down = evidence.tallies.assign(failed=evidence.tallies["n"], answered=0, graded=0, score_sum=0.0)
    for name in ("unparsed", "refused", "cut", "empty", "truncated", "denied"):
        down[name] = 0
    text = Page(render_html(compose(replace(evidence, tallies=down)))).text
    assert "Everyday skills, latest run: nothing was measured." in text
    assert "No task was measured in both" in text
    assert "0% (95%" not in text


def test_one_probe_gives_no_interval_anywhere() -> None:
    """A single task is shown with the reason why it has no interval."""
    text = Page(
        render_html(compose(make_evidence(1, per_group=1, families=("f",), suites=("capability",))))
    ).text
    assert re.search(r"score \d+% \(only one task, no interval\);", text)
    assert "A dot without a bar" in text


def test_the_same_evidence_gives_the_same_bytes(tmp_path: Path) -> None:
    """A report can be checked by making it again."""
    one = write_report(make_evidence(2, suites=PAIRS, per_group=4), tmp_path / "one")
    two = write_report(make_evidence(2, suites=PAIRS, per_group=4), tmp_path / "two")
    assert one.html.read_bytes() == two.html.read_bytes()
    assert one.markdown.read_bytes() == two.markdown.read_bytes()
    assert [path.read_bytes() for path in one.pictures] == [path.read_bytes() for path in two.pictures]


def test_findings_are_told_with_their_evidence() -> None:
    """Each finding stands with its claim, what else it could be and what became of it; silence is not `no change`."""
    finding = Finding(
        *("f0123456789ab", Kind.TOPIC_LOCK, Tier.INCIDENT, Verdict.CHANGE),
        *(StreamKey("smollm2", "topic-pairs", "lock", topic="law"), "smollm2 <b>fares worse</b>: consistent with a lock."),
        *(1_775_000_000_000_000, 3, 1, "down"),
        e_value=41_000.0, threshold=36_500.0, strength="at most 1 year of 112",
        ruled_out=(RuledOut("common-mode", "ruled out", "none of 4 moved alike"),),
        parts=(Part("topic law", 12, 12, 0.9, 0.2, -0.9, -0.4),), caveats=("It does not say why.",),
        exchanges=("ab12",), standing=Standing.WITHDRAWN,
    )  # fmt: skip
    ledger = {"alpha": 0.01, "horizon_days": 365, "groups": ["smollm2"], "threshold": 36_500.0}
    claims = Claims(
        (finding,),
        {finding.id: (("withdrawn", 1_775_500_000_000_000, "the days after are as before"),)},
        (
            ("smollm2/a/correct", "no change", "within 5 points"),
            ("smollm2/a/refused", "inconclusive", "3 runs"),
        ),
        ((1_774_000_000_000_000, "the first period", ledger),),
        12,
    )
    evidence = replace(make_evidence(2, suites=PAIRS), claims=claims)
    page = render_html(compose(evidence))
    text = " ".join(Page(page).text.split())
    assert "<b>fares worse</b>" not in page
    for words in (
        "topic-lock on smollm2 (incident, withdrawn)", "none of 4 moved alike", "the days after are as before",
        "1 show no change within their margin just now; 1 are inconclusive", "at most 0.01 false lasting findings",
        "harness show ab12", "stands under Findings",
    ):  # fmt: skip
        assert words in text, words
    assert "topic-lock on smollm2" in render_markdown(compose(evidence))
    assert not any("fares worse" in sentence for sentence in compose(evidence).short)
    silent = " ".join(Page(render_html(compose(make_evidence(2, suites=PAIRS)))).text.split())
    assert "nothing is claimed here" in silent
