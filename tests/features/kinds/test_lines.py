"""Lines of business in names, and the goods that belong to them."""

from __future__ import annotations

import numpy as np
import pytest

from features.goods.codes import CODES
from features.groups.business import best_fits
from features.kinds.parties import CHAPTERS, OUTSIDE, OWN_GOODS, business_lines, name_marks


def lines_of(name: str) -> set[str]:
    lines = business_lines()
    bits = lines.of_name(name)
    return {line for bit, line in enumerate(lines.names) if bits >> bit & 1}


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("Beispiel Lebensmittel GmbH", "food"),
        ("Muster Maschinenbau AG", "machines"),
        ("Ejemplo Textiles S.L.", "clothing"),
        ("Exemple Peintures SARL", "colours"),
        ("Esempio Ferramenta S.r.l.", "metals"),
        ("Exemplo Plásticos Ltda", "plastics"),
        ("Örnek Kimya San. ve Tic. A.Ş.", "chemistry"),
        ("Przykład Opakowania Sp. z o.o.", "paper"),
        ("ООО Пример Косметика", "cosmetics"),
        ("示例电子有限公司", "electronics"),
        ("サンプル化学株式会社", "chemistry"),
        ("Example Auto Parts Ltd", "vehicles"),
        ("Sample Dental Supply LLC", "medicine"),
        ("Shandong Yiyao Co., Ltd.", "pharmacy"),
    ],
)
def test_the_line_of_business_is_recognised_from_names_in_many_languages(name: str, line: str) -> None:
    assert line in lines_of(name)


@pytest.mark.parametrize(
    "name",
    [
        "Dana Example",
        "Sample International Trading Co., Ltd.",
        "Example Technology Industrial Ltd",
        "Anna Bauer",
        "Metin Demir",
    ],
)
def test_names_of_private_persons_and_general_traders_have_no_line_of_business(name: str) -> None:
    assert lines_of(name) == set()


def fit(name: str, chapter: int, *, sent: bool) -> float:
    lines = business_lines()
    marks, first, chapters = (np.array([number], dtype=np.int32) for number in (name_marks(name), 0, chapter))
    return float(best_fits(marks, first, chapters, lines.sold if sent else lines.bought)[0])


def test_a_firm_receives_its_materials_but_does_not_send_them() -> None:
    dyes = 32
    assert fit("Sample Textile Ltd", dyes, sent=False) == OWN_GOODS
    assert fit("Sample Textile Ltd", dyes, sent=True) < -0.5


def test_goods_fit_if_they_belong_to_any_line_in_the_name() -> None:
    assert fit("Sample Dyestuff & Textile Ltd", 32, sent=True) == OWN_GOODS


def test_goods_that_every_firm_needs_are_neutral_and_others_do_not_fit() -> None:
    assert fit("Sample Bakery Ltd", 84, sent=False) == 0.0
    assert fit("Sample Foundry Ltd", 61, sent=False) == OUTSIDE


@pytest.mark.parametrize(
    ("name", "chapter"),
    [("Shenzhen Sample Electronics", 39), ("Sample Health Ltd", 21), ("Sample Home Store Ltd", 61)],
)
def test_a_word_of_a_shops_name_does_not_bound_its_consumer_goods(name: str, chapter: int) -> None:
    assert fit(name, chapter, sent=True) == 0.0
    assert fit(name, 29, sent=True) < -0.5


def test_every_line_sells_chapters_of_the_nomenclature() -> None:
    known = {int(chapter) for chapter in CODES.names[0]}
    lines = business_lines()
    for line, name in enumerate(lines.names):
        sold = {chapter for chapter in range(CHAPTERS) if lines.sold[line, chapter] == OWN_GOODS}
        assert sold, name
        assert sold <= known, name
