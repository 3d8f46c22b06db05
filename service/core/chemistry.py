"""Start and state of OPSIN, which reads systematic names, and detection of shipments that take long to read.

All other questions about chemicals are answered without OPSIN.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, Final

from features.substances import Substances, opsin, structures_in, systematic_names

if TYPE_CHECKING:
    from service.core.settings import Settings

#: Signs of a structure in SMILES or InChI: brackets, bonds, or a long run without blanks. Ordinary descriptions rarely have them.
_MAY_BE_STRUCTURE: Final = re.compile(r"[=#\[\]@]|\w\(|InChI|\S{25}", re.IGNORECASE)


def set_up(settings: Settings) -> None:
    """Enable or disable reading systematic names in this process, according to the settings. OPSIN is not started yet."""
    opsin().configure(enabled=settings.opsin, time_limit_s=settings.opsin_seconds)


def start() -> None:
    """Start OPSIN and log whether it runs. The call blocks for about half a second, mostly waiting."""
    from service.core.logs import logger

    reader = opsin()
    if reader.start():
        logger().info("systematic_names_ready", seconds=round(reader.started_in_s or 0.0, 2))
    else:
        logger().warning("systematic_names_not_read", problem=reader.problem)


def takes_long(records: Iterable[object], most_items: int) -> bool:
    """Return whether scoring parsed JSON shipments may take long.

    Three things take long: more than ``most_items`` goods items, an unknown structure (milliseconds), and a name that OPSIN must
    read (usually milliseconds, at most `opsin_seconds`).
    """
    index = Substances.load()
    for position, item in enumerate(_items(records)):
        if position >= most_items:
            return True
        texts = _texts(item)
        for text, chemical in texts:
            if (
                _MAY_BE_STRUCTURE.search(text) is not None
                and not index.is_known(text.strip(), chemical=chemical)
                and structures_in(text, chemical=chemical)
            ):
                return True
        if _may_need_opsin(item, texts, index):
            return True
    return False


def _items(records: Iterable[object]) -> Iterator[dict[str, object]]:
    for record in records:
        items = record.get("items") if isinstance(record, dict) else None
        for item in items if isinstance(items, list) else ():
            if isinstance(item, dict):
                yield item


def _texts(item: dict[str, object]) -> list[tuple[str, bool]]:
    """Return the texts of a goods item that may name a chemical, and whether each is from the field for chemicals."""
    chemical, description = item.get("declared_chemical"), item.get("goods_description")
    texts = [(chemical, True)] if isinstance(chemical, str) else []
    return [*texts, (description, False)] if isinstance(description, str) else texts


def _may_need_opsin(item: dict[str, object], texts: list[tuple[str, bool]], index: Substances) -> bool:
    """Return whether a goods item may need OPSIN.

    OPSIN reads systematic names in the texts, a declared chemical that is in no table, and, if the CAS number is in no table, the
    description.
    """
    if any(systematic_names(text, chemical=True) for text, _ in texts):
        return True
    chemical, cas = item.get("declared_chemical"), item.get("cas_number")
    if isinstance(chemical, str) and index.match(chemical, chemical=True) is None:
        return True
    return isinstance(cas, str) and index.match_cas(cas) is None


def chemistry() -> dict[str, Any]:
    """Return the state of OPSIN: ``systematic_names`` and, if names are not read, the ``problem``."""
    reader = opsin()
    problem = reader.problem
    if problem is not None:
        return {"systematic_names": "unavailable", "problem": f"{problem[:1].upper()}{problem[1:]}."}
    return {"systematic_names": "ready" if reader.started_in_s is not None else "starting", "problem": None}
