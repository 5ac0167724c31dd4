"""docs/rehearsal.md, made from the types of a world file."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import get_args

from harness.config.docs import key_table, section_lines
from harness.config.fields import bare, is_section, named_section
from harness.rehearsal.reading import load_world, shipped_worlds
from harness.rehearsal.world import EVENTS, World

_HEAD = """\
# Rehearsals

Before anyone believes a finding about a real provider they will ask: would you have found it, and would you have
cried wolf? A rehearsal answers with the real pipeline. A simulated provider lives through the days of a *world*:
models with known abilities, noise, and events with dates. The plan, the runner, HTTP on loopback, the database, the
statistics, the findings and the report are the ones that real runs use; only the clock and the provider are
simulated. Every run in such a database is marked `simulated`, and so is every page of its report.

```sh
pip install 'harness[rehearsal]'
harness rehearse --list
harness rehearse silent-lock                       # one life; report in results/rehearsals/silent-lock
harness rehearse quiet-year --repeat 20 --jobs 2   # many lives with other seeds: rates with intervals
harness rehearse my-world.toml --json
```

## What is held against what

Every event that deserves a finding becomes one row, and so does its end. The row tells whether a finding of the
right kind came, after how many days and calls, whether the interval for the date covers the true date and the
interval for the effect the true effect. A claim of change that nothing planted explains is a false finding; they
are counted per *null endpoint-year*, a year in which nothing that deserves a finding has happened yet to an
endpoint. With `--repeat` the shares come with 95% Wilson intervals and the rates with exact Poisson ones.

| event | finding it deserves |
|---|---|
| `degrade`, `flip` | capability; for `flip` broken down by the answer that was due, since no skill is lost |
| `lock` | topic-lock: explicit for `refuse` and `block`, announced for `fallback`, silent for `silent` |
| `unlock` | topic-lock, the other way |
| `loosen` | refusal, never topic-lock |
| `swap`, `quantise`, `reroute`, `alias` | identity; what else changes with the model may be found too |
| `format` | format, never capability |
| `special` | probe-special-treatment |
| `withdraw`, `deny-region`, `credit` | access |
| `outage`, `bad-day`, `clock-skew` | none: missing data, noise, and our own mistake |

## How the simulated model answers

The chance of a right answer is the logistic function of ability less difficulty. A probe's difficulty depends on
its template or pair, so that twins and isomorphs are equally hard; a share of the probes is always answered right
and another never. Right answers are made from the probe's target and checked with the probe's own grader; wrong
ones are what a careless reader arrives at (one off, a slipped point, a neighbour's answer), and the grader has
called each wrong. Refusals are varied prose, or the protocol's own. Token counts, latencies, fingerprints, rate
limits and errors look like the real thing. Everything drawn depends on the world's seed.

**Limits.** Answers are drawn anew every day, independently given the day's effect: a real model at temperature 0
varies less. Families whose answers cannot be made up (programs, texts under several instructions) have to be left
out of a world with `families = [...]`. What a provider may do is limited to the events below; finding them shows
that the pipeline works, not that every real change looks like one of them.

**How many runs a visit must meet.** The visit in `quantised-weekend` lasts two and a half days, and at one run a day
only two runs fall into it. Two runs of 40 near-tie prompts are too few for a claim: even a test that knew the shares
of every prompt beforehand would typically gather 5,000 to 1 from which prompts agree with the reference, and the
alarm level is 14,600. Simulated, coarser weights like these are found while the visit lasts in 11% of lives at one
run a day, in 72 to 87% at two (four or five runs in the visit; `runs_per_day = 2`), in 97% at three, in 100% at four
([validation/identity.md](validation/identity.md)).

## The worlds that come with harness

| world | days | what happens |
|---|---|---|
"""


def rehearsal_page() -> str:
    """Return the text of docs/rehearsal.md."""
    worlds = {name: load_world(path) for name, path in shipped_worlds().items()}
    rows = [
        f"| `{name}` | {world.days} | {' '.join(world.description.split())} |\n"
        for name, world in worlds.items()
    ]
    return (
        "".join([_HEAD, *rows, "\n# The world file\n", *_keys(), "\n# Events\n", *_events()]).rstrip() + "\n"
    )


def _keys() -> Iterator[str]:
    top = [field for field in World.model_fields if not _is_table(field)]
    yield "\n## At the top\n\n| key | meaning |\n|---|---|\n"
    for name in top:
        meaning = " ".join((World.model_fields[name].description or "").split())
        yield f"| `{name}` | {meaning} |\n"
    for name, field in World.model_fields.items():
        inner = bare(field.annotation)
        section = named_section(inner)
        if section is not None and name != "suites":
            yield from section_lines(f"{name}.NAME", section)
        elif is_section(inner):
            yield from section_lines(name, inner)


def _is_table(name: str) -> bool:
    inner = bare(World.model_fields[name].annotation)
    return name == "events" or named_section(inner) is not None or is_section(inner)


def _events() -> Iterator[str]:
    yield "\nAn event is an `[[events]]` table with its `kind`, an `endpoint`, a `day` and, where it ends, `until`.\n"
    for event in EVENTS:
        kinds = get_args(event.model_fields["kind"].annotation)
        shared = ("kind", "endpoint", "day", "until")
        own = {name: field for name, field in event.model_fields.items() if name not in shared}
        yield f"\n## {', '.join(f'`{kind}`' for kind in kinds)}\n\n{inspect.getdoc(event)}"
        about = event.model_fields["kind"].description
        yield f" {' '.join(about.split())}\n" if about else "\n"
        if own:
            yield "\n"
            yield from key_table(own)
