"""Shipments whose names only OPSIN reads."""

from __future__ import annotations

from collections.abc import Iterable

from features.substances import Substances
from service.core import chemistry


def reads_names(records: Iterable[object]) -> bool:
    """Return whether scoring parsed JSON shipments may need OPSIN."""
    index = Substances.load()
    return any(chemistry._may_need_opsin(item, chemistry._texts(item), index) for item in chemistry._items(records))
