"""CAS numbers of chemicals that are on no list and do not resemble a watched substance.

`tools.build_known_cas` writes the file, which contains only the numbers. A missing number is unknown, not suspicious.
"""

from __future__ import annotations

from bisect import bisect_left
from functools import cache
from importlib.resources import as_file, files
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

FILE: Final = "known_cas_numbers.npz"


@cache
def _numbers() -> NDArray[np.int64]:
    """Return the numbers without hyphens, ascending. The file contains their differences, which compress well."""
    import numpy as np

    with as_file(files("features.reference") / "data" / FILE) as path, np.load(path, allow_pickle=False) as arrays:
        return np.cumsum(arrays["steps"], dtype=np.int64)


def is_known_cas(cas: str) -> bool:
    """Return whether a valid CAS number, such as ``67-56-1``, is that of a known chemical."""
    numbers, number = _numbers(), int(cas.replace("-", ""))
    index = bisect_left(numbers, number)
    return index < len(numbers) and int(numbers[index]) == number
