"""First reading of a goods description at start-up, so that no request pays for loading."""

from __future__ import annotations

from service.examples import EXAMPLE_GOODS
from service.goods.answers import Question, answer_all
from service.logs import logger


def warm_up() -> None:
    """Read the documented examples. A failure is logged only: other endpoints work, and each reading reports its own failure."""
    try:
        answer_all([Question(text, code) for _, text, code in EXAMPLE_GOODS.values()])
    except Exception as error:
        logger().error("goods_warm_up_failed", exc_info=error)
