"""Languages of descriptions as slices of the traffic."""

from __future__ import annotations

from features.table.table import Coded
from training.evaluation.slices import NONE, NOT_TOLD, languages_of


def test_each_row_gets_the_language_of_its_text() -> None:
    column = Coded.from_list(
        ["ropa de algodón para mujer", None, "123", "ropa de algodón para mujer", "手机壳", "silicone phone case"]
    )
    assert languages_of(column).tolist() == ["es", NONE, NOT_TOLD, "es", "zh", "en"]
