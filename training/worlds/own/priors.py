"""Priors of the simulated trade: values with their basis and source, which are checked when they are loaded.

The comment at the top of the TOML file describes the format.
"""

from __future__ import annotations

import math
import tomllib
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from difflib import get_close_matches
from pathlib import Path
from types import MappingProxyType
from typing import Final

import numpy as np

from training.arrays import Floats

FILE: Final = Path(__file__).with_name("priors.toml")
BASES: Final = ("published", "assumed")
KINDS: Final = ("probability", "positive", "number", "shares", "weights", "probabilities", "numbers", "day")
_TABLES: Final = ("shares", "weights", "probabilities", "numbers")
#: Tolerance for sums of shares, which have two or three digits.
_SUM_TOLERANCE: Final = 1e-9


class BadPrior(ValueError):
    """Error for an invalid prior. The message names the file, the prior, its value and the expected form."""


@dataclass(frozen=True, slots=True)
class Prior:
    """Prior with a ``value`` that is a number, a mapping of numbers or a date, according to ``kind``.

    Each world draws a number from ``between`` (lowest and highest). It multiplies each entry of a table, or the odds of a
    probability in it, by a number between 1 / ``factor`` and ``factor``. Without a range, every world has ``value``.
    """

    name: str
    kind: str
    value: float | Mapping[str, float] | date
    basis: str
    source: str
    between: tuple[float, float] | None = None
    factor: float | None = None

    def drawn(self, rng: np.random.Generator) -> Prior:
        """Return the prior with a value drawn from its range, and without the range."""
        value = self.value
        if self.between is not None:
            low, high = self.between
            value = low + (high - low) * float(rng.random())
        elif self.factor is not None and isinstance(value, Mapping):
            steps = np.exp(np.log(self.factor) * (2 * rng.random(len(value)) - 1)).tolist()
            value = _moved(self.kind, value, dict(zip(value, steps, strict=True)))
        return Prior(self.name, self.kind, value, self.basis, self.source)


@dataclass(frozen=True, slots=True)
class Priors:
    """All priors by dotted name. Accessors raise `BadPrior` if the name is unknown or the prior is of another kind."""

    by_name: Mapping[str, Prior]

    def number(self, name: str) -> float:
        value = self._get(name).value
        if not isinstance(value, float):
            raise BadPrior(f"{FILE.name}: {name} is not a number")
        return value

    def day(self, name: str) -> date:
        value = self._get(name).value
        if not isinstance(value, date):
            raise BadPrior(f"{FILE.name}: {name} is not a date")
        return value

    def table(self, name: str) -> Mapping[str, float]:
        value = self._get(name).value
        if not isinstance(value, Mapping):
            raise BadPrior(f"{FILE.name}: {name} is not a table of numbers")
        return value

    def row(self, name: str, keys: Sequence[str]) -> Floats:
        """Return the numbers (keys,) of a table in the order of ``keys``, which must be all keys of the table."""
        table = self.table(name)
        if set(table) != set(keys):
            raise BadPrior(f"{FILE.name}: {name} has the keys {sorted(table)}; expected {sorted(keys)}")
        return np.array([table[key] for key in keys], dtype=np.float64)

    def by_year(self, name: str, year: float) -> float:
        """Return the value of a table keyed by years at the time ``year``, for example 2020.5 for the middle of 2020.

        A year's value applies to its middle. Values between two middles are interpolated. Before the first and after the last
        middle, the value is constant.
        """
        table = self.table(name)
        years = sorted(table, key=int)
        return float(np.interp(year, [int(key) + 0.5 for key in years], [table[key] for key in years]))

    def replaced(self, values: Mapping[str, object]) -> Priors:
        """Return a copy of the priors with fixed values for some names. They are checked like the values in the file.

        >>> load_priors().replaced({"illicit.prevalence": 0.0008}).number("illicit.prevalence")
        0.0008

        Raises `BadPrior` if a name is unknown or a value does not have the kind of its prior.
        """
        changed = dict(self.by_name)
        for name, value in values.items():
            prior = self._get(name)
            fixed = _value("replaced priors", name, prior.kind, value)
            changed[name] = replace(prior, value=fixed, between=None, factor=None)
        return Priors(MappingProxyType(changed))

    def drawn(self, seed: int, number: int = 0) -> Priors:
        """Return the priors of world ``number`` of ``seed``, with values drawn from the ranges, and without ranges.

        Each prior has its own random stream, so that a new prior does not change the others.
        """
        drawn = {
            name: prior.drawn(np.random.default_rng([seed, 5, number, zlib.crc32(name.encode())]))
            for name, prior in self.by_name.items()
        }
        return Priors(MappingProxyType(drawn))

    def _get(self, name: str) -> Prior:
        try:
            return self.by_name[name]
        except KeyError:
            near = get_close_matches(name, self.by_name, 3, 0.3) or sorted(
                {known.split(".")[0] for known in self.by_name}
            )
            raise BadPrior(f"{FILE.name}: no prior {name}; nearest are {', '.join(near)}") from None


def load_priors(path: Path = FILE) -> Priors:
    """Read and check the priors. Raises `BadPrior`."""
    with path.open("rb") as file:
        parts = tomllib.load(file)
    priors: dict[str, Prior] = {}
    for part, groups in parts.items():
        if part not in BASES or not isinstance(groups, dict):
            raise BadPrior(
                f"{path.name}: {part} is in neither part; write [published.group.name] or [assumed.group.name]"
            )
        for group, entries in groups.items():
            if not isinstance(entries, dict):
                raise BadPrior(f"{path.name}: {part}.{group} is outside a table; write [{part}.group.name]")
            for key, entry in entries.items():
                name = f"{group}.{key}"
                if name in priors:
                    raise BadPrior(f"{path.name}: {name} is in both parts; keep one")
                prior = _prior(path.name, name, entry)
                if prior.basis != part:
                    raise BadPrior(f"{path.name}: {name} has basis {prior.basis!r}, but is in the part {part}")
                priors[name] = prior
    return Priors(MappingProxyType(priors))


def _prior(file: str, name: str, entry: object) -> Prior:
    if not isinstance(entry, dict) or set(entry) - {"between", "factor"} != {"kind", "value", "basis", "source"}:
        raise BadPrior(
            f"{file}: {name} has {sorted(entry) if isinstance(entry, dict) else entry!r}; expected kind, value, basis, source"
            " and possibly between or factor"
        )
    kind, basis, source = entry["kind"], entry["basis"], entry["source"]
    if kind not in KINDS:
        raise BadPrior(f"{file}: {name} has kind {kind!r}; expected one of {', '.join(KINDS)}")
    if basis not in BASES:
        raise BadPrior(f"{file}: {name} has basis {basis!r}; expected one of {', '.join(BASES)}")
    if not isinstance(source, str) or not source.strip():
        raise BadPrior(f"{file}: {name} has no source; state where the number comes from")
    value = _value(file, name, kind, entry["value"])
    between = _between(file, name, kind, value, entry["between"]) if "between" in entry else None
    factor = _factor(file, name, kind, entry["factor"]) if "factor" in entry else None
    return Prior(name, kind, value, basis, source, between, factor)


def _between(file: str, name: str, kind: str, value: object, between: object) -> tuple[float, float]:
    if not isinstance(value, float) or not isinstance(between, list) or len(between) != 2:
        raise BadPrior(f"{file}: {name} is between {between!r}; expected [lowest, highest], for a number")
    low, high = (_value(file, name, kind, end) for end in between)
    assert isinstance(low, float)
    assert isinstance(high, float)
    if not low <= value <= high:
        raise BadPrior(f"{file}: {name} is {value}, which is not between {low} and {high}")
    return low, high


def _factor(file: str, name: str, kind: str, factor: object) -> float:
    if kind not in _TABLES:
        raise BadPrior(f"{file}: {name} has a factor, which only tables have; use between for a number")
    number = _number(file, f"{name}, factor", factor)
    if number < 1:
        raise BadPrior(f"{file}: {name} has the factor {number}; expected 1 or more")
    return number


def _moved(kind: str, table: Mapping[str, float], steps: Mapping[str, float]) -> Mapping[str, float]:
    """Return the table with each entry multiplied by its step. The odds of probabilities are multiplied. Shares sum to 1 again."""
    if kind == "probabilities":
        odds = {key: steps[key] * value / (1 - value) if value < 1 else math.inf for key, value in table.items()}
        return MappingProxyType({key: value / (1 + value) if value < math.inf else 1.0 for key, value in odds.items()})
    moved = {key: steps[key] * value for key, value in table.items()}
    total = sum(moved.values()) if kind == "shares" else 1.0
    return MappingProxyType({key: value / total for key, value in moved.items()})


def _value(file: str, name: str, kind: str, value: object) -> float | Mapping[str, float] | date:
    if kind == "day":
        try:
            return date.fromisoformat(str(value))
        except ValueError:
            raise BadPrior(f"{file}: {name} is {value!r}; expected a date YYYY-MM-DD") from None
    if kind in _TABLES:
        if not isinstance(value, dict) or not value:
            raise BadPrior(f"{file}: {name} is {value!r}; expected a table of numbers")
        table = {key: _number(file, f"{name}.{key}", number) for key, number in value.items()}
        if kind != "numbers" and min(table.values()) < 0:
            raise BadPrior(f"{file}: {name} has a negative entry; expected 0 or more")
        if kind == "probabilities" and max(table.values()) > 1:
            raise BadPrior(f"{file}: {name} has an entry above 1; each is a probability")
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
