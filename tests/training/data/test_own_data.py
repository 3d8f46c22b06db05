"""Training on an office's own declarations: other columns, other label, other formats."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
import pytest

from features.groups.own.keys import declarations
from features.manifest.shipment import shipment_from_json
from features.readers import ColumnMapping, MappingError
from features.table.table import ManifestTable
from models.bundle import load
from service.files.batch import score_file
from service.files.options import ScoreOptions
from tests.training.conftest import QUICK
from training import stages
from training.config import Run, TrainConfig
from training.data.dataset import BadData, Dataset
from training.data.planning import plan
from training.data.sources import from_file
from training.data.windows import Window
from training.evaluation.evaluation import TrainResult
from training.evaluation.holdout import predict_file
from training.evaluation.run_evaluation import FileLabels, evaluate_file
from training.fitting.examples import Examples
from training.pipeline import train
from training.registry.pyfunc_model import score_frame

MAPPING = """
[columns]
shipment_id = "Decl No"
declared_at = "Day"
consignee_name = "Importer"
hs_code = "Tariff"
origin_country = "Origin"
net_mass_kg = "Weight kg"
customs_value = "Invoice"

[constants]
currency = "EUR"
"""
Rows = list[dict[str, str]]


def declared(n: int = 4000, seed: int = 0) -> Rows:
    """Return declarations in which the office's regime and the duty per value alone determine the finds; the manifest is noise."""
    rng = np.random.default_rng(seed)
    regime = rng.integers(0, 12, n)
    duty = rng.lognormal(2.0, 0.6, n)
    odds = -2.4 + 2.6 * np.isin(regime, [2, 7]) + 2.2 * (duty < 5.0)
    find = rng.random(n) < 1.0 / (1.0 + np.exp(-odds))
    rows = []
    for i in range(n):
        rows.append(
            {
                "Decl No": f"D{seed}-{i}",
                "Day": str(np.datetime64("2023-01-01") + i * 300 // n),
                "Importer": f"Importer {rng.integers(0, 400)}",
                "Tariff": f"{('847989', '392690', '610910', '940520')[rng.integers(0, 4)]}",
                "Origin": ("CN", "DE", "US")[rng.integers(0, 3)],
                "Weight kg": f"{rng.lognormal(1.0, 1.0):.2f}",
                "Invoice": f"{rng.lognormal(4.0, 1.0):.2f}",
                "Regime": f"R{regime[i]:02d}",
                "Duty": f"{duty[i]:.3f}",
                "Officer note": ("fine seen" if find[i] else "ok"),
                "Our ref": f"ref/{seed}/{i}",
                "Form": "SAD",
                "Outcome": str(int(find[i]) * (1 + i % 2)),
                "Illicit": str(int(find[i])),
            }
        )
    return rows


def write(path: Path, rows: Rows, *, delimiter: str = ",", decimal: str = ".") -> Path:
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, list(rows[0]), delimiter=delimiter, lineterminator="\n")
        writer.writeheader()
        for row in rows:
            amounts = {name: row[name].replace(".", decimal) for name in ("Weight kg", "Invoice", "Duty")}
            writer.writerow(row | amounts)
    return path


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("own")
    (folder / "map.toml").write_text(MAPPING, encoding="utf-8")
    rows = declared()
    write(folder / "train.csv", rows[:3000])
    write(folder / "holdout.csv", rows[3000:])
    return folder


@pytest.fixture(scope="module")
def result(folder: Path) -> TrainResult:
    return train(config(folder, holdout=folder / "holdout.csv", predictions=folder / "scored.csv"))


def config(folder: Path, **changes: object) -> TrainConfig:
    options: dict[str, object] = {
        "data": folder / "train.csv", "mapping": folder / "map.toml", "label": "Illicit", "track": False, "threads": 1,
        "params": QUICK, "bundle": folder / "bundle",
    }  # fmt: skip
    return TrainConfig(**(options | changes))  # type: ignore[arg-type]


def read(folder: Path, name: str = "train.csv", mapping: str = MAPPING, **kw: str) -> Dataset:
    return from_file(folder / name, mapping=ColumnMapping.from_text(mapping), **({"label": "Illicit"} | kw))  # type: ignore[arg-type]


def kinds(data: Dataset) -> dict[str, str]:
    assert data.own is not None
    return {field.name: field.kind for field in data.own.fields}


def column(path: Path, name: str) -> list[str]:
    with path.open(newline="", encoding="utf-8") as stream:
        return [row[name] for row in csv.DictReader(stream)]


def auc(score: np.ndarray, find: np.ndarray) -> float:
    rank = np.argsort(np.argsort(score, kind="stable"), kind="stable") + 1.0
    n = int(find.sum())
    return float((rank[find].sum() - n * (n + 1) / 2) / (n * (len(find) - n)))


# -- choice of columns ----------------------------------------------------------------------------------------------------


def test_columns_become_fields_or_are_left_out_with_a_note(folder: Path) -> None:
    data = read(folder)
    assert kinds(data) == {"Regime": "categorical", "Duty": "numeric"}
    notes = "\n".join(data.notes)
    assert "'Our ref' is left out: nearly every row has a different value" in notes
    assert "'Form' is left out: it is 'SAD' on every row" in notes
    assert "'Officer note' is left out: IT DETERMINES THE LABEL" in notes
    assert "'Outcome' is left out: IT DETERMINES THE LABEL" in notes
    assert "Further numeric fields: 'Duty'" in notes


def test_a_column_with_a_value_that_is_never_a_find_stays_and_a_leak_does_not(folder: Path, tmp_path: Path) -> None:
    rows = declared(4000)
    rng = np.random.default_rng(3)
    for row in rows:
        clean = row["Illicit"] == "0"
        row["Genus"] = "Rosa" if clean and rng.random() < 0.2 else f"G{rng.integers(0, 20)}"
        row["Seized"] = "part" if not clean and rng.random() < 0.3 else "no"
    write(tmp_path / "train.csv", rows)
    data = read(tmp_path)
    assert "Genus" in kinds(data)
    assert any(note.startswith("Column 'Seized' is left out: IT DETERMINES THE LABEL.") for note in data.notes)


def test_a_mapped_column_without_a_valid_value_becomes_a_further_field_with_a_note(
    folder: Path, tmp_path: Path
) -> None:
    rows = declared(600)
    for k, row in enumerate(rows):
        row["Port"] = ("NY", "SF", "LA")[k % 3]
    write(tmp_path / "train.csv", rows)
    data = read(
        tmp_path, mapping=MAPPING.replace('hs_code = "Tariff"', 'hs_code = "Tariff"\nloading_location = "Port"')
    )
    assert kinds(data)["Port"] == "categorical"
    assert data.table.further("Port").to_list()[:3] == ["NY", "SF", "LA"]
    assert data.notes[0].startswith(
        "Column 'Port' is read as loading_location, but none of its 600 values is valid: 'NY' is neither a UN/LOCODE"
    )


def test_a_mapping_can_add_a_second_label_as_a_field_and_ignore_fields(folder: Path) -> None:
    mapping = MAPPING + '\n[fields]\n"Outcome" = "categorical"\n"regime" = "numeric"\nignore = ["Duty"]\n'
    data = read(folder, mapping=mapping)
    assert kinds(data) == {"Outcome": "categorical", "Regime": "numeric"}
    assert any("'Duty' is left out: the mapping ignores it" in note for note in data.notes)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ('"Nothing" = "numeric"', "'Nothing', which is not a column"),
        ('ignore = ["Nothing"]', "'Nothing', which is not a column"),
        ('"Illicit" = "numeric"', "cannot be its own evidence"),
    ],
)
def test_a_mapping_that_names_a_missing_column_or_the_label_is_refused(folder: Path, fields: str, message: str) -> None:
    with pytest.raises(BadData, match=message):
        read(folder, mapping=f"{MAPPING}\n[fields]\n{fields}\n")


@pytest.mark.parametrize("fields", ['"Duty" = "number"', 'ignore = "Duty"', "Duty = 3"])
def test_a_mapping_with_another_kind_of_field_is_refused(fields: str) -> None:
    with pytest.raises(MappingError, match="fields"):
        ColumnMapping.from_text(f"[fields]\n{fields}\n")


def test_fields_that_describe_the_goods_are_detected(folder: Path, tmp_path: Path) -> None:
    rows = declared(1000)
    for row in rows:
        row["Duty rate"] = {"847989": "0.0", "392690": "6.5", "610910": "12.0", "940520": "2.7"}[row["Tariff"]]
    write(tmp_path / "train.csv", rows)
    data = read(tmp_path)
    assert data.own is not None
    assert {field.name for field in data.own.fields if field.of_goods} == {"Duty rate"}


def test_all_file_formats_give_the_same_fields_and_labels(folder: Path, tmp_path: Path) -> None:
    rows = declared(600)
    write(tmp_path / "plain.csv", rows)
    write(tmp_path / "comma.csv", rows, delimiter=";", decimal=",")
    pa.parquet.write_table(pa.csv.read_csv(tmp_path / "plain.csv"), tmp_path / "typed.parquet")
    plain, comma, typed = (read(tmp_path, name) for name in ("plain.csv", "comma.csv", "typed.parquet"))
    assert kinds(plain) == kinds(comma) == kinds(typed)
    for other in (comma, typed):
        np.testing.assert_array_equal(plain.table.further_number("Duty"), other.table.further_number("Duty"))
        np.testing.assert_array_equal(plain.labels.find, other.labels.find)


def test_a_label_may_have_a_third_value_and_blanks(folder: Path, tmp_path: Path) -> None:
    rows = declared(600)
    for row in rows[::5]:
        row["Outcome"] = ""
    write(tmp_path / "train.csv", rows)
    data = read(tmp_path, label="Outcome", positive="2")
    assert data.labels.find[:, 0].sum() == sum(row["Outcome"] == "2" for row in rows)
    assert data.labels.inspected.sum() == 480
    assert "Outcome" not in kinds(data)


# -- training --------------------------------------------------------------------------------------------------


def test_a_model_learns_from_further_fields_and_predictions_keep_the_order(folder: Path, result: TrainResult) -> None:
    assert column(folder / "scored.csv", "Decl No") == column(folder / "holdout.csv", "Decl No")
    find = np.array(column(folder / "holdout.csv", "Illicit")) == "1"
    risk = np.array(column(folder / "scored.csv", "risk"), dtype=float)
    assert auc(risk, find) > 0.75
    # With --holdout, the refit includes everything up to the last row.
    assert len(result.windows.refit.shipments) == 3000


def test_a_file_without_further_fields_is_scored_with_a_warning(folder: Path, result: TrainResult) -> None:
    rows = [{k: v for k, v in row.items() if k not in ("Regime",)} for row in declared()[3000:3200]]
    with (folder / "less.csv").open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    mapping = ColumnMapping.from_text(MAPPING)
    assert predict_file(result.model, folder / "less.csv", folder / "less_scored.csv", mapping=mapping) == 200
    report = evaluate_file(result.model, folder / "less.csv", FileLabels(mapping=mapping))
    assert any("lacks: 'Regime'" in note for note in report["data"]["notes"])


def test_a_loaded_bundle_predicts_the_same_to_the_last_digit(folder: Path, result: TrainResult) -> None:
    model = load(folder / "bundle", expected_digest=result.digest)
    assert model.space.further_fields == result.model.space.further_fields
    mapping = ColumnMapping.from_text(MAPPING)
    predict_file(model, folder / "holdout.csv", folder / "again.csv", mapping=mapping, label="Illicit")
    assert (folder / "again.csv").read_bytes() == (folder / "scored.csv").read_bytes()


def test_labels_do_not_change_scores(folder: Path, result: TrainResult) -> None:
    rows = [row | {"Illicit": "1", "Outcome": "2", "Officer note": "ok"} for row in declared()[3000:]]
    write(folder / "relabelled.csv", rows)
    predict_file(
        result.model,
        folder / "relabelled.csv",
        folder / "r.csv",
        mapping=ColumnMapping.from_text(MAPPING),
        label="Illicit",
    )
    assert column(folder / "r.csv", "risk") == column(folder / "scored.csv", "risk")


def test_score_reads_the_same_fields_and_reports_missing_ones(folder: Path, result: TrainResult) -> None:
    mapping = ColumnMapping.from_text(MAPPING)
    report = score_file(folder / "holdout.csv", folder / "out.csv", result.model, ScoreOptions(mapping, "none"))
    assert not any("lacks" in note for note in report.notes)
    assert column(folder / "out.csv", "risk") == column(folder / "scored.csv", "risk")
    rows = [{k: v for k, v in row.items() if k != "Regime"} for row in declared()[3000:3050]]
    write(folder / "without.csv", rows)
    report = score_file(folder / "without.csv", folder / "out.csv", result.model, ScoreOptions(mapping))
    assert any("lacks: 'Regime'" in note for note in report.notes)
    first, *others = column(folder / "out.csv", "warnings")
    assert "lacks: 'Regime'" in first
    assert not any("Regime" in other for other in others)


def test_a_frame_has_further_fields_as_columns(folder: Path, result: TrainResult) -> None:
    names = {
        "Decl No": "shipment_id", "Day": "declared_at", "Importer": "consignee_name", "Tariff": "hs_code",
        "Origin": "origin_country", "Weight kg": "net_mass_kg", "Invoice": "customs_value",
    }  # fmt: skip
    frame = pd.read_csv(folder / "holdout.csv", dtype=str).rename(columns=names).assign(currency="EUR")
    risk = score_frame(result.model, frame)["risk"].to_numpy()
    np.testing.assert_allclose(risk, np.array(column(folder / "scored.csv", "risk"), dtype=float), rtol=1e-8)


def test_json_has_further_fields_under_their_own_key(result: TrainResult) -> None:
    def raw(further: dict[str, object], of_item: dict[str, object]) -> tuple[float, list[str]]:
        record = {
            "shipment_id": "J1", "declared_at": "2023-12-01", "currency": "EUR", "further": further,
            "items": [{"hs_code": "392690", "customs_value": 80, "net_mass_kg": 2, "further": of_item}],
        }  # fmt: skip
        table = ManifestTable.from_shipments([shipment_from_json(record)])
        result.model.space.warn_of_further(table)
        scores = result.model.score(table, result.model.history.copy())
        return float(scores.risk[0]), [str(problem) for problem in table.warnings_of_row(0)]

    high, warnings = raw({"Regime": "R02"}, {"Duty": 2.5})
    assert not any("further" in warning for warning in warnings)
    low, _ = raw({"Regime": "R05", "Duty": 2.5}, {"Duty": 30})
    assert high > low
    _, warnings = raw({"Regime": "R02", "Colour": "red"}, {})
    assert any(w.startswith("further.Duty: is not given") for w in warnings)
    assert any(w.startswith("further.Colour: is not a field that the model uses") for w in warnings)


def test_data_without_times_keeps_identical_declarations_in_one_window(folder: Path, tmp_path: Path) -> None:
    rows = declared(1500)
    copies = [
        row | {"Decl No": f"C{k}-{i}", "Importer": "Another"} for k in range(3) for i, row in enumerate(rows[:700])
    ]
    write(tmp_path / "train.csv", rows + copies)
    data = read(tmp_path, mapping=MAPPING.replace('declared_at = "Day"\n', ""))
    windows = plan(data, with_test=True, seed=0)
    assert not windows.in_time
    assert data.own is not None
    same = declarations(data.table, data.own)
    assert len(np.unique(same)) < len(same)
    where = np.full(len(same), -1)
    for number, window in enumerate(windows.each()):
        where[window.shipments] = number
    assert all(len(set(where[same == group])) == 1 for group in np.unique(same))


def test_data_without_times_trains(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "map.toml").write_text(MAPPING.replace('declared_at = "Day"\n', ""), encoding="utf-8")
    scored = tmp_path / "scored.csv"
    train(
        config(
            folder, mapping=tmp_path / "map.toml", bundle=None, holdout=folder / "holdout.csv", predictions=scored
        )
    )  # fmt: skip
    find = np.array(column(folder / "holdout.csv", "Illicit")) == "1"
    assert auc(np.array(column(scored, "risk"), dtype=float), find) > 0.75


@pytest.mark.long
def test_with_many_rows_one_refit_scores_both_windows(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("training.config.MANY_ROWS", 1000)
    left_out: list[list[str]] = []
    outside = stages._outside

    def watched(run: Run, windows: list[Window], examples: Examples) -> np.ndarray:
        left_out.append([window.name for window in windows])
        rows = outside(run, windows, examples)
        seen = set(run.windows.refit.shipments[examples.shipment[rows]].tolist())  # type: ignore[index]
        assert all(seen.isdisjoint(window.shipments.tolist()) for window in windows)
        return rows

    monkeypatch.setattr(stages, "_outside", watched)
    scored = tmp_path / "scored.csv"
    train(config(folder, bundle=None, holdout=folder / "holdout.csv", predictions=scored))
    assert left_out == [["calibrate", "lanes"]]
    find = np.array(column(folder / "holdout.csv", "Illicit")) == "1"
    assert auc(np.array(column(scored, "risk"), dtype=float), find) > 0.75


def test_results_of_a_window_are_those_known_at_its_cut(folder: Path) -> None:
    data = read(folder)
    windows = plan(data, with_test=True, seed=0)
    results = data.window_results(windows.fit)
    late = data.labels.known_s[windows.fit.shipments] > windows.fit.cut_s
    assert results.timed
    np.testing.assert_array_equal(results.known, ~late)
