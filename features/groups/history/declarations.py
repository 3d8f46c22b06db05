"""Memory of declarations: what each shipment, house document and pair of parties declared before, and in which lane it was.

Words that are replaced after a refusal are a typology of their own. A declaration that comes again with other content therefore
keeps at least the lane it had before, until an officer decides. The memory recognises it by three keys:

- ``shipment_id``: the declaration with the highest lane is remembered, of equal ones the first.
- ``house_id``, and the names of both parties: only the latest declaration above green is remembered, and only declarations of the
  next 30 days under another ``shipment_id`` are compared with it. They become at least yellow.

Content is compared by digests per field. Case, blanks and times do not count.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from enum import IntEnum, auto
from typing import Any, Final, Self, TypeAlias

import numpy as np
from numpy.typing import NDArray

from features.groups.base import FloatArray
from features.groups.history.key_rows import hash_texts
from features.groups.history.keys import history_keys
from features.groups.history.saving import most_important, restore_store, store_arrays
from features.groups.history.state import Entity, HashedTexts, KeyRow, LinkColumn, StateLayout, key_row
from features.groups.history.store import Store
from features.table.table import ManifestTable

IntArray: TypeAlias = NDArray[np.int64]
LaneArray: TypeAlias = NDArray[np.int8]

GREEN, YELLOW = 0, 1
#: Order of a declaration that is in no log, and the highest order.
NO_ORDER: Final = -1
LAST_ORDER: Final = 2**63 - 1


class Content(IntEnum):
    """Rows of a matrix of contents (CONTENT_ROWS, n_shipments), and columns of a remembered declaration.

    The first three are keys, 0 where missing. Those from GOODS to GRAMS are compared. Those from GOODS to VALUE are sums over the
    items, which do not depend on their order.
    """

    SHIPMENT = 0
    HOUSE = auto()
    PARTIES = auto()
    #: Seconds since 1970.
    TIME = auto()
    #: Value in US cents.
    CENTS = auto()
    GOODS = auto()
    CHEMICAL = auto()
    CODE = auto()
    CAS = auto()
    #: Declared amount and currency.
    VALUE = auto()
    CONSIGNOR = auto()
    CONSIGNEE = auto()
    ADDRESS = auto()
    ROUTE = auto()
    GRAMS = auto()
    #: Order in the log of the history.
    ORDER = auto()


CONTENT_ROWS: Final = len(Content)
_KEYS: Final = (Content.SHIPMENT, Content.HOUSE, Content.PARTIES)
_COMPARED: Final = slice(Content.GOODS, Content.ORDER)
#: Manifest field that names each compared row.
_FIELDS: Final = (
    "goods_description", "declared_chemical", "hs_code", "cas_number", "customs_value", "consignor_name", "consignee_name",
    "consignee_address", "export_country", "net_mass_kg",
)  # fmt: skip
_WORDS: Final = (Content.GOODS - Content.GOODS, Content.CHEMICAL - Content.GOODS)
#: The key under which another ``shipment_id`` is recognised.
_BY: Final = ("shipment_id", "house_id", "consignor_name consignee_name")
_LANE: Final = 2
_LAST_DAY: Final = 1
_LAYOUT: Final = StateLayout((LinkColumn.SHIPMENTS, LinkColumn.LAST_DAY, LinkColumn.FINDS), (), (), ())
_DAY: Final = 86_400
#: Time within which another ``shipment_id`` counts as the same goods, and the tolerance of their mass and value.
_WITHIN: Final = 30 * _DAY
_TOLERANCE: Final = 0.02
_FACTOR: Final = np.int64(0x1E3779B97F4A7C15)
_OF_PARTIES: Final = np.int64(0x2545F4914F6CDD1D)
#: Rows that are those of the key matrix.
_OUT: Final = np.array([
    Content.SHIPMENT, Content.CENTS, Content.CONSIGNOR, Content.CONSIGNEE, Content.ADDRESS, Content.ROUTE, Content.GRAMS,
])  # fmt: skip
_IN: Final = np.array([
    KeyRow.REFERENCE, KeyRow.CENTS, KeyRow.CONSIGNOR_NAME, KeyRow.CONSIGNEE_NAME, key_row(Entity.ADDRESS),
    key_row(Entity.TRADE_LANE), KeyRow.GRAMS,
])  # fmt: skip
_SUMS: Final = slice(Content.GOODS, Content.VALUE + 1)
_HOUSE_LINE: Final = _SUMS.stop - _SUMS.start
_NAME: Final = "declaration"


@dataclass(frozen=True, slots=True)
class Change:
    """A field that changed, with its declared values; None if they are not known or may not be shown."""

    field: str
    old: str | None = None
    new: str | None = None


@dataclass(frozen=True, slots=True)
class Earlier:
    """An earlier declaration with other content.

    Attributes:
        by: fields by which it was recognised, separated by blanks.
        lane: code of the lane it was in.
        floor: code of the lowest lane that it allows.
        declared_s: its time in seconds since 1970.
        order: its order in the log of the history; `NO_ORDER` if it is in none.
        changes: the fields that changed.
        decision_id: id of its decision, if that is stored.
    """

    by: str
    lane: int
    floor: int
    declared_s: int
    order: int
    changes: tuple[Change, ...]
    decision_id: str | None = None


#: Returns an earlier declaration with the lane that an officer has decided since, and with the values that a store knows. Its
#: second argument is the number of the later shipment in the table.
Look: TypeAlias = Callable[[Earlier, int], Earlier]


def _unchanged(earlier: Earlier, shipment: int) -> Earlier:
    return earlier


def _folded(texts: list[str]) -> list[bytes]:
    # Blanks are those of the normal form.
    return [text.casefold().encode("utf-8", "surrogatepass") for text in texts]


_HASHED: Final = (
    HashedTexts(
        ("goods_description", "declared_chemical", "hs_code", "cas_number", "currency", "house_id"),
        tuple(range(_HOUSE_LINE + 1)),
        _folded,
        1,
    ),
)


def contents(table: ManifestTable) -> IntArray:
    """Return the contents (CONTENT_ROWS, n_shipments) of a table's shipments, without orders."""
    keys, first = history_keys(table), table.first_row
    out = np.empty((CONTENT_ROWS, table.n_shipments), dtype=np.int64)
    out[_OUT] = keys[_IN]
    lines = np.empty((_HOUSE_LINE + 1, table.n_rows), dtype=np.int64)
    hash_texts(table, _HASHED, np.arange(table.n_rows), lines.view(np.uint64))
    out[Content.HOUSE] = lines[_HOUSE_LINE, first]
    amounts = table.number("customs_value").copy()
    amounts[np.isnan(amounts)] = 0.0
    # The bits of an amount and the hash of its currency are nearly always distinct together.
    lines[_HOUSE_LINE - 1] ^= amounts.view(np.int64)
    sums = lines[:_HOUSE_LINE]
    out[_SUMS] = sums if table.n_rows == len(first) else np.add.reduceat(sums, first, axis=1)
    consignor, consignee = out[Content.CONSIGNOR], out[Content.CONSIGNEE]
    out[Content.PARTIES] = (consignor * _FACTOR ^ consignee ^ _OF_PARTIES) * ((consignor != 0) & (consignee != 0))
    out[Content.TIME] = table.declared_s
    out[Content.ORDER] = NO_ORDER
    return out


class Declarations:
    """Bounded memory of declarations, see the module."""

    def __init__(self, capacity: int) -> None:
        """
        Args:
            capacity: number of remembered keys. Declarations above green stay longest, then the latest ones.
        """
        self._capacity = capacity
        self._store = Store(len(_LAYOUT.narrow), CONTENT_ROWS)

    def __len__(self) -> int:
        return self._store.count

    def copy(self) -> Declarations:
        """Return an independent copy."""
        other = Declarations(self._capacity)
        other._store.copy_from(self._store)
        return other

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """Return the memory as named arrays, sorted by key, so that they do not depend on the order of additions."""
        arrays = store_arrays(_NAME, self._store)
        order = np.argsort(arrays[f"{_NAME}_keys"])
        return {name: array[order] for name, array in arrays.items()}

    def restore(self, arrays: Any) -> None:
        """Replace the memory with `to_arrays`, or with none if the arrays are from a version without it.

        Raises:
            KeyError, ValueError: an array is missing or has another shape.
        """
        if f"{_NAME}_keys" in arrays:
            restore_store(_NAME, self._store, arrays)

    def absorb(self, other: Declarations, after: int, until: int = LAST_ORDER) -> None:
        """Add what another memory remembers of declarations with orders above ``after``, up to ``until``."""
        count = other._store.count
        wide = np.asarray(other._store.wide)[:count]
        orders = wide[:, Content.ORDER]
        later = np.flatnonzero((orders > after) & (orders <= until))
        self._store.reserve(len(later), self._capacity)
        slots = self._store.find(np.asarray(other._store.keys)[later], add=True)
        np.asarray(self._store.wide)[slots] = wide[later]
        np.asarray(self._store.narrow)[slots] = np.asarray(other._store.narrow)[later]

    def judge(
        self,
        content: IntArray,
        lanes: LaneArray,
        *,
        orders: IntArray | None = None,
        counted: NDArray[np.bool_] | None = None,
        update: bool = True,
        look: Look = _unchanged,
    ) -> dict[int, Earlier]:
        """Return the earlier declarations with other content, by shipment, and remember the shipments, in their order.

        Args:
            content: (CONTENT_ROWS, n) of the shipments.
            lanes: (n,) code of each shipment's lane otherwise.
            orders: (n,) orders in the log; None if there is none.
            counted: (n,) whether to remember the shipment; None for all.
            update: False: shipments see earlier ones of the same table, but the memory does not change.
        """
        if orders is not None:
            content[Content.ORDER] = orders
        backup = None if update else self._store.backup(content[: len(_KEYS)].reshape(-1))
        try:
            return self._judge(content, lanes, counted, look)
        finally:
            if backup is not None:
                self._store.roll_back(backup)
            elif self._store.count > self._capacity:
                self._store.keep_only(most_important(_LAYOUT, self._store, self._capacity * 3 // 4))

    def _judge(
        self, content: IntArray, lanes: LaneArray, counted: NDArray[np.bool_] | None, look: Look
    ) -> dict[int, Earlier]:
        n = len(lanes)
        state = np.ones((n, len(_LAYOUT.narrow)), dtype=np.int32)
        state[:, _LAST_DAY], state[:, _LANE] = content[Content.TIME] // _DAY, lanes
        # Number of the first keys under which each shipment is remembered.
        kinds = np.where(lanes > GREEN, len(_KEYS), Content.HOUSE)
        if counted is not None:
            kinds *= counted
        found: dict[int, Earlier] = {}
        self._store.reserve(len(_KEYS) * n, self._capacity)
        shipment = 0
        while (shipment := self._store.add_unknown(content, kinds, state, len(_KEYS), shipment)) < n:
            lane = int(lanes[shipment])
            earlier, is_kept, is_repeated = self._earlier(content[:, shipment], lane)
            kept = slice(is_kept, len(_KEYS) if lane > GREEN else Content.HOUSE)
            if earlier is not None:
                found[shipment] = looked = look(earlier, shipment)
                # If an officer has decided since, this declaration takes the place of the earlier one. Otherwise its words must not
                # replace the refused ones as long as its own lane is not higher.
                is_kept &= looked.floor >= earlier.floor
                kept = slice(is_kept, len(_KEYS) if lane > earlier.floor else Content.HOUSE)
                lane = max(lane, looked.floor)
            if not is_repeated and (counted is None or counted[shipment]):
                self._replace(content[:, shipment], kept, state[shipment], lane)
            shipment += 1
        return found

    def replay(self, content: IntArray, lanes: LaneArray, orders: IntArray) -> None:
        """Remember shipments of a log, whose ``lanes`` are final. A lane below the floor shows that an officer had decided."""

        def as_decided(earlier: Earlier, shipment: int) -> Earlier:
            return replace(earlier, floor=min(earlier.floor, int(lanes[shipment])))

        self.judge(content, lanes, orders=orders, look=as_decided)

    def _earlier(self, content: IntArray, lane: int) -> tuple[Earlier | None, bool, bool]:
        """Return the earlier declaration with the highest floor, and whether the remembered one of the ``shipment_id`` stays.

        The last value is whether this is that declaration once more. Its order would then be that of no decision, because a
        repeated request gets the first decision again.
        """
        found: Earlier | None = None
        is_kept = is_repeated = False
        wide, narrow = np.asarray(self._store.wide), np.asarray(self._store.narrow)
        for kind, slot in enumerate(self._store.find(np.ascontiguousarray(content[: len(_KEYS)])).tolist()):
            if slot < 0:
                continue
            record, of_record = wide[slot], int(narrow[slot, _LANE])
            differs = record[_COMPARED] != content[_COMPARED]
            if kind == Content.SHIPMENT:
                is_kept = of_record >= lane
                days_apart = abs(int(content[Content.TIME]) - int(record[Content.TIME])) / _DAY
                is_repeated = is_kept and days_apart <= 1 and not differs.any()
                floor = of_record
            elif _same_goods(kind, record, content, differs):
                floor = YELLOW
            else:
                continue
            if differs.any() and (found is None or floor > found.floor):
                changes = tuple(Change(_FIELDS[k]) for k in np.flatnonzero(differs).tolist())
                order, moment = int(record[Content.ORDER]), int(record[Content.TIME])
                found = Earlier(_BY[kind], of_record, floor, moment, order, changes)
        return found, is_kept, is_repeated

    def _replace(self, content: IntArray, kinds: slice, state: NDArray[np.int32], lane: int) -> None:
        """Remember a shipment in a lane, with its content and state, under some of its keys."""
        slots = self._store.find(np.ascontiguousarray(content[kinds]), add=True)
        slots = slots[slots >= 0]
        state[_LANE] = lane
        np.asarray(self._store.wide)[slots], np.asarray(self._store.narrow)[slots] = content, state


@dataclass(frozen=True, slots=True, eq=False)
class HistoryRows:
    """History features of shipments.

    `amend` compares the shipments with their earlier declarations, once their lanes are known.

    Attributes:
        values: (n_shipments, H) features; NaN without a key or a past.
        late: (n_shipments,) True if the time of the shipment is before that of an earlier shipment.
        faults: shipment -> error of the program. These shipments are not counted, and their values are NaN.
        declarations: the memory of declarations that `amend` asks; None for none.
        update: whether `amend` changes the memory.
    """

    values: FloatArray
    late: NDArray[np.bool_]
    faults: dict[int, Exception] = field(default_factory=dict, kw_only=True)
    declarations: Declarations | None = field(default=None, kw_only=True)
    update: bool = field(default=True, kw_only=True)

    def amend(self, table: ManifestTable, lanes: LaneArray) -> dict[int, Earlier]:
        """Return the earlier declarations of the table's shipments that had other content, and remember the shipments.

        Args:
            lanes: (n_shipments,) codes of the lanes without earlier declarations.
        """
        if self.declarations is None:
            return {}
        counted = None if table.far_dated is None else ~table.far_dated
        return self.declarations.judge(contents(table), lanes, counted=counted, update=self.update)

    def take(self, shipments: IntArray) -> Self:
        """Return the features of the given shipments, which have no faults."""
        return replace(self, values=self.values[shipments], late=self.late[shipments], faults={})


def _same_goods(kind: int, record: IntArray, content: IntArray, differs: NDArray[np.bool_]) -> bool:
    """Return whether a declaration under another ``shipment_id`` may be the remembered one with other words."""
    if record[Content.SHIPMENT] == content[Content.SHIPMENT]:
        return False
    if abs(int(content[Content.TIME]) - int(record[Content.TIME])) > _WITHIN:
        return False
    if kind == Content.HOUSE:
        return True
    if not differs[list(_WORDS)].any():
        return False
    pairs = [(int(record[row]), int(content[row])) for row in (Content.GRAMS, Content.CENTS)]
    return any(old for old, _ in pairs) and all(abs(new - old) <= _TOLERANCE * max(old, new) for old, new in pairs)
