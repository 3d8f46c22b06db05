"""Progress of a training run: callbacks for text and row counts, and a log of stages with their times."""

from __future__ import annotations

import contextlib
import ctypes
import os
import time
from collections.abc import Callable, Iterator

from rich.console import Console

#: Callback for a short description of the current step.
Progress = Callable[[str], None]
#: Callback for the number of rows processed so far.
RowProgress = Callable[[int], None]


def no_progress(_: str) -> None:
    """Ignore progress."""


def release_free_memory() -> None:
    """Return free heap memory to the operating system. Only glibc needs this call.

    With a million rows, each stage leaves some hundred megabytes of freed memory between allocations that are still in use.
    """
    if "CS_GNU_LIBC_VERSION" in getattr(os, "confstr_names", {}):
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
        if trim is not None:
            trim(0)


class StageLog:
    """Log of the stages of a run with their times. It prints one line per stage if there is a console.

    ``seconds`` maps the name of each finished stage to its wall time.
    """

    def __init__(self, console: Console | None = None) -> None:
        self._console = console
        self.seconds: dict[str, float] = {}

    @contextlib.contextmanager
    def stage(self, name: str) -> Iterator[Progress]:
        """Time one stage. The yielded callback shows a text beside the stage's name; the last text remains."""
        started = time.perf_counter()
        last = ""

        def show(text: str) -> None:
            nonlocal last
            last = text
            if status is not None:
                status.update(f"{name}: {text}")

        status = self._console.status(name) if self._console is not None else None
        with status or contextlib.nullcontext():
            yield show
        release_free_memory()
        self.seconds[name] = time.perf_counter() - started
        if self._console is not None:
            detail = f"  [dim]{last}[/dim]" if last else ""
            self._console.print(f"{name:<28}{self.seconds[name]:>8.1f} s{detail}", highlight=False)

    def note(self, text: str) -> None:
        """Print a note."""
        if self._console is not None:
            self._console.print(f"[yellow]Note:[/yellow] {text}", highlight=False)
