"""Tests of labels: finds, clean and presumed clean shipments, weights, times of results, and error messages."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from training.data.dataset import BadData, Dataset
from training.data.labels import MOST_WEIGHT, BadLabels
from training.data.sources import from_file
from training.data.window_features import WindowFeatures
from training.data.windows import NEVER
from training.fitting.examples import examples_of

HEADER = "shipment_id,declared_at,goods_description,content,content_level,inspected_at,inspection,selection_probability"


def _file(folder: Path, rows: list[str], header: str = HEADER) -> Path:
    path = folder / "data.csv"
    path.write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
    return path


def _read(folder: Path, rows: list[str], **kw: str) -> Dataset:
    return from_file(_file(folder, rows), **kw)  # type: ignore[arg-type]


def _seconds(text: str) -> int:
    return int(np.datetime64(text, "s").astype(np.int64))


def test_contents_become_finds_of_their_heads(tmp_path: Path) -> None:
    data = _read(
        tmp_path,
        [
            "A,2026-01-01,lamp,fentanyl,item,2026-01-05,targeted,",
            "B,2026-01-02,lamp,Other_Opioid,item,2026-01-05,targeted,",
            "C,2026-01-03,lamp,precursor,item,2026-01-05,random,",
            "D,2026-01-04,lamp,equipment,item,2026-01-05,random,",
            "E,2026-01-05,lamp,none,,2026-01-06,random,",
            "F,2026-01-06,lamp,,,,none,",
        ],
    )
    assert data.labels.heads == ("fentanyl_or_analogue", "precursor", "equipment")
    assert data.labels.find.tolist() == [
        [True, False, False],
        [True, False, False],
        [False, True, False],
        [False, False, True],
        [False, False, False],
        [False, False, False],
    ]
    assert data.labels.inspected.tolist() == [True, True, True, True, True, False]
    assert data.labels.known_s.tolist()[-1] == NEVER


def test_other_contraband_is_neither_a_find_nor_clean(tmp_path: Path) -> None:
    rows = [
        "A,2026-01-01,lamp,Other_Contraband,item,2026-01-05,targeted,0.5",
        "A,2026-01-01,cup,none,,2026-01-05,targeted,0.5",
        "B,2026-01-02,lamp,other_contraband,item,2026-01-05,targeted,0.5",
        "B,2026-01-02,cup,precursor,item,2026-01-05,targeted,0.5",
        "C,2026-01-03,lamp,none,,2026-01-05,random,0.5",
    ]
    data = _read(tmp_path, rows)
    assert data.labels.shipment_find(data.table)[:, 1].tolist() == [False, True, False]
    assert data.labels.inspected.tolist() == [False, True, True]
    assert data.labels.known_s[0] == NEVER, "history would learn a clean inspection"
    assert data.notes == ("1 shipments with other contraband count neither as finds nor as clean.",)
    for cut_s, weight in ((_seconds("2026-01-04"), [0.0, 1.0, 1.0]), (NEVER, [0.0, 2.0, 2.0])):
        known = data.labels.known_at(data.table, cut_s)
        assert known.weight.tolist() == weight
        features = WindowFeatures(np.zeros((5, 1)), known, data.table.first_row, data.table.shipment)
        assert (examples_of(features).weight == 0.0).tolist() == [True, True, False, False, False]
        assert features.outcome.clean.tolist() == [False, cut_s != NEVER, True]


def test_a_find_of_the_whole_shipment_labels_all_its_items(tmp_path: Path) -> None:
    rows = ["A,2026-01-01,lamp,none,,2026-01-05,targeted,", "A,2026-01-01,cup,fentanyl,{},2026-01-05,targeted,"]
    item = _read(tmp_path, [row.format("item") for row in rows])
    assert item.labels.find[:, 0].tolist() == [False, True]
    shipment = _read(tmp_path, [row.format("shipment") for row in rows])
    assert shipment.labels.find[:, 0].tolist() == [True, True]
    assert shipment.labels.shipment_find(shipment.table)[:, 0].tolist() == [True]


def test_the_weight_of_an_inspected_shipment_is_the_inverse_of_its_selection_probability(tmp_path: Path) -> None:
    data = _read(
        tmp_path,
        [
            "A,2026-01-01,lamp,fentanyl,item,2026-01-05,targeted,0.5",
            "B,2026-01-02,lamp,none,,2026-01-05,random,0.001",
            "C,2026-01-03,lamp,none,,2026-01-05,targeted,",
            "D,2026-01-04,lamp,,,,none,0.5",
        ],
    )
    assert data.labels.weight.tolist() == [2.0, MOST_WEIGHT, 1.0, 1.0]


def test_a_result_counts_from_the_time_at_which_it_was_known(tmp_path: Path) -> None:
    data = _read(
        tmp_path,
        [
            "A,2026-01-01,lamp,fentanyl,item,2026-01-05T12:00:00Z,targeted,0.5",
            "B,2026-01-02,lamp,none,,2026-01-03,random,0.1",
        ],
    )
    before = data.labels.known_at(data.table, _seconds("2026-01-05T11:59:59"))
    assert not before.find.any()
    assert before.presumed.tolist() == [True, False]
    assert before.weight.tolist() == [1.0, 10.0]
    after = data.labels.known_at(data.table, _seconds("2026-01-05T12:00:00"))
    assert after.find[:, 0].tolist() == [True, False]
    assert after.weight.tolist() == [2.0, 10.0]


def test_a_result_dated_before_the_declaration_counts_from_one_second_after_it(tmp_path: Path) -> None:
    data = _read(tmp_path, ["A,2026-01-10,lamp,fentanyl,item,2026-01-01,targeted,"])
    assert data.labels.known_s[0] == data.table.declared_s[0] + 1


def test_results_without_a_time_get_an_assumed_delay_and_a_note(tmp_path: Path) -> None:
    rows = [f"S{i},2026-0{1 + i % 6}-01,lamp,{'fentanyl' if i == 2 else 'none'},,,," for i in range(6)]
    data = _read(tmp_path, rows)
    span_days = (data.table.declared_s[-1] - data.table.declared_s[0]) / 86400
    delay = (data.labels.known_s - data.table.declared_s) / 86400
    assert delay == pytest.approx(0.06 * span_days, abs=0.01)
    assert data.notes[0].startswith("6 results have no inspected_at: taken as known 9.1 days")


def test_rows_are_sorted_by_time_and_ties_keep_the_file_order(tmp_path: Path) -> None:
    data = _read(
        tmp_path,
        [
            "C,2026-01-03,lamp,none,,2026-01-09,random,",
            "A,2026-01-01,cup,,,,,",
            "A,2026-01-01,lamp,fentanyl,item,2026-01-09,random,",
            "B,2026-01-03,lamp,,,,,",
        ],
    )
    assert data.table.text("shipment_id").to_list() == ["A", "A", "C", "B"]
    assert data.data_row.tolist() == [2, 3, 1, 4]
    assert data.labels.find[:, 0].tolist() == [False, True, False, False]
    assert data.labels.inspected.tolist() == [True, True, False]


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("A,2026-01-01,lamp,heroin,,,,", "row 2, field content: got 'heroin', but expected one of analogue, equipment"),
        (
            "A,2026-01-01,lamp,none,parcel,,,",
            "row 2, field content_level: got 'parcel', but expected one of item, ship",
        ),
        ("A,2026-01-01,lamp,none,,soon,,", "row 2, field inspected_at: got 'soon', but expected an ISO 8601 time"),
        ("A,2026-01-01,lamp,none,,,maybe,", "row 2, field inspection: got 'maybe', but expected one of none, random"),
        (
            "A,2026-01-01,lamp,none,,,,0",
            "row 2, field selection_probability: got '0', but expected a number above 0 and at most 1",
        ),
    ],
)
def test_an_unknown_label_value_is_refused_with_file_row_field_and_value(
    tmp_path: Path, row: str, message: str
) -> None:
    with pytest.raises(BadLabels) as caught:
        _read(tmp_path, ["Z,2026-01-01,lamp,none,item,2026-01-02,random,0.5", row])
    assert str(caught.value).startswith(f"{tmp_path / 'data.csv'}: {message}")


def test_all_bad_labels_are_reported_at_once(tmp_path: Path) -> None:
    with pytest.raises(BadLabels) as caught:
        _read(tmp_path, ["A,2026-01-01,lamp,heroin,,,,", "B,2026-01-01,lamp,none,,,maybe,2"])
    assert all(text in str(caught.value) for text in ("'heroin'", "'maybe'", "'2'"))


def test_a_file_without_labels_is_refused_with_advice(tmp_path: Path) -> None:
    path = _file(tmp_path, ["A,lamp"], "shipment_id,goods_description")
    with pytest.raises(BadLabels, match=r"no column `content`; label the rows with it, or name a label column"):
        from_file(path)


OWN = "shipment_id,declared_at,goods_description,Fraud?"


def test_an_own_binary_column_becomes_the_head_risk(tmp_path: Path) -> None:
    path = _file(
        tmp_path, ["A,2026-01-01,lamp,Yes", "B,2026-02-02,lamp,no", "C,2026-03-03,lamp,", "D,2026-03-04,cup,1"], OWN
    )
    data = from_file(path, label="Fraud?")
    assert data.labels.heads == ("risk",)
    assert data.labels.find[:, 0].tolist() == [True, False, False, True]
    assert data.labels.inspected.tolist() == [True, True, False, True]


def test_the_positive_value_can_be_chosen_and_numbers_compare_as_numbers(tmp_path: Path) -> None:
    path = _file(tmp_path, ["A,2026-01-01,lamp,2", "B,2026-02-02,lamp,2.0", "C,2026-03-03,lamp,seizure"], OWN)
    assert from_file(path, label="Fraud?", positive="2").labels.find[:, 0].tolist() == [True, True, False]
    assert from_file(path, label="Fraud?", positive="seizure").labels.find[:, 0].tolist() == [False, False, True]


def test_the_positive_value_is_found_in_any_case_and_a_note_counts_all_values(tmp_path: Path) -> None:
    values = ("Fraud", "FRAUD ", "fraud", "pending", "ok", "ok", "")
    path = _file(tmp_path, [f"S{k},2026-01-01,lamp,{value}" for k, value in enumerate(values)], OWN)
    data = from_file(path, label="Fraud?", positive=" fraud")
    assert data.labels.find[:, 0].tolist() == [True] * 3 + [False] * 4
    note = next(note for note in data.notes if note.startswith("Label 'Fraud?'"))
    assert "clean: 'ok' (2), 'pending' (1); unknown: 1 blank" in note
    assert all(value in note for value in ("'Fraud' (1)", "'fraud' (1)"))


def test_two_columns_of_the_labels_name_are_refused_with_their_values(tmp_path: Path) -> None:
    path = _file(tmp_path, ["A,2026-01-01,lamp,1,a", "B,2026-02-02,lamp,0,b"], f"{OWN},Fraud?")
    with pytest.raises(BadData, match=r"2 columns are named 'Fraud\?': column 4 \('1', '0'\); column 5 \('a', 'b'\)"):
        from_file(path, label="Fraud?")


def test_columns_that_name_parts_of_the_file_are_left_out_and_near_leaks_reported(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    rows = []
    for k in range(2000):
        find = rng.random() < 0.1
        fined = "fined" if rng.random() < (0.8 if find else 0.005) else ""
        part, shelf = ("train", "test")[k % 2], rng.integers(0, 9)
        rows.append(f"S{k},2026-01-01,lamp,{int(find)},{part},{k % 5},{fined},shelf {shelf}")
    data = from_file(_file(tmp_path, rows, f"{OWN},set,split,note,shelf"), label="Fraud?")
    assert data.own is not None
    assert [field.name for field in data.own.fields] == ["note", "shelf"]
    for name in ("set", "split"):
        assert any(note.startswith(f"Column {name!r} is left out: it names parts of the file") for note in data.notes)
    (leak,) = [note for note in data.notes if "NEARLY DETERMINES THE LABEL" in note]
    assert leak.startswith(
        "COLUMN 'note' NEARLY DETERMINES THE LABEL: 1 of its values, such as 'fined', are on 79% of the finds and 0.5% of"
    )


def test_an_ambiguous_value_of_an_own_label_is_refused(tmp_path: Path) -> None:
    path = _file(tmp_path, ["A,2026-01-01,lamp,yes", "B,2026-02-02,lamp,perhaps"], OWN)
    with pytest.raises(BadLabels, match=r"row 2, field Fraud\?: got 'perhaps', but expected 1/0, true/false or yes/no"):
        from_file(path, label="Fraud?")
    with pytest.raises(BadLabels, match=r"no row has the positive value 'x'; values seen: 'yes', 'perhaps'"):
        from_file(path, label="Fraud?", positive="x")
    with pytest.raises(BadData, match=r"no column 'fraud'; the columns are shipment_id, declared_at"):
        from_file(path, label="fraud")


def test_a_label_column_is_never_a_feature(tmp_path: Path) -> None:
    path = _file(
        tmp_path,
        ["A,2026-01-01,lamp,1", "B,2026-02-02,cup,0"],
        "shipment_id,declared_at,goods_description,consignor_known",
    )
    data = from_file(path, label="consignor_known")
    assert data.table.text("consignor_known").to_list() == [None, None]
    assert data.labels.find[:, 0].tolist() == [True, False]


def test_unreadable_rows_are_left_out_and_counted(tmp_path: Path) -> None:
    data = _read(tmp_path, ["A,2026-01-01,lamp,none,,2026-01-02,random,", ",2026-01-01,lamp,none,,,,"])
    assert data.table.n_rows == 1
    assert data.rows_refused == 1
    assert (
        "1 of 2 rows could not be read and were left out. "
        "1: shipment_id: is missing; every shipment needs its own reference (line 3)." in data.notes
    )


def test_the_error_for_a_file_without_readable_rows_recommends_a_mapping(tmp_path: Path) -> None:
    path = _file(tmp_path, ["lamp,none", "cup,none"], "goods_description,content")
    with pytest.raises(
        BadData, match=r"none of its 2 rows can be read \(shipment_id: .*\); name its columns in a mapping"
    ):
        from_file(path)
