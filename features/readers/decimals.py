"""Detection of decimal commas.

A single ``1,500`` is ambiguous, so detection uses the first block of the file:

- A comma that cannot separate thousands (``1,5``, ``1.234,56``) is evidence for a decimal comma. A point that cannot separate
  thousands (``1.5``, ``1,234.56``) is evidence for a decimal point. The majority of values decides.
- Without evidence, a file with the delimiter ``;`` and a comma in a number has a decimal comma, because such files come from
  regions that use it.
- Otherwise the decimal sign is unknown, and each number is interpreted separately.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final


def _only(decimal: str, grouping: str) -> re.Pattern[str]:
    """Return a pattern of numbers that are valid with this decimal sign but not with the other one."""
    d, g = re.escape(decimal), re.escape(grouping)
    return re.compile(
        rf"[+-]?(?:\d{{1,3}}(?:{g}\d{{3}})+{d}\d+"  # 1.234,5
        rf"|\d{{1,3}}(?:{g}\d{{3}}){{2,}}"  # 1.234.567
        rf"|\d*{d}(?!\d{{3}}$)\d+"  # 1,5
        rf"|(?:0|\d{{4,}}){d}\d+)"  # 0,125 and 1234,567
    )


_COMMA: Final = _only(",", ".")
_POINT: Final = _only(".", ",")
_UNDECIDED: Final = re.compile(r"[+-]?[\d,]*,[\d,]*")


def find_decimal(values: Iterable[str], delimiter: str | None) -> str | None:
    """Return ``,`` for a decimal comma, otherwise None.

    Args:
        values: texts of number columns.
        delimiter: delimiter of the file.
    """
    comma = point = undecided = 0
    for value in values:
        text = value.strip().replace("\N{NO-BREAK SPACE}", "").replace(" ", "")
        if "," not in text and "." not in text:
            continue
        if _COMMA.fullmatch(text):
            comma += 1
        elif _POINT.fullmatch(text):
            point += 1
        elif _UNDECIDED.fullmatch(text):
            undecided += 1
    if comma != point:
        return "," if comma > point else None
    return "," if undecided and not point and delimiter == ";" else None
