"""Weekly counts of what arrived and how it was scored, by day. They are counted once, when a week has ended, and stored."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import orjson
from numpy.typing import NDArray
from sqlalchemy import func, insert, select
from sqlalchemy.exc import IntegrityError

from features.groups.base import TextCache
from features.groups.description.columns import DescriptionColumn
from features.groups.description.group import DescriptionGroup
from features.manifest.fields import FIELDS, Kind, Level
from features.manifest.records import HEAD_NAMES
from features.table.table import TIME_MISSING, ManifestTable
from service.monitoring.tables import MonitoredWeek
from service.scoring.decision import SCORER_DIGITS
from service.scoring.summary import record_of
from service.scoring.tables import Decision
from service.search.finding import among

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from features.manifest.records import Record
    from models.scoring import RiskModel
    from service.core.database.engine import Database

BoolArray = NDArray[np.bool_]
IntArray = NDArray[np.int64]

DAY: Final = 86_400 * 1_000_000
WEEK: Final = 7 * DAY
#: A Monday, in microseconds since 1970.
MONDAY: Final = 4 * DAY
#: Fewest decisions of a week that is compared. A share of fewer says little.
LEAST: Final = 200
#: Most decisions of a week that are read. Of more, every second, third and so on is.
MOST: Final = 20_000
#: Decisions that are read at once, and seconds that other threads get after them.
_AT_ONCE: Final = 500
_PAUSE: Final = 0.002
#: Families of counts that depend on the model and its lanes. All others depend on the manifests alone.
OF_MODEL: Final = frozenset({"lanes", "selected_by", "scores", "unknown_words"})
#: Bounds of the percentiles of scores that are counted.
_PERCENTILES: Final = (0.25, 0.5, 0.75, 0.9, 0.97, 0.99, 0.995)
NOT_STATED: Final = "-"
_SHIPMENT_ID: Final = HEAD_NAMES.index("shipment_id")
#: Fields whose absence and unreadable values are counted.
_FIELDS: Final = tuple(f for f in FIELDS if f.level is not Level.LABEL and f.name not in ("shipment_id", "item_number"))
_READ: Final = {Kind.NUMBER, Kind.TIME, Kind.CODE, Kind.COUNTRY, Kind.CURRENCY, Kind.LOCATION, Kind.HS, Kind.CAS}


@dataclass(slots=True)
class Week:
    """Counts of a week.

    Attributes:
        starts_at: beginning of the week, in microseconds since 1970.
        decisions, manifests: (7,) shipments counted on each day, and those of them whose manifest was read.
        counts: family -> group -> (7,) shipments on each day. A shipment with several goods items counts once in a group.
    """

    starts_at: int
    decisions: IntArray = field(default_factory=lambda: np.zeros(7, np.int64))
    manifests: IntArray = field(default_factory=lambda: np.zeros(7, np.int64))
    counts: dict[str, dict[str, IntArray]] = field(default_factory=dict)

    def add(self, family: str, group: str, days: IntArray) -> None:
        """Count shipments of a group.

        Args:
            days: (n,) day of each, 0 to 6.
        """
        groups = self.counts.setdefault(family, {})
        if len(days):
            groups[group] = groups.get(group, 0) + np.bincount(days, minlength=7)

    def add_values(self, family: str, values: Sequence[str], days: IntArray) -> None:
        """Count shipments by value."""
        names, codes = np.unique(np.array(values, dtype=np.str_), return_inverse=True)
        for code, name in enumerate(names.tolist()):
            self.add(family, name, days[codes == code])

    def of(self, family: str) -> IntArray:
        """Return the shipments (7,) of each day in which a family was counted."""
        return self.decisions if family in OF_MODEL - {"unknown_words"} else self.manifests

    def merge(self, other: Week) -> None:
        """Add the counts of manifests of another model in the same week."""
        self.manifests = self.manifests + other.manifests
        for family, groups in other.counts.items():
            if family not in OF_MODEL:
                own = self.counts.setdefault(family, {})
                for group, days in groups.items():
                    own[group] = own.get(group, 0) + days

    def to_json(self) -> str:
        """Return the content of a row of `MonitoredWeek`."""
        content = {"decisions": self.decisions, "manifests": self.manifests, "counts": self.counts}
        return orjson.dumps(content, option=orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_SORT_KEYS).decode()

    @classmethod
    def from_json(cls, starts_at: int, content: str) -> Week:
        """Return the counts that `to_json` wrote."""
        read = orjson.loads(content)
        counts = {
            family: {group: np.array(days, np.int64) for group, days in groups.items()}
            for family, groups in read["counts"].items()
        }
        return cls(starts_at, np.array(read["decisions"]), np.array(read["manifests"]), counts)


def monday_before(at: int) -> int:
    """Return the beginning of the week of a time."""
    return at - (at - MONDAY) % WEEK


def traffic_by_week(connection: Connection, since: int, until: int) -> list[Any]:
    """Return ``starts_at``, ``scorer``, ``decisions`` and ``first`` (time of receipt) of each week and model with decisions."""
    number = ((Decision.received_at - MONDAY) // WEEK).label("number")
    query = (
        select(number, Decision.scorer, func.count().label("decisions"), func.min(Decision.received_at).label("first"))
        .where(Decision.received_at >= since, Decision.received_at < until, Decision.what_if.is_(False))
        .where(Decision.scorer.is_not(None))
        .group_by(number, Decision.scorer)
    )
    return [
        (MONDAY + int(row.number) * WEEK, row.scorer, row.decisions, row.first) for row in connection.execute(query)
    ]


def stored_weeks(connection: Connection) -> dict[tuple[int, str], Week]:
    """Return the counts stored so far, by beginning and model."""
    rows = connection.execute(select(MonitoredWeek.__table__).order_by(MonitoredWeek.starts_at))
    return {(row.starts_at, row.scorer): Week.from_json(row.starts_at, row.content) for row in rows}


def count_and_store(database: Database, starts_at: int, scorer: str, model: RiskModel) -> Week:
    """Count a week of a model that has ended, and store the counts. Another process may have done so meanwhile."""
    week = count_week(database, starts_at, scorer, model)
    row = {"starts_at": starts_at, "scorer": scorer, "content": week.to_json()}
    try:
        with database.write() as connection:
            connection.execute(insert(MonitoredWeek), [row])
    except IntegrityError:
        pass
    return week


#: Columns of a decision that are counted.
_COLUMNS: Final = tuple(
    getattr(Decision, name)
    for name in ("position", "received_at", "lane", "selected_by", "log_odds", "manifest", "answer")
)


def count_week(database: Database, starts_at: int, scorer: str, model: RiskModel) -> Week:
    """Return the counts of a week of a model.

    Args:
        model: the model in service. Scores and words are counted if it is the one that decided.
    """
    week = Week(starts_at)
    words = _words_of(model) if model.digest.startswith(scorer) else None
    for rows in _rows(database, starts_at, scorer):
        received = np.array([row.received_at for row in rows])
        days = (received - starts_at) // DAY
        week.decisions = week.decisions + np.bincount(days, minlength=7)
        for lane in ("red", "yellow"):
            week.add("lanes", lane, days[np.array([row.lane == lane for row in rows])])
        week.add_values("selected_by", [row.selected_by or NOT_STATED for row in rows], days)
        if words is not None:
            percentiles = model.reference.percentile([row.log_odds for row in rows])
            for bound in _PERCENTILES:
                week.add("scores", f"above percentile {bound:g}", days[percentiles >= bound])
        _count_manifests(week, rows, days, words)
        time.sleep(_PAUSE)
    return week


def _rows(database: Database, starts_at: int, scorer: str) -> Iterator[Sequence[Any]]:
    """Yield the decisions of a week in pieces, at most `MOST` of them."""
    query = select(Decision.position).where(
        Decision.received_at >= starts_at,
        Decision.received_at < starts_at + WEEK,
        Decision.what_if.is_(False),
        Decision.scorer == scorer,
    )
    with database.read() as connection:
        positions = np.array(connection.execute(query).scalars().all(), np.int64)
    positions = np.sort(positions)[:: max(1, -(-len(positions) // MOST))]
    for start in range(0, len(positions), _AT_ONCE):
        with database.read() as connection:
            some = among(connection, Decision.position, positions[start : start + _AT_ONCE])
            yield connection.execute(select(*_COLUMNS).where(some)).all()


def _count_manifests(week: Week, rows: Sequence[Any], days: IntArray, words: DescriptionGroup | None) -> None:
    """Count what the manifests of decisions declare. Erased and unreadable ones are left out."""
    records: list[Record] = []
    read: list[int] = []
    for at, row in enumerate(rows):
        record = record_of(row.manifest)
        if record is not None:
            # A repeated id must not make one shipment of two.
            record.texts[_SHIPMENT_ID] = str(row.position)
            records.append(record)
            read.append(at)
    if not records:
        return
    table = ManifestTable.from_records(records, receipt=rows[read[0]].received_at // 1_000_000)
    days = days[read]
    week.manifests = week.manifests + np.bincount(days, minlength=7)
    for one in _FIELDS:
        declared = table.declared(one.name).codes >= 0
        week.add("missing", one.name, days[_any(table, ~declared)])
        if one.kind in _READ:
            week.add("unknown_codes", one.name, days[_any(table, declared & ~_is_read(table, one.name, one.kind))])
    _count_routes(week, table, days)
    if words is not None:
        matrix = words.transform(table, np.empty((table.n_shipments, 0)))
        unknown = matrix[:, DescriptionColumn.DESCRIPTION_UNKNOWN_WORDS]
        week.add("unknown_words", "any word", days[_any(table, unknown > 0.0)])
        week.add("unknown_words", "half of the words", days[_any(table, unknown >= 0.5)])
    unread = [orjson.loads(bytes(rows[at].answer)).get("unread") or () for at in read]
    fields = [{item["field"] for item in items} for items in unread]
    for name in sorted(set().union(*fields)):
        week.add("unread", name, days[np.array([name in one for one in fields])])
    week.counts.setdefault("unread", {})


def _count_routes(week: Week, table: ManifestTable, days: IntArray) -> None:
    def first(name: str) -> list[str]:
        column = table.text(name)
        codes = column.codes[table.first_row].tolist()
        return [column.values[code] if code >= 0 else NOT_STATED for code in codes]

    def either(name: str, other: str) -> list[str]:
        both = zip(first(name), first(other), strict=True)
        return [one if one != NOT_STATED else another for one, another in both]

    week.add_values("channel", first("channel"), days)
    week.add_values("origin", either("origin_country", "export_country"), days)
    week.add_values("hs_chapter", [code[:2] for code in first("hs_code")], days)
    ends = zip(first("export_country"), either("unloading_location", "consignee_country"), strict=True)
    week.add_values("routes", [f"{start} to {end}" for start, end in ends], days)


def _any(table: ManifestTable, of_row: BoolArray) -> BoolArray:
    """Return whether any item of each shipment has a property."""
    return np.asarray(np.logical_or.reduceat(of_row, table.first_row), np.bool_)


def _is_read(table: ManifestTable, name: str, kind: Kind) -> BoolArray:
    """Return whether each row has a known value of a field."""
    if kind is Kind.NUMBER:
        return np.asarray(~np.isnan(table.number(name)), np.bool_)
    if kind is Kind.TIME:
        return np.asarray(table.seconds(name) != TIME_MISSING, np.bool_)
    return np.asarray(table.text(name).codes >= 0, np.bool_)


def _words_of(model: RiskModel) -> DescriptionGroup:
    """Return the words of a model, with a cache of texts of their own: that of the service must keep what requests need."""
    known = next(group for group in model.space.groups if isinstance(group, DescriptionGroup))
    words = DescriptionGroup(TextCache())
    words.restore(*known.state())
    return words


def scorer_of(model: RiskModel) -> str:
    """Return the name of a model in the column ``scorer``."""
    return model.digest[:SCORER_DIGITS]
