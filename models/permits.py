"""The office's register of permits and licensed parties, and the permits of goods items.

A permit number on a manifest is a declaration, not proof. It counts only if an office's own register holds it for one of the
parties, on the day of the declaration, and for the item's substance if the register names one: an unverified permit lowers no
score. A row of the register without a permit number names a licensed party. A licence does not count as a permit, because anyone
can declare the name of a known firm. An office's own rules may use it.
"""

from __future__ import annotations

import csv
import datetime as dt
import hashlib
import io
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from features.readers.source import read_small
from features.reference import country
from features.substances import CONTROLLED, WATCHED, Match, Substances
from features.table.table import ManifestTable
from features.texts.folding import folded
from models.permit_numbers import are_placeholders, is_placeholder, plain_number

FloatArray: TypeAlias = NDArray[np.float64]

#: Columns of a register, in any order.
COLUMNS: Final = ("permit_number", "party_name", "party_country", "valid_from", "valid_until")
#: A further column that a register may have.
SUBSTANCE: Final = "substance"
#: Kinds of matches that name no substance for certain.
_DOUBTFUL: Final = frozenset({"similar", "street"})
#: Groups of substances under control.
_NEEDING_PERMITS: Final = WATCHED | {CONTROLLED}
#: Fields that name an item's substance.
_GOODS: Final = ("declared_chemical", "cas_number", "goods_description")
#: Kinds of matches that a register must not contain.
_NOT_IN_REGISTERS: Final = _DOUBTFUL | {"mention", "misspelt"}
#: Maximum size of a register, to protect memory. A hundred thousand permits take about ten megabytes.
MAX_BYTES: Final = 64 * 2**20
_NOT_PLAIN: Final = re.compile(r"[\W_]+")
#: Permit number under which licensed parties are stored.
_LICENSED: Final = ""


class RegisterError(ValueError):
    """A register that cannot be used. The message names the file and, for each fault, the line, the column and the problem."""

    def __init__(self, name: str, faults: list[str]) -> None:
        self.name, self.faults = name, faults
        super().__init__("\n".join([f"The register {name} cannot be used:", *(f"- {fault}" for fault in faults)]))


def plain_party(name: str) -> str:
    """Return a party's name for comparisons: folded words separated by single blanks, without punctuation."""
    return _NOT_PLAIN.sub(" ", folded(name)).strip()


@dataclass(frozen=True, slots=True)
class Party:
    """A party of a shipment: its name as declared and its country (ISO 3166-1 alpha-2), empty where missing."""

    name: str
    country: str


def identity(match: Match | None) -> str:
    """Return what all names, salts and forms of the substance of a match share; empty if none is named for certain."""
    if match is None or match.kind in _DOUBTFUL:
        return ""
    return match.inchikey or match.substance.casefold()


def _found(text: str) -> list[Match]:
    """Return the most important substance that a text names, and that of the rest of the text."""
    index = Substances.load()
    match = index.match(text, chemical=True) or index.match_cas(text)
    rest = index.match(text.replace(match.matched_text, " "), chemical=True) if match is not None else None
    return [one for one in (match, rest) if one is not None]


def _registered_identity(text: str) -> str:
    """Return the `identity` of a substance as a register names it; empty if the text does not name exactly one."""
    found = _found(text)
    identities = {identity(match) for match in found}
    return identities.pop() if len(identities) == 1 and found[0].kind not in _NOT_IN_REGISTERS else ""


def _only_identity(table: ManifestTable, row: int, match: Match | None) -> str:
    """Return the `identity` of an item's substance; empty if the item also declares another one that needs a permit."""
    own = identity(match)
    for column in map(table.text, _GOODS) if own else ():
        code = column.codes.item(row)
        for other in _found(column.values[code]) if code >= 0 else ():
            if other.group in _NEEDING_PERMITS and other.kind != "mention" and identity(other) not in ("", own):
                return ""
    return own


#: `plain_number` and `plain_party` of a permit.
_Key: TypeAlias = tuple[str, str]


@dataclass(frozen=True, slots=True)
class _Permit:
    """A permit: `substance` as the register names it and its `identity`, both empty for any substance.

    Without an identity, a substance that can no longer be read is no item's substance.
    """

    country: str
    first_day: int
    last_day: int
    substance: str
    identity: str


@dataclass(frozen=True, slots=True)
class Register:
    """The permits and licensed parties of an office.

    Attributes:
        name: the file or list that it was read from, for messages.
        digest: SHA-256 of its content.
    """

    name: str
    digest: str
    _permits: dict[_Key, tuple[_Permit, ...]] = field(repr=False)

    def __len__(self) -> int:
        return sum(map(len, self._permits.values()))

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Register:
        """Read a register from a CSV file.

        Raises:
            RegisterError: the file cannot be read, or a line is invalid.
        """
        try:
            data = read_small(Path(path), MAX_BYTES)
        except OSError as error:
            raise RegisterError(str(path), [f"it cannot be read: {error.strerror or error}"]) from None
        try:
            return cls.from_text(data.decode("utf-8-sig"), str(path))
        except UnicodeDecodeError:
            raise RegisterError(str(path), ["it is not UTF-8"]) from None

    @classmethod
    def from_text(cls, text: str, name: str = "of permits") -> Register:
        """Read a register from the text of a CSV file.

        Raises:
            RegisterError: see `load`.
        """
        reader = csv.reader(io.StringIO(text, newline=""), strict=True)
        permits: dict[_Key, list[_Permit]] = {}
        faults: list[str] = []
        try:
            header = [cell.strip() for cell in next(reader, [])]
            if (
                sorted(column for column in header if column != SUBSTANCE) != sorted(COLUMNS)
                or header.count(SUBSTANCE) > 1
            ):
                expected = f"expected {','.join(COLUMNS)} and optionally {SUBSTANCE}"
                raise RegisterError(name, [f"line 1: the columns are {','.join(header)}, {expected}"])
            for values in reader:
                if not any(value.strip() for value in values):
                    continue
                if len(values) != len(header):
                    faults.append(f"line {reader.line_num}: {len(values)} values, expected {len(header)}")
                    continue
                row = {column: value.strip() for column, value in zip(header, values, strict=True)}
                try:
                    key, permit = _checked(row)
                except ValueError as error:
                    faults.append(f"line {reader.line_num}, {error}")
                else:
                    permits.setdefault(key, []).append(permit)
        except csv.Error as error:
            faults.append(f"line {reader.line_num}: {error}")
        if faults:
            raise RegisterError(name, faults)
        digest = hashlib.sha256(text.encode()).hexdigest()
        return cls(name, digest, {key: tuple(of_key) for key, of_key in permits.items()})

    @classmethod
    def from_rows(cls, rows: Iterable[Mapping[str, str]], name: str) -> Register:
        """Return a register of rows with `COLUMNS` and optionally `SUBSTANCE`. A substance that cannot be read is no item's.

        Raises:
            ValueError: another value is invalid, see `check_permit`.
        """
        permits: dict[_Key, list[_Permit]] = {}
        content = hashlib.sha256()
        for row in rows:
            key, permit = _permit(row)
            permits.setdefault(key, []).append(permit)
            content.update("\x1f".join(row.get(column, "") for column in (*COLUMNS, SUBSTANCE)).encode() + b"\n")
        return cls(name, content.hexdigest(), {key: tuple(of_key) for key, of_key in permits.items()})

    def with_permits_of(self, other: Register) -> Register:
        """Return a register with the permits of both registers."""
        permits = dict(self._permits)
        for key, of_key in other._permits.items():
            permits[key] = (*permits.get(key, ()), *of_key)
        digest = hashlib.sha256(f"{self.digest}\n{other.digest}".encode()).hexdigest()
        return Register(f"{self.name} and {other.name}", digest, permits)

    def holds(self, number: str, parties: tuple[Party, ...], day: int, substance: str) -> bool:
        """Return whether a permit is registered for one of the parties on a day, for a substance.

        The party's name must equal that of the register, apart from case, accents and punctuation. If the register states a
        country or a substance, that of the party or the item must equal it.

        Args:
            number: the permit number as declared. A placeholder is never registered.
            day: day of the declaration, in days since 1970-01-01.
            substance: the `identity` of the item's substance.
        """
        return not is_placeholder(number) and self._is_valid(plain_number(number), parties, day, substance)

    def licenses(self, parties: tuple[Party, ...], day: int, substance: str) -> bool:
        """Return whether one of the parties is licensed on a day, for a substance. The comparison is that of `holds`."""
        return self._is_valid(_LICENSED, parties, day, substance)

    def others(self, number: str, parties: tuple[Party, ...], on: dt.date, substance: str) -> list[str]:
        """Return the substances to which a permit is limited, as the register names them; empty if it `holds` for ``substance``."""
        day = on.toordinal() - _EPOCH
        if is_placeholder(number) or self.holds(number, parties, day, substance):
            return []
        return list(dict.fromkeys(permit.substance for permit in self._valid(plain_number(number), parties, day)))

    def _is_valid(self, number: str, parties: tuple[Party, ...], day: int, substance: str) -> bool:
        permits = self._valid(number, parties, day)
        return any(
            not permit.substance or (permit.identity != "" and permit.identity == substance) for permit in permits
        )

    def _valid(self, number: str, parties: tuple[Party, ...], day: int) -> Iterator[_Permit]:
        for party in parties:
            for permit in self._permits.get((number, plain_party(party.name)), ()):
                if permit.first_day <= day <= permit.last_day and permit.country in ("", party.country):
                    yield permit


def check_permit(row: Mapping[str, str]) -> None:
    """Check a row with `COLUMNS` and optionally `SUBSTANCE`. Its values must have no surrounding blanks.

    Raises:
        ValueError: a value is invalid; the message names the column, the value and the expected form.
    """
    _checked(row)


def _checked(row: Mapping[str, str]) -> tuple[_Key, _Permit]:
    key, permit = _permit(row)
    if permit.substance and not permit.identity:
        raise ValueError(
            f"{SUBSTANCE}: {permit.substance!r} names no single known substance; expected a name or a CAS number"
        )
    return key, permit


def _permit(row: Mapping[str, str]) -> tuple[_Key, _Permit]:
    """Return the permit of a row and its key.

    Raises:
        ValueError: a value is invalid; the message names the column, the value and the expected form.
    """
    if row["permit_number"] and is_placeholder(row["permit_number"]):
        raise ValueError(
            f"permit_number: {row['permit_number']!r} is a placeholder; leave it blank for a licensed party"
        )
    party = plain_party(row["party_name"])
    if not party:
        raise ValueError(f"party_name: {row['party_name']!r} has no letters")
    code = country(row["party_country"]) if row["party_country"] else ""
    if code is None:
        raise ValueError(f"party_country: {row['party_country']!r} is not a country of ISO 3166-1, such as DE")
    first_day, last_day = _day(row, "valid_from", dt.date.min), _day(row, "valid_until", dt.date.max)
    if last_day < first_day:
        raise ValueError(f"valid_until: {row['valid_until']} is before valid_from {row['valid_from']}")
    substance = row.get(SUBSTANCE, "")
    named = _registered_identity(substance) if substance else ""
    return (plain_number(row["permit_number"]), party), _Permit(code, first_day, last_day, substance, named)


def _day(row: Mapping[str, str], column: str, blank: dt.date) -> int:
    """Return the day of a column in days since 1970-01-01; that of ``blank`` if the column is blank."""
    value = row[column]
    try:
        day = dt.date.fromisoformat(value) if value else blank
    except ValueError:
        raise ValueError(f"{column}: {value!r} is not a day as YYYY-MM-DD") from None
    return day.toordinal() - _EPOCH


_EPOCH: Final = dt.date(1970, 1, 1).toordinal()


# -- the permits of a table's n goods items ---------------------------------------------------------------------------

#: The feature of permits, and its values: none, a declared one, and one in the office's register for a party on the day.
FEATURE: Final = "permit_present"
NONE, DECLARED, REGISTERED = 0.0, 1.0, 2.0
#: Feature of words about a permit next to the substance.
WORDS: Final = "substance_context_permit"


def mark_permits(
    table: ManifestTable,
    matrix: FloatArray,
    columns: Mapping[str, int],
    register: Register | None,
    substances: Sequence[Match | None] = (),
) -> None:
    """Let the features show a permit only if the register holds it: evidence and trees see any other manifest as one without.

    The feature space is also used for training, but the register is that of the moment of scoring. Therefore the features are
    changed here. Trees treat `REGISTERED` as a declared permit. Words about a permit in the goods description are no proof either.

    Args:
        matrix: (n, F) features of the table, changed in place.
        columns: feature name -> column.
        register: None without a register.
        substances: (n,) the substance that each item names; empty if none does.
    """
    matrix[:, columns[WORDS]] = 0.0
    permits = table.text("permit_number")
    if not permits.values or not (permits.codes >= 0).any():
        return
    registered = are_registered(table, register, are_private(matrix, columns), substances) == 1.0
    matrix[:, columns[FEATURE]] = np.where(registered, REGISTERED, NONE)


def permits_present(
    table: ManifestTable, register: Register | None, private: FloatArray, substances: Sequence[Match | None]
) -> FloatArray:
    """Return `NONE`, `DECLARED` or `REGISTERED` for each item (n,). A placeholder is none."""
    declared = np.where(are_placeholders(table) == 0.0, DECLARED, NONE)
    return np.where(are_registered(table, register, private, substances) == 1.0, REGISTERED, declared)


def are_private(matrix: FloatArray, columns: Mapping[str, int]) -> FloatArray:
    """Return 1 where the consignee is a private person, by its name, otherwise 0 (n,); NaN without a name."""
    return 1.0 - matrix[:, columns["consignee_company"]]


def are_registered(
    table: ManifestTable, register: Register | None, private: FloatArray, substances: Sequence[Match | None]
) -> FloatArray:
    """Return 1 where the register holds the permit, otherwise 0 (n,). A private consignee (`are_private`) holds none."""
    permits = table.text("permit_number")
    return _in_register(
        table,
        register,
        private,
        substances,
        permits.codes,
        lambda register, permit, *of_item: register.holds(permits.values[permit], *of_item),
    )


def are_licensed(
    table: ManifestTable, register: Register | None, private: FloatArray, substances: Sequence[Match | None]
) -> FloatArray:
    """Return 1 where the register names a licensed party, otherwise 0 (n,). A private consignee is not licensed."""
    no_permit = np.zeros(table.n_rows, dtype=np.int64)
    return _in_register(
        table, register, private, substances, no_permit, lambda register, _, *of_item: register.licenses(*of_item)
    )


def _in_register(
    table: ManifestTable,
    register: Register | None,
    private: FloatArray,
    substances: Sequence[Match | None],
    permits: NDArray[np.integer],
    test: Callable[[Register, int, tuple[Party, ...], int, str], bool],
) -> FloatArray:
    """Return 1 where the register passes a test of an item's permit, parties, day and substance, otherwise 0 (n,).

    Args:
        substances: (n,) the substance that each item names; empty if none does.
        permits: code of each item's permit (n,); items with a negative code do not pass.
    """
    passed = np.zeros(table.n_rows)
    if register is None:
        return passed
    rows = np.flatnonzero((permits >= 0) & (private != 1.0))
    if not len(rows):
        return passed
    parties = [(table.text(f"{role}_name"), table.text(f"{role}_country")) for role in ("consignor", "consignee")]
    # Test each combination once, because items repeat permits and parties.
    numbers = {"": 0}
    named = [
        numbers.setdefault(_only_identity(table, row, substances[row]), len(numbers)) if substances else 0
        for row in rows.tolist()
    ]
    identities = [*numbers]
    keys = np.stack(
        [
            permits[rows],
            *(column.codes[rows] for pair in parties for column in pair),
            (table.declared_s[table.shipment[rows]] // 86400).astype(np.int64),
            np.array(named, dtype=np.int64),
        ],
        axis=1,
    )
    distinct, which = np.unique(keys, axis=0, return_inverse=True)
    results = [
        test(
            register,
            permit,
            tuple(
                Party(names.values[name], countries.values[country] if country >= 0 else "")
                for (names, countries), (name, country) in zip(
                    parties, ((consignor, consignor_at), (consignee, consignee_at)), strict=True
                )
                if name >= 0
            ),
            day,
            identities[substance],
        )
        for permit, consignor, consignor_at, consignee, consignee_at, day, substance in distinct.tolist()
    ]
    passed[rows] = np.array(results, dtype=np.float64)[which.reshape(-1)]
    return passed
