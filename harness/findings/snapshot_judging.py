"""The questions about one endpoint and suite, answered -> one reading of them: a lock first, silence last."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.stats import fisher_exact

from harness.claims import Kind, Lock, RuledOut, Verdict
from harness.findings import snapshot_missing as missing
from harness.findings import snapshot_words as words
from harness.findings.snapshot_named import Fences, Named
from harness.findings.snapshot_questions import (
    FORM,
    LEAST,
    WHOLE,
    Contrast,
    Questions,
    Shift,
    among_readable,
)
from harness.findings.snapshot_refusals import Refusals
from harness.findings.snapshot_words import Reading
from harness.stats.margins import equivalence
from harness.tables.matched import Matched


@dataclass(frozen=True, slots=True)
class Judge:
    """One endpoint and suite with its questions answered."""

    matched: Matched
    questions: Questions
    form: Fences | None
    refusals: Refusals | None
    p: Mapping[str, float]
    """By hypothesis, after Holm."""
    arms: Sequence[str]
    """Names of a pair's sides where the last one is a control."""
    count: int
    level: float
    margin: float

    def named(self) -> Named:
        """Return the first reading that holds: a lock, a flip, another change, a part, no change or nothing shown."""
        right = self.questions.whole.get("right") or self.questions.whole.get("declined")
        if right is None or right.n < LEAST:
            return self._make(Verdict.INCONCLUSIVE, Reading.INCONCLUSIVE, None, right, None)
        return self._locked() or self._flipped() or self._moved() or self._partly() or self._unmoved()

    def _sure(self, name: str) -> bool:
        return self.p.get(name, 1.0) <= 1 - self.level

    def _make(
        self,
        verdict: Verdict,
        reading: Reading,
        kind: Kind | None,
        shift: Shift | None,
        p: float | None,
        *,
        contrasts: Sequence[Contrast] = (),
        lock: Lock | None = None,
        parts: Sequence[Shift] = (),
        caveats: Sequence[str] = (),
    ) -> Named:
        questions = self.questions
        told = words.Told(
            self.matched.endpoint, self.matched.suite, reading, shift, p, self.count, self.margin, lock,
            tuple(contrasts), tuple(parts), questions.whole, questions.form,
        )  # fmt: skip
        listed = [*parts, *questions.topics, *questions.classes]
        unique = {each.name: each for each in [*questions.whole.values(), *listed]}
        effect = None
        if contrasts:
            strongest = min(contrasts, key=lambda each: each.p)
            effect = words.effect_of(
                strongest.difference, "share right, topic minus controls, after minus before"
            )
        elif shift is not None:
            effect = words.effect_of(shift.interval, shift.name)
        ruled = self._ruled_out(contrasts, shift)
        return Named(
            endpoint=self.matched.endpoint,
            suite=self.matched.suite,
            verdict=verdict,
            reading=reading,
            kind=kind,
            sentence=words.sentence(told),
            topics=tuple(each.label for each in contrasts),
            lock=lock,
            effect=effect,
            p=p,
            questions=self.count,
            margin=self.margin,
            parts=tuple(each.part() for each in unique.values()),
            ruled_out=ruled,
            caveats=(*caveats, *self._of_missing(ruled), *self._of_refusals(), *self._limits()),
            refusals=self.refusals,
        )

    # --- a lock ------------------------------------------------------------------------------

    def _locked(self) -> Named | None:
        sure = [each for each in self.questions.contrasts if self._sure(f"topic {each.label}")]
        candidates = [each for each in sure if not each.language]
        for sign in (-1, 1):
            mine = [
                each
                for each in candidates
                if sign * each.own.moved > 0 and self._alone(each, len(candidates))
            ]
            if not mine:
                continue
            topics = {each.topic for each in mine}
            cells = [
                each
                for each in sure
                if each.language
                and each.topic in topics
                and sign * each.own.moved > 0
                and self._alone(each, 1)
            ]
            lock = self._manner(mine)
            if lock is None:
                continue
            reading = Reading.LOCK if sign < 0 else Reading.LIFTED
            p = max(self.p[f"topic {each.label}"] for each in mine)
            return self._make(
                Verdict.CHANGE, reading, Kind.TOPIC_LOCK, None, p, contrasts=(*mine, *cells), lock=lock
            )
        return None

    def _alone(self, found: Contrast, candidates: int) -> bool:
        """Say whether a topic moved while its controls did not, or surely by far less, on points and on log odds."""
        difference = found.difference.estimate
        if difference is None or difference * found.own.moved <= 0:
            return False
        if not equivalence(found.controls.interval, found.room(self.margin)).equivalent:
            return False
        odds = found.on_odds(1 - 0.1 / max(1, candidates))
        return bool(odds.excludes_zero) and (odds.estimate or 0.0) * found.own.moved > 0

    def _manner(self, found: Sequence[Contrast]) -> Lock | None:
        """Return how the topics are locked: what took the place of right answers; None for unreadable ones."""
        topics = {each.topic for each in found}
        where = np.array([topic in topics for topic in self.matched.tags["topic"]])
        before, after = (_divided(side, where) for side in (self.matched.left, self.matched.right))
        moved = {name: after[name] - before[name] for name in before}
        loss = -moved["right"]
        main = max(("wrong", "declined", "unreadable"), key=lambda name: np.sign(loss) * moved[name])
        if main == "unreadable":
            return None
        if main == "declined":
            return Lock.EXPLICIT
        return Lock.ANNOUNCED if abs(moved["noticed"]) >= abs(loss) / 2 else Lock.SILENT

    # --- other changes -----------------------------------------------------------------------

    def _flipped(self) -> Named | None:
        sure = [each for each in self.questions.classes if self._sure(each.name)]
        for lost in sorted(sure, key=lambda each: each.moved):
            for gained in sorted(sure, key=lambda each: -each.moved):
                if (
                    lost.moved < 0 < gained.moved
                    and lost.name.partition(" (")[2] == gained.name.partition(" (")[2]
                ):
                    whole = self.questions.whole.get("right")
                    p = max(self.p[lost.name], self.p[gained.name])
                    return self._make(
                        Verdict.CHANGE, Reading.FLIP, Kind.CAPABILITY, whole, p, parts=(lost, gained)
                    )
        return None

    def _moved(self) -> Named | None:
        whole = self.questions.whole
        sure = [name for name in ("right", "declined", "unreadable") if self._sure(f"{WHOLE} {name}")]
        if not sure:
            return None
        lead = whole[sure[0]]
        p = self.p[f"{WHOLE} {sure[0]}"]
        main = sure[0] if sure[0] != "right" else self._counterpart(lead)
        if main == "wrong" and sure[0] == "right" and self._fenced(lead):
            return self._make(Verdict.CHANGE, Reading.FORMAT, Kind.FORMAT, lead, p)
        if main == "unreadable":
            among = among_readable(self.matched, self.level)
            if among is not None and among.p <= 1 - self.level:
                reading = Reading.FORM_AND_SKILL
                return self._make(Verdict.CHANGE, reading, Kind.FORMAT, lead, p, parts=(among,))
            parts = () if among is None else (among,)
            return self._make(Verdict.CHANGE, Reading.FORMAT, Kind.FORMAT, lead, p, parts=parts)
        if main == "declined":
            tighter = whole["declined"].moved > 0 if "declined" in whole else lead.moved < 0
            reading = Reading.TIGHTENING if tighter else Reading.LOOSENING
            return self._make(
                Verdict.CHANGE,
                reading,
                Kind.REFUSAL,
                lead,
                p,
                parts=self._everywhere(lead),
                caveats=self._uneven(),
            )
        reading = Reading.GAIN if lead.moved > 0 else Reading.LOSS
        return self._make(Verdict.CHANGE, reading, Kind.CAPABILITY, lead, p, caveats=self._uneven())

    def _counterpart(self, right: Shift) -> str:
        """Return what took the place of right answers, or gave way to them."""
        sign = -1 if right.moved <= 0 else 1
        moved = {
            name: self.questions.whole[name].moved
            for name in ("wrong", "declined", "unreadable")
            if name in self.questions.whole
        }
        return max(moved, key=lambda name: -sign * moved[name]) if moved else "wrong"

    def _everywhere(self, lead: Shift) -> tuple[Shift, ...]:
        """Return all topics where each by itself moved with the whole and none apart from the others; else none."""
        topics = self.questions.topics
        # Topics are told by the share right where there is one, else by the share declined, as the whole is.
        sign = 1 if self.questions.whole.get("right", lead).moved > 0 else -1
        alike = [each for each in topics if sign * each.moved > 0 and each.p <= 1 - self.level]
        return tuple(topics) if len(topics) >= 2 and len(alike) == len(topics) else ()

    def _uneven(self) -> tuple[str, ...]:
        """Say that a topic moved more than the others where that is no lock."""
        more = [
            each
            for each in self.questions.contrasts
            if not each.language
            and self._sure(f"topic {each.label}")
            and (each.difference.estimate or 0) * each.own.moved > 0
        ]
        return tuple(words.uneven(each, self.margin) for each in more)

    def _fenced(self, right: Shift) -> bool:
        """Say whether code fences account for a moved score.

        They do where answers in fences moved with the score, are right less often than those without on the same
        side (Fisher's exact test, either side), and answers without fences did not fare likewise.
        """
        if self.form is None or self.questions.form is None or not self._sure(FORM):
            return False
        sides = ((self.matched.left, self.form.first), (self.matched.right, self.form.second))
        shares, least = [], 1.0
        for side, fenced in sides:
            score, known = side.pooled("right"), ~np.isnan(fenced)
            inside = known & (fenced >= 0.5) & ~np.isnan(score)
            bare = known & (fenced < 0.5) & ~np.isnan(score)
            shares.append((float(np.round(score[bare]).sum()), int(bare.sum())))
            if inside.any() and bare.any():
                table = [
                    [int((score[group] >= 0.5).sum()), int((score[group] < 0.5).sum())]
                    for group in (inside, bare)
                ]
                least = min(least, 2 * float(fisher_exact(table, alternative="less")[1]))
        (before, n_before), (after, n_after) = shares
        if (
            right.moved * self.questions.form.moved >= 0
            or least > 1 - self.level
            or not n_before
            or not n_after
        ):
            return False
        same_way = (after / n_after - before / n_before) * right.moved > 0
        table = [[int(before), n_before - int(before)], [int(after), n_after - int(after)]]
        return not (same_way and float(fisher_exact(table)[1]) <= 1 - self.level)

    def _partly(self) -> Named | None:
        """Name what moved in a part of the suite only."""
        parts = [each for each in self.questions.classes if self._sure(each.name)]
        contrasts = [each for each in self.questions.contrasts if self._sure(f"topic {each.label}")]
        if contrasts or parts:
            lead = min([each.own for each in contrasts] + parts, key=lambda each: each.p)
            names = [f"topic {each.label}" for each in contrasts] + [each.name for each in parts]
            p = min(self.p[name] for name in names)
            manner = self._manner(contrasts) if contrasts else Lock.SILENT
            kind = {Lock.EXPLICIT: Kind.REFUSAL, None: Kind.FORMAT}.get(manner, Kind.CAPABILITY)
            return self._make(
                Verdict.CHANGE, Reading.PART, kind, lead, p, parts=(lead,), caveats=self._uneven()
            )
        if self._sure(FORM):
            return self._make(
                Verdict.CHANGE, Reading.FORM_ONLY, Kind.FORMAT, self.questions.form, self.p[FORM]
            )
        return None

    def _unmoved(self) -> Named:
        whole = self.questions.whole
        lead = whole.get("right") or whole["declined"]
        shown = all(self._within(name) for name in ("right", "declined", "unreadable") if name in whole)
        if shown:
            return self._make(Verdict.NO_CHANGE, Reading.NO_CHANGE, None, lead, None)
        return self._make(Verdict.INCONCLUSIVE, Reading.INCONCLUSIVE, None, lead, None)

    def _within(self, name: str) -> bool:
        """Say whether a share is shown to have moved by less than the margin, whatever missing answers were."""
        if not equivalence(self.questions.whole[name].interval, self.margin).equivalent:
            return False
        if missing.even(self.matched):
            return True
        found = missing.limits(self.matched, name)
        return found is not None and -self.margin < found[0] and found[1] < self.margin

    # --- what limits it ----------------------------------------------------------------------

    def _ruled_out(self, contrasts: Sequence[Contrast], shift: Shift | None) -> tuple[RuledOut, ...]:
        found = [words.controls(each, self.margin) for each in contrasts if not each.language]
        unread = self.questions.whole.get("unreadable")
        if contrasts or unread is None:
            moved = 0.0 if unread is None else unread.moved
            result = "ruled out" if abs(moved) < self.margin else "not ruled out"
            found.append(RuledOut("format", result, f"unreadable answers moved by {100 * moved:+.1f} points"))  # type: ignore[arg-type]
        found.append(self._missing(contrasts, shift))
        if self.refusals is not None:
            found.append(words.grader_error(self.refusals))
        found.append(RuledOut("reference-endpoint", "not checked", "two snapshots of one endpoint have none"))
        return tuple(found)

    def _missing(self, contrasts: Sequence[Contrast], shift: Shift | None) -> RuledOut:
        """Say whether missing answers can carry what is named, or if nothing is, the share that leads."""
        if contrasts:
            topics = [each.topic for each in contrasts if not each.language]
            found = missing.contrast_limits(self.matched, topics, self.arms)
            return missing.ruling(
                self.matched, found, contrasts[0].difference.estimate or 0.0, "the topic against its controls"
            )
        measure = next((name for name, each in self.questions.whole.items() if each is shift), None)
        found = None if measure is None else missing.limits(self.matched, measure)
        return missing.ruling(self.matched, found, 0.0 if shift is None else shift.moved, f"share {measure}")

    def _of_refusals(self) -> tuple[str, ...]:
        """Say what was taken out of the share declined, where any was read by the detector."""
        if self.refusals is None or (self.refusals.corrected is None and self.refusals.unread):
            return ()
        return (words.refusals(self.refusals),)

    def _of_missing(self, ruled: Sequence[RuledOut]) -> tuple[str, ...]:
        """Say aloud what missing answers leave open."""
        if missing.even(self.matched):
            return ()
        return tuple(f"Missing data: {each.words}." for each in ruled if each.explanation == "missing-data")

    def _limits(self) -> tuple[str, ...]:
        runs = len(self.matched.left.run_ids), len(self.matched.right.run_ids)
        if any("runs" in each.interval.method for each in self.questions.whole.values()):
            return (f"The intervals hold what runs differ by ({runs[0]} and {runs[1]} runs).",)
        return ("Run-to-run noise is not in the intervals: too few runs show none of it.",)


def _divided(side: Any, where: Any) -> dict[str, float]:
    """Return how the measured answers of some probes divide, and the share with a notice."""
    total = float(side.measured[:, where].sum()) or 1.0
    shares = {name: float(grid[:, where].sum()) / total for name, grid in side.counts.items()}
    return shares | {"noticed": float(side.noticed[:, where].sum()) / total}
