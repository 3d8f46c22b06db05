"""Warm-up of the goods classifier at start-up, so that the first request does not wait for its tables."""

from __future__ import annotations

from service.core.examples import EXAMPLE_GOODS
from service.core.logs import logger
from service.goods.answers import Question, answer_all


def warm_up() -> None:
    """Classify the documented examples. Only log a failure: other endpoints work, and each request reports its own failure."""
    try:
        answer_all([Question(text, code) for _, text, code in EXAMPLE_GOODS.values()])
    except Exception as error:
        logger().error("goods_warm_up_failed", exc_info=error)
