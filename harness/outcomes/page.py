"""docs/outcomes.md, made from the tables: `python -m harness.outcomes.page > docs/outcomes.md`."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from itertools import groupby

from harness import outcomes
from harness.outcomes.errors import listing
from harness.outcomes.tables import (
    BLOCKS,
    CATEGORIES,
    FINISH,
    FINISH_FIELD,
    FINISH_OUTCOMES,
    INCOMPLETE_REASONS,
    MESSAGES,
    REASONS,
    RETRIED_FAILURES,
    STATUS,
    UNKNOWN_FINISH,
    Finish,
    Meaning,
)
from harness.records import Failure, Outcome

_HEAD = """\
# Outcomes

Every exchange comes to exactly one of eight outcomes. The wire decides first, the text second, and each
decision is stored with the rule that made it, the field and value it rests on, and the version of the rules.
This page is made from the tables that decide (rules version {version}).

| outcome | meaning | counts as |
|---|---|---|
| `answered` | content came back and the grader could read an answer | graded |
| `unparsed` | content came back, no answer could be read in it: not wrong, not right | behaviour |
| `refused` | declined by the `provider` (a structured field, a policy error) or by the `model` (in prose), \
`full`, or `partial` after content | behaviour |
| `cut` | stopped by the provider after content had begun, with no policy given as the reason | behaviour |
| `empty` | a success status and no visible content | behaviour |
| `truncated` | our own token limit, or the context, ended it, with or without content | behaviour |
| `denied` | access: key, permission, region, legal, withdrawn, account | behaviour |
| `failed` | nothing learnt: timeouts, resets, 429 and 5xx after all tries, malformed replies | missing data |

Beside the outcome stand `served_model`, `rerouted` (another model than the requested one or an alias of it
answered), `notice` (a lock or hand-over that announces itself, in the provider's words), `category` (the
provider's own word for a refusal) and `unmapped` (a wire value that has no place on this page yet).

Where two readings are possible:

- A refusal after content is `refused`, `partial`, when the provider states a policy reason anywhere (a finish
  reason, a refusal field, an error event); content that just stops is `cut`.
- A reset of the line after streamed content is `cut`; every other break of the line is `failed`. A line that
  breaks after the reply has said how it finished changes nothing.
- A token limit is ours: `truncated`, also when hidden reasoning used it all up and no text came. A server
  of OpenAI's Responses protocol that does not repeat the limit in its reply may say `completed` then: when the
  output tokens reach the limit sent, that is `truncated` too.
- An exhausted quota, an empty balance and an account on hold are `denied`, reason `account`: they are about
  us, and waiting does not help. A rate limit is `failed`.
- A request that the provider does not accept is `failed`, reason `bad_request`: ours to mend.
- A tool call is content. Blanks and zero-width characters are not. Hidden reasoning is not: reasoning fields,
  thinking blocks and a leading `<think>...</think>` are kept apart and never graded.

## What is tried again

Only missing data:

- {statuses}, and any other 5xx but 501 and 505;
- the failures {failures};
- a success status with a malformed body or an error of these kinds, and a stream that ended before content.

A refusal, a denial, an empty reply, a cut without an error and a request we must mend are never tried again.
Every try is kept as evidence.

"""

_UNMAPPED = """
## Values that are not here

A value with no place on this page is stored as it came, gets the nearest safe outcome, and is counted as
*unmapped* in `harness status`; it is never dropped and never taken for an answer.

| unknown | outcome |
|---|---|
| finish reason, or none at all | {with_content} with content, {without} without |
| error code or type | by the message, else by the HTTP status, else `failed`, reason `server_error` |
| block reason | `refused` by the provider |
| refusal category | stored in the provider's word |
| HTTP status | by its hundred: 3xx redirect, 4xx bad request, 5xx server error |

A finish reason known from another protocol keeps its meaning: gateways pass one provider's words through
another's protocol.

## Rerouting

Announced: an entry `fallback_message` in Anthropic's `usage.iterations`, or a `fallback` content block.
Otherwise by the served model's name. It is the requested model when both agree on family, version and size;
a vendor, a folder, a file ending, a router's variant (`:free`), a quantisation or a snapshot date may be
added or left out, `-latest` may gain a version, and a Gemini name may gain `preview`. Another pinned date,
version, size or quantisation is another model. On Azure, where model names are the user's own names of
deployments, names are not compared.

## Limitations

- A refusal written as an ordinary answer is seen by reading the text, not here; see `prose_refusal`.
- A hand-over that is neither announced nor shows in the served model's name leaves no trace in one exchange.
- A provider that cuts a line on purpose and a line that breaks look alike: more tries that end the same way,
  and the other arm of a pair, tell them apart.
- A gateway that puts replies into other words can hide what happened: a cut stream may arrive with an ordinary
  end, a refusal without its words. Ask providers directly where it matters.
- The rules that read an error's message know the English sentences in use today.
- Local servers often repeat the requested name whatever they serve; file names that name no model are not
  compared.
- Replies over 8 MB of JSON are not read; texts are cut at 2,000,000 characters, other fields at 2,000.
- Token counts are the provider's own. Cached input is part of the input, reasoning part of the output,
  whatever the protocol's way of counting.
"""


def render() -> str:
    """Return the text of docs/outcomes.md."""
    statuses = ", ".join(str(status) for status, meaning in STATUS.items() if meaning.retry)
    failures = _codes(failure for failure in Failure if failure in RETRIED_FAILURES)
    parts = [
        _HEAD.format(version=outcomes.VERSION, statuses=f"HTTP {statuses}", failures=failures),
        "## Rules\n\nIn the order they are tried; the first that fits decides.\n\n",
        *_table(("rule", "what it says"), ((f"`{name}`", text) for name, text in outcomes.RULES.items())),
        "\nThen the text is read:\n\n",
        *_table(
            ("rule", "what it says"), ((f"`{name}`", text) for name, text in outcomes.TEXT_RULES.items())
        ),
        "\nImported logs, which hold no wire facts, are asked for their own words first, with the reason `log`:\n\n",
        *_table(("rule", "what it says"), ((f"`{name}`", text) for name, text in outcomes.LOG_RULES.items())),
        "\n## Reasons\n\n",
        *_table(("outcome", "reason", "meaning"), _reasons()),
        *_finishes(),
        "\n## Blocks\n\n",
        *_table(("field", "values", "outcome"), _blocks()),
        f"\nAnthropic's refusal categories: {_codes(sorted(CATEGORIES))}.\n",
        "\n## Errors\n\nBy `error.code`, else `error.type`, else the message, else the HTTP status.\n",
        "Values marked * say little: the message and the status are asked first.\n\n",
        *_table(("seen at", "outcome", "code or type"), _errors()),
        "\nThe message, where code and type say too little:\n\n",
        *_table(
            ("rule", "outcome", "pattern"),
            ((name, _outcome(meaning), f"`{_escape(p.pattern)}`") for name, p, meaning in MESSAGES),
        ),
        "\n## HTTP status\n\n",
        *_table(
            ("status", "outcome", "tried again"),
            ((str(status), _outcome(m), "yes" if m.retry else "no") for status, m in STATUS.items()),
        ),
        "\n## Failures of the line\n\nNo complete reply came: `failed`, with the failure as the reason.\n\n",
        *_table(
            ("failure", "tried again"),
            ((f"`{failure}`", "yes" if failure in RETRIED_FAILURES else "no") for failure in Failure),
        ),
        _UNMAPPED.format(with_content=f"`{UNKNOWN_FINISH[0]}`", without=f"`{UNKNOWN_FINISH[1]}`"),
    ]
    return "".join(parts)


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> Iterator[str]:
    yield f"| {' | '.join(head)} |\n|{'---|' * len(head)}\n"
    for row in rows:
        yield f"| {' | '.join(row)} |\n"


def _escape(text: str) -> str:
    return text.replace("|", "\\|")


def _codes(values: Iterable[str]) -> str:
    return ", ".join(f"`{value}`" for value in values)


def _outcome(meaning: Meaning) -> str:
    if meaning.outcome is Outcome.REFUSED:
        return "`refused` by the provider"
    return f"`{meaning.outcome}`, reason `{meaning.reason}`"


def _reasons() -> Iterator[tuple[str, str, str]]:
    for outcome, reasons in REASONS.items():
        for name, text in reasons.items():
            yield f"`{outcome}`", f"`{name}`", text
    yield "`failed`", _codes(Failure), "the line; see below"


def _finishes() -> Iterator[str]:
    yield "\n## Finish reasons\n"
    meanings = {
        Finish.END: "the model was done",
        Finish.TOOLS: "the model called a tool",
        Finish.LIMIT: "a limit of ours, or the context",
        Finish.REFUSAL: "a policy of the provider",
        Finish.STOPPED: "stopped for a reason that is no policy",
        Finish.ERROR: "the provider failed",
        Finish.UNFINISHED: "not finished",
        Finish.ACCOUNT: "the account is limited",
    }
    for protocol, table in FINISH.items():
        yield f"\n### {protocol}: `{FINISH_FIELD[protocol]}`\n\n"
        if protocol == "openai-responses":
            yield f"{_codes(sorted(INCOMPLETE_REASONS))} stand in `incomplete_details.reason`.\n\n"
        rows = []
        for value, meaning in table.items():
            full, empty = (f"`{outcome}`" for outcome in FINISH_OUTCOMES[meaning])
            if meaning is Finish.REFUSAL:
                full, empty = f"{full}, partial", f"{empty}, full"
            rows.append((f"`{value}`", meanings[meaning], full, empty))
        yield from _table(("value", "says", "with content", "without"), rows)


def _blocks() -> Iterator[tuple[str, str, str]]:
    for field, values in BLOCKS.items():
        yield f"`{field}`", _codes(sorted(values)), "`refused` by the provider"
    yield "`message.refusal`, a `refusal` content part", "any", "`refused` by the provider"


def _errors() -> Iterator[tuple[str, str, str]]:
    for (who, outcome), rows in groupby(listing(), key=lambda row: (row[0], _outcome(row[2]))):
        yield (
            who,
            outcome,
            ", ".join(f"`{value}`{'*' if meaning.vague else ''}" for _, value, meaning in rows),
        )


if __name__ == "__main__":
    sys.stdout.write(render())
