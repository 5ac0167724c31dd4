"""docs/findings.md: what a finding says and does not say, with its fields and vocabulary out of the code."""

from __future__ import annotations

import ast
import inspect
import json
from collections.abc import Iterator
from enum import StrEnum

from pydantic import TypeAdapter

from harness import claims
from harness.findings.ledger import REFERENCE_RUNS, SETTINGS
from harness.findings.settling import LATER
from harness.findings.streams import FACTS, MEANINGS, TALLY_PROBES, Signal

_HEAD = """\
# Findings

A finding is a claim that something changed, with its evidence: what, where, by how much, since when, how strong the
evidence is, what was ruled out, and which exchanges show it. No finding is not "no change": `no change` is a claim of
its own, with a margin, and everything else is `inconclusive`.

```console
$ harness check                       # prints the alpha ledger: which streams may raise a finding, at which level
$ harness run --fail-on-findings      # exit code 3 when this run raised one
$ harness findings                    # all of them, with what became of them, and how everything else stands
$ harness findings --json             # the same as data, in the form below
$ harness findings --replay           # make every stream again from its stored steps, from nothing, and compare
```

## How a claim comes about

1. **Streams.** Config and suites fix, before the first run, which series are watched: one number per finished run for
   each endpoint, suite and signal, for locks also each topic. Families, languages, depths, difficulties and classes of
   right answers are shown beside a finding and never raise one. The run is the unit: what happens inside it needs no
   model. A run of which too little was measured (`coverage_min`) is missing for that stream, not zero. Runs that
   ended early step when they are resumed and done, once. Simulated runs have streams of their own; imported runs have
   none.
2. **Evidence.** Each run is ranked among all runs before it; the ranks become independent normal scores if runs are
   exchangeable, whatever their distribution. Shiryaev-Roberts sums watch them for a shift of any date, and bets on
   the ranks
   themselves for a clean change; both are averaged ([statistics.md](statistics.md)).
3. **The alpha ledger** divides a year's budget of false alarms (`[findings] alpha`) over all streams. An endpoint's
   streams are averaged with fixed weights, each suite, signal and topic alike, and the average must reach
   `endpoints x runs / alpha`. The ledger is printed by `harness check`, stored with each period, hashed and
   chained. Any
   change of config, suites, graders, sampling settings or rules begins a new period: its reason is recorded and told,
   its evidence starts from nothing, streams that did not change keep their history. A new period is no new budget
   within the year, because every run is paid for once. States that an earlier version of the rules made are computed
   anew, at the next run, from what the stored runs gave; findings and where their streams began again stay as recorded.
4. **The finding** names the stream that contributes most. Effect and date come from Haar-t
   ([statistics.md](statistics.md)).
   The stream then begins again from the estimated date.
5. **Incidents.** Suites of up to {tallied} questions are watched by a second, fast tier with a budget of its
   own (`incident_alpha`), which assumes that calls are independent given ordinary day-to-day differences
   (`incident_day_sd`; one day in twenty may lose answers besides). It watches for drops of right answers, and
   of near-tie prompts the share answered with the first token that was usual in the reference runs (those runs
   themselves are no baseline). Its prompts may move either way; what is told of them is their distance from the
   reference. An incident is provisional. It is *confirmed* when the persistent tier raises the same stream in
   the same direction. Once at least {later} later runs are compatible with no difference and not with the
   incident's own, it is *over* if several runs lay clearly apart from those before and since, and *withdrawn*
   if one run alone, or none clearly, did, as on a bad day. All three are recorded beside it, never in it.
6. **Extra runs.** With a reserve (`[confirmation]`, off unless set) `harness watch` asks the suite whose evidence
   grows once more, two days after it crossed the watch level; every such run is paid for in the alarm level
   ([power.md](power.md#looking-again)).

## Signals

| signal | what one run gives |
|---|---|
"""

_TAIL = """
## Possible conclusions

- **capability**: the share of right answers moved, and wrong answers took their place. Where the classes of right
  answers moved in opposite directions (yes fell, no rose) it is described as a changed default answer, not a lost
  skill.
- **format**: replies can be read less (or more) often. A score that fell only because fewer replies can be read is
  this,
  not capability.
- **refusal**: more or fewer questions are declined, the same in both arms where there are arms: tightening, loosening.
- **topic-lock**: the same tasks fare worse in a topic's words than in neutral words *than before*, the topic's arm
  carries it, and most other topics did not move alike. `explicit`: a refusal in the pair. `announced`: another
  model said
  that it took over. `silent`: neither. A gap that was there from the first run is not a lock: only a change over
  time is.
  An announced lock is also read off: the first run whose replies carry a notice on one topic, and not on its neutral
  twins, is a fact without an e-value.
- **identity**: another served name or other token counts for fixed texts (facts), or answers to near-tie prompts that
  moved away from the reference (an estimate; as an incident, fewer of them answered as was usual).
- **access**: access was denied after it had been given, or given again. A fact of the replies.
- **probe-special-treatment**: fixed questions fare otherwise than fresh ones of the same templates.

Every claim is *consistent with* its reading. None says why.

## Limitations

- How often whole years without a change raise a finding all the same: [validation/findings.md](validation/findings.md).
- Runs must be exchangeable if nothing changes. Bad days, unequal days and any distribution are allowed; a slow
  trend or
  strong dependence between neighbouring days raises false alarms: at a correlation of .5 they reach about 1.5 times
  the budget (measured).
- At least about seven runs after a change are needed, however large it is: ranks have a resolution. Longer
  baselines help.
- Several streams alarm on one change; each is its own finding. Read them together.
- The date decides what is before and after in the breakdown and in what is ruled out: those are descriptions
  beside the
  claim. Their intervals are not corrected for the number of classes.
- `ruled out` speaks of the explanations listed, with the evidence named. `not checked` means that nothing was
  asked that
  could tell.
- A partial reroute of a tenth of the traffic is practically undetectable at a few hundred calls a day.
- A visit of coarser weights must meet enough runs: of two runs of 40 near-tie prompts no test can tell reliably, five
  mostly suffice ([validation/identity.md](validation/identity.md)).
- The identity reference is the first {reference} runs of the stream. What changed before is not seen.
- Regrading changes what tallies say, not the steps that were made from them: `--replay` uses what each step took in.
- Denied and failed calls are missing data for every signal but access.

## Fields

`harness findings --json` gives an object: `format` (`harness.findings/1`), `findings` (below, with `standing`,
`found_at` and
`events`: each with `standing`, `at`, `words`), `streams` (how each stands just now: `stream`, `verdict`, `runs`,
`difference`,
`low`, `high`, `level`, `margin`, `e_value`, `words`), `ledger` (each period with `period`, `world`, `opened_at`,
`reason` and
the whole `ledger`) and `runs`. Shares and differences are fractions, not percent. Times `*_us` are UTC microseconds.

"""


def page() -> str:
    """Return the text of docs/findings.md."""
    parts = [_HEAD.replace("{tallied}", str(TALLY_PROBES)).replace("{later}", str(LATER))]
    for signal in Signal:
        note = " *(a fact: needs no share of the budget)*" if signal in FACTS else ""
        parts.append(f"| `{signal.value}` | {MEANINGS[signal]}{note} |\n")
    shifts = ", ".join(f"{shift:g}" for shift in SETTINGS.shifts)
    parts.append(
        f"\nRanks count from run {SETTINGS.burn_in + 1} on; shifts looked for: {shifts} standard deviations, "
        f"both ways.\n"
    )
    parts.append("\n## Vocabulary\n")
    for enum in (claims.Kind, claims.Tier, claims.Verdict, claims.Lock, claims.Standing):
        parts += _enum(enum)
    parts.append(_TAIL.replace("{reference}", str(REFERENCE_RUNS)))
    for record in (
        claims.Finding,
        claims.StreamKey,
        claims.Effect,
        claims.Since,
        claims.RuledOut,
        claims.Part,
    ):
        parts.append(
            f"### {record.__name__}\n\n{inspect.getdoc(record)}\n\n| field | type | meaning |\n|---|---|---|\n"
        )
        parts += [f"| `{name}` | `{kind}` | {meaning} |\n" for name, kind, meaning in _fields(record)]
        parts.append("\n")
    schema = json.dumps(TypeAdapter(claims.Finding).json_schema(), indent=1, sort_keys=True)
    parts.append(f"### JSON schema of a finding\n\n```json\n{schema}\n```\n")
    return "".join(parts)


def _enum(enum: type[StrEnum]) -> Iterator[str]:
    notes = {name: meaning for name, _, meaning in _fields(enum)}
    yield f"\n**{enum.__name__}**: {inspect.getdoc(enum)}\n\n"
    for each in enum:
        note = notes.get(each.name, "")
        yield f"- `{each.value}`{': ' + note if note else ''}\n"


def _fields(record: type) -> Iterator[tuple[str, str, str]]:
    """Yield (name, type, docstring) of a class's attributes, as its source has them."""
    (tree,) = ast.parse(inspect.getsource(record)).body
    assert isinstance(tree, ast.ClassDef)
    for statement, following in zip(tree.body, [*tree.body[1:], None], strict=True):
        if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
            name, kind = statement.target.id, ast.unparse(statement.annotation)
        elif isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Name):
            name, kind = statement.targets[0].id, ""
        else:
            continue
        said = ""
        if (
            isinstance(following, ast.Expr)
            and isinstance(following.value, ast.Constant)
            and isinstance(following.value.value, str)
        ):
            said = " ".join(following.value.value.split())
        yield name, kind.replace("|", "\\|"), said
