"""Detection of decimal commas.

There is one answer per file, from its first block, because a lone ``1,500`` is ambiguous:

- a comma that cannot separate thousands (``1,5``, ``1.234,56``) is evidence for the comma, a point that cannot
  (``1.5``, ``1,234.56``) for the point, and the majority of values decides;
- without evidence, a file with ``;`` between its columns and a comma in a number has a decimal comma, because
  such files come from places that use it;
- otherwise the file's sign is unknown, and each number is interpreted by itself.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final


def _only(decimal: str, grouping: str) -> re.Pattern[str]:
    """Return a pattern of numbers that have this decimal sign and cannot be read with the other one."""
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
    """Return ``,`` or None, from texts of number columns of a file with this column delimiter."""
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
