"""Where rules come from: the default set, a bundle, and the files that an office names."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

from features.space import feature_names
from models.permits import Register
from models.rules.conditions import FACTS
from models.rules.leaf_reading import KnownNames
from models.rules.reading import load_rules, parse_rules
from models.rules.rule import RuleSet

#: The file of the default rules, and their name in messages.
DEFAULT: Final = Path(__file__).with_name("default.toml")
DEFAULT_NAME: Final = "the default set"
#: Stands in place of a rule file and switches all rules off.
NONE: Final = "none"
RULES_VARIABLE: Final = "TIDEWAITER_RULES"
REGISTER_VARIABLE: Final = "TIDEWAITER_REGISTER"


@cache
def known_names() -> KnownNames:
    """Return the names that leaves may use: all features of the standard manifest, and all facts."""
    return KnownNames(frozenset(feature_names()) | FACTS.keys())


@cache
def default_rules() -> RuleSet:
    """Return the default rules of this code. A bundle carries its own copy."""
    return parse_rules(DEFAULT.read_text(encoding="utf-8"), known_names(), DEFAULT_NAME)


def bundled_rules(data: bytes) -> RuleSet:
    """Return the rules of a bundle.

    Raises:
        RulesError: a rule is invalid.
    """
    return parse_rules(data.decode(), known_names(), f"{DEFAULT_NAME} of the bundle")


@dataclass(frozen=True, slots=True, eq=False)
class OfficeRules:
    """The rules of an office, in addition to those of the model's bundle.

    Attributes:
        added: sets of rules in addition to the bundle's.
        off: whether the bundle's rules are off.
        register: the office's permits.
    """

    added: tuple[RuleSet, ...] = ()
    off: bool = False
    register: Register | None = None


def office_rules(rules: str | os.PathLike[str] | None, register: str | os.PathLike[str] | None) -> OfficeRules | None:
    """Return the rules of an office; None if neither file is given.

    Args:
        rules: a rule file, or ``none``, which switches all rules off.
        register: a file of permits.

    Raises:
        RulesError, RegisterError: a file cannot be read or is invalid.
    """
    if not rules and not register:
        return None
    is_off = str(rules or "") == NONE
    return OfficeRules(
        added=(load_rules(rules, known_names()),) if rules and not is_off else (),
        off=is_off,
        register=Register.load(register) if register else None,
    )


def from_environment() -> OfficeRules | None:
    """Return the rules that the environment variables name, for programs without the service's settings.

    Raises:
        RulesError, RegisterError: see `office_rules`.
    """
    return office_rules(os.environ.get(RULES_VARIABLE), os.environ.get(REGISTER_VARIABLE))
