"""Read rules from TOML. All faults of a file are reported together, each with line, rule and field.

Example of a rule:

[[rule]]
id = "opioid-without-permit"
when = {all = [
    {feature = "substance_opioid", op = "eq", value = 2},
    {not = [{feature = "permit_registered", op = "eq", value = 1}]},
]}
effect = "at_least_red"          or at_least_yellow, at_most_green
reason = "An opioid is declared without a registered permit"
citation = "..."                 optional, as are author, from and until
from = 2026-01-01                first and last day of `declared_at` on which the rule is in force
until = 2026-12-31
"""

from __future__ import annotations

import datetime as dt
import os
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path as FilePath
from typing import Any, Final

from features.readers.source import read_small
from models.rules.conditions import Condition
from models.rules.leaf_reading import KnownNames, Place, read_condition, seconds
from models.rules.rule import Effect, Rule, RuleFault, RulesError, RuleSet
from models.rules.toml_lines import Path, lines_of

#: The limits keep a wrong file from slowing every request. No office needs more.
MAX_BYTES: Final = 2**20
MAX_RULES: Final = 500
_REQUIRED: Final = ("id", "when", "effect", "reason")
_OPTIONAL: Final = ("citation", "author", "from", "until")
_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_AT_LINE: Final = re.compile(r"\(at line (\d+), column \d+\)$")
#: Maximum length of a reason, citation or author in characters.
_MAX_TEXT: Final = 500


def load_rules(path: str | os.PathLike[str], known: KnownNames) -> RuleSet:
    """Read the rules of a file.

    Raises:
        RulesError: the file cannot be read, or a rule is invalid.
    """
    name = str(path)
    try:
        data = read_small(FilePath(path), MAX_BYTES)
    except OSError as error:
        raise RulesError(name, [RuleFault(0, "", "", f"the file cannot be read: {error.strerror or error}")]) from None
    try:
        return parse_rules(data.decode("utf-8-sig"), known, name)
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise RulesError(name, [RuleFault(line, "", "", "the file is not UTF-8, as TOML must be")]) from None


def parse_rules(text: str, known: KnownNames, name: str = "the rules") -> RuleSet:
    """Read the rules of a TOML text.

    Args:
        known: the names that leaves may use.
        name: name of the file, for messages.

    Raises:
        RulesError: the text is not TOML, or a rule is invalid. The error lists all faults.
    """
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        at = _AT_LINE.search(str(error))
        line = int(at.group(1)) if at else text.count("\n") + 1
        problem = _AT_LINE.sub("", str(error)).strip()
        raise RulesError(name, [RuleFault(line, "", "", f"not TOML: {problem}")]) from None
    except RecursionError:
        raise RulesError(name, [RuleFault(0, "", "", "the file is nested too deeply")]) from None
    return _Reader(document, lines_of(text.replace("\r\n", "\n")), known).read(name, text)


class _Reader:
    """Converts a parsed document to rules and collects its faults."""

    def __init__(self, document: Mapping[str, Any], lines: Mapping[Path, int], known: KnownNames) -> None:
        self._document, self._lines, self._known = document, lines, known
        self._faults: list[RuleFault] = []

    def read(self, name: str, text: str) -> RuleSet:
        for key in self._document:
            if key != "rule":
                self._faults.append(
                    RuleFault(
                        self._lines.get((key,), 0), "", str(key), "unknown key; a file contains only [[rule]] tables"
                    )
                )
        entries = self._document.get("rule", [])
        if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
            self._faults.append(RuleFault(self._lines.get(("rule",), 0), "", "rule", "write each rule as [[rule]]"))
            entries = []
        if len(entries) > MAX_RULES:
            self._faults.append(RuleFault(0, "", "rule", f"{len(entries)} rules; at most {MAX_RULES} are accepted"))
        rules: list[Rule] = []
        lines: dict[str, int] = {}
        for number, entry in enumerate(entries[:MAX_RULES]):
            rule = self._rule(number, entry)
            if rule is not None:
                if rule.id in lines:
                    place = Place(rule.id, ("rule", number), self._lines, self._faults)
                    place.within("id").fault(f"the rule in line {lines[rule.id]} already has this id")
                lines.setdefault(rule.id, rule.line)
                rules.append(rule)
        if self._faults:
            raise RulesError(name, self._faults)
        return RuleSet(name, text, tuple(rules))

    def _rule(self, number: int, entry: Mapping[str, Any]) -> Rule | None:
        """Return a rule, or None after reporting its faults."""
        identifier = entry.get("id")
        is_named = isinstance(identifier, str) and _ID.fullmatch(identifier) is not None
        shown = str(identifier) if is_named else f"number {number + 1}"
        place = Place(shown, ("rule", number), self._lines, self._faults)
        before = len(self._faults)
        for key in _REQUIRED:
            if key not in entry:
                place.within(key).fault("is missing; a rule needs id, when, effect and reason")
        for key in entry:
            if key not in _REQUIRED + _OPTIONAL:
                place.within(key).fault(f"unknown key; a rule has {', '.join(_REQUIRED + _OPTIONAL)}")
        if "id" in entry and not is_named:
            place.within("id").fault(f"{identifier!r}; expected 1 to 64 letters, digits, '.', '_' and '-'")
        texts = {
            key: self._text(place.within(key), entry[key]) for key in ("reason", "citation", "author") if key in entry
        }
        effect = self._effect(place.within("effect"), entry["effect"]) if "effect" in entry else None
        condition: Condition | None = (
            read_condition(entry["when"], place.within("when"), self._known) if "when" in entry else None
        )
        first = self._second(place.within("from"), entry.get("from"), end=False)
        last = self._second(place.within("until"), entry.get("until"), end=True)
        if first is not None and last is not None and last < first:
            place.within("until").fault("lies before `from`")
        if len(self._faults) > before or effect is None or condition is None:
            return None
        return Rule(str(identifier), condition, effect, first_s=first, last_s=last, line=place.line, **texts)

    def _text(self, place: Place, value: object) -> str:
        if not isinstance(value, str) or (place.key == "reason" and not value.strip()):
            place.fault(f"{value!r}; expected a text")
            return ""
        if len(value) > _MAX_TEXT:
            place.fault(f"{len(value)} characters; at most {_MAX_TEXT} are accepted")
        return " ".join(value.split())

    def _effect(self, place: Place, value: object) -> Effect | None:
        try:
            return Effect(str(value))
        except ValueError:
            place.fault(f"{value!r}; expected one of {', '.join(Effect)}")
            return None

    def _second(self, place: Place, value: object, *, end: bool) -> int | None:
        """Return `from` or `until` in seconds since 1970. As ``end``, a day means its last second."""
        if value is None:
            return None
        second = seconds(value)
        if second is None:
            place.fault(f"{value!r}; expected a day or a time, such as 2026-05-04")
            return None
        is_day = isinstance(value, str) and len(value.strip()) == 10
        is_day = is_day or (isinstance(value, dt.date) and not isinstance(value, dt.datetime))
        return second + 86399 if end and is_day else second
