"""Places in a rule file, to report faults."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from models.rules.rule import RuleFault
from models.rules.toml_lines import Path


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
