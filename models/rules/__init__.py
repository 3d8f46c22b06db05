"""Rules that raise or lower the lane of a shipment, and the search for goods items that could not be read."""

from models.rules.leaf_reading import KnownNames
from models.rules.office import OfficeRules, bundled_rules, default_rules, known_names, office_rules
from models.rules.reading import load_rules, parse_rules
from models.rules.rule import Effect, Rule, RuleFault, RulesError, RuleSet, joined
from models.rules.rulebook import Rulebook
from models.rules.ruling import NEVER_SUPPRESSED, Fired, LaneReason, ListHit, Ruling, Screening, Suppression

__all__ = [
    "NEVER_SUPPRESSED",
    "Effect",
    "Fired",
    "KnownNames",
    "LaneReason",
    "ListHit",
    "OfficeRules",
    "Rule",
    "RuleFault",
    "RuleSet",
    "Rulebook",
    "RulesError",
    "Ruling",
    "Screening",
    "Suppression",
    "bundled_rules",
    "default_rules",
    "joined",
    "known_names",
    "load_rules",
    "office_rules",
    "parse_rules",
]
