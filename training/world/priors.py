"""The priors of the simulated trade: values with their basis and source, checked when they are read."""

from __future__ import annotations

import math
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from types import MappingProxyType
from typing import Final

FILE: Final = Path(__file__).with_name("priors.toml")
BASES: Final = ("published", "assumed")
KINDS: Final = ("probability", "positive", "shares", "weights", "day")
#: Shares are typed with two or three digits.
_SUM_TOLERANCE: Final = 1e-9


class BadPrior(ValueError):
    """A prior that cannot be used; the message names file, prior, what was found and what would be right."""


@dataclass(frozen=True, slots=True)
class Prior:
    """One prior. ``value`` is a number, a mapping of numbers or a date, as ``kind`` says."""

    name: str
    kind: str
    value: float | Mapping[str, float] | date
    basis: str
    source: str


@dataclass(frozen=True, slots=True)
class Priors:
    """All priors by dotted name. Each accessor raises `BadPrior` for a name it does not know or of another kind."""

    by_name: Mapping[str, Prior]

    def number(self, name: str) -> float:
        value = self._get(name).value
        if not isinstance(value, float):
            raise BadPrior(f"{FILE.name}: {name} is no number")
        return value

    def day(self, name: str) -> date:
        value = self._get(name).value
        if not isinstance(value, date):
            raise BadPrior(f"{FILE.name}: {name} is no date")
        return value

    def table(self, name: str) -> Mapping[str, float]:
        value = self._get(name).value
        if not isinstance(value, Mapping):
            raise BadPrior(f"{FILE.name}: {name} is no table of numbers")
        return value

    def _get(self, name: str) -> Prior:
        try:
            return self.by_name[name]
        except KeyError:
            raise BadPrior(f"{FILE.name}: no prior {name}; known are {', '.join(sorted(self.by_name))}") from None


def load_priors(path: Path = FILE) -> Priors:
    """Read and check the priors. Raises `BadPrior`."""
    with path.open("rb") as file:
        groups = tomllib.load(file)
    found: dict[str, Prior] = {}
    for group, entries in groups.items():
        if not isinstance(entries, dict):
            raise BadPrior(
                f"{path.name}: {group} stands outside a table; write [group.name] with value, kind, basis, source"
            )
        for key, entry in entries.items():
            name = f"{group}.{key}"
            found[name] = _prior(path.name, name, entry)
    return Priors(MappingProxyType(found))


def _prior(file: str, name: str, entry: object) -> Prior:
    if not isinstance(entry, dict) or set(entry) != {"kind", "value", "basis", "source"}:
        raise BadPrior(
            f"{file}: {name} has {sorted(entry) if isinstance(entry, dict) else entry!r}; expected kind, value, basis, source"
        )
    kind, basis, source = entry["kind"], entry["basis"], entry["source"]
    if kind not in KINDS:
        raise BadPrior(f"{file}: {name} has kind {kind!r}; expected one of {', '.join(KINDS)}")
    if basis not in BASES:
        raise BadPrior(f"{file}: {name} has basis {basis!r}; expected one of {', '.join(BASES)}")
    if not isinstance(source, str) or not source.strip():
        raise BadPrior(f"{file}: {name} names no source; say where the number is from")
    return Prior(name, kind, _value(file, name, kind, entry["value"]), basis, source)


def _value(file: str, name: str, kind: str, value: object) -> float | Mapping[str, float] | date:
    if kind == "day":
        try:
            return date.fromisoformat(str(value))
        except ValueError:
            raise BadPrior(f"{file}: {name} is {value!r}; expected a date YYYY-MM-DD") from None
    if kind in ("shares", "weights"):
        if not isinstance(value, dict) or not value:
            raise BadPrior(f"{file}: {name} is {value!r}; expected a table of numbers")
        table = {key: _number(file, f"{name}.{key}", number) for key, number in value.items()}
        if min(table.values()) < 0:
            raise BadPrior(f"{file}: {name} has a negative entry; expected 0 or more")
        if kind == "shares" and abs(sum(table.values()) - 1) > _SUM_TOLERANCE:
            raise BadPrior(f"{file}: {name} sums to {sum(table.values()):.6g}; shares must sum to 1")
        return MappingProxyType(table)
    number = _number(file, name, value)
    if kind == "probability" and not 0 <= number <= 1:
        raise BadPrior(f"{file}: {name} is {number}; a probability is between 0 and 1")
    if kind == "positive" and number <= 0:
        raise BadPrior(f"{file}: {name} is {number}; expected a number above 0")
    return number


def _number(file: str, name: str, value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise BadPrior(f"{file}: {name} is {value!r}; expected a finite number")
    return float(value)
