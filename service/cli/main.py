"""The entry point: commands, exit status, and errors as one line.

Commands import what they need when they run, so that ``tidewaiter --help`` answers at once.
"""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from service.cli.compare import compare
from service.cli.errors import INTERRUPTED, explained
from service.cli.models import model_app, promote, pull, rollback
from service.cli.scoring import score, validate
from service.cli.serving import demo, serve
from service.cli.substance import substance
from service.cli.training import evaluate, generate, train

app = typer.Typer(
    name="tidewaiter",
    help="Scores shipments for likely fentanyl, analogue, precursor and press-equipment content.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    # Plain help needs no Rich, which takes longer to import than everything else here.
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback()
def _options(
    debug: Annotated[bool, typer.Option("--debug", help="Show the trace of an error; may stand anywhere.")] = False,
) -> None:
    pass


for command in (score, validate, substance, generate, train, evaluate, compare, promote, rollback, pull, serve, demo):
    app.command()(command)
app.add_typer(model_app)


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and end the process with its exit status (see `service.cli.errors`)."""
    given = sys.argv[1:] if arguments is None else arguments
    debug = "--debug" in given
    sys.exit(run([argument for argument in given if argument != "--debug"], debug=debug))


def run(arguments: list[str], *, debug: bool = False) -> int:
    """Run one command and return its exit status."""
    try:
        returned = app(arguments, standalone_mode=False, prog_name="tidewaiter")
        # Typer answers Ctrl-C with this status and without a word.
        return _interrupted() if returned == INTERRUPTED else returned if isinstance(returned, int) else 0
    except typer.Abort:
        return _interrupted()
    except KeyboardInterrupt:
        return _interrupted()
    except Exception as error:
        # Click's own errors of use know their text and status; Typer vendors Click, so they are known by their shape.
        show, status = getattr(error, "show", None), getattr(error, "exit_code", None)
        if callable(show) and isinstance(status, int):
            show()
            return status
        if debug:
            raise
        status, message = explained(error)
        if message:
            _say(message)
        return status


def _interrupted() -> int:
    _say("Stopped. Nothing half-written is left.")
    return INTERRUPTED


def _say(message: str) -> None:
    # One line however the message came: it is read in logs and by scripts.
    sys.stderr.write(f"tidewaiter: {' '.join(message.split())}\n")
