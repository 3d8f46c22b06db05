"""Progress of a training run: callbacks for text and row counts, and a log of stages with their times."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from typing import Final

from rich.console import Console

from features.memory import release_free_memory

#: Callback for a short description of the current step.
Progress = Callable[[str], None]
#: Callback for the number of rows processed so far.
RowProgress = Callable[[int], None]


#: Minimum time between two lines of progress in a log file.
SECONDS_PER_LINE: Final = 10.0


def no_progress(_: str) -> None:
    """Ignore progress."""


class StageLog:
    """Log of the stages of a run with their times. It prints one line per stage if there is a console.

    In a terminal, the current step of a stage is shown beside its name. Elsewhere, such as in a log file, each step is printed on a
    separate line, at most one every `SECONDS_PER_LINE`.

    ``seconds`` maps the name of each finished stage to its wall time.
    """

    def __init__(self, console: Console | None = None) -> None:
        self._console = console
        self._printed = 0.0
        self.seconds: dict[str, float] = {}

    @contextlib.contextmanager
    def stage(self, name: str) -> Iterator[Progress]:
        """Time one stage. The yielded callback shows the current step; the line of the finished stage keeps the last one."""
        started = time.perf_counter()
        last = ""

        def show(text: str) -> None:
            nonlocal last
            last = text
            if lines is not None and time.perf_counter() - self._printed >= SECONDS_PER_LINE:
                self._printed = time.perf_counter()
                lines.print(f"  {self._printed - started:7.0f} s  {name}: {text}", highlight=False, markup=False)
            if status is not None:
                status.update(f"{name}: {text}")

        console = self._console
        lines = console if console is not None and not console.is_terminal else None
        status = console.status(name) if console is not None and lines is None else None
        self._printed = started
        with status or contextlib.nullcontext():
            yield show
        release_free_memory()
        self.seconds[name] = time.perf_counter() - started
        if self._console is not None:
            detail = f"  [dim]{last}[/dim]" if last else ""
            self._console.print(f"{name:<36}{self.seconds[name]:>8.1f} s{detail}", highlight=False)

    def note(self, text: str) -> None:
        """Print a note."""
        if self._console is not None:
            self._console.print(f"[yellow]Note:[/yellow] {text}", highlight=False)
