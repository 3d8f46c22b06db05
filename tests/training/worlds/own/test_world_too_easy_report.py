"""The report on how easy the world is detects leaks of a careless simulator.

The world of these tests has no illicit trade. Random shipments are marked as illicit, so that nothing separates them from the
others until a leak is planted.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from io import StringIO

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from training.worlds.own import TooEasyReport, WorldChunk, generate
from training.worlds.own.checks.sceptic import auc, bootstrap, check_digit, out_of_fold_rate, pattern, template
from training.worlds.own.checks.too_easy import MOST_ROWS, examine, too_easy
from training.worlds.own.world import joined

ROWS, SEED, SHARE = 8_000, 5, 0.05
ARTEFACTS = "artefacts"


@pytest.fixture(scope="module")
def marked() -> WorldChunk:
    """Return the lawful shipments of a world, of which one in twenty is marked at random."""
    rows = joined(list(generate(ROWS, SEED)))
    _, shipment = np.unique(rows.office["shipment_id"].astype(str), return_inverse=True)
    lawful = np.bincount(shipment, rows.truth["content"] != "none")[shipment] == 0
    office = {name: column[lawful] for name, column in rows.office.items()}
    _, shipment = np.unique(office["shipment_id"].astype(str), return_inverse=True)
    rng = np.random.default_rng(3)
    mark = (rng.random(shipment.max() + 1) < SHARE)[shipment]
    n = len(shipment)
    # The illicit item of a marked shipment is the one with the highest draw.
    draw = rng.random(n)
    highest = np.zeros(shipment.max() + 1)
    np.maximum.at(highest, shipment, draw)
    truth = {name: np.full(n, "", dtype=object) for name in rows.truth}
    truth["shipment_id"], truth["item_number"] = office["shipment_id"], office["item_number"]
    truth["content"] = np.where(mark & (draw == highest[shipment]), "precursor", "none").astype(object)
    truth["network_id"] = np.where(mark, [f"N{i // 9}" for i in range(n)], "").astype(object)
    return WorldChunk(n, office, truth)


def _report(world: WorldChunk) -> TooEasyReport:
    return examine(world, seed=1)


def _broken(report: TooEasyReport) -> set[str]:
    return {bar.name for bar in report.bars if not bar.ok}


@pytest.fixture(scope="module")
def report_without_leak(marked: WorldChunk) -> TooEasyReport:
    return _report(marked)


def test_random_marks_exceed_no_limit_except_that_of_rare_wordings(report_without_leak: TooEasyReport) -> None:
    # In such a small world, many texts occur once.
    assert {name for name in _broken(report_without_leak) if "misdeclared" not in name} == set()
    bars = {bar.name: bar for bar in report_without_leak.bars}
    assert any(name.startswith(ARTEFACTS) for name in bars)
    for name, bar in bars.items():
        if name.startswith("artefacts"):
            assert bar.low is not None
            assert bar.high is not None
            assert bar.low - 0.03 <= 0.5 <= bar.high + 0.03, bar


def _trailing_space(office: dict[str, np.ndarray], rows: np.ndarray) -> None:
    office["goods_description"] = np.where(rows, office["goods_description"] + " ", office["goods_description"])


def _whole_minutes(office: dict[str, np.ndarray], rows: np.ndarray) -> None:
    moments = office["declared_at"]
    office["declared_at"] = np.array(
        [t[:-3] + "00Z" if r else t for t, r in zip(moments, rows, strict=True)], dtype=object
    )


def _no_phone(office: dict[str, np.ndarray], rows: np.ndarray) -> None:
    office["consignor_phone"] = np.where(rows, "", office["consignor_phone"])


def _own_words(office: dict[str, np.ndarray], rows: np.ndarray) -> None:
    own = np.array([f"goods of kind {i}" for i in range(len(rows))], dtype=object)
    office["goods_description"] = np.where(rows, own, office["goods_description"])


def _wrong_check_digits(office: dict[str, np.ndarray], rows: np.ndarray) -> None:
    masters = office["master_id"]
    office["master_id"] = np.array(
        [
            t[:-1] + str((int(t[-1]) + 3) % 10) if r and t[-1:].isdigit() else t
            for t, r in zip(masters, rows, strict=True)
        ],
        dtype=object,
    )


def _own_carrier(office: dict[str, np.ndarray], rows: np.ndarray) -> None:
    office["carrier_id"] = np.where(rows & (np.arange(len(rows)) % 20 == 0), "QQ", office["carrier_id"])


def _own_marketplace(office: dict[str, np.ndarray], rows: np.ndarray) -> None:
    office["marketplace"] = np.where(rows, "nowhere.example", office["marketplace"])


def _one_house_number(office: dict[str, np.ndarray], rows: np.ndarray) -> None:
    office["house_id"] = np.where(rows & (np.arange(len(rows)) % 10 == 0), "H00000000", office["house_id"])


def _common_values(office: dict[str, np.ndarray], rows: np.ndarray) -> None:
    _own_words(office, rows)
    _own_carrier(office, rows)
    _own_marketplace(office, rows)
    _one_house_number(office, rows)


@pytest.mark.parametrize(
    ("leak", "bars"),
    [
        (_trailing_space, [ARTEFACTS]),
        (_whole_minutes, [ARTEFACTS]),
        (_no_phone, [ARTEFACTS]),
        (_wrong_check_digits, [ARTEFACTS]),
        (
            _common_values,
            [
                "misdeclared descriptions",
                "illicit rows with values that no lawful row has",
                "best single field (marketplace",
                "tree of depth 2",
                "repeated shipment or house numbers",
            ],
        ),
    ],
)
def test_a_planted_leak_exceeds_its_limit(
    marked: WorldChunk, leak: Callable[[dict[str, np.ndarray], np.ndarray], None], bars: list[str]
) -> None:
    office = dict(marked.office)
    _, shipment = np.unique(office["shipment_id"].astype(str), return_inverse=True)
    leak(office, np.bincount(shipment, marked.truth["content"] != "none")[shipment] > 0)
    broken = _broken(_report(replace(marked, office=office)))
    for bar in bars:
        assert any(name.startswith(bar) for name in broken), (bar, broken)


def _listed_substance(office: dict[str, np.ndarray], rows: np.ndarray) -> None:
    office["goods_description"] = np.where(rows, "4-piperidone 98%", office["goods_description"])
    office["cas_number"] = np.where(rows, "41661-47-6", office["cas_number"])
    office["permit_number"] = np.where(rows, "", office["permit_number"])


def test_content_evidence_of_overt_shipments_exceeds_no_limit_and_their_form_may(marked: WorldChunk) -> None:
    _, shipment = np.unique(marked.office["shipment_id"].astype(str), return_inverse=True)
    rows = np.bincount(shipment, marked.truth["content"] != "none")[shipment] > 0
    office = dict(marked.office)
    _listed_substance(office, rows)
    named = np.where(marked.truth["content"] != "none", "named", "").astype(object)
    world = replace(marked, office=office, truth=marked.truth | {"declaration": named})
    assert {name for name in _broken(_report(world)) if "new since the fit window" not in name} == set()
    # The same evidence in shipments that claim to be harmless is a leak.
    assert any(name.startswith("best single field") for name in _broken(_report(replace(marked, office=office))))
    _wrong_check_digits(office, rows)
    broken = _broken(_report(replace(world, office=office)))
    assert any(name.startswith("artefacts of overt shipments") for name in broken), broken


def test_a_world_of_a_seed_is_examined_up_to_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = too_easy(2_000, 3)
    assert whole.rows == 2_000 < MOST_ROWS
    monkeypatch.setattr("training.worlds.own.checks.too_easy.MOST_ROWS", 2_000)
    assert too_easy(5_000, 3) == whole


def test_a_world_without_illicit_rows_is_refused(marked: WorldChunk) -> None:
    nothing = np.full(marked.n_rows, "none", dtype=object)
    with pytest.raises(ValueError, match="generate more rows"):
        examine(replace(marked, truth=marked.truth | {"content": nothing}))


def test_the_report_is_plain_json_and_a_table(report_without_leak: TooEasyReport) -> None:
    written = json.loads(json.dumps(report_without_leak.to_json(), allow_nan=False))
    assert written["ok"] == report_without_leak.ok
    assert {"name", "value", "limit", "sense", "ok", "low", "high"} == set(written["bars"][0])
    assert written["artefacts"]
    console = Console(width=160, file=StringIO())
    console.print(report_without_leak.table())
    text = console.file.getvalue()  # type: ignore[attr-defined]
    assert all(bar.name.split(" (")[0] in text for bar in report_without_leak.bars)


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 6)), min_size=2, max_size=60))
def test_the_roc_auc_is_the_share_of_ordered_pairs(pairs: list[tuple[bool, int]]) -> None:
    target = np.array([p[0] for p in pairs])
    score = np.array([p[1] for p in pairs], dtype=np.float64)
    if target.all() or not target.any():
        assert np.isnan(auc(target, score))
        return
    above = score[target][:, None] - score[~target][None, :]
    assert auc(target, score) == pytest.approx(np.mean((above > 0) + 0.5 * (above == 0)))


def test_the_interval_is_wider_if_networks_sent_many_shipments() -> None:
    rng = np.random.default_rng(0)
    target = np.arange(6_000) < 400
    group = np.where(target, np.arange(6_000) // 20, -1)
    score = rng.standard_normal(6_000) + np.where(target, rng.standard_normal(300)[group], 0)
    together, alone = (bootstrap(target, score, own, 0) for own in (group, np.arange(6_000)))
    value, low, high = together
    assert value == pytest.approx(auc(target, score))
    assert low < value < high
    assert high - low > 1.5 * (alone[2] - alone[1])


def test_rates_are_learned_on_other_rows() -> None:
    # Every text occurs once, so the rates of other rows reveal nothing about its row.
    target = np.arange(500) % 2 == 0
    rates = out_of_fold_rate(np.arange(500), target, np.arange(500) % 5)
    assert auc(target, rates) < 0.6
    # One of two texts is always a find: rates learned on the folds apply to the rows outside them.
    codes = target.astype(np.int64)
    rates = out_of_fold_rate(codes, target, np.where(np.arange(500) < 300, np.arange(500) % 5, -1))
    assert auc(target, rates) == 1.0


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # The example of the UPU, a waybill (1234567 = 7 * 176366 + 5), and a CAS number; then each with a wrong digit.
        ("RN473124829GB", 1.0),
        ("999-12345675", 1.0),
        ("64-17-5", 1.0),
        ("RN473124828GB", 0.0),
        ("999-12345676", 0.0),
        ("64-17-6", 0.0),
        ("H68059801", -1.0),
        ("", -1.0),
    ],
)
def test_check_digits_are_verified(text: str, expected: float) -> None:
    assert check_digit(text) == expected


def test_patterns_and_templates_show_only_the_form() -> None:
    assert pattern("G2 7EU") == "A9 9AA"
    assert template("18 x Strickwaren AB-12") == "99 x strickwaren ab-99"
