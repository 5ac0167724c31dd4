"""The family `dates-and-units`: weekdays, clocks across zones, working days, and units that exist or not."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, date, datetime, timedelta

from probes._make.capability_tasks import ONLY, POOL, SHOW, Dice, Rule, Task, choice, pool, whole

DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_ONE_DAY = "Answer with only the name of the day."
_SHOW_DAY = 'Work it out, then end with a line that says "Answer:" and the day of the week.'
_SHOW_TIME = 'Work it out, then end with a line that says "Answer:" and the time as HH:MM.'
_SHOW_MOMENT = 'Work it out, then end with a line that says "Answer:" and date and time as YYYY-MM-DD HH:MM.'
_TOWNS = ("Alba", "Brin", "Corvo", "Delos", "Elm", "Fara", "Gore", "Hald")


def _long(day: date) -> str:
    return f"{day.day} {day:%B %Y}"


def _day(dice: Dice, first: int, last: int) -> date:
    start = date(first, 1, 1)
    return start + timedelta(days=dice.between(0, (date(last, 12, 31) - start).days))


def _later(low: int, high: int) -> Callable[[Dice], Sequence[str | int]]:
    """Return a maker of `which day is it in n days`."""

    def make(dice: Dice) -> tuple[str, str]:
        start, days = dice.one((0, 1, 2, 3, 4, 6)), dice.between(low, high)
        when = "tomorrow" if days == 1 else f"in {days} days"
        return f"Today is {DAYS[start]}. What day of the week is it {when}?", DAYS[(start + days) % 7]

    return make


def _weekday(years: int) -> Callable[[Dice], Sequence[str | int]]:
    """Return a maker of a date's day of the week, told that of another date."""

    def make(dice: Dice) -> tuple[str, str]:
        known = _day(dice, 2011, 2027)
        asked = date(known.year + years * dice.one((-1, 1)), dice.between(1, 12), dice.between(1, 28))
        told, other = DAYS[known.weekday()], DAYS[asked.weekday()]
        was = f"{_long(known)} was a {told}." if known.year < 2026 else f"{_long(known)} is a {told}."
        return f"{was} Which day of the week is {_long(asked)}?", other

    return make


def _unlucky(dice: Dice) -> tuple[str, int]:
    """Return how often a day of the month falls on a day of the week over many years."""
    first = _day(dice, 2001, 2012)
    last = first + timedelta(days=dice.between(2600, 4800))
    number, day = dice.between(13, 30), dice.between(0, 6)
    hits = sum(
        each.day == number and each.weekday() == day
        for each in (first + timedelta(days=passed) for passed in range((last - first).days + 1))
    )
    return (
        f"{_long(first)} is a {DAYS[first.weekday()]}. From that day to {_long(last)}, both included, how many "
        f"months have their {number}th on a {DAYS[day]}?"
        if number not in (21, 22, 23)
        else f"{_long(first)} is a {DAYS[first.weekday()]}. From that day to {_long(last)}, both included, how "
        f"often does a {DAYS[day]} fall on day {number} of a month?",
        hits,
    )


def _minutes(dice: Dice) -> tuple[str, int]:
    start = dice.between(7 * 60, 15 * 60)
    passed = dice.between(35, 290)
    end = start + passed
    return (
        f"A film starts at {start // 60}:{start % 60:02} and ends at {end // 60}:{end % 60:02}. "
        "How many minutes does it last?",
        passed,
    )


def _arrival(dice: Dice) -> tuple[str, str]:
    start, hours, late = dice.between(18 * 60, 23 * 60 + 55), dice.between(6, 12), dice.between(16, 59)
    minutes = dice.between(11, 59)
    end = (start + hours * 60 + minutes + late) % 1440
    return (
        f"A night train leaves at {start // 60}:{start % 60:02}. The journey takes {hours} hours and {minutes} "
        f"minutes, and on the way the train loses {late} minutes. At what time does it arrive?",
        f"{end // 60}:{end % 60:02}",
    )


def _offset(minutes: int) -> str:
    hours, rest = divmod(abs(minutes), 60)
    return f"UTC{'-' if minutes < 0 else '+'}{hours}{f':{rest:02}' if rest else ''}"


def _flight(legs: int) -> Callable[[Dice], Sequence[str | int]]:
    """Return a maker of journeys across time zones, over the ends of months and leap days."""

    def make(dice: Dice) -> tuple[str, str]:
        towns = dice.some(_TOWNS, legs + 1)
        half = (0, 30, 45) if legs > 1 else (0,)
        zones = [60 * dice.between(-11, 12) + dice.one(half) for _ in towns]
        year = dice.one((2023, 2024, 2025, 2027, 2028))
        day = dice.one(
            (date(year, 2, 28), date(year, 12, 31), date(year, 4, 30), date(year, 2, 27), date(year, 8, 31))
        )
        now = datetime(
            day.year, day.month, day.day, dice.between(15, 23), dice.between(0, 11) * 5, tzinfo=UTC
        )
        places = "; ".join(f"{town} is at {_offset(zone)}" for town, zone in zip(towns, zones, strict=True))
        story = f"Local times: {places}. A plane leaves {towns[0]} on {_long(day)} at {now:%H:%M} local time."
        now -= timedelta(minutes=zones[0])
        for place in range(1, legs + 1):
            hours, minutes = dice.between(3, 14), dice.between(1, 11) * 5
            now += timedelta(hours=hours, minutes=minutes)
            story += f" It reaches {towns[place]} after {hours} hours and {minutes} minutes."
            if place < legs:
                stay = dice.between(12, 55) * 5
                now += timedelta(minutes=stay)
                story += f" It flies on {stay} minutes later."
        now += timedelta(minutes=zones[legs])
        return (
            f"{story} What are the local date and time on arrival in {towns[legs]}?",
            f"{now:%Y-%m-%d %H:%M}",
        )

    return make


def _working_days(dice: Dice) -> tuple[str, int]:
    first = _day(dice, 2021, 2027)
    last = first + timedelta(days=dice.between(100, 290))
    inside = [first + timedelta(days=passed) for passed in range((last - first).days + 1)]
    off = sorted(dice.some(inside[3:-3], 7))
    free = {*off, *(each for each in inside if each.month == 8 and each.day >= 20)}
    count = sum(each.weekday() < 5 and each not in free for each in inside)
    return (
        f"{_long(first)} is a {DAYS[first.weekday()]}. An office works from Monday to Friday, except on "
        f"{', '.join(f'{each.day} {each:%B}' if each.year == first.year else _long(each) for each in off)}, "
        f"and it is closed from 20 to 31 August. On how many days does it work from that day to {_long(last)}, "
        "both included?",
        count,
    )


def dates_and_units() -> Iterator[Task]:
    """Yield weekdays, clocks and units, from `tomorrow` to journeys with three time zones."""
    family = "dates-and-units"

    def cases(
        rung: int,
        name: str,
        make: Callable[[Dice], Sequence[str | int]],
        end: str,
        grader: str,
        example: tuple[str, str] | None = None,
    ) -> Task:
        target, options = "{case[1]}", {}
        if grader == "word":
            options = {"among": list(DAYS)}
        elif grader == "regex":  # the time itself, with or without a zero before it
            target = "^0?{case[1]}$"
            options = {
                "read": r"[Aa]nswer:[\s*`]{{0,6}}((?:\d{{4}}-\d{{2}}-\d{{2}} )?\d{{1,2}}:\d{{2}})",
            }
        shown = (f"{example[0]} {end}", example[1]) if example else None
        rule = pool(f"{family}-{rung}-{name}", make, 6 if (rung, name) == (1, "weekday") else POOL)
        return Task(
            family, rung, name, f"{{case[0]}} {end}", {"case": rule}, grader, target, options=options,
            example=shown, witness="Answer: {case[1]}",
        )  # fmt: skip

    def units(
        rung: int, name: str, text: str, target: str, example: tuple[str, str] | None = None, **draw: Rule
    ) -> Task:
        end = ONLY if rung <= 2 else SHOW
        shown = (f"{example[0]} {end}", example[1]) if example else None
        return Task(family, rung, name, f"{text} {end}", draw, "numeric", target, example=shown)

    yield cases(
        1, "weekday", _later(1, 1), _ONE_DAY, "word",
        ("Today is Saturday. What day of the week is it tomorrow?", "Sunday"),
    )  # fmt: skip
    yield units(
        1, "clock", "It is {a} o'clock now. What hour will it be in {b} hours?", "{a + b}",
        ("It is 4 o'clock now. What hour will it be in 3 hours?", "4 + 3 = 7"), a=whole(1, 8), b=whole(2, 4),
    )  # fmt: skip
    yield units(
        1, "units", "How many {unit[0]} are there in {a} {unit[1]}?", "{a * unit[2]}",
        ("How many cents are there in 2 euros?", "2 x 100 = 200"),
        unit=choice(["centimetres", "metres", 100], ["cents", "dollars", 100], ["pence", "pounds", 100]),
        a=whole(2, 9),
    )  # fmt: skip
    yield cases(
        2, "weekday", _later(2, 4), _ONE_DAY, "word",
        ("Today is Saturday. What day of the week is it in 5 days?", "Thursday"),
    )  # fmt: skip
    yield units(
        2,
        "clock",
        "How many minutes are there in {a} hours?",
        "{60 * a}",
        ("How many minutes are there in 10 hours?", "10 x 60 = 600"),
        a=whole(2, 9),
    )
    yield units(
        2, "units", "How many {unit[0]} are there in {a} {unit[1]}?", "{a * unit[2]}",
        unit=choice(
            ["days", "weeks", 7], ["hours", "days", 24], ["months", "years", 12], ["seconds", "minutes", 60],
            ["millimetres", "centimetres", 10],
        ),
        a=whole(3, 12),
    )  # fmt: skip
    yield cases(3, "weekday", _later(9, 60), _SHOW_DAY, "word")
    yield cases(3, "clock", _minutes, SHOW, "numeric")
    yield units(
        3, "units", "A path has two parts, of {a} km {b} m and of {c} km {d} m. How many metres long is it in all?",
        "{1000 * a + b + 1000 * c + d}", a=whole(2, 9), b=whole(35, 940, 5), c=whole(3, 12), d=whole(45, 985, 5),
    )  # fmt: skip
    yield cases(4, "weekday", _weekday(0), _SHOW_DAY, "word")
    yield cases(4, "clock", _arrival, _SHOW_TIME, "regex")
    yield units(
        4, "units", "A tap drips {a} times a minute, and {b} drops fill {c} millilitres. "
        "How many millilitres does it lose in {h} hours?", "{a * 60 * h // b * c}",
        a=whole(20, 60, 10), b=choice(5, 10, 20, 25), c=whole(2, 9), h=whole(3, 23),
    )  # fmt: skip
    yield cases(5, "weekday", _weekday(3), _SHOW_DAY, "word")
    yield cases(5, "clock", _flight(1), _SHOW_MOMENT, "regex")
    yield units(
        5, "units", "In an old system a brog is {a} plins and a plin is {b} tocs. From a store of {c} brogs, {d} plins "
        "and {e} tocs, {f} bags of {g} plins and {h} tocs each are taken away. How many tocs are left?",
        "{(c * a + d) * b + e - f * (g * b + h)}",
        a=whole(11, 19), b=whole(12, 28), c=whole(31, 68), d=whole(3, 10), e=whole(2, 11), f=whole(7, 16),
        g=whole(4, 9),
        h=whole(3, 11),
    )  # fmt: skip
    yield cases(6, "weekday", _unlucky, SHOW, "numeric")
    yield cases(6, "clock", _flight(3), _SHOW_MOMENT, "regex")
    yield cases(6, "working-days", _working_days, SHOW, "numeric")
