"""Consoles, and progress bars, which appear only on terminals."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console


def to_stderr() -> Console:
    """Return a console for messages, on standard error."""
    from rich.console import Console

    return Console(stderr=True, highlight=False, soft_wrap=True)


def to_stdout() -> Console:
    """Return a console for results, on standard output. In a file or pipe it has at least 140 columns, enough for tables."""
    from rich.console import Console

    console = Console(highlight=False)
    return console if console.is_terminal else Console(highlight=False, width=max(console.width, 140))


@contextlib.contextmanager
def row_progress(what: str, *, total: int | None = None) -> Iterator[Callable[[int, int, int], None]]:
    """Show a progress bar with rows, rate and remaining time if standard error is a terminal.

    Yield a function that advances the bar. Its arguments are the bytes read so far, the size in bytes (0 if unknown) and the rows
    so far. If ``total``, a number of rows, is given, the bytes are ignored.
    """
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

    console = Console(stderr=True)
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(bar_width=None),
        TextColumn("{task.percentage:>3.0f} %"),
        TextColumn("{task.fields[rows]:>11,} rows"),
        TextColumn("{task.fields[rate]:>9,.0f} rows/s"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=console,
        disable=not console.is_terminal,
    ) as progress:
        task = progress.add_task(what, total=total, rows=0, rate=0.0)

        def advance(done: int, size: int, rows: int) -> None:
            elapsed = progress.tasks[0].elapsed or 0.0
            values: dict[str, Any] = {"rows": rows, "rate": rows / elapsed if elapsed > 0 else 0.0}
            if total is not None:
                progress.update(task, completed=rows, **values)
            elif size > 0:
                progress.update(task, total=size, completed=min(done, size), **values)
            else:
                progress.update(task, total=None, **values)

        yield advance
        if progress.tasks[0].total is not None:
            progress.update(task, completed=progress.tasks[0].total)
