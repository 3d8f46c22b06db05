"""Entry point of the command line. It registers the commands, and reports errors as one line and an exit status.

Commands import their modules when they run, so that ``tidewaiter --help`` is fast.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from types import FrameType
from typing import Annotated, Never

import typer

from service import subjects
from service.core.commands import INTERRUPTED, TERMINATED, status_and_message

app = typer.Typer(
    name="tidewaiter",
    help="Scores shipments for likely fentanyl, analogue, precursor and press-equipment content.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    # The import of Rich alone takes longer than all other imports for `--help`.
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback()
def _options(
    debug: Annotated[
        bool, typer.Option("--debug", help="Show the traceback of an error; allowed anywhere on the command line.")
    ] = False,
    config: Annotated[
        Path | None,
        typer.Option("--config", metavar="FILE", help="Settings. Default: tidewaiter.toml, if there is one."),
    ] = None,
) -> None:
    if config is not None:
        from service.core.config_file import CONFIG

        # Processes that the command starts read it too.
        os.environ[CONFIG] = str(config)


for _module in subjects.parts("command"):
    for _command in _module.COMMANDS:
        if isinstance(_command, typer.Typer):
            app.add_typer(_command)
        else:
            app.command()(_command)


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and end the process with its exit status (see `service.core.commands`)."""
    from service.core.memory import stop_collecting

    arguments = sys.argv[1:] if arguments is None else arguments
    debug = "--debug" in arguments
    signal.signal(signal.SIGTERM, _Terminated.raise_once)
    # A closed terminal sends SIGHUP; `nohup` ignores it. Windows does not have it.
    if hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) is signal.SIG_DFL:
        signal.signal(signal.SIGHUP, _Terminated.raise_once)
    status = run([argument for argument in arguments if argument != "--debug"], debug=debug)
    stop_collecting()
    sys.exit(TERMINATED if status == INTERRUPTED and _Terminated.received else status)


class _Terminated:
    """Handler that treats SIGTERM and SIGHUP like Ctrl-C: commands remove incomplete files. A running service replaces it."""

    received = False

    @classmethod
    def raise_once(cls, number: int, frame: FrameType | None) -> Never:
        """Interrupt the command. A second signal does not interrupt the clean-up."""
        cls.received = True
        signal.signal(number, signal.SIG_IGN)
        raise KeyboardInterrupt


def run(arguments: list[str], *, debug: bool = False) -> int:
    """Run one command and return its exit status."""
    try:
        returned = app(arguments, standalone_mode=False, prog_name="tidewaiter")
        # After Ctrl-C, Typer returns this status without a message.
        if returned == INTERRUPTED:
            return _interrupted()
        return returned if isinstance(returned, int) else 0
    except (typer.Abort, KeyboardInterrupt):
        return _interrupted()
    except Exception as error:
        # Detect Click's usage errors by their members, because Typer vendors Click.
        show, status = getattr(error, "show", None), getattr(error, "exit_code", None)
        if callable(show) and isinstance(status, int):
            show()
            return status
        if debug:
            raise
        status, message = status_and_message(error)
        if message:
            _print_error(message)
        return status


def _interrupted() -> int:
    _print_error("Stopped. No incomplete file is left.")
    return INTERRUPTED


def _print_error(message: str) -> None:
    # Logs and scripts expect a single line.
    sys.stderr.write(f"tidewaiter: {' '.join(message.split())}\n")
