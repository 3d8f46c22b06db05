"""Rules decide alike for a request, a batch, a CSV upload, a file and the MLflow model."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from features.manifest.fields import FIELD, Level
from models.bundle import ModelStore, load
from service.app import create_app
from service.core.settings import Settings
from service.files.batch import score_file
from service.files.options import ScoreOptions
from tests.service.api_client import serving
from training.registry.pyfunc_model import score_frame

RULES = """
[[rule]]
id = "vases-from-china"
when = {all = [
    {field = "goods_description", op = "matches", value = "vase"},
    {field = "export_country", op = "eq", value = "CN"},
]}
effect = "at_least_red"
reason = "A vase"

[[rule]]
id = "mugs"
when = {field = "goods_description", op = "eq", value = "ceramic mug"}
effect = "at_most_green"
reason = "A mug"

[[rule]]
id = "later"
when = {feature = "customs_value_usd", op = "ge", value = 100}
effect = "at_least_yellow"
reason = "Dear goods from May on"
from = 2026-05-05
"""
REGISTER = """permit_number,party_name,party_country,valid_from,valid_until
IP-2026-0042,Lakeside Pharma Ltd,US,2026-01-01,2026-12-31
"""
GOODS: list[list[dict[str, Any]]] = [
    [{"goods_description": "ceramic mug"}],
    [{"goods_description": "fentanyl citrate"}],
    [{"goods_description": "fentanyl citrate", "permit_number": "IP-2026-0042"}],
    [{"goods_description": "fentanyl citrate", "permit_number": "N/A"}, {"goods_description": "ceramic mug"}],
    [{"goods_description": "fentanyl test strips"}],
    [{"declared_chemical": "zorblaxine", "goods_description": "powder", "item_number": "7"}],
    [{"goods_description": "glass vase"}, {"goods_description": "ceramic mug"}],
    [{"goods_description": "TDP 5 tablet press machine", "customs_value": 500}],
    [{"goods_description": "cotton shirt", "customs_value": 500}],
    [{"declared_chemical": "4-anilino-N-phenethylpiperidine"}],
]


def records() -> list[dict[str, Any]]:
    """Return shipments in the order of their time, to a company and to a private person in turn."""
    return [
        {
            "shipment_id": f"HB-{number:03d}",
            "channel": "express",
            "declared_at": f"2026-05-{4 + number // 10:02d}T{number % 10:02d}:30:00Z",
            "export_country": "CN",
            "currency": "USD",
            "consignor": {"name": "Example Trading Co", "country": "CN", "account_opened_on": "2020-02-11"},
            "consignee": {"name": ["Lakeside Pharma Ltd", "Dana Example"][number % 2], "country": "US"},
            "items": GOODS[number % len(GOODS)],
        }
        for number in range(3 * len(GOODS))
    ]


def flat(record: dict[str, Any]) -> list[dict[str, str]]:
    """Return the rows of a shipment in a file."""
    rows = []
    for item in record["items"]:
        row = dict.fromkeys((f.name for f in FIELD.values() if f.level is not Level.LABEL), "")
        for key, value in record.items():
            if isinstance(value, dict):
                row |= {f"{key}_{name}": str(part) for name, part in value.items()}
            elif key != "items":
                row[key] = str(value)
        rows.append(row | {key: str(value) for key, value in item.items()})
    return rows


def decisions(rows: Iterable[Mapping[Any, Any]]) -> dict[str, tuple[str, ...]]:
    """Return the decision per shipment from the rows of a file or a frame. Blank and None are equal."""
    return {
        row["shipment_id"]: tuple(
            "" if pd.isna(row[name]) else str(row[name]) for name in ("lane", "selected_by", "rule_ids", "unread")
        )
        for row in rows
    }


def answered(results: list[dict[str, Any]]) -> dict[str, tuple[str, ...]]:
    return {
        one["shipment_id"]: (
            one["lane"],
            one["selected_by"] or "",
            ";".join(one["rule_ids"]),
            "; ".join(f"{item['item_number']}: {item['field']}" for item in one["unread"]),
        )
        for one in results
    }


@pytest.fixture
def office(tmp_path: Path, bundle: Path) -> Settings:
    ModelStore(tmp_path / "models").install(bundle)
    (tmp_path / "office.toml").write_text(RULES, encoding="utf-8")
    (tmp_path / "permits.csv").write_text(REGISTER, encoding="utf-8")
    return Settings(
        models_dir=tmp_path / "models", rules=str(tmp_path / "office.toml"), permit_register=tmp_path / "permits.csv"
    )


def test_every_way_of_scoring_decides_alike(office: Settings, bundle: Path, tmp_path: Path) -> None:
    shipments = records()
    with serving(create_app(office)) as client:
        single = [client.post("/v1/score", json=record).json() for record in shipments]
    with serving(create_app(office)) as client:
        batch = client.post("/v1/score/batch", json={"shipments": shipments}).json()["results"]
    rows = [row for record in shipments for row in flat(record)]
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]))
    writer.writeheader()
    writer.writerows(rows)
    with serving(create_app(office)) as client:
        upload = client.post("/v1/score/csv", content=text.getvalue(), headers={"Content-Type": "text/csv"}).text
    source, target = tmp_path / "in.csv", tmp_path / "out.csv"
    source.write_text(text.getvalue(), encoding="utf-8")
    model = load(bundle)
    for size in (7, 1000):
        score_file(source, target, model, ScoreOptions(settings=office.score_settings(), rows_per_chunk=size))
        from_file = decisions(list(csv.DictReader(io.StringIO(target.read_text(encoding="utf-8")))))
        assert from_file == answered(single)
    frame = pd.DataFrame(rows).replace("", None)
    scored = score_frame(model, frame, office.score_settings())
    from_frame = decisions(frame[["shipment_id"]].join(scored).to_dict("records"))

    expected = answered(single)
    assert answered(batch) == expected
    assert decisions(list(csv.DictReader(io.StringIO(upload)))) == expected
    assert from_frame == expected
    assert len({one["rules_digest"] for one in (*single, *batch)}) == 1
    # The comparison covers lanes that rules and unread fields set.
    assert {decision[1] for decision in expected.values()} >= {"rule", "unread"}
    assert {"vases-from-china", "later", "mugs"} < {
        name for decision in expected.values() for name in decision[2].split(";")
    }


def test_the_answers_name_rules_reasons_and_unread_fields(office: Settings) -> None:
    with serving(create_app(office)) as client:
        opioid, unread = (client.post("/v1/score?explain=none", json=records()[number]).json() for number in (1, 5))
    assert (opioid["lane"], opioid["rule_ids"]) == ("red", ["watched-without-permit", "opioid-without-permit"])
    assert [reason["code"] for reason in opioid["reasons"]] == ["RULE", "RULE"]
    assert {reason["weight"] for reason in opioid["reasons"]} == {None}
    assert opioid["explains"] is None
    assert unread["unread"] == [{"item_number": "7", "field": "declared_chemical"}]
    assert unread["lane"] != "green"


def test_rules_none_leaves_score_and_unread_items(office: Settings) -> None:
    settings = Settings(models_dir=office.models_dir, rules="none")
    with serving(create_app(settings)) as client:
        opioid, unread = (client.post("/v1/score", json=records()[number]).json() for number in (1, 5))
    assert (opioid["rule_ids"], opioid["rules_digest"]) == ([], None)
    assert unread["lane"] != "green"
    assert unread["selected_by"] in ("score", "unread")


def test_the_risk_stays_that_of_the_score(office: Settings) -> None:
    answers = []
    for rules in (office.rules, "none"):
        with serving(create_app(Settings(models_dir=office.models_dir, rules=rules))) as client:
            answers.append(client.post("/v1/score/batch", json={"shipments": records()}).json()["results"])
    for with_rules, without in zip(*answers, strict=True):
        for name in ("risk", "percentile", "content"):
            assert with_rules[name] == without[name]


def test_the_mlflow_model_reads_rules_and_register_from_the_environment(
    office: Settings, bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from types import SimpleNamespace

    from training.registry.pyfunc_model import TidewaiterModel

    frame = pd.DataFrame([row for record in records() for row in flat(record)]).replace("", None)
    monkeypatch.setenv("TIDEWAITER_RULES", str(office.rules))
    monkeypatch.setenv("TIDEWAITER_REGISTER", str(office.permit_register))
    model = TidewaiterModel()
    model.load_context(SimpleNamespace(artifacts={"bundle": str(bundle)}))
    scored = model.predict(None, frame)
    expected = score_frame(load(bundle), frame, office.score_settings())
    pd.testing.assert_frame_equal(scored, expected)
    assert scored["rule_ids"].str.contains("mugs").any()


@pytest.mark.parametrize("name", ["rules", "permit_register"])
def test_unsound_files_are_refused_before_the_service_starts(name: str, tmp_path: Path) -> None:
    (tmp_path / "broken").write_text("[[rule]]\nid = 3\n", encoding="utf-8")
    with pytest.raises(ValueError, match=r"line 2, rule number 1, field id|line 1: the columns are"):
        Settings(**{name: tmp_path / "broken" if name == "permit_register" else str(tmp_path / "broken")})  # type: ignore[arg-type]
