"""The command line: parse, call, print. One file per group of commands; the whole contract is in docs/cli.md."""

from __future__ import annotations

import errno
import sys
from collections.abc import Sequence

import typer
from typer.exceptions import Abort, TyperException

from harness import __version__
from harness.cli import (
    backup,
    bundles,
    calibrating,
    claims,
    commitments,
    custody,
    evidence,
    interchange,
    local,
    planning,
    power,
    reading,
    rehearse,
    running,
    showing,
    suites,
)
from harness.cli.context import err
from harness.errors import EXIT_ERROR, EXIT_USAGE, ConfigError, HarnessError

app = typer.Typer(
    name="harness",
    help="Watch how AI models behave over time, and keep the evidence.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


def _version(wanted: bool) -> None:
    if wanted:
        sys.stdout.write(f"harness {__version__}\n")
        raise typer.Exit


@app.callback()
def _root(
    version: bool = typer.Option(
        False, "--version", callback=_version, is_eager=True, help="Print the version."
    ),
) -> None:
    """Watch how AI models behave over time, and keep the evidence."""


planning.register(app)
power.register(app)
running.register(app)
calibrating.register(app)
reading.register(app)
claims.register(app)
showing.register(app)
evidence.register(app)
backup.register(app)
custody.register(app)
bundles.register(app)
commitments.register(app)
interchange.register(app)
rehearse.register(app)
app.add_typer(local.app, name="local")
app.add_typer(suites.app, name="suite")


_DISK = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EROFS)
"""What a disk does to a command that writes somewhere."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one command and exit with its documented code."""
    sys.exit(run(sys.argv[1:] if arguments is None else arguments))


def run(arguments: Sequence[str]) -> int:
    """Run one command and return its exit code; a user's mistake prints one line a mistake and no traceback."""
    try:
        code = app(list(arguments), prog_name="harness", standalone_mode=False)
        if sys.stdout is not None:
            sys.stdout.flush()  # what cannot be written shows here, not after the exit code is given
    except ConfigError as error:
        for mistake in error.mistakes:
            err.print(f"error: {mistake}", markup=False)
        return error.exit_code
    except HarnessError as error:
        err.print(f"error: {error}", markup=False)
        return error.exit_code
    except TyperException as error:
        show = getattr(error, "show", None)
        if show is not None:
            show()
        else:
            err.print(f"error: {error}", markup=False)
        return EXIT_USAGE
    except (Abort, KeyboardInterrupt):
        err.print("stopped")
        return EXIT_ERROR
    except BrokenPipeError:
        # The reader of a pipe left early (`harness plan --json | head`): nothing to say, nowhere to say it.
        sys.stdout = None
        return EXIT_ERROR
    except OSError as error:
        if error.errno not in _DISK:
            raise
        sys.stdout = None
        where = f"{error.filename}: " if error.filename else "output: "
        err.print(f"error: {where}{error.strerror}; free some space, or write elsewhere", markup=False)
        return EXIT_ERROR
    return code if isinstance(code, int) else 0
