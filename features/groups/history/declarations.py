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
from hashlib import blake2b
from typing import Any, Final, Self, TypeAlias
from zlib import adler32, crc32

import numpy as np
from numpy.typing import NDArray

from features.groups.base import FloatArray
from features.groups.history.keys import history_keys
from features.groups.history.saving import most_important, restore_store, store_arrays
from features.groups.history.state import Entity, KeyRow, LinkColumn, StateLayout, key_row
from features.groups.history.store import Store
from features.table.table import ManifestTable

IntArray: TypeAlias = NDArray[np.int64]
LaneArray: TypeAlias = NDArray[np.int8]

GREEN, YELLOW = 0, 1
#: Order of a declaration that is in no log.
NO_ORDER: Final = -1


class Content(IntEnum):
    """Rows of a matrix of contents (CONTENT_ROWS, n_shipments), and columns of a remembered declaration.

    The first three are keys, 0 where missing. Those from GOODS to GRAMS are compared.
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
    CONSIGNOR = auto()
    CONSIGNEE = auto()
    ADDRESS = auto()
    ROUTE = auto()
    #: Declared amount and currency.
    VALUE = auto()
    GRAMS = auto()


CONTENT_ROWS: Final = len(Content)
_KEYS: Final = (Content.SHIPMENT, Content.HOUSE, Content.PARTIES)
_COMPARED: Final = slice(Content.GOODS, CONTENT_ROWS)
#: Manifest field that names each compared row.
_FIELDS: Final = (
    "goods_description", "declared_chemical", "hs_code", "cas_number", "consignor_name", "consignee_name",
    "consignee_address", "export_country", "customs_value", "net_mass_kg",
)  # fmt: skip
_WORDS: Final = (Content.GOODS - Content.GOODS, Content.CHEMICAL - Content.GOODS)
#: The key under which another ``shipment_id`` is recognised.
_BY: Final = ("shipment_id", "house_id", "consignor_name consignee_name")
_ORDER: Final = CONTENT_ROWS
_LAST_DAY: Final = 1
_LANE: Final = 2
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
#: Rows of hashed texts. Currencies are mixed with the amounts.
_HASHED: Final = (
    (Content.GOODS, "goods_description"),
    (Content.CHEMICAL, "declared_chemical"),
    (Content.CODE, "hs_code"),
    (Content.CAS, "cas_number"),
    (Content.VALUE, "currency"),
)
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


def contents(table: ManifestTable) -> IntArray:
    """Return the contents (CONTENT_ROWS, n_shipments) of a table's shipments."""
    keys, first = history_keys(table), table.first_row
    out = np.zeros((CONTENT_ROWS, table.n_shipments), dtype=np.int64)
    out[_OUT] = keys[_IN]
    houses = table.declared("house_id")
    if houses.values:
        out[Content.HOUSE] = houses.lookup(_checksums(houses.values), 0)[first]
    consignor, consignee = out[Content.CONSIGNOR], out[Content.CONSIGNEE]
    out[Content.PARTIES] = (consignor * _FACTOR ^ consignee ^ _OF_PARTIES) * ((consignor != 0) & (consignee != 0))
    out[Content.TIME] = table.declared_s
    for row, name in _HASHED:
        texts = table.text(name)
        if texts.values:
            out[row] = _of_shipments(texts.lookup(_hashes(texts.values), 0), first)
    amounts = table.number("customs_value")
    if np.isnan(amounts).any():
        amounts = np.nan_to_num(amounts)
    out[Content.VALUE] ^= _of_shipments(amounts, first).view(np.int64)
    return out


def _of_shipments(of_rows: NDArray[Any], first: IntArray) -> NDArray[Any]:
    """Return the sums of the shipments' rows, which do not depend on the order of a shipment's items."""
    return of_rows if len(of_rows) == len(first) else np.add.reduceat(of_rows, first)


def _hashes(texts: list[str]) -> IntArray:
    # Blanks are those of the normal form.
    folded = [text.casefold().encode("utf-8", "surrogatepass") for text in texts]
    return np.frombuffer(b"".join([blake2b(text, digest_size=8).digest() for text in folded]), dtype="<i8")


def _checksums(texts: list[str]) -> IntArray:
    """Return checksums of texts. They suffice for keys, because nobody gains by declarations that are taken for each other."""
    encoded = [text.encode("utf-8", "surrogatepass") for text in texts]
    return np.array([crc32(text) << 30 ^ adler32(text) for text in encoded], dtype=np.int64)


class Declarations:
    """Bounded memory of declarations, see the module."""

    def __init__(self, capacity: int) -> None:
        """
        Args:
            capacity: number of remembered keys. Declarations above green stay longest, then the latest ones.
        """
        self._capacity = capacity
        self._store = Store(len(_LAYOUT.narrow), CONTENT_ROWS + 1)

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

    def absorb(self, other: Declarations, after: int) -> None:
        """Add what another memory remembers of declarations with orders above ``after``."""
        count = other._store.count
        wide = np.asarray(other._store.wide)[:count]
        later = np.flatnonzero(wide[:, _ORDER] > after)
        slots = self._slots(np.asarray(other._store.keys)[later])
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
        if not update:
            backup = self._store.backup(content[: len(_KEYS)].reshape(-1))
            try:
                return self._judge(content, lanes, orders, counted, look)
            finally:
                self._store.roll_back(backup)
        found = self._judge(content, lanes, orders, counted, look)
        if self._store.count > self._capacity:
            self._store.keep_only(most_important(_LAYOUT, self._store, self._capacity * 3 // 4))
        return found

    def _judge(
        self,
        content: IntArray,
        lanes: LaneArray,
        orders: IntArray | None,
        counted: NDArray[np.bool_] | None,
        look: Look,
    ) -> dict[int, Earlier]:
        """Look at shipments that may have an earlier declaration one by one, and remember the others together."""
        n = len(lanes)
        orders = np.full(n, NO_ORDER, dtype=np.int64) if orders is None else orders
        if n == 1:
            alone = np.zeros(1, dtype=np.bool_)
        else:
            slots = self._store.find(np.ascontiguousarray(content[: len(_KEYS)]).reshape(-1)).reshape(len(_KEYS), n)
            alone = (slots < 0).all(axis=0) & ~_shared(content, slots, lanes)
        if counted is not None:
            alone &= counted
        found: dict[int, Earlier] = {}
        if alone.any():
            self._remember(content, lanes, orders, np.flatnonzero(alone))
        for shipment in np.flatnonzero(~alone).tolist():
            lane = int(lanes[shipment])
            earlier, is_kept = self._earlier(content[:, shipment], lane)
            kinds = slice(is_kept, len(_KEYS) if lane > GREEN else Content.HOUSE)
            if earlier is not None:
                found[shipment] = looked = look(earlier, shipment)
                # If an officer has decided since, this declaration takes the place of the earlier one. Otherwise its words must not
                # replace the refused ones as long as its own lane is not higher.
                is_kept &= looked.floor >= earlier.floor
                kinds = slice(is_kept, len(_KEYS) if lane > earlier.floor else Content.HOUSE)
                lane = max(lane, looked.floor)
            if counted is None or counted[shipment]:
                self._replace(content[:, shipment], kinds, lane, int(orders[shipment]))
        return found

    def replay(self, content: IntArray, lanes: LaneArray, orders: IntArray) -> None:
        """Remember shipments of a log, whose ``lanes`` are final. A lane below the floor shows that an officer had decided."""

        def as_decided(earlier: Earlier, shipment: int) -> Earlier:
            return replace(earlier, floor=min(earlier.floor, int(lanes[shipment])))

        self.judge(content, lanes, orders=orders, look=as_decided)

    def _earlier(self, content: IntArray, lane: int) -> tuple[Earlier | None, bool]:
        """Return the earlier declaration with the highest floor, and whether what is remembered of the ``shipment_id`` stays."""
        found: Earlier | None = None
        is_kept = False
        wide, narrow = np.asarray(self._store.wide), np.asarray(self._store.narrow)
        for kind, slot in enumerate(self._store.find(np.ascontiguousarray(content[: len(_KEYS)])).tolist()):
            if slot < 0:
                continue
            record, of_record = wide[slot], int(narrow[slot, _LANE])
            differs = record[_COMPARED] != content[_COMPARED]
            if kind == Content.SHIPMENT:
                is_kept = of_record >= lane
                floor = of_record
            elif _same_goods(kind, record, content, differs):
                floor = YELLOW
            else:
                continue
            if differs.any() and (found is None or floor > found.floor):
                changes = tuple(Change(_FIELDS[k]) for k in np.flatnonzero(differs).tolist())
                order, moment = int(record[_ORDER]), int(record[Content.TIME])
                found = Earlier(_BY[kind], of_record, floor, moment, order, changes)
        return found, is_kept

    def _replace(self, content: IntArray, kinds: slice, lane: int, order: int) -> None:
        """Remember a shipment under some of its keys."""
        keys = content[kinds]
        if not len(keys):
            return
        slots = self._slots(keys)
        wide, narrow = np.asarray(self._store.wide), np.asarray(self._store.narrow)
        for slot in slots[slots >= 0].tolist():
            wide[slot, :CONTENT_ROWS], wide[slot, _ORDER] = content, order
            narrow[slot] = 1, content[Content.TIME] // _DAY, lane

    def _remember(self, content: IntArray, lanes: LaneArray, orders: IntArray, chosen: IntArray) -> None:
        """Remember new shipments without keys in common."""
        above = chosen[lanes[chosen] > GREEN]
        for kind, some in ((Content.SHIPMENT, chosen), (Content.HOUSE, above), (Content.PARTIES, above)):
            some = some[content[kind, some] != 0]
            if not len(some):
                continue
            slots = self._slots(content[kind, some])
            wide, narrow = np.asarray(self._store.wide), np.asarray(self._store.narrow)
            wide[slots, :CONTENT_ROWS] = content[:, some].T
            wide[slots, _ORDER] = orders[some]
            narrow[slots, 0], narrow[slots, _LANE] = 1, lanes[some]
            narrow[slots, _LAST_DAY] = content[Content.TIME, some] // _DAY

    def _slots(self, keys: IntArray) -> NDArray[np.int32]:
        self._store.reserve(len(keys), self._capacity)
        return self._store.find(np.ascontiguousarray(keys), add=True)


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


def _shared(content: IntArray, slots: NDArray[np.int32], lanes: LaneArray) -> NDArray[np.bool_]:
    """Return whether each shipment (n,) has a key that another shipment of the table may have remembered before."""
    shared = _repeated(content[Content.SHIPMENT])
    may_raise = shared | (slots >= 0).any(axis=0) | (lanes > GREEN)
    for kind in (Content.HOUSE, Content.PARTIES):
        keys = content[kind]
        same = np.flatnonzero(np.isin(keys, keys[may_raise & (keys != 0)]))
        shared[same[_repeated(keys[same])]] = True
    return shared


def _repeated(keys: IntArray) -> NDArray[np.bool_]:
    _, places, counts = np.unique(keys, return_inverse=True, return_counts=True)
    return np.asarray(counts[places] > 1)


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
