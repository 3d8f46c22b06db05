"""Read the condition of a rule, check every name, comparison and value, and report faults with their places."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any as AnyValue
from typing import Final

from features.manifest.fields import FIELD, MANIFEST_NAMES, Field, Kind
from features.table import normalise
from models.rules.conditions import ORDERED, WITHOUT_VALUE, All, Any, Condition, Leaf, Not, Op, Subject, Value
from models.rules.rule import RuleFault
from models.rules.toml_lines import Path

#: Prefix of the features of an office's own data. Only the office's own model has them.
OWN_PREFIX: Final = "own_"
_GROUPS: Final[Mapping[str, Callable[[tuple[Condition, ...]], Condition]]] = {"all": All, "any": Any, "not": Not}
_SUBJECTS: Final = tuple(Subject)
_LEAF_KEYS: Final = (*_SUBJECTS, "op", "value")
#: Maximum depth of nested conditions. Deeper rules are hard to read.
_MAX_DEPTH: Final = 8
_MAX_PATTERN: Final = 500
#: Largest absolute value of a number. Manifests and features have no larger ones. The limit also excludes infinity and NaN.
_MAX_NUMBER: Final = 1e15


@dataclass(frozen=True, slots=True)
class KnownNames:
    """Names that leaves may use in addition to manifest fields.

    Attributes:
        features: names of features and facts. Names that begin with ``own_`` are checked later, against the model.
        evidence: names of evidence entries; None to check them later, against the model.
    """

    features: Collection[str]
    evidence: Collection[str] | None = field(default=None)


@dataclass(frozen=True, slots=True)
class Place:
    """A key of a rule.

    Attributes:
        rule: id or position of the rule.
        path: the key from the top of the document: ``("rule", 0, "when", "all", 1)``.
        lines: the lines of the document's keys.
        faults: receives the faults.
    """

    rule: str
    path: Path
    lines: Mapping[Path, int]
    faults: list[RuleFault]

    @property
    def key(self) -> str:
        """The last key of the path."""
        return str(self.path[-1])

    @property
    def line(self) -> int:
        """The line of the key, or of the nearest enclosing key that the file contains."""
        for length in range(len(self.path), 0, -1):
            if self.path[:length] in self.lines:
                return self.lines[self.path[:length]]
        return 0

    @property
    def field(self) -> str:
        """The key within the rule, for example ``when.all[1].op``."""
        text = ""
        for part in self.path[2:]:
            text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
        return text

    def within(self, *keys: str | int) -> Place:
        """Return the place of a key below this one."""
        return Place(self.rule, (*self.path, *keys), self.lines, self.faults)

    def fault(self, problem: str) -> None:
        """Report a fault here."""
        self.faults.append(RuleFault(self.line, self.rule, self.field, problem))


def seconds(value: object) -> int | None:
    """Return the seconds of a TOML date, a TOML date-time or an ISO 8601 text; None for any other value.

    A date means 00:00. A date-time without an offset is UTC.
    """
    if isinstance(value, dt.date):
        return normalise.time(value.isoformat())[0]
    return normalise.time(value.strip())[0] if isinstance(value, str) and value.strip() else None


def read_condition(value: object, place: Place, known: KnownNames, depth: int = 0) -> Condition | None:
    """Return the condition that parsed TOML describes, or None after reporting its faults at ``place``."""
    if not isinstance(value, Mapping):
        place.fault(f"{value!r}; expected a table: {{all = [...]}}, {{any = [...]}}, {{not = [...]}} or a leaf")
        return None
    if depth > _MAX_DEPTH:
        place.fault(f"conditions are nested more than {_MAX_DEPTH} levels deep")
        return None
    groups = [key for key in value if key in _GROUPS]
    if not groups:
        return _LeafReader(value, place, known).read()
    if len(value) > 1:
        others = ", ".join(str(key) for key in value)
        place.fault(f"has the keys {others}; a condition has exactly one of all, any, not, or is a leaf")
        return None
    [key] = groups
    parts = value[key]
    inside = place.within(key)
    if not isinstance(parts, list) or not parts:
        inside.fault(f"{parts!r}; expected a list of one or more conditions")
        return None
    read = [read_condition(part, inside.within(number), known, depth + 1) for number, part in enumerate(parts)]
    sound = tuple(part for part in read if part is not None)
    return _GROUPS[key](sound) if len(sound) == len(read) else None


class _LeafReader:
    """Reads one leaf."""

    def __init__(self, value: Mapping[str, AnyValue], place: Place, known: KnownNames) -> None:
        self._value, self._place, self._known = value, place, known

    def read(self) -> Leaf | None:
        value, place = self._value, self._place
        unknown = [key for key in value if key not in _LEAF_KEYS]
        for key in unknown:
            place.within(key).fault(f"unknown key; a leaf has op, value and one of {', '.join(_SUBJECTS)}")
        subjects = [subject for subject in _SUBJECTS if subject in value]
        if len(subjects) != 1:
            if subjects or not unknown:
                place.fault("a leaf needs exactly one of field, feature, evidence")
            return None
        subject = subjects[0]
        name = self._name(subject)
        op = self._op()
        if unknown or name is None or op is None:
            return None
        kind = FIELD[name].kind if subject is Subject.FIELD else Kind.NUMBER
        if (op in ORDERED and kind not in (Kind.NUMBER, Kind.TIME)) or (
            op is Op.MATCHES and kind in (Kind.NUMBER, Kind.TIME, Kind.FLAG)
        ):
            compared = f"a field of the kind {kind.value}" if subject is Subject.FIELD else "a number"
            place.within("op").fault(f"{op.value!r} cannot compare {compared}")
            return None
        values = self._values(op, FIELD[name] if subject is Subject.FIELD else None)
        return None if values is None else Leaf(subject, name, op, values)

    def _name(self, subject: Subject) -> str | None:
        name, place = self._value[subject], self._place.within(subject)
        if subject is Subject.FIELD:
            known: Collection[str] | None = MANIFEST_NAMES
        else:
            known = self._known.features if subject is Subject.FEATURE else self._known.evidence
        if not isinstance(name, str) or not name:
            place.fault(f"{name!r}; expected a name in quotes")
            return None
        if known is None or name in known or (subject is Subject.FEATURE and name.startswith(OWN_PREFIX)):
            return name
        if subject is Subject.FIELD and name in FIELD:
            place.fault(f"{name!r} is a label; rules cannot use labels")
            return None
        near = get_close_matches(name, known, n=3, cutoff=0.6)
        expected = "an evidence entry" if subject is Subject.EVIDENCE else f"a {subject.value}"
        place.fault(f"{name!r} is not {expected}" + (f"; the nearest are {', '.join(near)}" if near else ""))
        return None

    def _op(self) -> Op | None:
        place = self._place.within("op")
        if "op" not in self._value:
            place.fault(f"is missing; expected one of {', '.join(Op)}")
            return None
        try:
            return Op(str(self._value["op"]))
        except ValueError:
            place.fault(f"{self._value['op']!r}; expected one of {', '.join(Op)}")
            return None

    def _values(self, op: Op, manifest_field: Field | None) -> tuple[Value, ...] | None:
        place = self._place.within("value")
        if op in WITHOUT_VALUE:
            if "value" in self._value:
                place.fault(f"op {op.value!r} takes no value")
                return None
            return ()
        if "value" not in self._value:
            place.fault(f"is missing; op {op.value!r} compares with a value")
            return None
        given = self._value["value"]
        if op is Op.IN:
            if not isinstance(given, list) or not given:
                place.fault(f"{given!r}; op 'in' needs a list of one or more values")
                return None
            read = [_value(one, manifest_field, place.within(number)) for number, one in enumerate(given)]
            values = tuple(one for one in read if one is not None)
            return values if len(values) == len(read) else None
        if isinstance(given, list):
            place.fault(f"a list; op {op.value!r} compares with one value, 'in' with several")
            return None
        one = _pattern(given, place) if op is Op.MATCHES else _value(given, manifest_field, place)
        return None if one is None else (one,)


def _pattern(given: object, place: Place) -> str | None:
    """Return a regular expression, or None after reporting its fault."""
    if not isinstance(given, str) or not given or len(given) > _MAX_PATTERN:
        place.fault(f"expected a regular expression of 1 to {_MAX_PATTERN} characters")
        return None
    try:
        re.compile(given, re.IGNORECASE)
    except re.error as error:
        place.fault(f"{given!r} is not a regular expression: {error}")
        return None
    return given


def _value(given: object, manifest_field: Field | None, place: Place) -> Value | None:
    """Return a value in the form that the leaf compares, or None after reporting its fault.

    Args:
        manifest_field: the field of the leaf; None for a feature or an evidence entry, whose values are numbers.
    """
    if manifest_field is None or manifest_field.kind is Kind.NUMBER:
        # Accept True as 1 for a feature, because feature columns contain flags as 0 and 1. A number field contains no flags.
        is_flag = isinstance(given, bool) and manifest_field is not None
        if isinstance(given, int | float) and not is_flag and abs(given) <= _MAX_NUMBER:
            return float(given)
        place.fault(f"{given!r}; expected a number")
        return None
    if manifest_field.kind is Kind.TIME:
        moment = seconds(given)
        if moment is None:
            place.fault(f"{given!r}; expected a day or a time, such as 2026-05-04T09:30:00Z")
            return None
        return float(moment)
    if isinstance(given, bool) and manifest_field.kind is Kind.FLAG:
        return "true" if given else "false"
    if not isinstance(given, str) or not given.strip():
        place.fault(f"{given!r}; expected a text in quotes")
        return None
    form, problem = normalise.normaliser(manifest_field)(given.strip())
    if form is None:
        place.fault(
            (problem or f"{given!r} is not a value of {manifest_field.name}").removesuffix("; treated as missing")
        )
        return None
    return form
