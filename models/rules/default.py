"""The default rules, and the names that all rules may use."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Final

from features.space import feature_names
from models.rules.facts import FACTS
from models.rules.leaf_reading import KnownNames
from models.rules.reading import parse_rules
from models.rules.rule import RuleSet

#: Name of the default rules in messages.
DEFAULT_NAME: Final = "the default set"
_FILE: Final = Path(__file__).with_name("default.toml")


@cache
def known_names() -> KnownNames:
    """Return the names that leaves may use: all features of the standard manifest, and all facts."""
    return KnownNames(frozenset(feature_names()) | FACTS.keys())


@cache
def default_rules() -> RuleSet:
    """Return the default rules of this code. A bundle carries its own copy."""
    return parse_rules(_FILE.read_text(encoding="utf-8"), known_names(), DEFAULT_NAME)


def bundled_rules(data: bytes) -> RuleSet:
    """Return the rules of a bundle.

    Raises:
        RulesError: a rule is invalid.
    """
    return parse_rules(data.decode(), known_names(), f"{DEFAULT_NAME} of the bundle")
