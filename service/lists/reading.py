"""Reading of list entries in JSON or CSV into rows of the store.

Both forms have the same members and pass the same checks. Each fault names its field.
"""

from __future__ import annotations

import csv
import datetime as dt
import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from features.reference import country
from models.permits import COLUMNS as PERMIT_COLUMNS
from models.permits import SUBSTANCE, check_permit
from models.rules import NEVER_SUPPRESSED
from service.lists.matching import DISMISSALS, FUZZY, PERMITS, SUPPRESSIONS, WATCH_ENTRIES, EntryKind, Topic, exact_form
from service.lists.screening import party_digest

if TYPE_CHECKING:
    from collections.abc import Collection

#: Longest value of a member, in characters.
LONGEST: Final = 300
#: Least and greatest threshold, in percent. With a lower one most names would match.
THRESHOLDS: Final = (60.0, 100.0)
DEFAULT_THRESHOLD: Final = 90.0
LANES: Final = ("yellow", "red")
#: Least number of letters and digits that identify something.
_MIN_CHARACTERS: Final = 3
_MICROSECONDS: Final = 1_000_000
_DAY: Final = dt.timedelta(days=1)


class Faulty(ValueError):
    """An entry that cannot be used, with its faults as pairs of field and problem."""

    def __init__(self, faults: Sequence[tuple[str, str]]) -> None:
        self.faults = tuple(faults)
        super().__init__("; ".join(f"{name}: {problem}" for name, problem in faults))


@dataclass(frozen=True, slots=True)
class Known:
    """Facts from the store that the readers of entries need.

    Attributes:
        kinds: id of an entry -> its kind, for dismissals.
        secret: key of the digests of parties.
    """

    kinds: Mapping[str, EntryKind] = field(default_factory=dict)
    secret: bytes = b""


class _Reader:
    """Reads the members of one entry and collects faults."""

    def __init__(self, given: Mapping[str, Any], members: Collection[str]) -> None:
        self.faults: list[tuple[str, str]] = [
            (str(name), f"is unknown; expected {', '.join(members)}") for name in given if name not in members
        ]
        self._given = given

    def text(self, name: str, *, needed: bool = False, default: str = "") -> str:
        value = self._given.get(name)
        text = "" if value is None else str(value).strip() if isinstance(value, str | int | float) else None
        if text is None:
            self.fault(name, f"must be a text, got {type(value).__name__}")
            return default
        if needed and not text:
            self.fault(name, "is missing")
        if not text.isprintable():
            self.fault(name, "contains a character that is not printable")
        if len(text) > LONGEST:
            self.fault(name, f"has {len(text)} characters; at most {LONGEST} are accepted")
        return text or default

    def among(self, name: str, options: Sequence[str], default: str = "") -> str:
        text = self.text(name, needed=not default, default=default).lower()
        if text and text not in options:
            self.fault(name, f"{text!r} is unknown; expected {', '.join(options)}")
        return text

    def moment(self, name: str, *, needed: bool = False) -> int | None:
        """Return a time in microseconds since 1970; None if it is blank. A day alone means its end, in UTC."""
        text = self.text(name, needed=needed)
        if not text:
            return None
        try:
            if len(text) == len("2026-01-31"):
                time = dt.datetime.fromisoformat(text).replace(tzinfo=dt.UTC) + _DAY
            else:
                time = dt.datetime.fromisoformat(text)
                time = time if time.tzinfo is not None else time.replace(tzinfo=dt.UTC)
            return int(time.timestamp() * _MICROSECONDS)
        except (ValueError, OverflowError):
            self.fault(name, f"{text!r} is neither a day (2026-01-31) nor a time (2026-01-31T12:00:00Z)")
            return None

    def fault(self, name: str, problem: str) -> None:
        self.faults.append((name, problem))

    def finish(self) -> None:
        if self.faults:
            raise Faulty(self.faults)


def _watch_entry(reader: _Reader, known: Known) -> dict[str, Any]:
    kind = reader.among("kind", tuple(EntryKind))
    text = reader.text("text", needed=True)
    if kind in tuple(EntryKind) and text and len(exact_form(EntryKind(kind), text)) < _MIN_CHARACTERS:
        reader.fault(
            "text", f"{text!r} identifies nothing as {kind}: at least {_MIN_CHARACTERS} letters or digits are needed"
        )
    place = reader.text("country")
    code = country(place) if place else ""
    if code is None:
        reader.fault("country", f"{place!r} is not a country of ISO 3166-1, such as DE")
    threshold = DEFAULT_THRESHOLD
    declared = reader.text("threshold")
    if declared:
        try:
            threshold = float(declared)
        except ValueError:
            threshold = float("nan")
        if not THRESHOLDS[0] <= threshold <= THRESHOLDS[1]:
            reader.fault(
                "threshold", f"{declared!r} is not a percentage from {THRESHOLDS[0]:.0f} to {THRESHOLDS[1]:.0f}"
            )
    return {
        "list_name": reader.text("list", needed=True),
        "kind": kind,
        "text": text,
        "country": code or "",
        "place": reader.text("place"),
        "threshold": threshold if kind in tuple(FUZZY) else THRESHOLDS[1],
        "lane": reader.among("lane", LANES, LANES[0]),
        "reason": reader.text("reason", needed=True),
        "source": reader.text("source"),
        "expires_at": reader.moment("expires_at"),
    }


def _dismissal(reader: _Reader, known: Known) -> dict[str, Any]:
    entry, party = reader.text("entry_id", needed=True), reader.text("party", needed=True)
    kind = known.kinds.get(entry)
    if entry and kind is None:
        reader.fault("entry_id", f"no entry of a watch list has the id {entry!r}")
    if kind is not None and party and not exact_form(kind, party):
        reader.fault("party", f"{party!r} identifies nothing as {kind}")
    return {
        "entry_id": entry,
        "party": party_digest(known.secret, kind, party) if kind is not None else b"",
        "reason": reader.text("reason", needed=True),
        "expires_at": reader.moment("expires_at"),
    }


def _suppression(reader: _Reader, known: Known) -> dict[str, Any]:
    row = {
        "rule_id": reader.text("rule_id"),
        "list_name": reader.text("list"),
        "entry_id": reader.text("entry_id"),
        "consignor": reader.text("consignor"),
        "reason": reader.text("reason", needed=True),
        "expires_at": reader.moment("expires_at", needed=True),
    }
    if not (row["rule_id"] or row["list_name"] or row["entry_id"] or row["consignor"]):
        reader.fault("rule_id", "is missing; name a rule_id, a list, an entry_id or a consignor")
    if row["rule_id"] and (row["list_name"] or row["entry_id"]):
        reader.fault("rule_id", "a suppression is of a rule or of a list, not of both")
    if row["rule_id"] in NEVER_SUPPRESSED:
        reader.fault(
            "rule_id",
            f"{row['rule_id']!r} cannot be suppressed: a declared controlled substance without a verified permit is never green",
        )
    if row["consignor"] and len(exact_form(EntryKind.NAME, str(row["consignor"]))) < _MIN_CHARACTERS:
        reader.fault("consignor", f"{row['consignor']!r} identifies nothing")
    return row


def _permit(reader: _Reader, known: Known) -> dict[str, Any]:
    row: dict[str, Any] = {column: reader.text(column) for column in (*PERMIT_COLUMNS, SUBSTANCE)}
    try:
        check_permit(row)
    except ValueError as error:
        name, _, problem = str(error).partition(": ")
        reader.fault(name, problem)
    return row | {"reason": reader.text("reason"), "expires_at": None}


@dataclass(frozen=True, slots=True)
class Form:
    """Form of the entries of a topic.

    Attributes:
        members: members of a JSON object, and columns of a CSV file in any order.
        needed: columns that a file must have.
        read: function that returns the row of an entry.
    """

    topic: Topic
    members: tuple[str, ...]
    needed: tuple[str, ...]
    read: Callable[[_Reader, Known], dict[str, Any]]


FORMS: Final = {
    form.topic.name: form
    for form in (
        Form(
            WATCH_ENTRIES,
            ("list", "kind", "text", "country", "place", "threshold", "lane", "reason", "source", "expires_at"),
            ("kind", "text", "reason"),
            _watch_entry,
        ),
        Form(DISMISSALS, ("entry_id", "party", "reason", "expires_at"), ("entry_id", "party", "reason"), _dismissal),
        Form(
            SUPPRESSIONS,
            ("rule_id", "list", "entry_id", "consignor", "reason", "expires_at"),
            ("reason", "expires_at"),
            _suppression,
        ),
        Form(PERMITS, (*PERMIT_COLUMNS, "reason", SUBSTANCE), PERMIT_COLUMNS, _permit),
    )
}


def read_entry(topic: Topic, given: object, known: Known) -> dict[str, Any]:
    """Return the row of an entry.

    Raises:
        Faulty: the entry cannot be used.
    """
    form = FORMS[topic.name]
    if not isinstance(given, Mapping):
        raise Faulty([("entry", f"must be an object with the members {', '.join(form.members)}")])
    reader = _Reader(given, form.members)
    row = form.read(reader, known)
    reader.finish()
    return row


@dataclass(frozen=True, slots=True)
class Imported:
    """Rows of a file, and its faulty lines: the number of each and its faults."""

    rows: list[dict[str, Any]]
    rejected: list[tuple[int, tuple[tuple[str, str], ...]]]


def read_file(topic: Topic, text: str, known: Known, defaults: Mapping[str, str] | None = None) -> Imported:
    """Return the rows of a CSV file.

    Args:
        defaults: values of columns for rows that leave them blank, such as the name of the list.

    Raises:
        Faulty: the header lacks a needed column, repeats one or has an unknown one, or the file is not CSV.
    """
    form, defaults = FORMS[topic.name], defaults or {}
    lines = csv.reader(io.StringIO(text.removeprefix("\ufeff"), newline=""), strict=True)
    imported = Imported([], [])
    try:
        header = [cell.strip() for cell in next(lines, [])]
        missing = [name for name in form.needed if name not in header]
        unknown = [name for name in header if name not in form.members]
        if missing or unknown or len(set(header)) < len(header):
            optional = [name for name in form.members if name not in form.needed]
            expected = f"{','.join(form.needed)} and optionally {','.join(optional)}, each once, in any order"
            raise Faulty([("line 1", f"the columns are {','.join(header)}; expected {expected}")])
        for cells in _filled(lines):
            faults: tuple[tuple[str, str], ...]
            if len(cells) != len(header):
                faults = (("row", f"has {len(cells)} values, expected {len(header)}"),)
            else:
                given = {name: cell.strip() for name, cell in zip(header, cells, strict=True)}
                given |= {name: value for name, value in defaults.items() if not given.get(name)}
                try:
                    imported.rows.append(read_entry(topic, given, known))
                    continue
                except Faulty as error:
                    faults = error.faults
            imported.rejected.append((lines.line_num, faults))
    except csv.Error as error:
        raise Faulty([(f"line {lines.line_num}", str(error))]) from None
    return imported


def _filled(lines: Iterator[list[str]]) -> Iterator[list[str]]:
    return (cells for cells in lines if any(cell.strip() for cell in cells))
