"""Parsing of large JSON bodies in steps.

The parser holds the interpreter lock during a call, which can take 0.4 s for 16 MB. So a large body with many values is split
between elements of its lists, and each step takes milliseconds. A body that cannot be split into such steps is refused.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import numpy as np
from pydantic_core import from_json

from service.core.errors import TooLarge
from service.core.http.json_runs import find_runs

#: Parse JSON at once. ``NaN``, ``Infinity`` and numbers too large for a double become floats, so that later validation can name the
#: field. Only keys are cached: they repeat in every shipment, but values rarely repeat.
parse_at_once: Final = partial(from_json, allow_inf_nan=True, cache_strings="keys")


@dataclass(frozen=True, slots=True)
class Steps:
    """Sizes of steps.

    Attributes:
        values, size: number of values or bytes after which a step ends.
        most_values, most_size: limits on the values and bytes of one element of a list, and of everything outside of lists.
        most_nests: limit on the objects and lists of a body, which the garbage collector visits.
    """

    values: int = 2_000
    size: int = 128 * 1024
    # A shipment of 999 goods items with every field filled has 30,000.
    most_values: int = 100_000
    most_size: int = 4 * 1024 * 1024
    # 1,000 shipments of 247 goods items each have as many.
    most_nests: int = 250_000


STEPS: Final = Steps()
#: The parser takes less than 20 ms for a body of up to `_SMALL` bytes, or with up to `_FEW_COMMAS` commas and `_FEW_NESTS` objects
#: and lists. A usual batch of 1,000 shipments has 40,000 commas and 6,000 objects and lists.
_SMALL: Final = 256 * 1024
_FEW_COMMAS: Final = 50_000
_FEW_NESTS: Final = 10_000
#: Translation of a parsed run that preserves the positions in error messages: all bytes except line breaks become spaces.
_BLANK: Final = bytes(byte if byte == ord("\n") else ord(" ") for byte in range(256))


def parse(data: bytes) -> Any:
    """Return what `parse_at_once` returns, in steps if one call could take long.

    Raises:
        ValueError: the body is not JSON.
        TooLarge: see `parse_in_steps`.
    """
    if len(data) < _SMALL or (
        len(data) <= STEPS.most_size
        and data.count(b"{") + data.count(b"[") <= _FEW_NESTS
        and data.count(b",") <= _FEW_COMMAS
    ):
        return parse_at_once(data)
    return parse_in_steps(data)


def parse_in_steps(data: bytes, steps: Steps = STEPS) -> Any:
    """Return what `parse_at_once` returns, but parse the lists of the outermost object in steps.

    Raises:
        ValueError: the same error as that of `parse_at_once`.
        TooLarge: a part that needs one step is too large, or the body has too many objects and lists.
    """
    runs = _runs_of(data, steps)
    parsed: list[list[Any]] = []
    frame: list[bytes] = []
    end = 0
    try:
        for number, (start, following) in enumerate(runs):
            # The 0 turns a superfluous comma into an error. Two brackets keep the depth of the body, which the parser limits.
            parsed.append(parse_at_once(b"[[0," + data[start:following] + b"]]")[0][1:])
            frame += data[end:start], b"%d" % number
            end = following
        outermost = parse_at_once(b"".join([*frame, data[end:]]))
    except ValueError:
        # Raise the error with its position in the whole body.
        parse_at_once(_with_blanks(data, runs[: len(parsed)]))
        raise
    if not isinstance(outermost, dict):
        return outermost
    return {
        key: [element for number in value for element in parsed[number]] if isinstance(value, list) else value
        for key, value in outermost.items()
    }


def _runs_of(data: bytes, steps: Steps) -> list[tuple[int, int]]:
    """Return start and end of each run of elements (`find_runs`).

    Raises:
        TooLarge: a limit of ``steps`` is exceeded.
    """
    runs = np.empty((steps.most_values, 4), dtype=np.int64)
    count = find_runs(np.frombuffer(data, dtype=np.uint8), steps.values, steps.size, runs)
    starts, ends, values, nests = runs[: count + 1].T
    sizes = ends - starts
    if count < 0 or values.max() > steps.most_values:
        raise TooLarge(
            f"The body has a part with too many values: at most {steps.most_values:,} in one element of a list or outside of lists "
            "are accepted."
        )
    if nests.sum() > steps.most_nests:
        raise TooLarge(
            f"The body has too many objects and lists: at most {steps.most_nests:,} are accepted at once, got {nests.sum():,}. "
            "Send fewer shipments or queries at once."
        )
    if sizes.max() > steps.most_size or len(data) - sizes.sum() > steps.most_size:
        raise TooLarge(
            f"The body has a part that is too large: at most {steps.most_size:,} bytes in one element of a list or outside of "
            "lists are accepted."
        )
    return list(zip(starts[:count].tolist(), ends[:count].tolist(), strict=True))


def _with_blanks(data: bytes, runs: list[tuple[int, int]]) -> bytes:
    """Return the body with each run replaced by one value and blanks."""
    pieces: list[bytes] = []
    end = 0
    for start, following in runs:
        pieces += data[end:start], data[start:following].translate(_BLANK).replace(b" ", b"0", 1)
        end = following
    return b"".join([*pieces, data[end:]])
