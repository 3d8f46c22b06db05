"""The store as training data: what was known, features as of the decision, and what is left out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from pydantic import SecretStr
from sqlalchemy import insert, select, update

from features.groups.history.declarations import HistoryRows
from features.groups.history.history import History
from models.bundle import ModelStore, save
from service.app import create_app
from service.core.database import audit
from service.core.database.engine import Database
from service.core.database.times import now_us
from service.core.settings import Settings
from service.history.key import Sealer
from service.history.tables import HistoryEvent
from service.inspections.outcomes import add_override
from service.scoring.tables import Decision
from service.training import from_store, known
from service.training.known import Cut
from tests.models.small_model import table_of, train
from tests.service.api_client import Client, serving
from tests.service.store.conftest import rows_of
from tests.service.store.stored_traffic import SECOND, add, fill
from tests.service.store.test_durable_history import _learn, keeper_of, killed
from tests.training.small_data import DAY, START, Row, iso, rows
from training.data.dataset import BadData
from training.data.labels import MOST_WEIGHT
from training.data.selection import selection_figures
from training.stages import LoadedData

ROWS = rows(400, seed=3)
LAST = ROWS[-1].declared_s
#: A day long after all results.
LATER = (LAST // DAY + 100) * DAY * SECOND


@pytest.fixture(autouse=True)
def _few_shipments_suffice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(from_store, "LEAST_SHIPMENTS", 10)


def load(
    database: Database, known_at: int = LATER, delay_s: int | None = None, models: Path = Path("none")
) -> LoadedData:
    return from_store.load(database, Sealer(None), ModelStore(models), Cut(known_at, delay_s), lambda _: None)


def ids_of(loaded: LoadedData) -> list[str | None]:
    table = loaded.data.table
    return table.text("shipment_id").take(table.first_row).to_list()


def values_of(loaded: LoadedData) -> dict[str | None, bytes]:
    """Return the history features of each shipment."""
    assert loaded.replayed is not None
    return dict(zip(ids_of(loaded), (one.tobytes() for one in loaded.replayed.values), strict=True))


def contents(loaded: LoadedData) -> dict[str | None, Any]:
    """Return the heads of the find of each shipment, and its weight; "clean" for an inspected one and None for the others."""
    labels = loaded.data.labels
    find = labels.shipment_find(loaded.data.table)
    kinds = [
        labels.heads[int(one.argmax())] if one.any() else "clean" if inspected else None
        for one, inspected in zip(find, labels.inspected, strict=True)
    ]
    return dict(zip(ids_of(loaded), zip(kinds, labels.weight.tolist(), strict=True), strict=True))


@pytest.mark.both_engines
@pytest.mark.parametrize("via", ["score", "file"])
def test_a_store_gives_the_data_of_the_labelled_file(database: Database, via: str) -> None:
    fill(database, ROWS, via=via, **({"history_order": None} if via == "file" else {}))
    loaded = load(database)
    assert ids_of(loaded) == [row.values["shipment_id"] for row in ROWS]
    inspected = [bool(row.values["content"]) for row in ROWS]
    assert loaded.data.labels.inspected.tolist() == inspected
    found = loaded.data.shipment_has_find().tolist()
    assert found == [row.values["content"] not in ("", "none") for row in ROWS]
    assert loaded.data.table.number("net_mass_kg")[0] == float(ROWS[0].values["net_mass_kg"])
    assert loaded.lineage is not None
    assert loaded.lineage["decisions"]["shipments"] == 400
    assert sum(loaded.lineage["results"].values()) == sum(inspected)
    assert loaded.lineage["left_out"] == {}
    assert load(database).data.digest == loaded.data.digest
    assert loaded.replayed is not None
    assert loaded.replayed.history._finds == sum(found)


def test_files_are_replayed_as_training_from_a_file_replays_them(database: Database) -> None:
    fill(database, ROWS, via="file", history_order=None)
    loaded = load(database)
    data = loaded.data
    history = History.empty()
    expected = history.replay(
        data.table, data.shipment_has_find(), np.where(data.labels.inspected, data.labels.known_s, -1)
    )
    assert loaded.replayed is not None
    np.testing.assert_array_equal(loaded.replayed.values, expected.values)
    assert loaded.replayed.history.sequence == 400
    assert loaded.replayed.history._finds == data.shipment_has_find().sum()


@pytest.fixture(params=["no history", "a history"])
def client(tmp_path: Path, url: str, request: pytest.FixtureRequest) -> Iterator[Client]:
    """Client of a service whose model has no history, or that of earlier traffic."""
    model = replace(train(), history=History.empty())
    if request.param == "a history":
        earlier = [Row(row.declared_s - 600 * DAY, row.values | {"shipment_id": f"E{n}"}) for n, row in enumerate(ROWS)]
        for row in earlier:
            row.values["declared_at"] = iso(row.declared_s)
        model.history.advance(table_of({name: [row.values[name] for row in earlier] for name in earlier[0].values}))
    save(model, tmp_path / "bundle")
    ModelStore(tmp_path / "models").install(tmp_path / "bundle")
    settings = Settings(models_dir=tmp_path / "models", keeps_decisions=True, database_url=SecretStr(url))
    with killed(), serving(create_app(settings)) as client:
        yield client


def manifest_of(row: Row) -> dict[str, str]:
    return {name: value for name, value in row.values.items() if value}


@pytest.mark.both_engines
def test_the_replayed_features_give_the_scores_of_the_service(client: Client, database: Database, url: str) -> None:
    """Late shipments, missing times, repeats, what-if requests, results and corrections between them."""
    keeper = keeper_of(client, database)
    sent = [manifest_of(row) for row in ROWS[:200]]
    sent[60], sent[70]["declared_at"] = sent[20], "2199-01-01T00:00:00Z"
    del sent[80]["declared_at"]
    sent[90], sent[150] = sent[150], sent[90]
    body = {"found_at": "2026-05-04T15:20:00Z", "by": "Officer 4711"}
    for start in range(0, 200, 40):
        answers = client.post("/v1/score/batch", json={"shipments": sent[start : start + 40]}).json()["results"]
        client.post("/v1/score?update_history=false", json=sent[start])
        paths = [f"/v1/decisions/{answer['decision_id']}/outcome" for answer in answers]
        for place, content in ((1, "fentanyl"), (2, "none")):
            client.post(paths[place], json=body | {"content": content})
        wrong = client.post(paths[3], json=body | {"content": "precursor"}).json()["outcome_id"]
        _learn(client, keeper)
        client.post(paths[3], json=body | {"content": "none", "corrects": wrong})
    loaded = load(database, now_us() + 10 * DAY * SECOND, models=client.state.settings.models_dir)
    stored = {row.shipment_id: row.risk for row in reversed(rows_of(url)) if not row.what_if}
    model, table = client.state.host.served.model, loaded.data.table
    assert loaded.replayed is not None
    scores = model.score_rows(table, HistoryRows(loaded.replayed.values, np.zeros(table.n_shipments, dtype=bool)))
    risk = dict(zip(ids_of(loaded), scores.risk.tolist(), strict=True))
    assert len(risk) == 198
    assert loaded.lineage is not None
    assert loaded.lineage["left_out"] == {"what_if": 10, "without_a_time": 1}
    assert {name: risk[name] for name in risk} == {name: stored[name or ""] for name in risk}
    model = client.state.host.served.model
    assert loaded.lineage["history_began_with"] == ({"service": model.digest} if model.history.sequence else {})
    # The bundle continues with the history of the service, and with the results that it has not learned yet.
    live = client.state.host.served.history.copy()
    assert loaded.replayed.history.sequence == live.sequence
    assert loaded.replayed.history._finds == live._finds


@pytest.mark.both_engines
@pytest.mark.parametrize("via", ["score", "file"])
def test_a_find_recorded_later_changes_no_earlier_features(database: Database, via: str) -> None:
    changes = {"via": via, **({"history_order": None} if via == "file" else {})}
    same = [
        row.values | {"consignor_name": "Example Trading 1", "consignor_country": "CN", "content": ""} for row in ROWS
    ]
    traffic = [Row(row.declared_s, values) for row, values in zip(ROWS, same, strict=True)]
    traffic[10].values |= {"content": "none", "inspected_at": iso(traffic[10].declared_s + 3 * DAY)}
    fill(database, traffic, **changes)
    before = values_of(load(database))
    found = traffic[200].declared_s
    decision = decision_of(database, traffic[5])
    add(database, decision, "fentanyl", iso(found))
    if via == "score":
        learned(database, decision, (found // DAY + 1) * DAY * SECOND)
    after = values_of(load(database))
    changed = [
        row.declared_s for row in traffic if before[row.values["shipment_id"]] != after[row.values["shipment_id"]]
    ]
    assert changed
    assert min(changed) >= (found // DAY + 1) * DAY
    assert len(changed) == sum(row.declared_s >= (found // DAY + 1) * DAY for row in traffic)


def decision_of(database: Database, row: Row) -> str:
    """Return the id of the first decision on a shipment."""
    query = select(Decision.id).where(Decision.shipment_id == row.values["shipment_id"]).order_by(Decision.position)
    with database.read() as connection:
        return str(connection.execute(query.limit(1)).scalar_one())


def learned(database: Database, decision_id: str, order: int) -> None:
    """Record that the history of the service learned a find."""
    event = {"history_order": order, "kind": "learned", "decision_id": decision_id, "find": True, "shipments": 0}
    with database.write() as connection:
        connection.execute(insert(HistoryEvent), [event])


def quiet(count: int = 30) -> list[Row]:
    """Return shipments without results, one a day."""
    days = [Row(START + number * DAY, dict(row.values)) for number, row in enumerate(ROWS[:count])]
    for row in days:
        row.values |= {"content": "", "declared_at": iso(row.declared_s)}
    return days


@pytest.mark.both_engines
def test_only_what_was_recorded_and_known_before_the_day_counts_and_later_corrections_do_not(
    database: Database,
) -> None:
    traffic = quiet()
    fill(database, traffic)
    names = [row.values["shipment_id"] for row in traffic]
    decision = [decision_of(database, row) for row in traffic]
    day = START + 40 * DAY
    cut, before, after = day * SECOND, iso(day - DAY), iso(day + DAY)
    add(database, decision[0], "fentanyl", before, at=cut - 1)
    add(database, decision[1], "fentanyl", before, at=cut)
    add(database, decision[2], "fentanyl", after, at=cut - 1)
    wrong = add(database, decision[3], "fentanyl", before, at=cut - 2)
    add(database, decision[3], "none", before, at=cut - 1, corrects=wrong)
    wrong = add(database, decision[4], "fentanyl", before, at=cut - 1)
    add(database, decision[4], "none", before, at=cut, corrects=wrong)
    wrong = add(database, decision[5], "fentanyl", before, at=cut - 2)
    add(database, decision[5], "", before, at=cut - 1, corrects=wrong)
    add(database, decision[6], "other_contraband", before, at=cut - 2, kind="weapon")
    add(database, decision[6], "none", before, at=cut - 1)
    for content in ("none", "precursor", "equipment"):
        add(database, decision[7], content, before, at=cut - 1)
    known_then = contents(load(database, cut, delay_s=0))
    expected = {0: "fentanyl_or_analogue", 3: "clean", 4: "fentanyl_or_analogue", 7: "equipment"}
    assert {name: kind for name, (kind, _) in known_then.items() if kind} == {
        names[number]: kind for number, kind in expected.items()
    }
    assert {name for name, (_, weight) in known_then.items() if not weight} == {names[6]}
    known_later = contents(load(database, cut + 2 * DAY * SECOND, delay_s=0))
    expected = {
        0: "fentanyl_or_analogue",
        1: "fentanyl_or_analogue",
        2: "fentanyl_or_analogue",
        3: "clean",
        4: "clean",
        7: "equipment",
    }
    assert {name: kind for name, (kind, _) in known_later.items() if kind} == {
        names[number]: kind for number, kind in expected.items()
    }


def test_shipments_that_may_still_get_a_result_count_neither_as_clean_nor_as_presumed_clean(database: Database) -> None:
    traffic = quiet()
    fill(database, traffic)
    for number, days in ((0, 2), (1, 4), (29, 1)):
        add(database, decision_of(database, traffic[number]), "none", iso(traffic[number].declared_s + days * DAY))
    day = (START // DAY + 35) * DAY * SECOND
    loaded = load(database, day)
    assert loaded.lineage is not None
    assert loaded.lineage["label_delay_days"] == pytest.approx(3.6)
    assert loaded.lineage["immature"] == 0
    loaded = load(database, day, delay_s=10 * DAY)
    young = [row.values["shipment_id"] for row in traffic[:29] if row.declared_s * SECOND > day - 10 * DAY * SECOND]
    assert [name for name, (_, weight) in contents(loaded).items() if not weight] == young
    assert loaded.lineage is not None
    assert loaded.lineage["immature"] == len(young) == 3
    assert any(
        f"{len(young)} shipments without a result are younger than the label delay" in one for one in loaded.data.notes
    )


def test_what_cannot_be_learned_from_is_left_out_and_counted(database: Database) -> None:
    traffic = quiet()
    fill(database, traffic[:20])
    fill(database, traffic[20:23], what_if=True, history_order=None)
    # The same shipments again: other content, later.
    again = [Row(row.declared_s + 9 * DAY, row.values | {"net_mass_kg": "77"}) for row in traffic[:4]]
    fill(database, again)
    fill(database, traffic[23:25], history_order=None)
    fill(database, traffic[25:27])
    with database.write() as connection:
        for row in traffic[25:27]:
            erased = update(Decision).where(Decision.shipment_id == row.values["shipment_id"])
            connection.execute(erased.values(manifest=None, salt=None))
    add(database, decision_of(database, traffic[0]), "none", iso(traffic[0].declared_s + DAY))
    loaded = load(database)
    assert loaded.lineage is not None
    assert loaded.lineage["left_out"] == {"what_if": 3, "erased": 2, "without_a_time": 2, "repeated": 4}
    assert ids_of(loaded) == [row.values["shipment_id"] for row in traffic[:20]]
    assert 77.0 not in loaded.data.table.number("net_mass_kg")
    assert any("4 on a shipment that was decided before" in note for note in loaded.data.notes)


def test_a_store_from_which_nothing_can_be_learned_is_refused(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(BadData, match="0 shipments with a manifest"):
        load(database)
    fill(database, quiet())
    with pytest.raises(BadData, match=r"no outcome of its shipments was recorded before .*outcomes import"):
        load(database)
    monkeypatch.setattr(from_store, "LEAST_SHIPMENTS", 1_000)
    with pytest.raises(BadData, match=r"30 shipments with a manifest were received before .*at least 1,000"):
        load(database)


def test_the_probability_of_selection_is_that_of_chance_for_what_only_chance_made_red() -> None:
    """Red by score, by exploration, red in any case, by score again, not red, unknown, and by a rule."""
    frame = pd.DataFrame(
        {
            "position": [1, 2, 3, 4, 5, 6, 7],
            "lane": ["red", "red", "red", "red", "yellow", "red", "red"],
            "inspection_probability": [1.0, 0.02, 0.02, 1.0, 0.02, None, 0.02],
            "log_odds": [1.0, -5.0, 1.0, 1.0, -5.0, None, -5.0],
            "threshold": [0.0, 0.0, 0.0, 0.0, 0.0, None, 0.0],
            "floored": [False, False, False, False, False, None, True],
        }
    ).astype({"floored": object})
    np.testing.assert_array_equal(known._probability(frame), [1.0, 0.02, 1.0, 1.0, np.nan, np.nan, 1.0])


@pytest.mark.both_engines
def test_a_result_weighs_by_the_probability_with_which_it_was_selected(database: Database) -> None:
    traffic = quiet()
    chance = {"lane": "red", "threshold": 0.0, "floored": False}
    fill(database, traffic[:10], **chance, log_odds=1.0, inspection_probability=1.0)
    fill(database, traffic[10:20], **chance, log_odds=-5.0, inspection_probability=0.1)
    fill(database, traffic[20:29], **chance, log_odds=-5.0, inspection_probability=0.001)
    fill(
        database, traffic[29:], lane="green", log_odds=-5.0, threshold=0.0, floored=False, inspection_probability=0.001
    )
    # A person chose shipment 11 before its inspection, and released shipment 10 after it.
    for number, at in ((11, START * SECOND), (10, LATER - 1)):
        with database.write() as connection:
            database.lock_audit(connection)
            decision = decision_of(database, traffic[number])
            _, fact = add_override(connection, decision, "green", "known", caller=None, at=at)
            audit.append(connection, [fact], at)
    for number in (0, 10, 11, 20, 29):
        content = "precursor" if number == 20 else "none"
        add(database, decision_of(database, traffic[number]), content, iso(traffic[number].declared_s + DAY))
    loaded = load(database)
    weight = dict(enumerate(loaded.data.labels.weight.tolist()))
    assert [weight[number] for number in (0, 10, 11, 20, 29)] == pytest.approx([1.0, 10.0, 1.0, MOST_WEIGHT, 1.0])
    assert np.flatnonzero(loaded.data.labels.stated).tolist() == [0, 10, 20]
    figures = selection_figures(loaded.data.labels, loaded.data.table)
    assert (figures["inspected"], figures["finds"], figures["stated"]) == (5, 1, 3)
    assert figures["learning"]["effective"] == pytest.approx(9**2 / 21, abs=0.05)
    assert figures["figures"]["effective"] == pytest.approx(38**2 / (3 + 100 + 625), abs=0.05)
    assert (figures["learning"]["capped"], figures["figures"]["capped"]) == (2, 1)
