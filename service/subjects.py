"""The subjects of the service: a line for each folder below `service/`, with the parts that it has.

The app, the command line, the tables and the proof of the audit chain take the parts from here, each when it needs them. So a
command loads no routes, and a service without a store no tables.

====================  ============================================================================================================
``routes``            ``router``; also ``parts(settings)`` and ``request_schemas()`` if the subject has some
``command``           ``COMMANDS``: functions and groups of the command line, in the order of the help
``tables``            mapped classes, with what an erasure changes in them (``erased``); also ``CHECKS``, the proof of their rows,
                      ``erase_with(connection, decisions)`` and ``erase_before(connection, time)`` if the subject has some
====================  ============================================================================================================
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from sqlalchemy import MetaData

#: Subject -> its parts, in the order of the API's documentation and of the help.
SUBJECTS: Final[dict[str, tuple[str, ...]]] = {
    "scoring": ("routes", "tables"),
    "files": ("routes", "command"),
    "substances": ("routes", "command"),
    "goods": ("routes", "command"),
    "training": ("command",),
    "operations": ("command",),
    "jobs": ("routes", "command", "tables"),
    "decisions": ("routes",),
    "search": ("tables",),
    "parties": ("routes",),
    "history": ("tables",),
    "trials": ("command",),
    "backtests": ("command", "tables"),
    "inspections": ("routes", "command", "tables"),
    "capacity": ("routes", "tables"),
    "monitoring": ("routes", "command", "tables"),
    "lists": ("routes", "command", "tables"),
    "proposals": ("routes", "command", "tables"),
    "webhooks": ("routes", "tables"),
    "status": ("routes",),
    "keys": ("routes", "command", "tables"),
    "console": ("command", "tables"),
    "backup": ("command",),
    "erasure": ("routes", "command"),
    "audit": ("routes", "command", "tables"),
    "doctor": ("command",),
}


def parts(part: str) -> Iterator[Any]:
    """Yield the module ``part`` of each subject that has one, in the order of `SUBJECTS`."""
    for subject, names in SUBJECTS.items():
        if part in names:
            yield import_module(f"service.{subject}.{part}")


def attributes(part: str, name: str) -> Iterator[Any]:
    """Yield the attribute ``name`` of each module ``part`` that has one."""
    yield from (getattr(module, name) for module in parts(part) if hasattr(module, name))


def metadata() -> MetaData:
    """Return the description of all tables."""
    from service.core.database.tables import Base

    list(parts("tables"))
    return Base.metadata


def tables() -> list[Any]:
    """Return the mapped classes of all tables, in the order of their names."""
    from service.core.database.tables import Base

    list(parts("tables"))
    return sorted((mapper.class_ for mapper in Base.registry.mappers), key=lambda table: table.__tablename__)
