"""The substances that the rows of a table name: in the fields that name goods, and elsewhere."""

from __future__ import annotations

from features.substances.rows.resolution import Resolution, SubstanceResolver, resolve

__all__ = ["Resolution", "SubstanceResolver", "resolve"]
