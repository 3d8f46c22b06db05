"""Read a file of evidence and report every fault with its entry and key."""

from __future__ import annotations

import datetime as dt
import math
import re
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, TypeVar, cast

from features.groups.reason_codes import ReasonCode
from features.groups.source_fields import SOURCE_FIELDS
from features.manifest.fields import HEADS
from models.evidence.prior import OWN_LABEL, Basis, Clause, Direction, Entry, Evidence, EvidenceGroup, Term

T = TypeVar("T")

#: The default evidence.
DEFAULT: Final = Path(__file__).with_name("evidence.toml")
#: Maximum size of a file, to protect memory.
MAX_BYTES: Final = 2**20
_LARGEST_LOG_ODDS: Final = 30.0
#: Places in braces that a text may have; `models.reasons.codes` fills them.
PLACES: Final = frozenset(
    {
        "declared",
        "law",
        "permit",
        "permit_number",
        "similar",
        "goods",
        "hs",
        "items",
        "mass",
        "mass_for_goods",
        "gross_mass",
        "value",
        "freight",
    }
    | {
        "consignor",
        "consignor_country",
        "consignor_line",
        "consignee_line",
        "consignor_clean",
        "account",
        "consignee",
        "address",
        "route",
    }
    | {f"{of}_finds" for of in ("consignor", "consignee", "address", "pair", "consignor_contact", "consignee_contact")}
)
_REQUIRED: Final = ("id", "direction", "heads", "log_odds", "range", "basis", "source", "dated")
_OPTIONAL: Final = ("group", "when", "where", "one_of", "fact", "reason", "text")


class EvidenceFault(ValueError):
    """Error for an invalid file of evidence.

    Attributes:
        problems: all faults, each starting with its entry or group.
    """

    def __init__(self, problems: list[str]) -> None:
        self.problems = problems
        super().__init__("\n".join(problems))


def read_evidence(path: Path = DEFAULT) -> Evidence:
    """Return the evidence of a file. Raises `EvidenceFault`, or OSError if it cannot be read."""
    return parse_evidence(path.read_bytes())


def parse_evidence(source: bytes) -> Evidence:
    """Return the evidence of the bytes of a TOML file.

    Raises:
        EvidenceFault: lists all faults, for example an unknown or missing key, a feature without declared fields, log-odds outside
            their range, or entries of two groups that rest on the same field.
    """
    if len(source) > MAX_BYTES:
        raise EvidenceFault([f"file: larger than {MAX_BYTES} bytes"])
    try:
        data = tomllib.loads(source.decode("utf-8"))
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise EvidenceFault([f"file: not TOML in UTF-8: {error}"]) from None
    problems: list[str] = []
    head = data.get("evidence")
    keys = {"title", "dated", "author"}
    if not isinstance(head, dict) or set(head) != keys or not _are_texts(head, "title", "author"):
        problems.append(f"[evidence]: it must have the keys {sorted(keys)}")
    elif not _is_day(head["dated"]):
        problems.append("[evidence]: dated must be a day, for example 2026-11-27")
    problems += [
        f"file: unknown table {name!r}" for name in data if name not in ("evidence", "group", "entry", "factor")
    ]
    factors = data.get("factor", {})
    problems += _factor_faults(factors)
    groups = _each(data.get("group", []), "group", _group, problems)
    entries = _each(data.get("entry", []), "entry", _entry, problems)
    by_id = {group.id: group for group in groups}
    if not problems:
        problems = _faults_across(by_id, entries)
    if problems:
        raise EvidenceFault(problems)
    assert isinstance(head, dict)
    return Evidence(head["title"], head["dated"], head["author"], by_id, tuple(entries), source, factors)


def _each(tables: Any, kind: str, build: Callable[[Mapping[str, Any]], T], problems: list[str]) -> list[T]:
    """Return the results of ``build`` for all tables, and add faults and repeated ids to ``problems``."""
    if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
        problems.append(f"file: {kind} must be written as [[{kind}]]")
        return []
    built, seen = [], set()
    for position, table in enumerate(tables, 1):
        name = f"{kind} {table.get('id', f'number {position}')}"
        try:
            built.append(build(table))
        except ValueError as error:
            problems.append(f"{name}: {error}")
        if table.get("id") in seen:
            problems.append(f"{name}: the id is used twice")
        seen.add(table.get("id"))
    return built


def _factor_faults(factors: Any) -> list[str]:
    known = (*HEADS, OWN_LABEL)
    if not isinstance(factors, dict):
        return ["[factor]: it must be a table of heads"]
    return [
        f"[factor]: {head} must be one of {list(known)} with a number from 0 to 1, got {value!r}"
        for head, value in factors.items()
        if head not in known or not _is_number(value) or not 0.0 <= value <= 1.0
    ]


def _group(table: Mapping[str, Any]) -> EvidenceGroup:
    if set(table) != {"id", "d", "text"} or not _are_texts(table, "id", "text"):
        raise ValueError("a group must have the keys id, d and text")
    if not _is_number(table["d"]) or not 0.0 <= table["d"] <= 1.0:
        raise ValueError(f"d must lie between 0 and 1, got {table['d']!r}")
    return EvidenceGroup(table["id"], float(table["d"]), table["text"])


def _entry(table: Mapping[str, Any]) -> Entry:
    for key in _REQUIRED:
        if key not in table:
            raise ValueError(f"{key} is missing")
    if unknown := sorted(set(table).difference(_REQUIRED, _OPTIONAL)):
        raise ValueError(f"unknown key {unknown[0]!r}")
    if not _are_texts(table, "id", "source"):
        raise ValueError("id and source must be texts")
    direction, basis = table["direction"], table["basis"]
    if direction not in ("base", "for", "against"):
        raise ValueError(f"direction must be base, for or against, got {direction!r}")
    if basis not in ("published", "assumed"):
        raise ValueError(f"basis must be published or assumed, got {basis!r}")
    if not _is_day(table["dated"]):
        raise ValueError("dated must be a day, for example 2026-11-27")
    heads = table["heads"]
    if not isinstance(heads, list) or not heads or not set(heads) <= set(HEADS) or len(set(heads)) < len(heads):
        raise ValueError(f"heads must be some of {list(HEADS)}, got {heads!r}")
    if not isinstance(table.get("fact", False), bool):
        raise ValueError(f"fact must be true or false, got {table['fact']!r}")
    log_odds, low, high = _weight(table, direction)
    is_base = direction == "base"
    if is_base and not {"group", "when", "where", "one_of", "fact", "reason"}.isdisjoint(table):
        raise ValueError("a base entry has no group, conditions or reason")
    if not is_base and not _are_texts(table, "group", "reason", "text"):
        raise ValueError("group, reason and text must be texts")
    if not is_base and table["reason"] not in set(ReasonCode):
        raise ValueError(f"unknown reason {table['reason']!r}")
    if unknown := sorted(set(re.findall(r"\{(.*?)\}", str(table.get("text", "")))) - PLACES):
        raise ValueError(f"text: unknown place {unknown[0]!r}; known are {sorted(PLACES)}")
    when, where = _clauses(table.get("when", []), "when"), _clauses(table.get("where", []), "where")
    if not is_base and not when:
        raise ValueError("when is missing: an entry needs a condition")
    return Entry(
        id=table["id"],
        direction=cast(Direction, direction),
        group=table.get("group", ""),
        heads=tuple(heads),
        log_odds=log_odds,
        low=low,
        high=high,
        when=when,
        where=where,
        one_of=str(table.get("one_of", "")),
        fact=table.get("fact", False),
        basis=cast(Basis, basis),
        source=table["source"],
        dated=table["dated"],
        reason=None if is_base else ReasonCode(table["reason"]),
        text=str(table.get("text", "")),
    )


def _weight(table: Mapping[str, Any], direction: str) -> tuple[float, float, float]:
    """Return log-odds and range of an entry."""
    log_odds, limits = table["log_odds"], table["range"]
    if not isinstance(limits, list) or len(limits) != 2 or not all(map(_is_number, [log_odds, *limits])):
        raise ValueError("log_odds must be a number and range two numbers")
    low, high = float(limits[0]), float(limits[1])
    if not -_LARGEST_LOG_ODDS <= low <= log_odds <= high <= _LARGEST_LOG_ODDS:
        raise ValueError(
            f"log_odds {log_odds} must lie in its range {limits}, and the range within +-{_LARGEST_LOG_ODDS:g}"
        )
    if (direction == "for" and low < 0.0) or (direction == "against" and high > 0.0):
        side = "below" if direction == "for" else "above"
        raise ValueError(f"range {limits} has values {side} 0, so the entry cannot be evidence {direction}")
    return float(log_odds), low, high


def _clauses(value: Any, key: str) -> tuple[Clause, ...]:
    if not isinstance(value, list) or not all(isinstance(clause, dict) for clause in value):
        raise ValueError(f"{key} must be a list of conditions")
    return tuple(_clause(clause, key) for clause in value)


def _clause(table: Mapping[str, Any], key: str) -> Clause:
    if "any" not in table:
        return (_term(table, key),)
    terms = table["any"]
    if set(table) != {"any"} or not isinstance(terms, list) or not terms:
        raise ValueError(f"{key}: any needs a list of conditions and no other key")
    return tuple(_term(term, key) for term in terms)


def _term(table: Any, key: str) -> Term:
    """Return a condition: {feature, at_least | above | at_most | below | equals} or {feature, from, to}."""
    if not isinstance(table, dict) or not isinstance(table.get("feature"), str):
        raise ValueError(f"{key}: a condition needs a feature")
    feature = table["feature"]
    if feature not in SOURCE_FIELDS:
        raise ValueError(
            f"{key}: the feature {feature!r} is unknown, or its fields are not declared in source_fields.py"
        )
    operators = {name: value for name, value in table.items() if name != "feature"}
    if not operators or not all(_is_number(value) for value in operators.values()):
        raise ValueError(f"{key}: the condition on {feature} needs numbers")
    if set(operators) == {"from", "to"}:
        if operators["from"] == operators["to"]:
            raise ValueError(f"{key}: a ramp of {feature} needs two different ends")
        return Term(feature, float(operators["from"]), float(operators["to"]), is_ramp=True)
    low, high = -math.inf, math.inf
    for name, value in operators.items():
        if name in ("at_least", "equals"):
            low = max(low, value)
        if name in ("at_most", "equals"):
            high = min(high, value)
        if name == "above":
            low = max(low, math.nextafter(value, math.inf))
        if name == "below":
            high = min(high, math.nextafter(value, -math.inf))
        if name not in ("at_least", "at_most", "equals", "above", "below"):
            raise ValueError(f"{key}: unknown condition {name!r} on {feature}")
    if low > high:
        raise ValueError(f"{key}: no value of {feature} meets the condition")
    return Term(feature, float(low), float(high))


def _faults_across(groups: Mapping[str, EvidenceGroup], entries: list[Entry]) -> list[str]:
    """Return the faults that involve several entries or groups."""
    problems = []
    for head in HEADS:
        count = sum(entry.direction == "base" and head in entry.heads for entry in entries)
        if count != 1:
            problems.append(f"file: {head} needs one base entry, but has {count}")
    group_of: dict[str, Entry] = {}
    for entry in entries:
        if entry.direction != "base" and entry.group not in groups:
            problems.append(f"entry {entry.id}: unknown group {entry.group!r}")
        for field in entry.fields:
            other = group_of.setdefault(field, entry)
            if other.group != entry.group:
                problems.append(
                    f"entry {entry.id}: rests on {field} as entry {other.id} does, so both belong in one group, "
                    f"not in {entry.group} and {other.group}"
                )
    return problems


def _are_texts(table: Mapping[str, Any], *keys: str) -> bool:
    return all(isinstance(table.get(key), str) and table[key].strip() for key in keys)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _is_day(value: Any) -> bool:
    return isinstance(value, dt.date) and not isinstance(value, dt.datetime)
