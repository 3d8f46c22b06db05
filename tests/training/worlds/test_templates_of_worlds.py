"""No two worlds share a description template: each author writes their own."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path

import pytest

from tests.training.worlds.templates import normalised, templates_of
from training.worlds.writer import author_names

FOLDER = Path("training/worlds")


@pytest.mark.parametrize(("one", "other"), [*combinations(author_names(), 2)])
def test_two_worlds_share_no_description_template(one: str, other: str) -> None:
    assert templates_of(FOLDER / one) & templates_of(FOLDER / other) == set()


def test_a_copied_template_is_detected_in_tables_and_literals(tmp_path: Path) -> None:
    tables = {"one": 'goods = ["x|Spare parts for the {maker} Tablet Press|y"]', "other": "lists = {}"}
    for name, table in tables.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "words.toml").write_text(table)
    (tmp_path / "other/trade.py").write_text(
        '"""Doc."""\nMAKER = "X"\nTEXT = f"spare parts for the {MAKER} tablet press"\n'
    )
    assert templates_of(tmp_path / "one") & templates_of(tmp_path / "other") == {"spare parts for the tablet press"}


@pytest.mark.parametrize("name", author_names())
def test_each_world_has_templates(name: str) -> None:
    assert templates_of(FOLDER / name)


def test_names_of_goods_and_short_texts_are_exempt() -> None:
    assert normalised("N-(1-phenethylpiperidin-4-yl)-N-phenylpropanamide hydrochloride") == ""
    assert normalised("single punch tablet press TDP 5") == ""
    assert normalised("Sample of {kg} kg") == ""
    assert normalised("Polvo {name} para usó de laboratorio") == "polvo para uso laboratorio"
