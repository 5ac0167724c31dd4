"""docs/config.md, made from the schema: `python -m harness.config.docs > docs/config.md`."""

from __future__ import annotations

import inspect
import json
import sys
from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any, Literal, get_args, get_origin

from pydantic.fields import FieldInfo

from harness.config.fields import bare, default_text, is_section, named_section
from harness.config.parameters import RANGES
from harness.config.schema import Config, Section
from harness.config.shown import Mistake
from harness.config.urls import KEY_VARIABLES

_EXAMPLE = Mistake(
    ("endpoints", "gpt", "limits", "requests_per_minute"),
    "must be > 0, got -1",
    "use a number above 0, or leave it out",
)
_HEAD = f"""\
# config.toml

One file says what is asked of whom, how often, and what it may cost. `harness init` writes a commented
example; `harness check` checks the file, shows what a run would send and cost, and sends nothing.

Unknown keys, wrong types and values out of range are mistakes. Every mistake is one line with the file, the
key, the value and the fix, and all of them are told at once:

    {_EXAMPLE.line("config.toml")}

Paths are relative to the file. Times are UTC. This page is made from the code that checks the file.

## Keys

Keys never stand in the file; a value that looks like one is a mistake. An endpoint's key comes from the
variable named in `key_env`, or from the file named in `key_file` (the key alone; others should not be able to
read it). With neither, the usual variable is used, but at the provider's own address only, so that a key
never travels to somebody else's server:

"""

_PROXIES = """
Launched servers need no key, and any other server is asked without one unless `key_env` or `key_file` names
it. A missing key is a mistake only for commands that send.

## Proxies

`proxy`, or the variable named in `proxy_env`, is for one endpoint. Without them `HTTPS_PROXY`, `HTTP_PROXY`
and `ALL_PROXY` count (lower case too), except for the hosts in `NO_PROXY`. This machine is never asked
through a proxy.
"""

_PARAMETERS = """
Settings with a name of their own, checked and translated for each protocol; anything else passes through.
"""


def config_page() -> str:
    """Return the text of docs/config.md."""
    lines = [_HEAD]
    lines += [
        f"- `{host}`: {' or '.join(f'`{name}`' for name in names)}\n" for host, names in KEY_VARIABLES.items()
    ]
    lines.append(_PROXIES)
    for name, field in Config.model_fields.items():
        inner = bare(field.annotation)
        section = named_section(inner)
        if section is not None:
            lines += section_lines(f"{name}.NAME", section)
        elif is_section(inner):
            lines += section_lines(name, inner)
    return "".join(lines).rstrip() + "\n"


def section_lines(path: str, section: type[Section]) -> Iterator[str]:
    """Yield the Markdown of one section: heading, docstring, and a table of its keys."""
    yield f"\n## [{path}]\n\n{inspect.getdoc(section)}\n\n"
    yield from key_table(section.model_fields)
    inside = [
        (f"{path}.{name}", bare(field.annotation))
        for name, field in section.model_fields.items()
        if is_section(bare(field.annotation))
    ]
    if "parameters" in section.model_fields:
        yield f"\n### [{path}.parameters]\n{_PARAMETERS}\n| key | value |\n|---|---|\n"
        for name, limits in RANGES.items():
            kind = (
                ""
                if limits is None
                else f"{'whole number' if limits.whole else 'number'} {limits.text.replace('>=', '≥')}"
            )
            yield f"| `{name}` | {kind or _FREE[name]} |\n"
    for deeper, schema in inside:
        yield from (line.replace("\n## ", "\n### ") for line in section_lines(deeper, schema))


def key_table(fields: Mapping[str, FieldInfo]) -> Iterator[str]:
    """Yield a Markdown table of keys: name, value, default, meaning."""
    yield "| key | value | default | meaning |\n|---|---|---|---|\n"
    for name, field in fields.items():
        meaning = " ".join((field.description or "").split())
        yield f"| `{name}` | {_value(field)} | {_default(field)} | {meaning} |\n"


_FREE: Mapping[str, str] = {
    "logprobs": "true or false",
    "seed": "whole number; false to send none; left out, one derived for each call",
    "stop": "text or list of texts",
    "reasoning_effort": "text",
}


def _value(field: FieldInfo) -> str:
    inner = bare(field.annotation)
    bounds = [bound for mark in ("gt", "ge", "lt", "le") if (bound := _bound(field, mark))]
    return f"{_type(inner)}{' ' if bounds else ''}{', '.join(bounds)}"


def _bound(field: FieldInfo, mark: str) -> str:
    sign = {"gt": ">", "ge": "≥", "lt": "<", "le": "≤"}[mark]
    for metadata in (*field.metadata, *_inner_metadata(field.annotation)):
        value = getattr(metadata, mark, None)
        if value is not None:
            return f"{sign} {'2^63' if value == 2**63 else f'{value:,}'}"
    return ""


def _inner_metadata(annotation: Any) -> Iterator[Any]:
    """Yield the constraints inside `Annotated[...] | None`."""
    for arm in (annotation, *get_args(annotation)):
        for metadata in getattr(arm, "__metadata__", ()):
            yield from getattr(metadata, "metadata", (metadata,))


def _type(inner: Any) -> str:
    if is_section(inner):
        return "table"
    origin = get_origin(inner)
    if origin is Literal:
        return " \\| ".join(f"`{json.dumps(word)}`" for word in get_args(inner))
    if origin is tuple:
        return f"list of {_type(bare(get_args(inner)[0]))}"
    if origin is not None and issubclass(origin, Mapping):
        return "table"
    return {str: "text", int: "whole number", float: "number", bool: "true or false", date: "date"}[inner]


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    default = default_text(field)
    return f"`{default}`" if default not in (None, '""') else ""


if __name__ == "__main__":
    sys.stdout.write(config_page())
