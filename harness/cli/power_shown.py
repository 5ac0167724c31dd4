"""How what a schedule can find is told: sentences and tables for people, JSON for programs."""

from __future__ import annotations

from collections.abc import Callable
from math import isfinite

from harness.cli.results import grid
from harness.findings.power import Delays, Shape
from harness.monitor.power import Spending
from harness.monitor.power_search import Tried
from harness.records import JSON
from harness.stats import Interval

CHANCES = (0.5, 0.8, 0.95)


def sentence(delays: Delays, spent: Spending) -> str:
    """Return in one sentence how soon a change is found, and for how much."""
    (sooner, _, _), (later, _, _) = delays.quantile(0.8), delays.quantile(0.95)
    if not isfinite(sooner):
        return (
            f"{delays.shape.words(delays.drop)}: found within {delays.within_days:g} days in "
            f"{percent(delays.found())} of simulated worlds only"
        )
    more = f"(in {later:.3g} with 95%)" if isfinite(later) else f"(95%: not within {delays.within_days:g})"
    return (
        f"{delays.shape.words(delays.drop)}: found in about {sooner:.3g} days with 80% probability {more}, "
        f"for {money(spent.usd * sooner)}"
    )


def print_outlook(found: list[Delays], spent: Spending, say: Callable[[object], None]) -> None:
    """Print what a schedule finds of every kind of change."""
    first = found[0]
    table = grid(
        *(
            "change",
            "tier",
            "worlds",
            f"found in {first.within_days:g} days",
            "50%",
            "80%",
            "95%",
            "cost to 80%",
        ),
        right=6,
    )
    for each in found:
        if each.shape is Shape.NOTHING:
            continue
        days = [_days(each, chance) for chance in CHANCES]
        sooner = each.quantile(0.8)[0]
        cost = money(spent.usd * sooner) if isfinite(sooner) else "–"
        table.add_row(
            *(
                each.shape.words(each.drop),
                each.tier.value,
                str(len(each.days)),
                percent(each.found()),
                *days,
                cost,
            )
        )
    say(table)
    say(
        f"days from the change to the finding, with Monte Carlo intervals at 95%; no change: "
        f"{first.early} of {first.worlds} worlds raised a false alarm in "
        f"{first.within_days:g} days after the baseline or in it"
    )


def print_ways(
    tried: list[Tried], kind: Shape, drop: float, what: str, say: Callable[[object], None]
) -> None:
    """Print what a day's budget finds, divided in several ways."""
    if not tried:
        say(f"{what} a day do not suffice for one run a day of the smallest part")
        return
    say(f"\n{what} a day, divided otherwise ({kind.words(drop)}):")
    table = grid("schedule", "calls a day", "cost a day", "50%", "80%", "95%", "false alarms", right=6)
    for each in tried:
        table.add_row(
            each.schedule.words(),
            f"{each.spending.calls:,.0f}",
            money(each.spending.usd),
            *(_days(each.delays, chance) for chance in CHANCES),
            f"{each.false.early} of {each.false.worlds}",
        )
    say(table)


def a_day(spent: Spending) -> str:
    """Return what a schedule takes in a day, in words."""
    return f"{spent.calls:,.3g} calls a day, {'' if spent.measured else 'at most '}{money(spent.usd)}"


def money(amount: float) -> str:
    """Return US dollars for people."""
    return "$0" if amount == 0 else f"${amount:.4f}" if amount < 1 else f"${amount:,.2f}"


def percent(share: Interval) -> str:
    """Return a share with its interval for people."""
    if share.estimate is None or share.low is None or share.high is None:
        return "–"
    return f"{share.estimate:.0%} [{share.low:.0%}, {share.high:.0%}]"


def _days(delays: Delays, chance: float) -> str:
    value, low, high = delays.quantile(chance)
    if not isfinite(value):
        return f"> {delays.within_days:g}"
    return f"{value:.3g} [{low:.3g}, {f'{high:.3g}' if isfinite(high) else '–'}]"


def _finite(value: float) -> float | None:
    return round(value, 6) if isfinite(value) else None


def delays_json(delays: Delays, spent: Spending) -> dict[str, JSON]:
    """Return when a change is found as JSON data."""
    body: dict[str, JSON] = {
        "change": delays.shape.value,
        "tier": delays.tier.value,
        "worlds": delays.worlds,
        "false_alarms": delays.early,
    }
    if delays.shape is Shape.NOTHING:
        return body
    share = delays.found()
    body["found"] = {"share": share.estimate, "low": share.low, "high": share.high}
    days: dict[str, JSON] = {}
    for chance in CHANCES:
        value, low, high = delays.quantile(chance)
        days[f"{chance:g}"] = {
            "days": _finite(value),
            "low": _finite(low),
            "high": _finite(high),
            "cost_usd": _finite(value * spent.usd),
        }
    return body | {"days": days}


def spending_json(spent: Spending) -> dict[str, JSON]:
    """Return what a schedule takes in a day as JSON data."""
    return {
        "calls_per_day": round(spent.calls, 3),
        "usd_per_day": round(spent.usd, 6),
        "cost_is": "measured" if spent.measured else "at most",
    }


def tried_json(tried: Tried) -> dict[str, JSON]:
    """Return a schedule that was tried, with what it takes and finds, as JSON data."""
    schedule: dict[str, JSON] = {
        "runs_per_day": tried.schedule.per_day,
        "samples": tried.schedule.samples,
        "part_of_probes": tried.schedule.part,
    }
    return (
        schedule
        | spending_json(tried.spending)
        | delays_json(tried.delays, tried.spending)
        | {"false_alarms_if_nothing_changes": tried.false.early, "worlds_with_nothing": tried.false.worlds}
    )
