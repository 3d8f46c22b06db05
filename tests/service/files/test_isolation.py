"""A shipment on which the program fails is reported, and the others of its file or batch are scored."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from features.groups.history import keys
from features.groups.history.history import HistoryRows
from features.table.reading import LONGEST_DESCRIPTION
from features.table.table import ManifestTable
from models.scoring import RiskModel, ScoreSettings
from models.scoring.isolating import failing
from service.files.batch import score_file
from service.files.options import ScoreOptions
from service.files.routes import score_csv_stream
from service.scoring.answers import Options, score
from service.scoring.live_history import NOT_COUNTED, LiveHistory
from service.scoring.model_host import ServedModel
from tests.features.groups.history.faults import make_history_fail
from tests.models.small_model import train
from tests.service.files.test_batch import as_csv, goods, table_of, write
from tests.service.store.kills import differences

#: Time of receipt of the shipments of batches.
RECEIPT = 1_777_887_000


class Faulty:
    """A model that fails on shipments with a certain reference, as a fault in a text function would."""

    def __init__(self, model: RiskModel, *references: str) -> None:
        self._model, self._references = model, references

    def __getattr__(self, name: str) -> Any:
        return getattr(self._model, name)

    def score_rows(self, table: ManifestTable, rows: HistoryRows, **options: Any) -> Any:
        if set(table.text("shipment_id").values) & set(self._references):
            raise OverflowError("math range error")
        return self._model.score_rows(table, rows, **options)


@pytest.fixture(scope="module")
def model() -> RiskModel:
    return train()


def test_other_shipments_of_a_file_get_the_same_scores_as_without_the_fault(tmp_path: Path, model: RiskModel) -> None:
    columns = goods(40)
    faulty = sorted({str(one) for one in columns["shipment_id"]})[7]
    source = write(tmp_path / "in.csv", as_csv(columns))
    score_file(source, tmp_path / "whole.csv", model)
    expected = [row for row in table_of(tmp_path / "whole.csv") if row["shipment_id"] != faulty]
    report = score_file(source, tmp_path / "out.csv", Faulty(model, str(faulty)), ScoreOptions(rows_per_chunk=30))
    assert table_of(tmp_path / "out.csv") == expected
    assert report.rows_in == report.rows_out + report.rows_rejected
    assert report.notes[-1] == f"{report.rows_rejected} rows are rejected because of a fault in the program."
    assert report.rejects_path is not None
    reasons = {row["reason"] for row in table_of(report.rejects_path)}
    assert len(reasons) == 1
    (reason,) = reasons
    assert reason.startswith(
        "shipment: cannot be scored because of a fault in the program (OverflowError at test_isolation.py:"
    )


def test_a_file_of_faulty_shipments_only_is_rejected_row_by_row(tmp_path: Path, model: RiskModel) -> None:
    columns = goods(3)
    source = write(tmp_path / "in.csv", as_csv(columns))
    report = score_file(source, tmp_path / "out.csv", Faulty(model, *map(str, columns["shipment_id"])))
    assert (report.rows_out, report.rows_rejected) == (0, report.rows_in)


def test_an_upload_keeps_the_row_in_its_place_with_the_fault(tmp_path: Path, model: RiskModel) -> None:
    columns = goods(3)
    faulty = str(columns["shipment_id"][0])
    path = write(tmp_path / "in.csv", as_csv(columns))
    write(tmp_path / "out.csv", b"".join(score_csv_stream(path, Faulty(model, faulty), model.history.copy())).decode())
    rows = table_of(tmp_path / "out.csv")
    assert [row["shipment_id"] for row in rows] == columns["shipment_id"]
    assert [row["risk"] == "" for row in rows] == [row["shipment_id"] == faulty for row in rows]
    assert all(("fault in the program" in row["error"]) == (row["shipment_id"] == faulty) for row in rows)


def served(model: Any, *, is_logged: bool = False) -> ServedModel:
    return ServedModel(model, LiveHistory(model.history.copy(), is_logged=is_logged), Path(), "", "snapshot")


def values(answer: dict[str, Any]) -> dict[str, Any]:
    """Return an answer without the id of its decision."""
    return {name: value for name, value in answer.items() if name != "decision_id"}


def record(number: int) -> dict[str, Any]:
    return {"shipment_id": f"R-{number}", "items": [{"goods_description": "silicone phone case", "net_mass_kg": 1}]}


def test_a_batch_refuses_only_the_faulty_shipment(model: RiskModel) -> None:
    outcome = score(
        served(Faulty(model, "R-2")),
        [*map(record, range(5)), {}],
        Options(),
        ScoreSettings(),
        max_items=9,
        isolate=True,
    )
    assert [result["shipment_id"] for result in outcome.results] == ["R-0", "R-1", "R-3", "R-4"]
    assert [(one.index, one.shipment_id) for one in outcome.refused] == [(2, "R-2"), (5, None)]
    assert "fault in the program (OverflowError" in outcome.refused[0].problems[0].problem


def test_the_other_shipments_of_a_faulty_batch_keep_their_unread_fields(model: RiskModel) -> None:
    long = "phone case " * (LONGEST_DESCRIPTION // 11 + 1)
    texts = {"R-2": "silicone phone case", "R-3": "ceramic mug", "R-4": long, "R-5": "glass jar"}
    records = [{"shipment_id": name, "items": [{"goods_description": text}]} for name, text in texts.items()]
    outcome = score(served(Faulty(model, "R-2")), records, Options(), ScoreSettings(), max_items=9, isolate=True)
    unread = {"item_number": "1", "field": "goods_description"}
    assert [result["unread"] for result in outcome.results] == [[], [unread], []]


def faulty_keys(monkeypatch: pytest.MonkeyPatch, reference: str) -> None:
    """Make the history keys of a shipment fail, as a fault in reading an address would."""
    working = keys.keys_of

    def keys_of(table: ManifestTable) -> Any:
        if reference in table.text("shipment_id").values:
            raise OverflowError("math range error")
        return working(table)

    monkeypatch.setattr(keys, "keys_of", keys_of)


def test_a_batch_refuses_a_shipment_whose_history_cannot_be_found(
    model: RiskModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    infinite = {"shipment_id": "R-9", "items": [{"goods_description": "phone case", "net_mass_kg": "inf"}]}
    records = [record(0), infinite, record(1), record(1), record(2), {}, record(3)]
    expected = score(
        served(model), [record(0), record(1), record(1), record(3)], Options(), ScoreSettings(), max_items=9
    )
    faulty_keys(monkeypatch, "R-2")
    faulty = served(model)
    outcome = score(faulty, records, Options(), ScoreSettings(), max_items=9, isolate=True)
    assert [result["shipment_id"] for result in outcome.results] == ["R-0", "R-1", "R-1", "R-3"]
    assert [result["risk"] for result in outcome.results] == [result["risk"] for result in expected.results]
    assert [(one.index, one.shipment_id) for one in outcome.refused] == [(1, "R-9"), (4, "R-2"), (5, None)]
    assert [one.problems[0].field for one in outcome.refused] == ["items[0].net_mass_kg", "shipment", "shipment_id"]
    assert "fault in the program (OverflowError" in outcome.refused[1].problems[0].problem
    assert faulty.history.copy().sequence == model.history.sequence + 3


def test_a_single_shipment_whose_history_cannot_be_found_raises_its_error_and_does_not_count(
    model: RiskModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    faulty_keys(monkeypatch, "R-0")
    faulty = served(model)
    with pytest.raises(OverflowError):
        score(faulty, [record(0)], Options(), ScoreSettings(), max_items=9)
    assert faulty.history.order == 0
    assert faulty.history.copy().sequence == model.history.sequence


def test_a_single_shipment_raises_its_error(model: RiskModel) -> None:
    with pytest.raises(OverflowError):
        score(served(Faulty(model, "R-0")), [record(0)], Options(), ScoreSettings(), max_items=9)


def test_an_error_that_no_single_shipment_causes_is_raised(model: RiskModel) -> None:
    class Tired(Faulty):
        def score_rows(self, table: ManifestTable, rows: HistoryRows, **options: Any) -> Any:
            if table.n_shipments > 3:
                raise MemoryError
            return self._model.score_rows(table, rows, **options)

    with pytest.raises(MemoryError):
        score(served(Tired(model)), list(map(record, range(5))), Options(), ScoreSettings(), max_items=9, isolate=True)


@pytest.mark.parametrize("halfway", [False, True], ids=["before counting", "halfway"])
@pytest.mark.parametrize("update", [True, False], ids=["counted", "what-if"])
def test_a_batch_refuses_a_shipment_on_which_the_history_fails(
    model: RiskModel, monkeypatch: pytest.MonkeyPatch, halfway: bool, update: bool
) -> None:
    far = {**record(3), "declared_at": "9999-01-01"}
    records = [record(0), record(1), record(2), record(1), {}, far, record(4)]
    options = Options(update_history=update)
    expected, faulty = served(model, is_logged=True), served(model, is_logged=True)
    others = score(
        expected, [records[k] for k in (0, 1, 3, 5, 6)], options, ScoreSettings(), max_items=9, receipt=RECEIPT
    )
    make_history_fail(monkeypatch, "R-2", halfway=halfway)
    outcome = score(faulty, records, options, ScoreSettings(), max_items=9, receipt=RECEIPT, isolate=True)
    assert [result["shipment_id"] for result in outcome.results] == ["R-0", "R-1", "R-1", "R-3", "R-4"]
    assert [values(result) for result in outcome.results] == [values(result) for result in others.results]
    assert [(one.index, one.shipment_id) for one in outcome.refused] == [(2, "R-2"), (4, None)]
    assert "fault in the program (OverflowError at faults.py:" in outcome.refused[0].problems[0].problem
    # Remembered declarations contain their orders, which are times.
    assert {*differences(faulty.history.copy(), expected.history.copy())} <= {"declaration_wide"}
    assert faulty.history.counted == expected.history.counted == 4 * update
    # The refused shipment does not wait for a decision, and each scored one has its order.
    orders = [order for of_table in outcome.orders if of_table is not None for order in of_table.tolist()]
    waiting = faulty.history.unlogged().orders.tolist()
    assert len(orders) == 5 * update
    assert waiting == [order for order in orders if order != NOT_COUNTED]


def test_a_batch_of_shipments_on_which_the_history_fails_is_refused_one_by_one(
    model: RiskModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_history_fail(monkeypatch, "R-0", "R-1")
    faulty = served(model, is_logged=True)
    outcome = score(faulty, [record(0), record(1)], Options(), ScoreSettings(), max_items=9, isolate=True)
    assert (outcome.results, [one.index for one in outcome.refused]) == ([], [0, 1])
    assert differences(faulty.history.copy(), model.history) == []
    assert not len(faulty.history.unlogged().orders)


@pytest.mark.parametrize("halfway", [False, True], ids=["before counting", "halfway"])
def test_a_single_shipment_on_which_the_history_fails_raises_its_error_and_does_not_count(
    model: RiskModel, monkeypatch: pytest.MonkeyPatch, halfway: bool
) -> None:
    faulty = served(model, is_logged=True)
    make_history_fail(monkeypatch, "R-0", halfway=halfway)
    for records in ([record(0)], [record(1), record(0), record(2)]):
        with pytest.raises(OverflowError):
            score(faulty, records, Options(), ScoreSettings(), max_items=9)
    assert differences(faulty.history.copy(), model.history) == []
    assert (faulty.history.counted, len(faulty.history.unlogged().orders)) == (0, 0)


@pytest.mark.parametrize("options", [{}, {"rows_per_chunk": 30}, {"in_time_order": True}], ids=str)
def test_a_file_rejects_a_shipment_on_which_the_history_fails(
    tmp_path: Path, model: RiskModel, monkeypatch: pytest.MonkeyPatch, options: dict[str, Any]
) -> None:
    columns = goods(40)
    faulty = sorted({str(one) for one in columns["shipment_id"]})[7]
    kept = [row for row, one in enumerate(columns["shipment_id"]) if one != faulty]
    without = as_csv({name: [cells[row] for row in kept] for name, cells in columns.items()})
    score_file(write(tmp_path / "without.csv", without), tmp_path / "expected.csv", model, ScoreOptions(**options))
    make_history_fail(monkeypatch, faulty)
    source = write(tmp_path / "in.csv", as_csv(columns))
    report = score_file(source, tmp_path / "out.csv", model, ScoreOptions(**options))
    assert table_of(tmp_path / "out.csv") == table_of(tmp_path / "expected.csv")
    assert report.rows_rejected == len(columns["shipment_id"]) - len(kept)
    assert report.notes[-1] == f"{report.rows_rejected} rows are rejected because of a fault in the program."
    assert report.rejects_path is not None
    assert {row["reason"].partition(" at ")[0] for row in table_of(report.rejects_path)} == {
        "shipment: cannot be scored because of a fault in the program (OverflowError"
    }


def test_an_upload_keeps_the_row_on_which_the_history_fails_in_its_place(
    tmp_path: Path, model: RiskModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    columns = goods(6)
    faulty = str(columns["shipment_id"][-1])
    history = LiveHistory(model.history.copy(), is_logged=True)
    make_history_fail(monkeypatch, faulty)
    path = write(tmp_path / "in.csv", as_csv(columns))
    write(tmp_path / "out.csv", b"".join(score_csv_stream(path, model, history)).decode())
    rows = table_of(tmp_path / "out.csv")
    assert [row["shipment_id"] for row in rows] == columns["shipment_id"]
    assert [row["risk"] == "" for row in rows] == [row["shipment_id"] == faulty for row in rows]
    assert all(("fault in the program" in row["error"]) == (row["shipment_id"] == faulty) for row in rows)
    assert history.counted == len(history.unlogged().orders) == len(set(columns["shipment_id"])) - 1


def test_every_failing_number_is_found_in_few_calls() -> None:
    calls = 0

    def work(numbers: Any) -> None:
        nonlocal calls
        calls += 1
        if {17, 900} & set(numbers.tolist()):
            raise ValueError("x")

    assert set(failing(1024, work)) == {17, 900}
    assert calls < 50
