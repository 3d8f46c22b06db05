"""Caches of functions of a text that are bounded in bytes."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache, wraps
from typing import Concatenate, Final, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

#: Longest cached text in characters. Nearly all words, names of parties and numbers of trade are shorter. With this limit, a
#: cache of 32,768 texts takes at most about 20 MB.
LONGEST_REMEMBERED: Final = 128


def remembered(
    maxsize: int,
) -> Callable[[Callable[Concatenate[str, P], T]], Callable[Concatenate[str, P], T]]:
    """Return a decorator like `functools.lru_cache` for a function of a text. Results of long texts are not cached."""

    def decorate(function: Callable[Concatenate[str, P], T]) -> Callable[Concatenate[str, P], T]:
        cached = lru_cache(maxsize=maxsize)(function)

        @wraps(function)
        def look_up(text: str, /, *args: P.args, **options: P.kwargs) -> T:
            if len(text) > LONGEST_REMEMBERED:
                return function(text, *args, **options)
            return cached(text, *args, **options)  # type: ignore[arg-type]

        return look_up

    return decorate
