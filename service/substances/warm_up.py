"""First lookups of chemicals at start-up, so that no request pays for loading."""

from __future__ import annotations

from typing import Final

from service.logs import logger
from service.substances.answers import Question, answer, today

#: A name and a structure.
_NAMED: Final = ("4-piperidone", "CCC(=O)N(c1ccccc1)C1CCN(CCc2ccccc2)CC1")
#: A systematic name on no list, which only OPSIN can read.
_SYSTEMATIC: Final = ("N-(4-methylphenyl)-2-oxocyclohexanecarboxamide",)


def warm_up(*, systematic: bool) -> None:
    """Resolve a name and a structure, or a systematic name. Blocks; a systematic name waits for OPSIN.

    A failure is logged only: scoring works without chemistry, and each lookup reports its own failure.
    """
    try:
        for text in _SYSTEMATIC if systematic else _NAMED:
            answer(Question(text, today(), drawing=True))
    except Exception as error:
        logger().error("chemistry_warm_up_failed", exc_info=error)
