"""What a training run tells while it goes: one line per stage with its time."""

from __future__ import annotations

import contextlib
import ctypes
import os
import time
from collections.abc import Callable, Iterator

from rich.console import Console


def give_back() -> None:
    """Let glibc return the memory that is free between what is in use: of a million rows some hundred megabytes a stage.

    Other C libraries are left alone.
    """
    if "CS_GNU_LIBC_VERSION" in getattr(os, "confstr_names", {}):
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
        if trim is not None:
            trim(0)


class Stages:
    """Reports stages on a console; without one it only keeps the times. A run is minutes long, so a stage says when
    it starts.
    """

    def __init__(self, console: Console | None = None) -> None:
        self._console = console
        self.seconds: dict[str, float] = {}

    @contextlib.contextmanager
    def __call__(self, name: str) -> Iterator[Callable[[str], None]]:
        """Time one stage; what is yielded takes a short text to show as the stage's progress or result."""
        started = time.perf_counter()
        last = ""

        def say(text: str) -> None:
            nonlocal last
            last = text
            if status is not None:
                status.update(f"{name}: {text}")

        status = self._console.status(name) if self._console is not None else None
        with status or contextlib.nullcontext():
            yield say
        give_back()
        self.seconds[name] = time.perf_counter() - started
        if self._console is not None:
            detail = f"  [dim]{last}[/dim]" if last else ""
            self._console.print(f"{name:<28}{self.seconds[name]:>8.1f} s{detail}", highlight=False)

    def note(self, text: str) -> None:
        if self._console is not None:
            self._console.print(f"[yellow]Note:[/yellow] {text}", highlight=False)
