"""Roles of people. Each role may do all that the roles before it may do."""

from __future__ import annotations

from enum import StrEnum
from typing import Final


class Role(StrEnum):
    """Role of a person in the console."""

    VIEWER = "viewer"
    OFFICER = "officer"
    LEAD = "lead"
    ADMINISTRATOR = "administrator"

    @property
    def level(self) -> int:
        """Rank of the role: the higher it is, the more the role may do."""
        return _LEVELS[self]

    def may(self, needed: Role) -> bool:
        """Return whether the role may do what needs the role ``needed``."""
        return self.level >= needed.level


_LEVELS: Final = {role: level for level, role in enumerate(Role)}
