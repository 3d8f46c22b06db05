"""The rules and the register that an administrator configures by file name."""

from __future__ import annotations

import os
from typing import Final

from models.permits import Register
from models.rules.default import known_names
from models.rules.reading import load_rules
from models.rules.rulebook import OfficeRules

#: Stands in place of a rule file and switches all rules off.
NONE: Final = "none"
RULES_VARIABLE: Final = "TIDEWAITER_RULES"
REGISTER_VARIABLE: Final = "TIDEWAITER_REGISTER"


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
