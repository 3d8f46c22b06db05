"""Base of the mapped classes."""

from __future__ import annotations

from typing import Any, ClassVar

from sqlalchemy import BigInteger, Double, Integer, MetaData
from sqlalchemy.orm import DeclarativeBase

#: Patterns of the names of constraints, so that migrations can refer to them on both engines.
NAMES = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "pk": "pk_%(table_name)s",
}

#: Number that the engine assigns to each row. SQLite assigns numbers only to columns of the type INTEGER.
RowNumber = BigInteger().with_variant(Integer, "sqlite")


class Base(DeclarativeBase):
    """Base of all tables of the store."""

    metadata = MetaData(naming_convention=NAMES)
    #: `int` is 64 bits wide, because times are microseconds.
    type_annotation_map: ClassVar[dict[Any, Any]] = {int: BigInteger, float: Double}
