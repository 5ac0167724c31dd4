"""What a finding says in plain words: never more than `consistent with`."""

from __future__ import annotations

from math import exp

from harness.claims import Effect, Kind, Lock, Part, Since, Tier
from harness.findings.ledger import Ledger
from harness.findings.streams import Signal, Stream
from harness.records import utc_text

MOST_YEARS = 1_000_000


def strength(ledger: Ledger, tier: Tier, log_e: float) -> str:
    """Return the evidence in calibrated words: how rarely chance alone would show as much."""
    e_value = exp(min(log_e, 600.0))
    chance = ledger.chance(tier, e_value)
    years = 1 / chance if chance > 0 else MOST_YEARS
    span = "year" if ledger.horizon_days == 365 else f"stretch of {ledger.horizon_days} days"
    rarity = f"{years:,.0f}" if years < MOST_YEARS else f"{MOST_YEARS:,}"
    held = (
        "if runs are otherwise alike in every order (bad days and unequal days allowed)"
        if tier is Tier.PERSISTENT
        else "if calls are independent given ordinary day-to-day differences"
    )
    return (
        f"{held}, evidence this strong would come up without any change in at most 1 {span} of {rarity} "
        f"of everything watched here"
    )


def size(effect: Effect | None) -> str:
    """Return an effect in words: by how much, with its interval."""
    if effect is None:
        return "by an amount that cannot be estimated yet"
    if effect.unit.startswith("mean squared"):
        return f"by {effect.value:+.2f} ({effect.level:.0%} interval {effect.low:+.2f} to {effect.high:+.2f})"
    return (
        f"by {100 * effect.value:+.0f} points ({effect.level:.0%} interval {100 * effect.low:+.0f} to "
        f"{100 * effect.high:+.0f})"
    )


def when(since: Since | None) -> str:
    """Return a date with its set in words."""
    if since is None:
        return ""
    best, low, high = (utc_text(each)[:10] for each in (since.best_us, since.low_us, since.high_us))
    return f"since about {best}" + (f" (between {low} and {high})" if low != high else "")


def headline(
    stream: Stream,
    kind: Kind,
    direction: str,
    lock: Lock | None,
    effect: Effect | None,
    since: Since | None,
    flip: tuple[Part, Part] | None,
    alike: bool,
) -> str:
    """Return one plain sentence that says no more than the evidence does."""
    key = stream.key
    rose = direction == "up"
    where = f"on {key.suite}" + (f", topic {key.topic}," if key.topic else "")
    tail = f"{size(effect)} {when(since)}".strip()
    who = key.endpoint
    signal = stream.signal
    if lock is not None and kind is Kind.TOPIC_LOCK:
        manner = {
            Lock.EXPLICIT: "refused more often",
            Lock.ANNOUNCED: "handed to another model more often, with a notice,",
            Lock.SILENT: "answered wrongly more often, without any notice,",
        }[lock]
        if not rose:
            return (
                f"{who}: the same tasks are {manner} in the words of {key.topic} than in neutral words, {tail}: "
                f"consistent with a lock on this topic ({lock.value})"
            )
        return (
            f"{who}: the gap between {key.topic} and neutral words ({lock.value}) shrank {tail}: "
            f"consistent with a lock on this topic being lifted"
        )
    if lock is not None:
        told = "on the other topics alike" if alike else "and not because the topic's words fared otherwise"
        return (
            f"{who}: the gap between {key.topic} and neutral words moved {tail}, {told}: "
            f"not consistent with a lock on this topic alone"
        )
    if flip is not None:
        gained, lost = (part.name.removeprefix("right answer: ") for part in flip)
        return (
            f"{who} {where} now gives other default answers: questions whose right answer is {lost} fell, those with "
            f"{gained} rose; overall {tail}: consistent with a changed default answer, not with a lost skill"
        )
    if kind is Kind.CAPABILITY:
        meaning = "a gain in" if rose else "a loss of"
        return (
            f"{who} {where} answers {'more' if rose else 'fewer'} questions correctly, {tail}: "
            f"consistent with {meaning} capability in use"
        )
    if kind is Kind.FORMAT:
        if signal is Signal.CORRECT:
            return (
                f"{who} {where}: fewer replies can be read, which lowers the score {tail}: consistent with a changed "
                f"form of answers; whether a skill is lost does not show in replies that cannot be read"
                if not rose
                else f"{who} {where}: more replies can be read, which raises the score {tail}: consistent with a "
                f"changed form of answers"
            )
        return f"{who} {where}: the share of replies that cannot be read moved {tail}: consistent with a changed form"
    if kind is Kind.REFUSAL:
        if signal is Signal.CORRECT:
            return (
                f"{who} {where}: {'fewer' if rose else 'more'} questions are declined, which moves the score {tail}: "
                f"consistent with changed refusals, not with a changed skill"
            )
        return (
            f"{who} {where} declines {'more' if rose else 'fewer'} questions, {tail}: "
            f"consistent with {'a tightening' if rose else 'a loosening'}"
        )
    if kind is Kind.SPECIAL_TREATMENT:
        return (
            f"{who} {where}: fixed questions fare {'better' if rose else 'worse'} against fresh ones of the same kind "
            f"than before, {tail}: consistent with known questions being treated specially"
        )
    return (
        f"{who} {where}: answers to prompts on the brink moved away from the reference, {tail}: "
        f"consistent with another model or another version of it behind the same name"
        if rose
        else f"{who} {where}: answers to prompts on the brink moved back towards the reference, {tail}: "
        f"consistent with a changed model behind the same name"
    )
