"""What two snapshots say in plain words: never more than `consistent with`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from math import comb

from harness.claims import Effect, Lock, RuledOut
from harness.findings.snapshot_questions import Contrast, Shift
from harness.findings.snapshot_refusals import Refusals
from harness.stats.identity_test import IdentityTest
from harness.stats.intervals import Interval
from harness.stats.margins import equivalence
from harness.tables.words import printable


class Reading(StrEnum):
    """How the difference between two snapshots looks."""

    LOCK = "topic-lock"
    LIFTED = "topic-lock lifted"
    TIGHTENING = "tightening"
    LOOSENING = "loosening"
    FLIP = "flipped default answer"
    FORMAT = "formatting"
    FORM_AND_SKILL = "formatting and more"
    FORM_ONLY = "form alone"
    LOSS = "capability loss"
    GAIN = "capability gain"
    PART = "a part of the suite"
    ACCESS = "access"
    IDENTITY = "served model"
    NEAR_TIES = "near-tie answers"
    TOKENS = "token counts"
    HANDED_OVER = "announced hand-over"
    NO_CHANGE = "no change"
    INCONCLUSIVE = "inconclusive"


@dataclass(frozen=True, slots=True)
class Told:
    """What a sentence is made from."""

    endpoint: str
    suite: str
    reading: Reading
    shift: Shift | None
    p: float | None
    questions: int
    margin: float
    lock: Lock | None
    contrasts: tuple[Contrast, ...]
    parts: tuple[Shift, ...]
    whole: Mapping[str, Shift]
    form: Shift | None


def effect_of(interval: Interval, unit: str) -> Effect | None:
    """Return an interval as a claim's effect; None without one."""
    if interval.estimate is None or interval.low is None or interval.high is None:
        return None
    return Effect(interval.estimate, interval.low, interval.high, interval.level, unit, interval.method)


def sentence(told: Told) -> str:
    """Return one plain sentence that says no more than two snapshots can."""
    where = f"{printable(told.endpoint)} on {printable(told.suite)}"
    text = _says(told)
    return f"{where}: {text}{_p(told.p, told.questions)}."


def _says(told: Told) -> str:
    shift = told.shift
    if told.reading in (Reading.LOCK, Reading.LIFTED):
        return _lock(told)
    if told.reading is Reading.INCONCLUSIVE:
        if shift is None:
            return "inconclusive: too few tasks were measured on both sides"
        return (
            f"inconclusive: {shift.name} {_from_to(shift)} {_span(shift.interval)}; neither a change was shown nor "
            f"that it is within {100 * told.margin:g} points"
        )
    assert shift is not None, "every other reading rests on a share"
    if told.reading is Reading.NO_CHANGE:
        return (
            f"no change: the shares {_those_asked(told)} each moved by less than {100 * told.margin:g} points "
            f"({shift.name} {_from_to(shift)} {_span(shift.interval)})"
        )
    if told.reading is Reading.FLIP:
        lost, gained = told.parts
        return (
            f"{_of_class(lost)} {_from_to(lost)}, {_of_class(gained)} {_from_to(gained)} "
            f"({shift.name} {_from_to(shift)}): consistent with a flipped default answer, which by itself is no "
            f"{'gained' if shift.moved > 0 else 'lost'} skill"
        )
    size = f"{shift.name} {_from_to(shift)} {_span(shift.interval)}"
    if told.reading is Reading.FORMAT:
        beside = f", {told.parts[0].name} {_from_to(told.parts[0])}" if told.parts else ""
        form = _form(told) + beside
        return f"{size}, {form}: consistent with a changed form of answers; it does not show a changed skill"
    if told.reading is Reading.FORM_AND_SKILL:
        (among,) = told.parts
        return (
            f"{size}, {_form(told)}, and {among.name} {_from_to(among)}: consistent with a changed form of answers "
            "that is not all of it"
        )
    if told.reading is Reading.FORM_ONLY:
        return (
            f"answers in code fences {_from_to(shift)} {_span(shift.interval)}: consistent with a changed form of "
            "answers"
        )
    if told.reading in (Reading.TIGHTENING, Reading.LOOSENING):
        word = told.reading.value
        if told.parts:
            return (
                f"{size}, on all {len(told.parts)} topics alike ({_list(told.parts)}): consistent with a general "
                f"{word}, not with a lock on one topic"
            )
        declined = told.whole.get("declined")
        beside = (
            f", {declined.name.removeprefix('share ')} {_from_to(declined)}"
            if declined is not None and declined.name != shift.name
            else ""
        )
        return f"{size}{beside}: consistent with a {word}"
    if told.reading is Reading.PART:
        return (
            f"{shift.name} {_from_to(shift)} {_span(shift.interval)}, the whole was not shown to move: consistent with "
            "a change in this part; it is not shown that the rest stayed as it was"
        )
    meaning = "a gain in" if told.reading is Reading.GAIN else "a loss of"
    return f"{size}, mostly in exchange for wrong answers: consistent with {meaning} capability in use"


def _lock(told: Told) -> str:
    topics = [each for each in told.contrasts if not each.language]
    cells = [each for each in told.contrasts if each.language]
    names = " and ".join(printable(each.topic) for each in topics)
    word = "right" if "right" in told.whole else "not declined"
    lines = "; ".join(f"{each.label}: {word} {_from_to(each.own)}" for each in (cells or topics))
    first = topics[0]
    controls = first.controls
    manner = {
        Lock.EXPLICIT: "refused",
        Lock.ANNOUNCED: "handed to another model, with a notice,",
        Lock.SILENT: "answered wrongly, without any notice,",
        None: "not answered rightly",
    }[told.lock]
    how = "more" if told.reading is Reading.LOCK else "less"
    meaning = "a lock on this topic" if told.reading is Reading.LOCK else "a lock on this topic being lifted"
    if len(topics) > 1:
        meaning = meaning.replace("a lock on this topic", "locks on these topics")
    return (
        f"questions on {names} are {manner} {how} often ({lines}) while {controls.name} "
        f"{_stayed(first, told.margin)} ({_from_to(controls)}); difference in differences {_points(first.difference)}: "
        f"consistent with {meaning}" + (f" ({told.lock.value})" if told.lock else "")
    )


def _those_asked(told: Told) -> str:
    return "right, declined and unreadable" if "right" in told.whole else "declined and unreadable"


def _stayed(found: Contrast, margin: float) -> str:
    """Say how far the controls of a lock can have moved."""
    interval = found.controls.interval
    if equivalence(interval, margin).equivalent:
        return f"stayed flat within {100 * margin:g} points"
    return f"moved by far less (90% interval {_bounds(interval)} points)"


def _form(told: Told) -> str:
    unread = told.whole.get("unreadable")
    if told.form is not None and (unread is None or abs(unread.moved) < abs(told.form.moved) / 2):
        return f"answers in code fences {_from_to(told.form)}, and those without fences did not fare likewise"
    return f"unreadable answers {_from_to(unread)}" if unread is not None else "the form of answers changed"


def uneven(found: Contrast, margin: float) -> str:
    """Say that a topic moved more than its controls, and why it is not called a lock."""
    return (
        f"Topic {printable(found.label)} moved more than {found.controls.name} ({_points(found.difference)}), but "
        f"those were not shown to stay within {100 * found.room(margin):.3g} points, or started at another level: a "
        "broad change looks like this too."
    )


def controls(found: Contrast, margin: float) -> RuledOut:
    """Say that the controls of a lock stayed where they were."""
    interval, odds = found.controls.interval, found.on_odds(0.9)
    return RuledOut(
        "control-arm" if found.paired else "common-mode",
        "ruled out",
        f"{found.controls.name} {_from_to(found.controls)} (90% interval {_bounds(interval)}, within "
        f"{100 * found.room(margin):.3g} points); in log odds {found.topic} moved by {odds.estimate or 0.0:+.1f} more "
        f"than they did (90% interval {odds.low or 0.0:+.1f} to {odds.high or 0.0:+.1f})",
    )


def access(endpoint: str, first: float, second: float) -> str:
    """Say that access was denied on one side only."""
    which = "given before and denied after" if second > first else "denied before and given after"
    return (
        f"{printable(endpoint)}: access was {which} (denied {first:.0%} and {second:.0%} of the calls): "
        "a fact of the replies"
    )


def served(endpoint: str, first: Sequence[str], second: Sequence[str]) -> str:
    """Say that another model's name was served."""
    before, after = (", ".join(printable(each) for each in names) for names in (first, second))
    return (
        f"{printable(endpoint)}: the replies name {before} before and {after} after, for the same requested model: "
        "consistent with another model behind the same name"
    )


def refusals(found: Refusals) -> str:
    """Say how often requests were declined, as read and with the refusal detector's error taken out, or why not."""
    raw = f"Declined, as read: {_from_to(found.raw)} {_span(found.raw.interval)}; "
    if found.corrected is None:
        return f"{raw}the refusal detector's error is not taken out: {found.why_not}."
    rates = "; ".join(
        f"{language}: sensitivity {100 * each.sensitivity.estimate:.1f}% of {each.sensitivity.of}, specificity "
        f"{100 * each.specificity.estimate:.1f}% of {each.specificity.of}"
        for language, each in found.detectors
    )
    return (
        f"{raw}with the refusal detector's measured error taken out (Rogan and Gladen; {rates}): "
        f"{_from_to(found.corrected)} {_span(found.corrected.interval)}, if it errs alike on both sides."
    )


def grader_error(found: Refusals) -> RuledOut:
    """Say whether the refusal detector's errors can account for a change of refusals."""
    if found.unread:
        return RuledOut("grader-error", "ruled out", found.why_not)
    if found.corrected is None:
        return RuledOut("grader-error", "not checked", found.why_not)
    sure = found.corrected.interval.excludes_zero
    return RuledOut("grader-error", "ruled out" if sure else "not ruled out", refusals(found))


ONLY_NOTICES = "Read off from the replies' own notices: right answers were not shown to move with them."


def near_ties(
    endpoint: str, suite: str, found: IdentityTest | None, p: float | None, questions: int, *, sure: bool
) -> str:
    """Say how far apart the answers to near-tie prompts lie, and what that is consistent with."""
    where = f"{printable(endpoint)} on {printable(suite)}"
    if found is None:
        return f"{where}: inconclusive: no near-tie prompt was answered on both sides."
    size = (
        f"answers to {found.prompts} near-tie prompts lie {found.distance:.3f} apart (squared distance of their "
        f"shares, 0 to 2; {found.by_chance:.3f} by chance), the commonest answer differs on {found.moved}"
    )
    if not sure:
        return (
            f"{where}: inconclusive: {size}; no difference was shown, which is no proof of the same model"
            f"{_p(p, questions)}."
        )
    numerics = "numerics that differ from one run to the next" if found.by == "answers" else "other numerics"
    return (
        f"{where}: {size}: consistent with another model, another version or build of it, or {numerics} behind the "
        f"endpoint{_p(p, questions)}."
    )


def exchanged(found: IdentityTest, level: float, questions: int) -> str:
    """Say what the test of near ties exchanged between the sides, and what it therefore cannot tell."""
    if found.least_p * questions > 1 - level:
        if found.by == "answers":
            return (
                "One run on a side and one answer a prompt show no noise to judge by: ask more `samples`, or several "
                "runs."
            )
        over = (
            f" ({min(1.0, found.least_p * questions):.2g} over {questions} questions)"
            if questions > 1
            else ""
        )
        return (
            f"Exchanging so few runs cannot give a p-value below {found.least_p:.2g}{over}: it takes "
            f"{_fewest(found, level, questions)} runs a side to show a difference."
        )
    if found.by == "answers":
        return (
            "Single answers were exchanged between the sides: what one run does to all its answers alike looks the "
            "same, and where numerics differ from day to day most pairs of runs do. Several runs a side hold it."
        )
    whole = "Whole runs were" if found.by == "runs" else "The two endpoints' halves of each run were"
    return f"{whole} exchanged between the sides: what runs differ by is in the p-value."


def _fewest(found: IdentityTest, level: float, questions: int) -> int:
    """Return the fewest runs on each side whose exchange can reach the level after Holm."""
    runs = 2
    while 2 / (comb(2 * runs, runs) if found.by == "runs" else 2**runs) * questions > 1 - level:
        runs += 1
    return runs


def tokens(endpoint: str, suite: str, other: int, known: int, probe: str, before: float, after: float) -> str:
    """Say that fixed texts are counted as other numbers of tokens."""
    return (
        f"{printable(endpoint)} on {printable(suite)}: {other} of {known} fixed texts are counted as other numbers of "
        f"tokens ({printable(probe)}: {before:g} before, {after:g} after): consistent with another tokenizer, model or "
        "wrapping of the prompt."
    )


def _p(p: float | None, questions: int) -> str:
    if p is None:
        return ""
    shown = "p < .001" if p < 0.001 else f"p = {p:.3f}".replace("0.", ".", 1)
    asked = f"Holm over {questions} questions" if questions > 1 else "one question"
    return f" ({shown}, {asked})"


def announced(endpoint: str, suite: str, topics: Sequence[tuple[str, float, float]], *, added: bool) -> str:
    """Say that replies on some topics, and not on their controls, announce a hand-over on one side only."""
    listed = ", ".join(
        f"{printable(topic)}: {100 * before:.0f} to {100 * after:.0f}%" for topic, before, after in topics
    )
    which = "now announce" if added else "no longer announce"
    meaning = "a lock on this topic" if len(topics) == 1 else "locks on these topics"
    lifted = "" if added else " being lifted"
    return (
        f"{printable(endpoint)} on {printable(suite)}: replies {which} that another model took over or that an answer "
        f"is withheld ({listed} of the replies, and less than half as often on the controls): consistent with "
        f"{meaning}{lifted} (announced)."
    )


def handed_over(endpoint: str, suite: str, before: float, after: float) -> str:
    """Say that replies announce a hand-over whatever the topic."""
    return (
        f"{printable(endpoint)} on {printable(suite)}: replies that announce another model or a filter went from "
        f"{100 * before:.0f} to {100 * after:.0f}%, on topics and their controls alike: consistent with a general "
        "hand-over, not with a lock on one topic."
    )


def _of_class(shift: Shift) -> str:
    return "questions whose " + shift.name.removesuffix(" (all)").replace("right answer:", "right answer is")


def _list(parts: Sequence[Shift]) -> str:
    return ", ".join(f"{part.name.removeprefix('topic ')} {100 * part.moved:+.0f}" for part in parts[:6])


def _from_to(shift: Shift) -> str:
    return f"{100 * shift.before:.1f} to {100 * shift.after:.1f}%"


def _bounds(interval: Interval) -> str:
    low, high = interval.low, interval.high
    return "none" if low is None or high is None else f"{100 * low:+.1f} to {100 * high:+.1f}"


def _span(interval: Interval) -> str:
    if interval.low is None:
        return ""
    return (
        f"({100 * (interval.estimate or 0.0):+.1f} points, {interval.level:.0%} interval {_bounds(interval)})"
    )


def _points(interval: Interval) -> str:
    return (
        f"{100 * (interval.estimate or 0.0):+.1f} points ({interval.level:.0%} interval {_bounds(interval)})"
    )
