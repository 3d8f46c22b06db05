"""Warm-up of chemical lookups at start-up, so that the first request does not wait for tables and OPSIN."""

from __future__ import annotations

from typing import Final

from service.core.logs import logger
from service.substances.answers import Question, answer, today

#: Texts that are read without OPSIN: a name and a structure.
_NAMED: Final = ("4-piperidone", "CCC(=O)N(c1ccccc1)C1CCN(CCc2ccccc2)CC1")
#: A systematic name that is on no list and that only OPSIN can read.
_SYSTEMATIC: Final = ("N-(4-methylphenyl)-2-oxocyclohexanecarboxamide",)


def warm_up(*, systematic: bool) -> None:
    """Resolve `_NAMED`, or with ``systematic`` `_SYSTEMATIC`, which waits for OPSIN. The call blocks.

    A failure is only logged: scoring works without these lookups, and each lookup reports its own failure.
    """
    try:
        for text in _SYSTEMATIC if systematic else _NAMED:
            answer(Question(text, today(), drawing=True))
    except Exception as error:
        logger().error("chemistry_warm_up_failed", exc_info=error)
