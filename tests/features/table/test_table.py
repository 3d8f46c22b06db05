"""The flat table: rows of one shipment, normalised columns, warnings and refusals."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.reference.rates import usd_per_unit
from features.table.reading import EARLIEST_S
from features.table.table import Coded, ManifestTable


def table(
    receipt: int | None = 1_780_000_000, previous_time: int | None = None, **columns: list[str | None]
) -> ManifestTable:
    n_rows = len(next(iter(columns.values())))
    columns.setdefault("shipment_id", [f"S{row}" for row in range(n_rows)])
    columns.setdefault("goods_description", ["mug"] * n_rows)
    coded = {name: Coded.from_list(values) for name, values in columns.items()}
    return ManifestTable.from_columns(coded, n_rows, receipt=receipt, previous_time=previous_time)


def test_coded_columns_from_a_list_and_from_arrow_are_equal() -> None:
    texts = ["a", None, " a ", "", "b"]
    for column in (
        Coded.from_list(texts),
        Coded.from_arrow(pa.array(texts)),
        Coded.from_arrow(pa.chunked_array([texts])),
    ):
        assert column.to_list() == ["a", None, "a", None, "b"]
        assert column.codes.tolist() == [0, -1, 0, -1, 1]


def test_changed_and_compacted_columns_keep_their_rows() -> None:
    column = Coded.from_list(["b", "a", None, "B", "b", "c"])
    lower = column.mapped(lambda text: None if text == "c" else text.lower())
    assert lower.to_list() == ["b", "a", None, "b", "b", None]
    assert lower.values == ["b", "a"]
    part = column.take(np.array([5, 2, 3])).compact()
    assert part.to_list() == ["c", None, "B"]
    assert part.values == ["B", "c"]
    assert column.lookup(np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0], [7.0, 8.0]]), -1)[[1, 2]].tolist() == [
        [3, 4],
        [-1, -1],
    ]


@pytest.mark.parametrize("known", [True, False])
def test_values_with_equal_normal_forms_share_a_code(known: bool) -> None:
    names = Coded(np.array([0, 1, 2], dtype=np.int32), ["A  B", "A B", "C"], distinct=known)
    ids = Coded.from_list(["1", "2", "3"])
    column = ManifestTable.from_columns({"shipment_id": ids, "agent_name": names}, 3).text("agent_name")
    assert column.codes.tolist() == [0, 0, 1]
    assert column.values == ["A B", "C"]


def test_only_adjacent_rows_with_the_same_reference_are_one_shipment() -> None:
    parts = table(shipment_id=["A", "A", "B", "A"])
    assert parts.shipment.tolist() == [0, 0, 1, 2]
    assert parts.first_row.tolist() == [0, 2, 3]


def test_the_first_value_of_a_shipment_is_used_with_a_warning_about_others() -> None:
    both = table(shipment_id=["A", "A", "A"], export_country=[None, "CN", "DE"])
    assert both.text("export_country").to_list() == ["CN", "CN", "CN"]
    assert "'DE' here and 'CN' earlier" in both.warning_texts()[2]
    assert both.warning_texts()[:2] == ["", ""]


def test_amounts_are_converted_to_dollars_by_their_own_currency() -> None:
    amounts = table(
        declared_at=["2024-03-01"] * 4, currency=["USD", "EUR", "XPF", None], customs_value=["100", "100", "100", "100"]
    ).usd("customs_value")
    assert amounts[0] == 100.0
    assert 100.0 < amounts[1] < 125.0
    assert np.isnan(amounts[2:]).all()


def test_an_amount_without_a_usable_currency_has_a_warning() -> None:
    warnings = table(currency=["XPF", None], customs_value=["1", "1"]).warning_texts()
    assert "no exchange rate is known for XPF" in warnings[0]
    assert "currency: is missing" in warnings[1]


def test_unreadable_rows_are_refused_and_the_others_accepted() -> None:
    some = table(
        shipment_id=["A", None, "C", "D"],
        goods_description=["mug", "mug", None, "mug"],
        customs_value=["1", "1", None, "inf"],
    )
    assert some.refused.tolist() == [False, True, True, True]
    assert {row: problems[0].field for row, problems in some.refusals().items()} == {
        1: "shipment_id",
        2: "goods_description",
        3: "customs_value",
    }
    assert some.accepted().text("shipment_id").to_list() == ["A"]


def test_a_value_of_any_field_on_its_own_row_makes_a_row_readable() -> None:
    some = table(
        shipment_id=["A", "A", "B", "C"],
        goods_description=[None, None, None, None],
        item_number=["1", "2", "1", "1"],
        loading_location=["CNPVG", None, None, None],
        origin_country=[None, None, "CN", None],
    )
    # The second item of A has the place of its shipment, but its own row states no value.
    assert some.refused.tolist() == [False, True, False, True]
    assert "and so is every other field" in some.refusals()[3][0].problem


def test_a_further_field_makes_a_row_readable() -> None:
    columns = {"shipment_id": Coded.from_list(["A", "B"])}
    some = ManifestTable.from_columns(columns, 2, further={"Genus": Coded.from_list(["Python", None])})
    assert some.refused.tolist() == [False, True]


def test_a_missing_time_is_the_receipt_in_a_request_and_the_previous_time_in_a_file() -> None:
    first = 978_307_200  # 2001-01-01
    times: list[str | None] = [None, "2001-01-02", None, "2001-01-03"]
    received = table(receipt=first + 200_000, declared_at=times)
    assert received.declared_s.tolist() == [first + 200_000, first + 86400, first + 200_000, first + 172800]
    filled = table(receipt=None, previous_time=50, declared_at=times)
    assert filled.declared_s.tolist() == [50, first + 86400, first + 86400, first + 172800]


def test_a_time_far_in_the_future_counts_as_missing() -> None:
    future = table(receipt=1_700_000_000, declared_at=["2099-01-01"])
    assert future.declared_s.tolist() == [1_700_000_000]
    assert "future" in future.warning_texts()[0]


def test_a_time_before_the_first_year_in_utc_is_outside_the_calendar() -> None:
    early = table(receipt=1_700_000_000, declared_at=["0001-01-01T00:00:00+14:00"])
    assert early.declared_s.tolist() == [1_700_000_000]
    assert "is outside the years 1 to 9999; treated as missing" in early.warning_texts()[0]


# Earlier times count as missing.
_seconds = st.integers(EARLIEST_S, 253402300799) | st.integers(1_400_000_000, 1_790_000_000)


@given(st.lists(st.tuples(_seconds, st.sampled_from(["EUR", "BGN", "USD"])), max_size=9))
def test_amounts_use_the_rate_of_the_month_of_declaration(declared: list[tuple[int, str]]) -> None:
    moments = [datetime.fromtimestamp(0, UTC) + timedelta(seconds=seconds) for seconds, _ in declared]
    amounts = table(
        receipt=253402300799,
        shipment_id=[f"S{row}" for row in range(len(declared))],
        declared_at=[moment.isoformat() for moment in moments],
        currency=[currency for _, currency in declared],
        customs_value=["3"] * len(declared),
    ).usd("customs_value")
    rates = [usd_per_unit(currency, moment.date()) for moment, (_, currency) in zip(moments, declared, strict=True)]
    np.testing.assert_array_equal(amounts, [np.nan if rate is None else 3 * rate for rate in rates])


def test_times_and_carriers_are_read_in_any_case() -> None:
    lower = table(declared_at=["2026-05-04t09:30:00z"], carrier_id=["5x"])
    assert lower.declared_s.tolist() == [1_777_887_000]
    assert lower.text("carrier_id").to_list() == ["5X"]
    assert lower.warning_texts() == [""]


@pytest.mark.parametrize("value", ["abc", "-1"])
def test_a_bad_number_is_missing_with_a_warning_that_names_field_and_value(value: str) -> None:
    bad = table(gross_mass_kg=[value])
    assert np.isnan(bad.number("gross_mass_kg")[0])
    assert bad.warnings_of_row(0)[0].field == "gross_mass_kg"
    assert value in bad.warnings_of_row(0)[0].problem


def test_taking_rows_keeps_shipments_columns_and_warnings_together() -> None:
    whole = table(shipment_id=["A", "A", "B", "C"], export_country=["CN", "CN", "??", "DE"])
    part = whole.take(np.array([1, 2, 3]))
    assert part.shipment.tolist() == [0, 1, 2]
    assert part.text("export_country").to_list() == ["CN", None, "DE"]
    assert "'??'" in part.warning_texts()[1]


def test_columns_are_contiguous_in_whole_and_taken_tables() -> None:
    whole = table(shipment_id=["A", "A", "B"], agent_name=["x  y", "z", "z"], currency=["usd", "USD", "EUR"])
    for one in (whole, whole.take(np.array([0, 2]))):
        columns = [one.text(name) for name in ("agent_name", "currency", "house_id")]
        codes = [column.codes for column in [*columns, one.declared("agent_name")]]
        numbers = [one.number("customs_value"), one.usd("customs_value")]
        assert all(array.flags.c_contiguous for array in codes)
        assert all(array.flags.c_contiguous for array in numbers)
        assert one.seconds("declared_at").flags.c_contiguous


def test_a_compact_table_has_only_the_texts_of_its_rows() -> None:
    names = [f"Sender {row}" for row in range(40)]
    whole = table(consignor_name=[*names], channel=["express", "postal"] * 20).read_texts()
    part = whole.take(np.array([3, 7, 9])).compact()
    assert part.text("consignor_name").values == ["Sender 3", "Sender 7", "Sender 9"]
    assert part.text("consignor_name").to_list() == ["Sender 3", "Sender 7", "Sender 9"]
    assert part.text("channel").to_list() == ["postal", "postal", "postal"]
    assert whole.text("consignor_name").values == names
