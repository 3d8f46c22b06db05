"""Pages of long lists: opaque cursors that belong to one selection, and the same pages as CSV for spreadsheets."""

from __future__ import annotations

import csv
import hashlib
import io
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Any, Final, Literal

import orjson
from fastapi import Query, Response

from service.core.errors import Unprocessable
from service.core.excel_safe import safe_cell

#: Characters of an opaque cursor.
_CURSOR: Final = r"^[A-Za-z0-9_=-]+$"
_DIGEST_LENGTH: Final = 8

OpaqueCursor = Annotated[
    str | None,
    Query(
        max_length=400,
        pattern=_CURSOR,
        description="`next` of the previous page; send it with the same filters and order",
    ),
]
Format = Annotated[
    Literal["json", "csv"],
    Query(description="csv: the same page as a file for spreadsheets; the header `X-Next-Cursor` has `next`"),
]


def cursor_of(place: Sequence[Any], selection: object) -> str:
    """Return the cursor after a place in the list of a selection. Floats keep all their bits."""
    return urlsafe_b64encode(orjson.dumps([_digest(selection), *place])).decode()


def place_of(cursor: str | None, selection: object, kinds: Sequence[type]) -> list[Any] | None:
    """Return the place that `cursor_of` was given; None without a cursor.

    Args:
        kinds: the type of each value of a place.

    Raises:
        Unprocessable: the text is no cursor, or one of another selection.
    """
    if cursor is None:
        return None
    place: list[Any]
    try:
        digest, *place = orjson.loads(urlsafe_b64decode(cursor))
    except (ValueError, TypeError):
        raise _refused("is not a cursor; send the `next` of an earlier page") from None
    if [type(value) for value in place] != list(kinds):
        raise _refused("is not a cursor of this list; send the `next` of an earlier page")
    if digest != _digest(selection):
        raise _refused(
            "belongs to other filters or another order; send them unchanged with `next`, or begin without a cursor"
        )
    return place


def _refused(problem: str) -> Unprocessable:
    return Unprocessable(f"cursor: {problem}.", errors=[{"field": "cursor", "problem": problem}])


def _digest(selection: object) -> str:
    return hashlib.sha256(repr(selection).encode()).hexdigest()[:_DIGEST_LENGTH]


def csv_page(name: str, columns: Sequence[str], rows: Iterable[Mapping[str, Any]], following: str | None) -> Response:
    """Return rows as a CSV file whose cells no spreadsheet evaluates.

    Args:
        name: name of the file without its ending.
        following: cursor of the next page, if any.
    """
    text = io.StringIO()
    lines = csv.writer(text, lineterminator="\r\n")
    lines.writerow(columns)
    lines.writerows([safe_cell(_cell(row[column])) for column in columns] for row in rows)
    headers = {"Content-Disposition": f'attachment; filename="{name}.csv"'}
    if following is not None:
        headers["X-Next-Cursor"] = following
    return Response(text.getvalue(), media_type="text/csv; charset=utf-8", headers=headers)


def _cell(value: object) -> str:
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value)


#: Description of `csv_page` for ``responses`` of a route that also answers as JSON.
CSV_CONTENT: Final[dict[int | str, dict[str, Any]]] = {
    200: {"content": {"text/csv": {"schema": {"type": "string"}}}},
}
