"""Tests of refitting a model to an office's unlabelled traffic."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from features.groups.history.history import History
from features.groups.value import ValueGroup
from models.bundle import load, save
from models.lanes import RED, YELLOW
from models.scoring import RiskModel
from tests.models.small_model import table_of
from tests.training.adapting.conftest import office, write
from training.adapting.adapt import Adapted, adapt
from training.adapting.report import summary
from training.adapting.traffic import LEAST_SHIPMENTS, Traffic, created_s, read_traffic
from training.data.dataset import BadData


@pytest.fixture(scope="module")
def traffic(earlier: Path) -> Traffic:
    return read_traffic([earlier])


@pytest.fixture(scope="module")
def adapted(parent: RiskModel, traffic: Traffic) -> Adapted:
    return adapt(parent, traffic)


def risk_of_later_shipments(model: RiskModel, history: History) -> np.ndarray:
    """Return the risk of the 2,000 shipments after the first 2,400."""
    columns = office(4_400)
    first = next(row for row, name in enumerate(columns["shipment_id"]) if str(name).endswith("002400"))
    later = table_of({name: values[first:] for name, values in columns.items()})
    return model.score(later, history).risk_log_odds


def test_lanes_of_later_shipments_have_the_designed_shares(parent: RiskModel, adapted: Adapted) -> None:
    with_parent = parent.lanes.assign(risk_of_later_shipments(parent, parent.history.copy()))
    assert (with_parent == RED).mean() > 3 * parent.lanes.red_share
    later = adapted.model.lanes.assign(risk_of_later_shipments(adapted.model, adapted.model.history.copy()))
    designed = adapted.model.lanes
    # The shares differ because later shipments have more history and only a few hundred shipments determine the thresholds.
    assert designed.red_share / 2 < (later == RED).mean() < 2 * designed.red_share
    assert designed.yellow_share / 2 < (later == YELLOW).mean() < 2 * designed.yellow_share


def test_shipments_that_are_yellow_without_a_score_count_in_the_share_of_the_lane(
    parent: RiskModel, tmp_path: Path
) -> None:
    columns = office(2_400)
    columns["declared_chemical"] = [
        "zorblaxine" if int((shipment_id or "")[-6:]) % 10 == 0 else None for shipment_id in columns["shipment_id"]
    ]
    lanes = adapt(parent, read_traffic([write(tmp_path / "unread.csv", columns)])).report["moved"]["lanes"]
    assert lanes["without_score"]["yellow"] == pytest.approx(0.1, abs=0.01)
    assert lanes["after"]["yellow"] == pytest.approx(lanes["designed"]["yellow"], rel=0.1)


def test_usual_masses_are_refitted_to_the_office(parent: RiskModel, adapted: Adapted) -> None:
    groups = [
        group for model in (parent, adapted.model) for group in model.space.groups if isinstance(group, ValueGroup)
    ]
    before, after = (group.usual("mass", "392690") for group in groups)
    assert before is not None
    assert after is not None
    assert after[0] - before[0] == pytest.approx(np.log(4.0), abs=0.1)


def test_evidence_boosters_and_calibrators_do_not_change(parent: RiskModel, adapted: Adapted) -> None:
    model = adapted.model
    assert model.boosters is parent.boosters
    assert model.calibrators is parent.calibrators
    assert model.evidence is parent.evidence
    assert model.base_rates == parent.base_rates
    assert model.lanes != parent.lanes


def test_the_same_files_give_the_same_bytes(parent: RiskModel, earlier: Path, adapted: Adapted, tmp_path: Path) -> None:
    again = adapt(parent, read_traffic([earlier]))
    assert save(adapted.model, tmp_path / "one") == save(again.model, tmp_path / "two")
    assert again.report == adapted.report


def test_history_continues_after_loading(traffic: Traffic, adapted: Adapted, tmp_path: Path) -> None:
    save(adapted.model, tmp_path / "bundle")
    history = load(tmp_path / "bundle").history
    assert history.sequence == traffic.table.n_shipments
    assert history.watermark == traffic.table.declared_s[-1]


def test_the_bundle_keeps_as_many_entities_as_chosen(parent: RiskModel, traffic: Traffic, tmp_path: Path) -> None:
    few = adapt(parent, traffic, entities=20)
    save(few.model, tmp_path / "few", entities=few.entities)
    known, kept = few.model.history.sizes(), load(tmp_path / "few").history.sizes()
    assert known["consignor"] == 150
    assert kept == {kind: min(number, 20) for kind, number in known.items()}
    reported = few.model.card["adapted"]["history"]
    assert reported == few.report["history"]
    assert reported["at_most"] == 20
    assert {one["kind"]: (one["known"], one["kept"]) for one in reported["kinds"]} == {
        kind: (number, kept[kind]) for kind, number in known.items()
    }
    assert any("more than the 20 that the bundle keeps" in line for line in summary(few.report))


def test_the_history_of_an_adapted_parent_continues_with_later_shipments_only(
    adapted: Adapted, earlier: Path, traffic: Traffic, tmp_path: Path
) -> None:
    columns = office(1_200, seed=5)
    columns["declared_at"] = [str(time).replace("2026-03", "2026-06") for time in columns["declared_at"]]
    later = write(tmp_path / "later.csv", columns)
    again = adapt(adapted.model, read_traffic([earlier, later]))
    assert again.model.history.sequence == traffic.table.n_shipments + 1_200


def test_the_card_names_parent_and_data(parent: RiskModel, traffic: Traffic, adapted: Adapted) -> None:
    section = adapted.model.card["adapted"]
    assert section["parent"] == {"name": parent.name, "version": parent.version, "digest": parent.digest}
    assert [file["sha256"] for file in section["data"]["files"]] == [file.sha256 for file in traffic.files]
    assert section["data"]["shipments"] == 2_400
    assert adapted.model.card["summary"] == parent.card["summary"]


def test_an_adapted_version_has_one_suffix_even_after_a_second_adaptation(
    parent: RiskModel, traffic: Traffic, adapted: Adapted
) -> None:
    again = adapt(adapted.model, traffic)
    assert adapted.model.version.startswith(f"{parent.version}-adapted.")
    assert again.model.version.count("-adapted.") == 1


def test_the_report_lists_changes_and_unjudged_values(adapted: Adapted) -> None:
    report = adapted.report
    lanes = report["moved"]["lanes"]
    assert lanes["before"]["red"] > 3 * lanes["designed"]["red"]
    assert lanes["after"]["red"] == pytest.approx(lanes["designed"]["red"], rel=0.1)
    moved = {row["feature"]: row for row in report["moved"]["features"]}
    # The goods are heavier than those of the parent's training data, but usual in the office's.
    assert abs(moved["mass_unusual"]["mean_before"]) > 1.0 > abs(moved["mass_unusual"]["mean_after"])
    not_judged = {one["what"]: one for one in report["not_judged"]}
    assert {"channel rail", "field carrier_id", "red threshold"} <= set(not_judged)
    assert "channel express" not in not_judged
    assert "field net_mass_kg" not in not_judged
    assert report["distance"]["before"]["psi"] > report["distance"]["after"]["psi"] > 0.0
    assert [top["share"] for top in report["top"]] == [0.001, 0.005, 0.01, 0.025]
    assert all(top["kept"] + top["new"] == top["shipments"] for top in report["top"])


def test_few_shipments_are_refused(tmp_path: Path) -> None:
    few = write(tmp_path / "few.csv", office(LEAST_SHIPMENTS - 1))
    with pytest.raises(BadData, match=r"few\.csv: 999 shipments can be read; adapting needs at least 1,000"):
        read_traffic([few])


def test_labels_are_ignored(parent: RiskModel, traffic: Traffic, tmp_path: Path) -> None:
    columns = office(2_400)
    columns["content"] = ["fentanyl"] * len(columns["shipment_id"])
    labelled = read_traffic([write(tmp_path / "labelled.csv", columns)])
    assert "content" not in labelled.table.raw
    assert set(labelled.table.raw) == set(traffic.table.raw)


def test_files_become_one_table_in_order_of_time(traffic: Traffic, tmp_path: Path) -> None:
    columns = office(2_400)
    first_later = next(row for row, name in enumerate(columns["shipment_id"]) if str(name).endswith("001000"))
    first = write(tmp_path / "b.csv", {name: values[:first_later] for name, values in columns.items()})
    # The second file has semicolons and decimal commas.
    rest = {name: values[first_later:] for name, values in columns.items()}
    for name in ("net_mass_kg", "customs_value"):
        rest[name] = [str(value).replace(".", ",") for value in rest[name]]
    second = write(tmp_path / "a.csv", rest, delimiter=";")
    both = read_traffic([second, first])
    assert both.table.declared_s.tolist() == traffic.table.declared_s.tolist()
    np.testing.assert_array_equal(both.table.number("net_mass_kg"), traffic.table.number("net_mass_kg"))
    assert both.notes[-1] == "The shipments were sorted by time."


def test_a_repeated_shipment_counts_once(traffic: Traffic, earlier: Path) -> None:
    twice = read_traffic([earlier, earlier])
    assert twice.table.n_shipments == traffic.table.n_shipments
    assert twice.repeated == traffic.table.n_shipments


def test_shipments_without_a_time_get_the_time_of_the_parent(parent: RiskModel, tmp_path: Path) -> None:
    columns = {name: values for name, values in office(1_000).items() if name != "declared_at"}
    timeless = read_traffic([write(tmp_path / "timeless.csv", columns)], otherwise_s=created_s(parent.created_at))
    assert not timeless.has_times
    assert set(timeless.table.declared_s.tolist()) == {created_s(parent.created_at)}
    assert adapt(parent, timeless).model.created_at == parent.created_at
