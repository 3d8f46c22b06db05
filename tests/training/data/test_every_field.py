"""Models of an office's own label learn from every mapped field, as they do from the same columns without a mapping."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from features.groups.own.counts import Results
from features.groups.own.group import OwnGroup
from features.groups.own.keys import OwnFields
from features.readers import ColumnMapping
from features.table.table import Coded, ManifestTable
from tests.training.conftest import QUICK
from training.config import TrainConfig
from training.data.dataset import Dataset
from training.data.sources import from_file
from training.evaluation.metrics import Ranking
from training.pipeline import train

#: Mapped fields -> the values of a column.
VALUES = {
    "quantity_unit": ("C62", "KGM", "LTR", "MTR"),
    "consignee_country": ("US", "DE", "NL", "FR", "ES", "IT"),
    "consignor_city": tuple(f"Town {i}" for i in range(12)),
    "consignee_city": tuple(f"Ville {i}" for i in range(12)),
    "consignee_postcode": tuple(str(90000 + i) for i in range(30)),
    "consignor_postcode": tuple(str(10000 + i) for i in range(30)),
    "routing_countries": ("KR", "AE", "KR;AE", "TR", "PA"),
    "undg_number": ("1993", "1170", "1263", "2810"),
}
NAMES = {name: f"C{number}" for number, name in enumerate(VALUES)}
MAPPED = "".join(f'{name} = "{column}"\n' for name, column in NAMES.items())
MAPPING = '[columns]\nshipment_id = "Id"\ndeclared_at = "Day"\nhs_code = "Code"\ncustoms_value = "Worth"\n'


def write(path: Path, n: int = 3000) -> Path:
    """Write declarations whose finds depend on one value in three of every field of `VALUES`."""
    rng = np.random.default_rng(1)
    drawn = {name: rng.integers(0, len(values), n) for name, values in VALUES.items()}
    log_odds = -4.5 + sum(1.6 * (code % 3 == 0) for code in drawn.values())
    find = rng.random(n) < 1.0 / (1.0 + np.exp(-log_odds))
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow(["Id", "Day", "Code", "Worth", *NAMES.values(), "Fraud"])
        for i in range(n):
            day = np.datetime64("2023-01-01T09") + 3 * i
            values = [VALUES[name][code[i]] for name, code in drawn.items()]
            writer.writerow([f"S{i}", day, "392690", f"{rng.lognormal(4, 1):.2f}", *values, int(find[i])])
    return path


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("every")
    rows = write(folder / "all.csv").read_text(encoding="utf-8").splitlines(keepends=True)
    (folder / "train.csv").write_text("".join(rows[:2001]), encoding="utf-8")
    (folder / "holdout.csv").write_text("".join([rows[0], *rows[2001:]]), encoding="utf-8")
    return folder


def pr_auc(folder: Path, mapping: str) -> float:
    (folder / "map.toml").write_text(mapping, encoding="utf-8")
    scored = folder / "scored.csv"
    train(
        TrainConfig(
            data=folder / "train.csv", mapping=folder / "map.toml", label="Fraud", track=False, threads=1,
            params=QUICK, holdout=folder / "holdout.csv", predictions=scored, searches=1,
        )
    )  # fmt: skip
    with scored.open(newline="", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    find = np.array([row["Fraud"] == "1" for row in rows])
    return Ranking(np.array([float(row["risk"]) for row in rows]), find).curve().pr_auc()


def test_a_mapped_file_is_learned_as_well_as_an_unmapped_one(folder: Path) -> None:
    unmapped, mapped = pr_auc(folder, MAPPING), pr_auc(folder, MAPPING + MAPPED)
    assert unmapped > 0.5
    assert mapped > unmapped - 0.03


def test_fields_whose_values_say_nothing_are_left_out_with_a_note(tmp_path: Path) -> None:
    rows = [f"S{i},2024-01-0{1 + i % 9},US,Code {i},{i % 2},39269{i % 8}0090,{i % 3 == 0:d}" for i in range(80)]
    path = tmp_path / "data.csv"
    names = "shipment_id,declared_at,consignee_country,house_id,channel,hs_code,Fraud"
    path.write_text("\n".join([names, *rows]) + "\n", encoding="utf-8")
    data = read(path)
    assert data.own is not None
    assert not {"consignee_country", "house_id"} & set(data.own.columns)
    assert "hs10" in data.own.columns
    assert [key.parent for key in data.own.simple() if key.name == "hs10"] == ["hs6"]
    notes = [note for note in data.notes if "not counted" in note]
    assert notes == [
        "Values of house_id are not counted: nearly every row has a different value.",
        "Values of consignee_country are not counted: it is 'US' on every row.",
    ]


def read(path: Path) -> Dataset:
    return from_file(path, mapping=ColumnMapping.from_text("[columns]\n"), label="Fraud")


def test_hour_and_weekday_of_the_declaration_are_features() -> None:
    columns = {
        "shipment_id": Coded.from_list(["A", "B"]),
        "declared_at": Coded.from_list(["2024-01-01T23:30:00Z", "2024-01-07"]),
        "quantity": Coded.from_list(["3", ""]),
    }
    table = ManifestTable.from_columns(columns, 2)
    group = OwnGroup(OwnFields((), ("declared_at", "quantity")))
    values = group.learn(table, Results.none(2))
    at = [feature.name for feature in group.features]
    assert values[:, at.index("own_hour")].tolist() == [23.0, 0.0]
    assert values[:, at.index("own_weekday")].tolist() == [0.0, 6.0]
    np.testing.assert_allclose(values[:, at.index("own_quantity")], [np.log(3.0), np.nan])
