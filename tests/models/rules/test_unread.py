"""Items that could not be read."""

from __future__ import annotations

from typing import Any

import pytest

from features.substances import opsin
from features.substances.read.opsin_process import Failure, OpsinProcess
from models.rules import OfficeRules
from tests.models.rules.shipments import ruling_on, shipment


def unread(*items: dict[str, Any]) -> list[dict[str, str]]:
    return ruling_on(shipment(*items), office=OfficeRules(off=True)).unread_json(0)


@pytest.mark.parametrize(
    ("item", "field"),
    [
        ({"declared_chemical": "zorblaxine prime"}, "declared_chemical"),
        ({"goods_description": "citric acid", "declared_chemical": "zorblaxine"}, "declared_chemical"),
        # Known words of chemistry, and words that identify no goods.
        ({"declared_chemical": "benzyl amine compound"}, "declared_chemical"),
        ({"declared_chemical": "white crystals"}, "declared_chemical"),
        ({"declared_chemical": "fragrance oil zorblaxine"}, "declared_chemical"),
        ({"goods_description": "intermediate", "cas_number": "12345-67-8"}, "cas_number"),
        # A valid number of a polymer, which has no structure and is not in the table of known chemicals.
        ({"goods_description": "intermediate", "cas_number": "9010-79-1"}, "cas_number"),
        ({"goods_description": "fent\ufffdnyl \ufffd\ufffd"}, "goods_description"),
    ],
)
def test_an_item_that_could_not_be_read_is_named_with_its_field(item: dict[str, Any], field: str) -> None:
    assert unread({"goods_description": "mug"}, item) == [{"item_number": "2", "field": field}]
    assert unread(item | {"item_number": "A7"}) == [{"item_number": "A7", "field": field}]


@pytest.mark.parametrize(
    "item",
    [
        {"goods_description": "parts"},
        {"goods_description": "zorblaxine prime"},
        {"goods_description": "手机壳"},
        {"declared_chemical": "citric acid"},
        # The same chemical in another language, and one that is not in the list of harmless chemicals.
        {"declared_chemical": "ácido cítrico anhidro"},
        {"declared_chemical": "ацетон"},
        # Everyday words of goods outside chemistry.
        {"declared_chemical": "mica en polvo"},
        {"declared_chemical": "fragrance oil"},
        {"declared_chemical": "cotton shirts"},
        {"declared_chemical": "fentanyl"},
        # A structure that is on no list and similar to no listed substance.
        {"declared_chemical": "c1ccccc1C(=O)OCC"},
        {"goods_description": "citric acid", "cas_number": "12345-67-8"},
        # Names in no table, which OPSIN reads.
        {"declared_chemical": "sodium bicarbonate"},
        {"goods_description": "formaldehyde", "cas_number": "50-00-0"},
        # A known number identifies goods that the words do not, and words identify goods that the number does not.
        {"goods_description": "intermediate", "cas_number": "50-00-0"},
        {"goods_description": "plastic bags", "cas_number": "9003-07-0"},
        {"declared_chemical": "-", "goods_description": "mug"},
    ],
)
def test_read_texts_and_vague_texts_are_not_unread(item: dict[str, Any]) -> None:
    assert unread(item) == []


def test_a_systematic_name_is_unread_while_names_are_not_read() -> None:
    name = {"goods_description": "propyl 4-hydroxy-3-methoxybenzoate 25 kg"}
    plain = {"goods_description": "fentanyl citrate"}
    reader = opsin()
    reader.configure(enabled=False)
    try:
        assert unread(name, plain) == [{"item_number": "1", "field": "goods_description"}]
    finally:
        reader.configure(enabled=True)
    assert unread(name, plain) == []


def test_a_systematic_name_that_exceeded_its_time_is_unread_although_others_are_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    slow = {"goods_description": "butyl 4-hydroxy-3-methoxybenzoate 25 kg"}
    read = {"goods_description": "propyl 4-hydroxy-3-methoxybenzoate 25 kg"}
    reader = opsin()
    ask = OpsinProcess.ask

    def too_slow(process: OpsinProcess, names: Any, limit_s: float) -> Any:
        if any("butyl" in name for name in names):
            return [], Failure.TOO_SLOW
        return ask(process, names, limit_s)

    monkeypatch.setattr(OpsinProcess, "ask", too_slow)
    try:
        assert unread(read, slow) == [{"item_number": "2", "field": "goods_description"}]
        assert reader.available
    finally:
        monkeypatch.undo()
        reader.configure()
    assert unread(read, slow) == []


def test_the_reason_names_item_and_text_and_has_no_weight() -> None:
    [reason] = ruling_on(shipment({"declared_chemical": "zorblaxine"})).reasons(0)
    assert (reason["code"], reason["weight"], reason["fields"]) == ("UNREAD", None, ["declared_chemical"])
    assert reason["text"] == "Goods item 1: the declared chemical `zorblaxine` is not a known name, number or structure"
