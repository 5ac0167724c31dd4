"""The figures in docs/suites/*.md, counted from the suites: `python -m harness.suites.documentation docs/suites`."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from harness.suites.form import Suite
from harness.suites.packaged import shipped
from harness.suites.reading import load_suite

START, END = "<!-- counted from the suite -->", "<!-- end of counts -->"


def _listed(counts: Iterable[tuple[str, int]]) -> str:
    return ", ".join(f"{name}: {count}" for name, count in counts)


def _in_order(names: Iterable[str], used: Counter[str]) -> list[tuple[str, int]]:
    return [(name, used[name]) for name in names if used[name]]


def facts(suite: Suite) -> str:
    """Return the table of counts that a suite's page shows."""
    probes = suite.probes
    pairs = len({probe.pair for probe in probes if probe.pair})
    rungs = Counter(probe.difficulty for probe in probes if probe.difficulty is not None)
    depths = Counter(probe.depth for probe in probes if probe.depth is not None)
    topics = Counter(probe.topic for probe in probes if probe.topic)
    rows = [
        ("version", str(suite.version)),
        ("content hash", f"`{suite.content_hash}`"),
        ("licence", suite.licence),
        ("probes", str(len(probes))),
        ("languages", _listed(_in_order(suite.languages, Counter(probe.language for probe in probes)))),
        ("families", _listed(_in_order(suite.families, Counter(probe.family for probe in probes)))),
        ("graders", _listed(sorted(Counter(probe.grader for probe in probes).items()))),
    ]
    if pairs:
        rows.append(("pairs", f"{pairs}, in the arms {' and '.join(suite.arms)}"))
    if topics:
        rows.append(("probes by topic", _listed(_in_order(suite.topics, topics))))
    if depths:
        rows.append(
            ("probes by depth", _listed((str(depth), count) for depth, count in sorted(depths.items())))
        )
    if rungs:
        rows.append(("probes by rung", _listed((str(rung), count) for rung, count in sorted(rungs.items()))))
    anchors, fresh = sum(probe.anchor for probe in probes), sum(probe.fresh for probe in probes)
    if anchors or fresh:
        rows.append(("anchors", str(anchors)))
        rows.append(("fresh for every run", str(fresh)))
    lines = ["| | |", "| --- | --- |", *(f"| {name} | {value} |" for name, value in rows)]
    return "\n".join([START, *lines, END])


def with_facts(page: str, suite: Suite) -> str:
    """Return a page with the table of counts brought up to date.

    Raises:
        ValueError: the page has no place for the table.
    """
    before, start, rest = page.partition(START)
    _, end, after = rest.partition(END)
    if not start or not end:
        raise ValueError(f"the page of {suite.name} needs {START} and {END}")
    return before + facts(suite) + after


def main(folder: Path) -> None:
    """Bring the counts in every shipped suite's page up to date."""
    for name, place in shipped().items():
        path = folder / f"{name}.md"
        path.write_text(with_facts(path.read_text(encoding="utf-8"), load_suite(place)), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
