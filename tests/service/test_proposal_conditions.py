"""Conditions of proposals: what they may rest on, alternatives among finds, and origins in disguise."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from features.groups.history.history import HistoryGroup
from features.manifest.fields import FIELD, Kind
from features.space import FeatureSpace, feature_names
from features.table.table import Coded, ManifestTable
from models.evidence import DEFAULT, read_evidence
from models.rules.conditions import FACTS
from models.rules.rulebook import PLACE_FEATURES, PLACE_FIELDS
from service.proposals.drafting import drafts_of
from service.proposals.literals import STABLE_FEATURE, Literal, literals_of
from service.proposals.wording import ABSENT, CODES, ENTRIES, FEATURES, goods_words, titled


class Model:
    """A model without evidence."""

    space = FeatureSpace()
    evidence = None


def literals_from(rows: list[dict[str, str]], finds: int) -> list[Literal]:
    """Return the conditions that the first rows meet."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    columns = {name: Coded.from_list([row.get(name) for row in rows]) for name in names}
    columns["shipment_id"] = Coded.from_list([f"S{number}" for number in range(len(rows))])
    table = ManifestTable.from_columns(columns, len(rows))
    model: Any = Model()
    model.space.fit(table)
    matrix = model.space.transform(table, np.full((table.n_shipments, len(HistoryGroup.features)), np.nan))
    return literals_of(model, table, matrix, np.arange(len(rows)) < finds)


def test_a_proposal_rests_on_no_place_no_party_and_no_history() -> None:
    history = {feature.name for feature in HistoryGroup.features}
    assert {*FEATURES, *ABSENT} <= {*feature_names(), *FACTS}
    assert {*FEATURES, *ABSENT}.isdisjoint(PLACE_FEATURES | history)
    kinds = (Kind.COUNTRY, Kind.COUNTRIES, Kind.CURRENCY, Kind.LOCATION, Kind.TEXT)
    assert not [name for name in CODES if name in PLACE_FIELDS or FIELD[name].kind in kinds]
    known = {entry.id: entry for entry in read_evidence(DEFAULT).entries}
    assert set(ENTRIES) <= set(known)
    assert all(history.isdisjoint(known[name].features) for name in ENTRIES)


@pytest.mark.parametrize(
    "word", ["chinese", "mexican", "shenzhen", "guangdong", "yuan", "vietnamese", "para", "polvo", "silikon", "maska"]
)
def test_no_word_is_one_of_a_place_a_people_or_another_language(word: str) -> None:
    assert word not in goods_words()


@pytest.mark.parametrize("word", ["silicone", "powder", "flanges", "pigment", "resin", "knitting"])
def test_words_of_goods_may_be_used(word: str) -> None:
    assert word in goods_words()


def test_finds_that_say_the_same_in_other_words_share_a_list_of_words_and_of_headings() -> None:
    finds = [("silicone tube", "391000"), ("white sealant resin", "321410"), ("mastic", "321490")]
    others = [("cotton shirt", "610910"), ("ceramic mug", "691110")] * 100
    rows = [{"goods_description": words, "hs_code": code} for words, code in (*finds, *others)]
    texts = {one.text: one for one in literals_from(rows, len(finds))}
    shared = [one for one in texts.values() if one.single is not None]
    assert {one.about for one in shared} == {"words", "hs_code"}
    for one in shared:
        assert one.holds[: len(finds)].all()
        assert not one.holds[len(finds) :].any()
    [heading] = [one for one in shared if one.leaf["value"] == "^(3214|3910)"]
    # Two finds share 3214; the third has a heading of its own.
    assert heading.single is not None
    assert heading.single[: len(finds)].tolist() == [True, False, False]
    assert titled("3214") in heading.text


def test_the_words_of_the_finds_parties_are_left_out() -> None:
    rows = [{"goods_description": "cotton resin", "consignee_name": "Resin Cotton", "consignee_city": "Powder"}]
    rows += [{"goods_description": "ceramic mug"}] * 50
    assert not [one for one in literals_from(rows, 1) if one.leaf.get("field") == "goods_description"]


def test_a_draft_that_selects_the_traffic_of_a_country_is_left_out() -> None:
    numbers = np.arange(1_000)
    of_find, holds = numbers < 2, numbers < 6
    leaf = {"feature": "consignee_unit", "op": "ge", "value": 1.0}
    literals = [Literal(leaf, "a unit is named", holds, STABLE_FEATURE, "address")]
    for in_country, is_left_out in ((numbers < 7, True), (numbers < 20, False), (numbers % 2 == 0, False)):
        country = Coded.from_list(["VN" if one else None for one in in_country])
        assert (drafts_of(literals, of_find, numbers, [country]) == []) is is_left_out


def test_drafts_that_select_the_same_shipments_are_one() -> None:
    numbers = np.arange(1_000)
    leaf = {"feature": "consignee_unit", "op": "ge", "value": 1.0}
    same = [Literal(leaf, text, numbers < 6, STABLE_FEATURE, text) for text in ("a unit is named", "a flat is named")]
    assert len(drafts_of(same, numbers < 2, numbers)) == 1
