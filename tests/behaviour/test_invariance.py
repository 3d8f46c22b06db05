"""Changes that must not affect scores: order of items, letter case, blank fields, the interface, and countries alone."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.csv
import pyarrow.parquet
import pycountry
import pytest

from features.manifest.fields import FIELD, MANIFEST_NAMES, Level
from features.manifest.shipment import Shipment, shipment_from_json, shipment_to_json
from features.table.table import Coded, ManifestTable
from models.bundle import ModelStore, load
from models.scoring import RiskModel
from service.app import create_app
from service.core.settings import Settings
from service.files.batch import score_file
from tests.service.api_client import Client, serving
from training.registry.pyfunc_model import score_frame
from training.worlds.own import sample

COUNTRY_FIELDS = ("export_country", "consignor_country", "consignee_country", "origin_country")


@pytest.fixture(scope="module")
def world() -> list[Shipment]:
    """Return complete simulated shipments of many kinds, some of them red."""
    columns = sample(1500, seed=77)
    coded = {name: Coded.from_list(columns[name]) for name in MANIFEST_NAMES}
    shipments = ManifestTable.from_columns(coded, 1500).accepted().to_shipments()
    return shipments[:-1]


def scored(model: RiskModel, shipments: list[Shipment]) -> Any:
    table = ManifestTable.from_shipments(shipments, receipt=1_795_000_000)
    return model.score(table, model.history.copy())


def test_shuffled_items_change_nothing(champion: RiskModel, world: list[Shipment]) -> None:
    several = [shipment for shipment in world if len(shipment.items) > 1]
    assert len(several) > 50
    before = scored(champion, several).risk
    for shipment in several:
        shipment.items.reverse()
    after = scored(champion, several).risk
    for shipment in several:
        shipment.items.reverse()
    assert np.array_equal(before, after)


def test_letter_case_changes_nothing(champion: RiskModel, world: list[Shipment]) -> None:
    def in_case(change: str) -> list[Shipment]:
        texts = [json.loads(json.dumps(shipment_to_json(shipment))) for shipment in world]
        for data in texts:
            for part in (data, data.get("consignor", {}), data.get("consignee", {}), *data["items"]):
                for key, value in part.items():
                    # ASCII only, because some other letters change when they are upper-cased and lower-cased again.
                    if isinstance(value, str) and value.isascii() and key not in ("shipment_id", "item_number"):
                        part[key] = getattr(value, change)()
        return [shipment_from_json(data) for data in texts]

    assert np.array_equal(scored(champion, in_case("upper")).risk, scored(champion, in_case("lower")).risk)


def test_blank_extra_fields_change_nothing(champion: RiskModel, world: list[Shipment]) -> None:
    padded = []
    for shipment in world:
        data = shipment_to_json(shipment) | {"remarks": "", "internal_code": None}
        data["consignor"] = {"vat": " "} | data.get("consignor", {})
        data["items"] = [
            {"colour": ""} | dict.fromkeys(("cus_number", "permit_number"), "") | item for item in data["items"]
        ]
        padded.append(shipment_from_json(data))
    assert np.array_equal(scored(champion, padded).risk, scored(champion, world).risk)


def consumer_parcels(count: int) -> list[dict[str, Any]]:
    """Return ordinary parcels: known goods with their own HS code, usual value and weight, an old account, a full
    address.
    """
    from features.reference import ecommerce_goods

    goods = ecommerce_goods()
    parcels = []
    for number in range(count):
        good = goods[number % len(goods)]
        factor = 0.8 + 0.4 * ((number * 7919) % 100) / 100
        parcels.append(
            {
                "shipment_id": f"CP-{number}",
                "house_id": f"HB{number:07d}",
                "channel": "express" if number % 2 else "postal",
                "transport_mode": "4" if number % 2 else "5",
                "declared_at": "2026-09-14T10:00:00Z",
                "gross_mass_kg": round(good.typical_kg * factor * 1.1, 3),
                "package_count": 1,
                "package_type": "CT",
                "freight_charge": 6.5,
                "currency": "USD",
                "marketplace": "shop.example",
                "transaction_nature": "11",
                "consignor": {
                    "name": f"Example Novelty Store {number % 40}",
                    "address": f"{number % 90 + 1} Example Road",
                    "city": "Sample City",
                    "phone": "+49 30 5550100",
                    "email": "sales@shop.example",
                    "account_opened_on": "2019-03-01",
                },
                "consignee": {
                    "name": f"Robin Sample {number}",
                    "address": f"{number} Sample Street",
                    "city": "Sample Town",
                    "postcode": f"{10000 + number % 80000}",
                    "phone": "+1 212 5550100",
                },
                "items": [
                    {
                        "item_number": "1",
                        "goods_description": good.description,
                        "hs_code": good.hs6,
                        "net_mass_kg": round(good.typical_kg * factor, 3),
                        "customs_value": round(good.typical_usd * factor, 2),
                        "quantity": 1,
                        "quantity_unit": "C62",
                    }
                ],
            }
        )
    return parcels


@pytest.mark.parametrize("count", [50, pytest.param(1000, marks=pytest.mark.long)])
def test_clean_consumer_parcels_are_not_red_for_any_country(champion: RiskModel, count: int) -> None:
    codes = sorted(country.alpha_2 for country in pycountry.countries)
    assert len(codes) > 240
    parcels = consumer_parcels(count)
    base = ManifestTable.from_shipments([shipment_from_json(parcel) for parcel in parcels], receipt=1_795_000_000)
    columns = dict(base.raw)
    for code in codes:
        same = Coded(np.zeros(base.n_rows, dtype=np.int32), [code])
        table = ManifestTable.from_columns(
            columns | dict.fromkeys(COUNTRY_FIELDS, same), base.n_rows, receipt=1_795_000_000
        )
        lanes = champion.score(table, champion.history.copy()).lane
        assert not (lanes == "red").any(), f"{code}: {(lanes == 'red').sum()} of {count} clean parcels are red"


def flat_rows(shipments: list[Shipment]) -> list[dict[str, str]]:
    rows = []
    for shipment in shipments:
        for item in shipment.items:
            row = {}
            for name in MANIFEST_NAMES:
                field = FIELD[name]
                owner: Any = item if field.level is Level.ITEM else shipment
                if field.level in (Level.CONSIGNOR, Level.CONSIGNEE):
                    owner = getattr(shipment, field.level.value)
                row[name] = getattr(owner, field.key) or ""
            rows.append(row)
    return rows


def serve(folder: Path, bundle: Path) -> Any:
    ModelStore(folder).install(bundle)
    return serving(create_app(Settings(models_dir=folder)))


def test_json_batch_csv_parquet_and_pyfunc_give_equal_scores(
    small_bundle: Path, world: list[Shipment], tmp_path: Path
) -> None:
    shipments = world[:400]
    rows = flat_rows(shipments)
    model = load(small_bundle)
    expected = scored(model, shipments)
    by_shipment = {shipment.shipment_id: float(risk) for shipment, risk in zip(shipments, expected.risk, strict=True)}
    assert len(by_shipment) == len(shipments)

    text = io.StringIO()
    writer = csv.DictWriter(text, MANIFEST_NAMES)
    writer.writeheader()
    writer.writerows(rows)
    source = tmp_path / "in.csv"
    source.write_text(text.getvalue(), encoding="utf-8")
    strings = pyarrow.csv.ConvertOptions(column_types=dict.fromkeys(MANIFEST_NAMES, pyarrow.string()))
    pyarrow.parquet.write_table(pyarrow.csv.read_csv(source, convert_options=strings), tmp_path / "in.parquet")

    by_interface: dict[str, dict[str, float]] = {}
    with serve(tmp_path / "one", small_bundle) as client:
        answers = [client.post("/v1/score", json=shipment_to_json(shipment)).json() for shipment in shipments]
        by_interface["post"] = {answer["shipment_id"]: answer["risk"] for answer in answers}
    with serve(tmp_path / "two", small_bundle) as client:
        answer = client.post(
            "/v1/score/batch", json={"shipments": [shipment_to_json(shipment) for shipment in shipments]}
        )
        by_interface["batch"] = {one["shipment_id"]: one["risk"] for one in answer.json()["results"]}
    with serve(tmp_path / "three", small_bundle) as client:
        by_interface["csv endpoint"] = risks_of(posted_csv(client, text.getvalue()))
    for name in ("in.csv", "in.parquet"):
        score_file(tmp_path / name, tmp_path / f"{name}.out.csv", model)
        by_interface[name] = risks_of((tmp_path / f"{name}.out.csv").read_text(encoding="utf-8"))
    frame = score_frame(model, pd.DataFrame(rows))
    by_interface["pyfunc"] = dict(zip([row["shipment_id"] for row in rows], frame["risk"].tolist(), strict=True))

    for interface, risks in by_interface.items():
        assert risks.keys() == by_shipment.keys(), interface
        exact = interface in ("post", "batch", "pyfunc")
        for shipment_id, risk in risks.items():
            # Files have nine significant digits.
            expected = by_shipment[shipment_id] if exact else float(f"{by_shipment[shipment_id]:.9g}")
            assert risk == expected, (interface, shipment_id)


def posted_csv(client: Client, text: str) -> str:
    answer = client.post("/v1/score/csv", content=text.encode(), headers={"content-type": "text/csv"})
    assert answer.status_code == 200
    return answer.text


def risks_of(text: str) -> dict[str, float]:
    return {row["shipment_id"]: float(row["risk"]) for row in csv.DictReader(io.StringIO(text))}
