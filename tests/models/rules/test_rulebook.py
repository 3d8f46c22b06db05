"""Rules on tables: both ways of evaluation agree; dates, items, exemptions and places."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.evidence import EntryWeights, Prior
from models.lanes import GREEN, RED, YELLOW
from models.rules import OfficeRules, Rulebook, RulesError, default_rules, known_names, parse_rules
from models.rules.conditions import Source, compiled
from tests.models.rules.shipments import (
    COLUMNS,
    FENTANYL,
    fired_for,
    floor,
    only,
    register,
    rule_set,
    ruling_on,
    shipment,
    table_of,
)
from tests.models.rules.test_reading import CONDITIONS, toml

MUG = {"goods_description": "ceramic mug", "origin_country": "CN", "net_mass_kg": 1.5}
FROM_CHINA = '{field = "export_country", op = "eq", value = "CN"}'
MUGS = '{field = "goods_description", op = "matches", value = "mug"}'


def source(rows: int, seed: int) -> Source:
    """Return a table of shipments with many missing values, and features from small sets of numbers."""
    random = np.random.default_rng(seed)
    choices: list[dict[str, Any]] = [
        {},
        {"origin_country": "CN", "quantity": 10, "customs_value": 1.5},
        {"permit_number": "12345", "undg_number": "1993"},
        {"permit_number": "IP-2026-0042", "cas_number": "77-92-9", "declared_chemical": "citric acid"},
    ]
    table = table_of(
        *(
            shipment(
                *({"goods_description": "x"} | choices[random.integers(4)] for _ in range(random.integers(1, 3))),
                shipment_id=f"S{number}",
                routing_countries=[None, "KR", "KR;HK"][random.integers(3)],
                declared_at=[None, "2026-05-04"][random.integers(2)],
                consignor={"known": [None, True, False][random.integers(3)], "name": "Example"},
            )
            for number in range(rows)
        )
    )
    matrix = random.choice(np.array([0.0, 1.0, 2.0, 1.5, np.nan]), size=(table.n_rows, len(COLUMNS)))
    return Source(table, matrix, COLUMNS)


def one_row(source: Source, row: int) -> Source:
    rows = np.array([row])
    return Source(source.table.take(rows), source.matrix[rows], COLUMNS)


@given(CONDITIONS, st.integers(0, 50), st.integers(0, 2**14 - 1))
def test_rows_one_by_one_and_together_give_the_same_results(condition: dict[str, Any], seed: int, some: int) -> None:
    text = f"[[rule]]\nid = 'one'\nwhen = {toml(condition)}\neffect = 'at_least_red'\nreason = 'Because'"
    when = compiled(parse_rules(text, known_names()).rules[0].when)
    given_rows = source(7, seed)
    rows = range(given_rows.table.n_rows)
    one_by_one = np.array([when(one_row(given_rows, row), None)[0] for row in rows])
    np.testing.assert_array_equal(when(given_rows, None), one_by_one)
    needed = np.array([some >> row & 1 == 1 for row in rows])
    np.testing.assert_array_equal(when(given_rows, needed)[needed], one_by_one[needed])


@pytest.mark.parametrize("op", ["eq", "ne", "in", "lt", "le", "gt", "ge", "present", "matches"])
@pytest.mark.parametrize("name", ["quantity", "consignor_phone", "declared_at", "routing_countries"])
def test_a_missing_value_makes_every_leaf_but_missing_false(op: str, name: str) -> None:
    value = {"quantity": "1", "declared_at": "2026-05-04", "routing_countries": '"KR"'}.get(name, '"x"')
    given_value = "" if op == "present" else f", value = [{value}]" if op == "in" else f", value = {value}"
    leaf = f'{{field = "{name}", op = "{op}"{given_value}}}'
    record = shipment({"goods_description": "x"}, declared_at=None)
    try:
        office = only(leaf, "at_least_yellow")
    except RulesError:
        # The field's kind has no such comparison.
        return
    assert ruling_on(record, office=office).rule_ids(0) == []
    missing = only(f'{{field = "{name}", op = "missing"}}', "at_least_yellow")
    assert ruling_on(record, office=missing).rule_ids(0) == ["own"]


def test_an_entry_of_evidence_that_a_model_lacks_is_missing_and_stops_no_shipment() -> None:
    # The rules of a store outlive the model with which they were made.
    items = source(5, 0)
    items.evidence = EntryWeights(Prior(None, ("risk",), list(COLUMNS)), items.matrix)
    for op, holds in (("gt", False), ("missing", True)):
        value = "" if op == "missing" else ", value = 0.0"
        leaf = f'{{evidence = "of_another_model", op = "{op}"{value}}}'
        text = f"[[rule]]\nid = 'one'\nwhen = {leaf}\neffect = 'at_least_red'\nreason = 'Because'"
        when = compiled(parse_rules(text, known_names()).rules[0].when)
        assert when(items, None).tolist() == [holds] * items.table.n_rows


def test_texts_compare_without_regard_to_case_and_lists_by_their_entries() -> None:
    record = shipment(MUG, routing_countries=["KR", "HK"])
    for leaf, fires in (
        ('{field = "consignor_name", op = "eq", value = "RHEINUFER chemie gmbh"}', True),
        ('{field = "consignor_name", op = "matches", value = "^rheinufer"}', True),
        ('{field = "routing_countries", op = "eq", value = "HK"}', True),
        ('{field = "routing_countries", op = "ne", value = "HK"}', False),
        ('{field = "routing_countries", op = "in", value = ["SG", "KR"]}', True),
        ('{field = "net_mass_kg", op = "gt", value = 1.4}', True),
        ('{field = "net_mass_kg", op = "gt", value = 1.5}', False),
        ('{field = "declared_at", op = "ge", value = 2026-05-04}', True),
        ('{feature = "permit_placeholder", op = "present"}', False),
    ):
        assert ruling_on(record, office=only(leaf, "at_least_yellow")).rule_ids(0) == (["own"] if fires else []), leaf


def test_rules_may_use_licensed_parties_and_a_licence_is_not_a_permit() -> None:
    licensed = register(",Lakeside Pharma Ltd,US,2026-01-01,2026-12-31")
    office = replace(
        only('{feature = "party_licensed", op = "eq", value = 1}', "at_least_yellow"), register=licensed.register
    )
    assert ruling_on(shipment(MUG), office=office).rule_ids(0) == ["own"]
    for other in (
        shipment(MUG, declared_at="2025-12-31T23:59:59Z"),
        shipment(MUG, consignee={"name": "Lakeside Pharma Ltd", "country": "MX"}),
        shipment(MUG, consignee={"name": "Dana Example", "country": "US"}),
        shipment(MUG, consignor={"name": "Lakeside Pharma Ltd", "country": "US"}, consignee={"name": "Dana Example"}),
    ):
        assert ruling_on(other, office=office).rule_ids(0) == []
    declared = shipment(FENTANYL | {"permit_number": "IP-2026-0042"})
    assert fired_for(declared, licensed) == fired_for(declared) != []


@pytest.mark.parametrize(
    ("declared", "fires"),
    [
        ("2026-05-03T23:59:59Z", False),
        ("2026-05-04T00:00:00Z", True),
        ("2026-05-06T23:59:59Z", True),
        ("2026-05-07T00:00:00Z", False),
    ],
)
def test_a_rule_holds_from_its_first_to_the_end_of_its_last_day(declared: str, fires: bool) -> None:
    office = only(MUGS, more="from = 2026-05-04\nuntil = 2026-05-06")
    assert (floor(shipment(MUG, declared_at=declared), office) == RED) is fires


def test_a_country_alone_gives_yellow_instead_of_red() -> None:
    record = shipment(MUG, export_country="CN")
    assert floor(record, only(FROM_CHINA)) == YELLOW
    assert floor(record, only(MUGS)) == RED
    assert floor(record, only(f"{{all = [{MUGS}, {FROM_CHINA}]}}")) == YELLOW
    assert floor(record, only(f"{{any = [{MUGS}, {FROM_CHINA}]}}")) == YELLOW
    # A floor may name a country as its exception.
    assert (
        floor(record, only(f'{{all = [{MUGS}, {{not = [{{field = "export_country", op = "eq", value = "US"}}]}}]}}'))
        == RED
    )
    # All countries but one are countries, too.
    assert floor(record, only('{not = [{field = "export_country", op = "eq", value = "US"}]}')) == YELLOW
    assert floor(record, only('{feature = "export_is_consignor", op = "eq", value = 0}')) == YELLOW
    assert floor(record, only('{field = "consignor_address", op = "missing"}')) == YELLOW
    reason = ruling_on(record, office=only(FROM_CHINA)).reasons(0)[0]
    assert "yellow instead of red" in reason["text"]


def test_an_item_that_holds_without_places_keeps_the_shipment_red() -> None:
    china = '{field = "origin_country", op = "eq", value = "CN"}'
    when = f'{{any = [{china}, {{field = "goods_description", op = "matches", value = "vase"}}]}}'
    assert floor(shipment(MUG), only(when)) == YELLOW
    assert floor(shipment(MUG, {"goods_description": "vase"}), only(when)) == RED


def test_an_exemption_needs_all_items_and_a_floor_one() -> None:
    both, one = shipment(MUG, MUG), shipment(MUG, {"goods_description": "vase"})
    exempt = only(MUGS, "at_most_green")
    assert ruling_on(both, office=exempt).rule_ids(0) == ["own"]
    assert ruling_on(one, office=exempt).rule_ids(0) == []
    assert floor(one, only(MUGS)) == RED


def test_batches_and_single_shipments_get_the_same_ruling() -> None:
    office = OfficeRules(
        (
            *only(f"{{any = [{MUGS}, {FROM_CHINA}]}}").added,
            rule_set(
                "[[rule]]\nid = 'exempt'\nwhen = {field = 'net_mass_kg', op = 'present'}\neffect = 'at_most_green'\n"
                "reason = 'Because'"
            ),
        )
    )
    records = [
        shipment(
            *([MUG] * (number % 3)),
            {"goods_description": "fentanyl" if number % 7 == 0 else "vase", "net_mass_kg": None if number % 5 else 1},
            shipment_id=f"S{number}",
            export_country="CN" if number % 2 else "DE",
        )
        for number in range(40)
    ]
    together = ruling_on(*records, office=office)
    codes, texts = together.rule_texts(len(records))
    for number, record in enumerate(records):
        alone = ruling_on(record, office=office)
        assert together.rule_ids(number) == alone.rule_ids(0)
        assert (texts[codes[number]] if codes[number] >= 0 else "") == ";".join(alone.rule_ids(0))
        assert together.reasons(number) == alone.reasons(0)
        for score in (GREEN, YELLOW, RED):
            lanes, by = together.lanes(np.full(len(records), score, dtype=np.int8), None)
            one_lane, one_by = alone.lanes(np.array([score], dtype=np.int8), None)
            assert (lanes[number], by[number]) == (one_lane[0], one_by[0])


def test_rules_do_nothing_to_a_table_without_rows() -> None:
    table = table_of(shipment()).take(np.empty(0, dtype=np.int64))
    ruling = Rulebook(COLUMNS, default_rules()).rule_on(table, np.empty((0, len(COLUMNS))), [])
    assert ruling.lanes(np.empty(0, dtype=np.int8), None)[0].tolist() == []


def test_a_feature_that_the_model_does_not_have_is_reported_with_its_rule() -> None:
    office = only('{feature = "own_warehouse_rate", op = "gt", value = 0}')
    with pytest.raises(RulesError, match=r"office.toml.*\n.*line 1, rule own, field when: 'own_warehouse_rate'"):
        Rulebook(COLUMNS, default_rules(), office)


def test_the_digest_changes_with_rules_and_register() -> None:
    digests = [
        Rulebook(COLUMNS, default_rules(), office).digest
        for office in (None, only(MUGS), only(FROM_CHINA), register("IP-2026-0042,Example,,,"), OfficeRules(off=True))
    ]
    assert len(set(digests)) == 5
    assert digests[-1] is None
