"""Stand-in for the office's lists until they have been read: no hits, and a warning on every shipment."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from features.manifest.problems import Problem

if TYPE_CHECKING:
    from collections.abc import Mapping

    from features.table.table import ManifestTable
    from models.rules import ListHit, Suppression

WARNING: Final = Problem(
    "shipment",
    "was scored without the office's watch lists, suppressions and permits: they have not been read since the start, because the "
    "database does not answer",
)


class UnreadLists:
    """Screening without lists, see `models.rules.Screening`.

    Its digest differs from that of any lists, so that a shipment sent again after the lists were read gets a new decision.
    """

    digest: Final = "unread"
    suppresses_rules: Final = False

    def hits(self, table: ManifestTable) -> Mapping[int, tuple[ListHit, ...]]:
        """Add the warning to each row, and return no hits."""
        for row in range(table.n_rows):
            table.warn(row, WARNING)
        return {}

    def suppression(self, rule: str, consignor: str | None) -> Suppression | None:
        """Return None: nothing is suppressed."""
        return None
