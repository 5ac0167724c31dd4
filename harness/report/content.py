"""What a report says, before it is dressed as a page: plain sentences, tables and pictures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import pandas as pd

from harness.plots import Gallery, Plot, gallery
from harness.report.answers import Answers, answers_of, suite_title, summary_sentence
from harness.report.change import Change, changes
from harness.report.claimed import ClaimsView, claims_view, short_claims
from harness.report.coverage import Coverage, coverage_of
from harness.report.views import Table, listed
from harness.tables import Evidence, Part, overview
from harness.tables.words import OUTCOME_WORDS, moment, percent, plural, printable, short_hash

SUMMARY = 8
"""Combinations of endpoint and suite that the summary speaks of."""
CHANGES = 30
"""Changes by name that are listed."""


@dataclass(frozen=True, slots=True, eq=False)
class Content:
    """The whole report."""

    title: str
    subtitle: str
    simulated: str
    """The warning that heads a report on rehearsals or imported runs; empty for real runs of our own."""
    standing: str
    """What kind of statement this report is."""
    short: tuple[str, ...]
    asked: tuple[Table, ...]
    answers: tuple[Answers, ...]
    not_drawn: str
    claims: ClaimsView
    change: Change
    coverage: Coverage
    limits: tuple[str, ...]
    versions: tuple[Table, ...]
    database: str
    words: dict[str, str] = field(default_factory=lambda: dict(OUTCOME_WORDS))

    @property
    def plots(self) -> list[Plot]:
        """Every picture, in reading order."""
        found = [plot for part in self.answers for plot in part.plots]
        return [*found, *(one.plot for one in self.change.comparisons)]


def compose(evidence: Evidence) -> Content:
    """Return what the report says about this evidence."""
    runs = evidence.runs.sort_values(["started_at", "run_id"])
    parts = overview(evidence)
    drawn = gallery(parts)
    change = changes(evidence)
    covered = coverage_of(evidence)
    first, last = runs["started_at"].iloc[0], runs["started_at"].iloc[-1]
    when = f"from {first:%Y-%m-%d} to {last:%Y-%m-%d}" if len(runs) > 1 else f"on {first:%Y-%m-%d}"
    models = sorted({printable(name, 40) for name in evidence.tallies["model"].dropna().unique()})
    return Content(
        title=f"What {listed(models, 3)} answered",
        subtitle=(
            f"{plural(len(runs), 'run')} {when} (UTC). Written {moment(evidence.generated_at)} from "
            f"{printable(evidence.database)} by harness {printable(evidence.harness_version)}."
        ),
        simulated=" ".join(words for words in (_simulated(runs), _imported(evidence, len(runs))) if words),
        standing=_standing(len(runs), claimed=claims_made(evidence)),
        short=(*short_claims(evidence), *_short(evidence, list(parts.values())), *change.short),
        asked=(_asked_of(evidence), _asked(evidence)),
        answers=tuple(answers_of(evidence, part, drawn.plots.get(key, ())) for key, part in parts.items()),
        not_drawn=_not_drawn(drawn),
        claims=claims_view(evidence),
        change=change,
        coverage=covered,
        limits=_limits(evidence, len(runs), claimed=claims_made(evidence)),
        versions=_versions(evidence, runs, list(parts.values())),
        database=printable(evidence.database),
    )


def _simulated(runs: pd.DataFrame) -> str:
    count = int((runs["clock"] == "simulated").sum())
    if not count:
        return ""
    which = (
        "All runs in this report are"
        if count == len(runs)
        else f"{count} of {plural(len(runs), 'run')} in this report are"
    )
    return f"Simulated. {which} a rehearsal: no real provider was asked, and the dates are invented."


def _imported(evidence: Evidence, runs: int) -> str:
    count = len(evidence.imported)
    if not count:
        return ""
    which = (
        "All runs in this report were"
        if count == runs
        else f"{count} of {plural(runs, 'run')} in this report were"
    )
    files = listed(sorted({printable(label, 80) for label in evidence.imported.values()}), 6)
    return f"Imported. {which} not made here: they come from {files}, and rest on what those files say."


def claims_made(evidence: Evidence) -> bool:
    """Say whether the report holds any finding."""
    return evidence.claims is not None and bool(evidence.claims.findings)


def _standing(runs: int, *, claimed: bool) -> str:
    if claimed:
        return (
            "What is claimed stands under Findings, with its evidence and what else it could be. Everything else in "
            "this report describes what was asked, and what came back."
        )
    if runs == 1:
        return (
            "This report describes one run: what was asked, and what came back. Nothing about change can be "
            "said from one run."
        )
    return (
        "This report describes what was asked, and what came back. Differences between runs are described, "
        "not explained: a claim that something changed needs more runs and a test made for it."
    )


def _short(evidence: Evidence, parts: Sequence[Part]) -> list[str]:
    sentences = []
    for endpoint, part in evidence.tallies.groupby("endpoint", sort=True):
        asked, measured = int(part["n"].sum()), int((part["n"] - part["failed"]).sum())
        name, models = printable(endpoint, 40), sorted({printable(one, 40) for one in part["model"].unique()})
        who = name if models == [name] else f"{name} ({listed(models, 3)})"
        lost = f"{measured:,} of the exchanges were measured ({percent(measured / asked)}), the rest failed"
        sentences.append(
            f"{who} was asked {plural(asked, 'question')} in {plural(part['run_id'].nunique(), 'run')}; "
            f"{lost if measured < asked else 'every exchange was measured'}."
        )
    named = len({part.endpoint for part in parts}) > 1
    sentences += [summary_sentence(evidence, part, named=named) for part in parts[:SUMMARY]]
    if len(parts) > SUMMARY:
        rest = plural(len(parts) - SUMMARY, "more combination")
        sentences.append(f"{rest} of endpoint and suite: see the tables below.")
    return sentences


def _asked_of(evidence: Evidence) -> Table:
    rows = []
    for endpoint, part in evidence.tallies.groupby("endpoint", sort=True):
        mine = evidence.identities[evidence.identities["endpoint"] == endpoint]
        served = sorted({printable(name) for name in mine["served_model"].dropna().unique() if name})
        asked = sorted({printable(name) for name in part["model"].dropna().unique()})
        rows.append(
            (
                printable(endpoint),
                listed(asked, 4),
                listed(served, 4) or "not said",
                str(part["run_id"].nunique()),
            )
        )
    return Table(
        "Whom we asked",
        ("endpoint", "model asked for", "model that says it answered", "runs"),
        rows,
        numeric=1,
    )


def _asked(evidence: Evidence) -> Table:
    rows = []
    for suite, part in evidence.tallies.groupby("suite", sort=True):
        note = evidence.suites.get(str(suite))
        probes = part.drop_duplicates(["probe_id"])
        pairs = probes["pair"].dropna().nunique()
        rows.append(
            (
                suite_title(evidence, str(suite)),
                printable(note.description, 300) if note else "",
                f"{len(probes):,}" + (f" ({pairs:,} pairs)" if pairs else ""),
                listed(
                    sorted({printable(name, 30) for name in probes["family"].dropna().unique() if name}), 8
                ),
            )
        )
    return Table("What we asked", ("suite", "in its own words", "probes", "families"), rows)


def _not_drawn(drawn: Gallery) -> str:
    if not drawn.left_out:
        return ""
    names = listed(
        [f"{printable(endpoint, 30)} on {printable(suite, 30)}" for endpoint, suite in drawn.left_out], 6
    )
    return f"Not drawn, for room: {names}. Their figures are in the tables."


def _limits(evidence: Evidence, runs: int, *, claimed: bool) -> tuple[str, ...]:
    said = [
        "It does not say why anything came out as it did. A refusal may come from the model, from a filter "
        "before or after it, or from an account setting.",
        "It speaks about these questions, asked this way, from this place and account, on these dates; not "
        "about the models in general.",
        "Intervals hold the variation between questions. They do not hold day-to-day changes of a provider, "
        "and among twenty intervals about one misses by chance.",
        "A missing answer is not a wrong one: failed exchanges are left out and shown as coverage.",
        "A model's name, as served, is what the provider says: one name can stand for different weights.",
    ]
    if runs == 1:
        said.insert(0, "It does not say whether anything changed: one run has nothing to be compared with.")
    else:
        said.insert(
            0,
            "Beyond its findings it does not say that anything changed: two runs can differ by chance or a bad day."
            if claimed
            else "It does not say that a model got better or worse: two runs can differ by chance or a bad day.",
        )
    if evidence.simulated:
        said.append("Simulated runs say nothing about any real provider.")
    return tuple(said)


def _versions(evidence: Evidence, runs: pd.DataFrame, parts: Sequence[Part]) -> tuple[Table, ...]:
    columns = ["suite", "suite_version", "suite_hash"]
    used = evidence.tallies[columns].drop_duplicates().sort_values(columns)
    suites = [
        (printable(row["suite"]), str(row["suite_version"]), short_hash(row["suite_hash"]))
        for row in used.to_dict("records")
    ]
    found: set[tuple[str, str, str]] = set()
    for part in parts:
        for band in part.bands[1:]:
            for change in band.changes:
                what = f"{printable(part.suite)} {change}" if change.startswith("suite") else change
                found.add((f"{band.since:%Y-%m-%d %H:%M}", printable(part.endpoint), what))
    caption = "Changes by name (model, fingerprint, suite, graders)"
    if len(found) > CHANGES:
        caption += f": the latest {CHANGES} of {len(found)}"
    versions = sorted({printable(version) for version in runs["harness_version"].dropna().unique()})
    made = [
        ("harness, when the runs were made", listed(versions, 6)),
        ("harness, for this report", printable(evidence.harness_version)),
    ]
    tables = (
        Table("Software", ("what", "version"), made),
        Table("Suites", ("suite", "version", "content hash"), suites),
        Table(caption, ("from (UTC)", "endpoint", "change"), sorted(found)[-CHANGES:]),
    )
    return tuple(table for table in tables if table.rows)
