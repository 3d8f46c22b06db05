"""Systematic chemical names read as structures by OPSIN, one persistent java process per Python process.

OPSIN's command line reads one name per line and writes one line with a SMILES, empty if it cannot read the name. A start takes
half a second and a name well under a millisecond. The process therefore starts once, at the first name, and is queried through
its pipes. A check with a known answer follows each name, so that an answer is never assigned to another name. The process ends
when its pipes close, even if Python is killed.
"""

from __future__ import annotations

import atexit
import contextlib
import logging
import math
import os
import re
import threading
import time
import weakref
from collections import OrderedDict, deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from features.substances.read.opsin_process import Failure, OpsinProcess, find_command

#: Maximum length of a name in characters. The longest of the UNII table has 250. A longer name is not truncated but refused,
#: because a truncated name would be another substance.
LONGEST_NAME: Final = 500
_CONTROL: Final = re.compile(r"[\s\x00-\x1f\x7f-\x9f\ud800-\udfff\u2028\u2029]+")
# Maximum number of cached answers. Names repeat in trade. An answer takes a few hundred bytes.
_REMEMBERED: Final = 8_192
_BAD_REMEMBERED: Final = 1_024
# Maximum number of names sent before another thread may send its names.
_BLOCK: Final = 256


_LOG: Final = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Limits:
    """Time limits and failure limits of OPSIN.

    Attributes:
        name_s: seconds for one name. The slowest of 20,000 names of the UNII table takes 0.02 s. One second leaves room for
            a loaded machine.
        start_s: seconds until the first answer after a start.
        deaths: number of ends of the process within ``window_s`` seconds that lead to a pause.
        window_s: see ``deaths``.
        first_pause_s: seconds of the first pause. Each further pause is twice as long, until no process has ended for
            ``window_s`` seconds.
        pause_s: seconds of the longest pause, and of the pause after a start that hung.
        bad_s: seconds for which a name that exceeded its time, or ended the process twice, is not tried again. It is
            tried later, because the machine may have been the cause.
    """

    name_s: float = 1.0
    start_s: float = 20.0
    deaths: int = 5
    window_s: float = 60.0
    first_pause_s: float = 2.0
    pause_s: float = 60.0
    bad_s: float = 3600.0

    def __post_init__(self) -> None:
        for field in ("name_s", "start_s", "window_s", "first_pause_s", "pause_s", "bad_s"):
            value = getattr(self, field)
            if not (math.isfinite(value) and value > 0):
                raise ValueError(f"{field} is {value!r}, expected seconds above 0")
        if self.deaths < 1:
            raise ValueError(f"deaths is {self.deaths!r}, expected at least 1")


@dataclass(slots=True)
class Counters:
    """Counts since the `Opsin` was created or the Python process was forked.

    Attributes:
        names: names sent to OPSIN, without cached answers.
        failures: names that OPSIN could not read.
        timeouts: names that exceeded their time.
        restarts: starts after the first.
        skipped: names not sent, because OPSIN was not available or the name is known to stop it.
    """

    names: int = 0
    failures: int = 0
    timeouts: int = 0
    restarts: int = 0
    skipped: int = 0


def cleaned(name: str) -> str:
    """Return the name as one line without control characters and double blanks; empty if it is too long."""
    line = _CONTROL.sub(" ", name[: 4 * LONGEST_NAME]).strip()
    return line if len(line) <= LONGEST_NAME and len(name) <= 4 * LONGEST_NAME else ""


class Opsin:
    """A persistent OPSIN process. Any thread may query it. Names are answered one after the other.

    The process starts with the first name, and again after it ended. After several ends it pauses for a while, and `problem`
    reports this.

    Args:
        enabled: if false, no process starts and no name is read.
        limits: time and failure limits.
        command: the command to run instead of the installed one.
    """

    def __init__(
        self, *, enabled: bool = True, limits: Limits | None = None, command: Sequence[str] | None = None
    ) -> None:
        self.limits = limits or Limits()
        self._enabled = enabled
        self._given = list(command) if command is not None else None
        self._found: tuple[list[str] | None, str] | None = None
        self._answers: OrderedDict[str, str | None] = OrderedDict()
        self._bad: OrderedDict[str, float] = OrderedDict()
        self._forget()
        _instances.add(self)

    def _forget(self) -> None:
        """Set the initial state, for a new object or in a forked child, where the process belongs to the parent."""
        self._lock = threading.Lock()
        self._process: OpsinProcess | None = None
        self._owner = os.getpid()
        self._deaths: deque[float] = deque()
        self._paused_until, self._paused_for = 0.0, ""
        self._pauses = 0
        self._died_at = self._skipped_at = -math.inf
        self._starts = 0
        self.counters = Counters()

    @property
    def available(self) -> bool:
        """True if a name would be sent now."""
        return self._enabled and self._paused_until <= time.monotonic() and not self._command()[1]

    @property
    def reads_all(self) -> bool:
        """True if no name is skipped now or was skipped during the last `Limits.window_s` seconds."""
        return self.available and not self._bad and time.monotonic() - self._skipped_at > self.limits.window_s

    def has_answered(self, name: str) -> bool:
        """Return whether the cache has OPSIN's answer to a name, which may be that OPSIN cannot read it."""
        return cleaned(name) in self._answers

    @property
    def problem(self) -> str | None:
        """Reason why systematic names are not read now, and the remedy, for a visible warning; None if they are read."""
        left = self._paused_until - time.monotonic()
        if not self._enabled:
            reason = "OPSIN is switched off"
        elif left > 0:
            reason = f"{self._paused_for}; it is tried again in {math.ceil(left)} s"
        else:
            reason = self._command()[1]
        return f"systematic names are not read: {reason}" if reason else None

    @property
    def pid(self) -> int | None:
        """Process id of OPSIN; None if it does not run."""
        process = self._process
        return process.pid if process is not None and self._owner == os.getpid() else None

    @property
    def started_in_s(self) -> float | None:
        """Seconds from the last start to its first answer; None before that."""
        process = self._process
        return process.started_in_s if process is not None else None

    def configure(
        self, *, enabled: bool = True, time_limit_s: float | None = None, start_limit_s: float | None = None
    ) -> None:
        """Enable or disable OPSIN and set the time limits for one name and for its start. None keeps a limit.

        Raises:
            ValueError: a time limit is not a number of seconds above 0.
        """
        old = self.limits
        name_s = old.name_s if time_limit_s is None else time_limit_s
        start_s = old.start_s if start_limit_s is None else start_limit_s
        limits = replace(old, name_s=name_s, start_s=start_s)
        with self._lock:
            self.limits, self._enabled = limits, enabled
            self._bad.clear()
            if not enabled:
                self._end()

    def start(self) -> bool:
        """Start the process and wait for its first answer. Return whether it runs."""
        with self._lock:
            return self._running() is not None

    def close(self) -> None:
        """End the process. A later name starts another."""
        if self._lock.acquire(timeout=self.limits.name_s):
            try:
                self._end()
            finally:
                self._lock.release()
        elif (process := self._process) is not None:
            # Another thread waits for an answer and uses the pipes, so only end the process.
            process.kill()

    def smiles(self, name: str) -> str | None:
        """Return the SMILES of a systematic name.

        Return None if OPSIN cannot read the name or is not `available`, or if the name is too long or exceeded its time.
        """
        return self.smiles_many((name,))[0]

    def smiles_many(self, names: Iterable[str]) -> list[str | None]:
        """Return `smiles` of each name, in order. Sending many names together is faster."""
        lines = [cleaned(name) for name in names]
        result: dict[str, str | None] = {"": None}
        for line in lines:
            # One lookup is atomic. Between two lookups, another thread could change the cache.
            answer = self._answers.get(line, _NO_ANSWER)
            if answer is not _NO_ANSWER:
                result[line] = answer
        unknown = [line for line in dict.fromkeys(lines) if line not in result]
        for begin in range(0, len(unknown), _BLOCK):
            with self._lock:
                result |= self._query(unknown[begin : begin + _BLOCK])
        return [result[line] for line in lines]

    def _query(self, names: Sequence[str]) -> dict[str, str | None]:
        """Return the answers to these names, and restart the process as needed. The caller holds the lock."""
        result: dict[str, str | None] = dict.fromkeys(names)
        pending = deque(name for name in names if not self._known_bad(name))
        self._skip(len(names) - len(pending))
        suspect = ""
        while pending:
            process = self._running()
            if process is None:
                self._skip(len(pending))
                break
            try:
                answers, failure = process.ask(pending, self.limits.name_s)
            except BaseException:
                # After an interruption, the answers still in the pipe cannot be assigned to names.
                self._end()
                raise
            for answer in answers:
                name = pending.popleft()
                result[name] = answer
                self._remember(name, answer)
            if failure is None:
                continue
            self._died()
            if failure is Failure.TOO_SLOW:
                self.counters.timeouts += 1
            if pending and (failure is Failure.TOO_SLOW or pending[0] == suspect):
                self._mark_bad(pending.popleft())
            elif pending:
                suspect = pending[0]
        return result

    def _skip(self, names: int) -> None:
        if names:
            self.counters.skipped += names
            self._skipped_at = time.monotonic()

    def _running(self) -> OpsinProcess | None:
        """Return the process, ready for a name; None if it cannot run now."""
        if self._owner != os.getpid():
            _after_fork(self)
        while self.available:
            if self._process is None:
                self._spawn()
            process = self._process
            failure = Failure.ENDED if process is None else process.failed_to_start(self.limits.start_s)
            if failure is None:
                return process
            self._died(hung=failure is Failure.TOO_SLOW)
        return None

    def _spawn(self) -> None:
        command = self._command()[0]
        if command is None:
            return
        self.counters.restarts += self._starts > 0
        self._starts += 1
        # A failed start, for example for lack of memory, counts as an immediate end of the process.
        with contextlib.suppress(OSError):
            self._process = OpsinProcess(command)

    def _died(self, *, hung: bool = False) -> None:
        """Remove a useless process. Start the next one, or pause after too many failures or a hang at the start."""
        self._end()
        now = time.monotonic()
        if now - self._died_at > self.limits.window_s:
            self._pauses = 0
        self._died_at = now
        self._deaths.append(now)
        while now - self._deaths[0] > self.limits.window_s:
            self._deaths.popleft()
        if hung or len(self._deaths) >= self.limits.deaths:
            self._deaths.clear()
            pause_s = self.limits.pause_s
            if not hung:
                pause_s = min(pause_s, self.limits.first_pause_s * 2.0**self._pauses)
                self._pauses += 1
            self._paused_until = now + pause_s
            often = f"stopped {self.limits.deaths} times within {self.limits.window_s:g} s"
            self._paused_for = f"OPSIN {f'did not start within {self.limits.start_s:g} s' if hung else often}"
            _LOG.warning("%s", self.problem)
        elif self.available:
            # Start the next process now, so that it starts while Python continues.
            _LOG.warning("OPSIN stopped and is being restarted")
            self._spawn()

    def _end(self) -> None:
        process, self._process = self._process, None
        if process is not None and self._owner == os.getpid():
            process.close()

    def _command(self) -> tuple[list[str] | None, str]:
        if self._given is not None:
            return self._given, ""
        if self._found is None:
            self._found = find_command()
        return self._found

    def _remember(self, name: str, answer: str | None) -> None:
        self.counters.names += 1
        self.counters.failures += answer is None
        self._answers[name] = answer
        if len(self._answers) > _REMEMBERED:
            self._answers.popitem(last=False)

    def _mark_bad(self, name: str) -> None:
        self._bad[name] = time.monotonic() + self.limits.bad_s
        if len(self._bad) > _BAD_REMEMBERED:
            self._bad.popitem(last=False)

    def _known_bad(self, name: str) -> bool:
        until = self._bad.get(name)
        if until is not None and until <= time.monotonic():
            del self._bad[name]
            return False
        return until is not None


#: Marks a missing cache entry, because None is an answer. No SMILES contains it.
_NO_ANSWER: Final = "?"
_instances: weakref.WeakSet[Opsin] = weakref.WeakSet()


def _after_fork(instance: Opsin) -> None:
    """In a forked child, release the parent's process without ending it, and replace the lock, which may be held for ever."""
    process = instance._process
    if process is not None:
        process.abandon()
    instance._forget()


def _all_after_fork() -> None:
    for instance in list(_instances):
        _after_fork(instance)


_shared = Opsin()
atexit.register(_shared.close)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_all_after_fork)


def opsin() -> Opsin:
    """Return the `Opsin` of this Python process. It starts with the first name and ends with Python."""
    return _shared
