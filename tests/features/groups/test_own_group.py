"""The feature group of an office's own data: results that each row sees, and reproducibility."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.groups.own import group as own_module
from features.groups.own.counts import Count, Counts, Results, by_fold, first_results, in_time
from features.groups.own.group import FOLDS, OwnGroup, _folds
from features.groups.own.keys import DECLARATION, OwnFields, declarations, hashed, near_declarations
from features.readers.headers import FurtherField, missing_note, slugs
from features.space import FeatureSpace
from features.table.table import Coded, ManifestTable
from tests.effort import examples

DAY = 86400
FIELDS = (
    FurtherField("Tax Rate", "numeric", of_goods=True),
    FurtherField("Office", "categorical"),
    FurtherField("Duty paid", "numeric"),
)
OWN = OwnFields(
    FIELDS,
    ("consignee_name", "agent_name", "hs_code", "origin_country", "export_country", "net_mass_kg", "customs_value"),
)
NO_HISTORY = np.empty((0, 0))


def table(n: int = 200, seed: int = 0, *, kinds: int = 30, per_day: int = 5, times: bool = True) -> ManifestTable:
    """Return ``n`` declarations of ``kinds`` kinds of goods, so that most of them are repeated."""
    rng = np.random.default_rng(seed)
    kind = rng.integers(0, kinds, n)
    columns = {
        "shipment_id": [f"S{i}" for i in range(n)],
        "hs_code": [f"{3901 + k % 7}{10 + k % 5}" for k in kind],
        "origin_country": [("CN", "DE", "IN")[k % 3] for k in kind],
        "export_country": [("CN", "DE", "NL")[k % 3] for k in kind],
        "net_mass_kg": [f"{10 + k}.5" for k in kind],
        "customs_value": [str(100 + 3 * k) for k in kind],
        "consignee_name": [f"Importer {i}" for i in rng.integers(0, 25, n)],
        "agent_name": [f"Agent {i}" for i in rng.integers(0, 6, n)],
    }
    if times:
        columns["declared_at"] = [str(np.datetime64("2024-01-01") + i // per_day) for i in range(n)]
    further = {
        "Tax Rate": [f"{k % 4}.5" for k in kind],
        "Office": [str(10 + i) for i in rng.integers(0, 4, n)],
        "Duty paid": [f"{v:.2f}" for v in rng.lognormal(3, 1, n)],
    }
    return ManifestTable.from_columns(
        {name: Coded.from_list(values) for name, values in columns.items()},
        n,
        receipt=1_780_000_000,
        further={name: Coded.from_list(values) for name, values in further.items()},
    )


def results(rows: ManifestTable, find: np.ndarray, *, delay: int = 3 * DAY, timed: bool = True) -> Results:
    known_s = rows.declared_s[rows.shipment] + delay
    return Results(find, np.ones(rows.n_rows, dtype=bool), known_s, timed)


def find_of(n: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).random(n) < 0.3


@given(st.integers(0, 10_000), st.integers(0, 3))
@examples(30)
def test_identical_declarations_share_a_fold(seed: int, fold_seed: int) -> None:
    rows = table(120, seed, kinds=15, times=False)
    keys = hashed(rows, OWN)[DECLARATION]
    fold = _folds(keys, fold_seed)
    # Compare the declared values, not the keys.
    same: dict[tuple[object, ...], set[int]] = {}
    texts = [
        rows.raw[name].to_list()
        for name in ("hs_code", "origin_country", "export_country", "net_mass_kg", "customs_value")
    ]
    for identity, number in zip(
        zip(*texts, rows.further("Tax Rate").to_list(), strict=True), fold.tolist(), strict=True
    ):
        same.setdefault(identity, set()).add(number)
    assert all(len(folds) == 1 for folds in same.values())
    assert set(fold.tolist()) <= set(range(FOLDS))
    assert len(np.unique(declarations(rows, OWN))) == len(same)


def test_without_times_a_rate_does_not_reveal_results_of_identical_declarations(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Results are random per kind of goods, and each kind has its own importer, so nothing general can be learned."""
    kinds = np.repeat(np.arange(120), 6)
    n = len(kinds)
    find = (np.random.default_rng(0).random(120) < 0.5)[kinds]
    columns = {
        "shipment_id": [f"S{i}" for i in range(n)],
        "hs_code": ["390110"] * n,
        "net_mass_kg": [str(k + 1) for k in kinds],
        "customs_value": [str(2 * k + 5) for k in kinds],
        "consignee_name": [f"Importer {k}" for k in kinds],
    }
    rows = ManifestTable.from_columns(
        {name: Coded.from_list(v) for name, v in columns.items()}, n, receipt=1_780_000_000
    )

    def correlation() -> float:
        group = OwnGroup(OwnFields((), ("consignee_name", "hs_code", "net_mass_kg", "customs_value")))
        matrix = group.learn(rows, Results(find, np.ones(n, dtype=bool), np.zeros(n, dtype=np.int64), False))
        rate = matrix[:, [f.name for f in group.features].index("own_consignee_name_rate")]
        return float(np.abs(np.corrcoef(rate, find)[0, 1])) if rate.std() else 0.0

    assert correlation() < 0.1
    # With rows assigned to folds one by one, the importer's rate reveals the result.
    monkeypatch.setattr(own_module, "_folds", lambda signature, seed: np.arange(len(signature)) % FOLDS)
    assert correlation() > 0.7


def test_rows_as_if_new_see_neither_identical_declarations_nor_their_results(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = table(400, kinds=8)
    code = np.unique(hashed(rows, OWN)[DECLARATION], return_inverse=True)[1]
    find = np.isin(code, [0, 3])
    names = [f.name for f in OwnGroup(OWN).features]

    def as_new(find: np.ndarray) -> np.ndarray:
        new = OwnGroup(OWN).learn_also_as_new(rows, results(rows, find), seed=1)[1]
        assert new.rows.tolist() == list(range(400))
        return new.values

    # Rates are relative to the overall rate, which depends on all results. Fix it.
    monkeypatch.setattr(OwnGroup, "_overall", lambda group: 0.25)

    new, identical = as_new(find), code == 3
    assert not new[:, names.index("own_declaration_seen")].any()
    assert not new[:, names.index("own_declaration_known")].any()
    changed = as_new(np.where(identical, ~find, find))
    np.testing.assert_array_equal(new[identical], changed[identical])
    assert not np.array_equal(new[~identical], changed[~identical])


@pytest.mark.parametrize("timed", [True, False])
def test_rows_as_if_new_do_not_change_what_is_learned(timed: bool) -> None:
    rows = table(300)
    known = results(rows, find_of(300, 1), timed=timed)
    both, alone = OwnGroup(OWN), OwnGroup(OWN)
    np.testing.assert_array_equal(both.learn_also_as_new(rows, known, seed=2)[0], alone.learn(rows, known, seed=2))
    assert repr(both.state()) == repr(alone.state())


def test_a_repeated_declaration_is_recognised_by_the_features() -> None:
    rows = table(100, kinds=8)
    group = OwnGroup(OWN)
    matrix = group.learn(rows, results(rows, find_of(100, 1)))
    first = np.unique(hashed(rows, OWN)[DECLARATION], return_index=True)[1]
    assert not group.seen(matrix)[first].any()
    assert group.seen(matrix)[rows.n_rows // 2 :].all()


@given(st.integers(0, 10_000), st.integers(0, 199))
@examples(25)
def test_a_row_sees_only_results_known_before_its_moment(seed: int, row: int) -> None:
    rows = table(200, seed)
    find = find_of(200, seed)
    group = OwnGroup(OWN)
    before = group.learn(rows, results(rows, find))
    known_s = rows.declared_s + 3 * DAY
    later = known_s >= rows.declared_s[row]
    assert later[row]
    changed = np.where(later, ~find, find)
    after = OwnGroup(OWN).learn(rows, results(rows, changed))
    np.testing.assert_array_equal(before[row], after[row])


def test_rows_of_one_day_do_not_see_each_other() -> None:
    rows = table(60, kinds=1, per_day=60)
    matrix = OwnGroup(OWN).learn(rows, results(rows, find_of(60, 1), delay=1))
    names = [f.name for f in OwnGroup(OWN).features]
    assert np.all(matrix[:, names.index("own_declaration_seen")] == 0.0)
    assert np.all(matrix[:, names.index("own_declaration_known")] == 0.0)


def test_rates_follow_earlier_results() -> None:
    rows = table(400, kinds=8)
    find = np.isin(np.unique(hashed(rows, OWN)[DECLARATION], return_inverse=True)[1], [0, 3])
    names = [f.name for f in OwnGroup(OWN).features]
    matrix = OwnGroup(OWN).learn(rows, results(rows, find))
    rate = matrix[200:, names.index("own_declaration_rate")]
    assert rate[find[200:]].min() > rate[~find[200:]].max()


@given(
    st.lists(
        st.tuples(st.integers(0, 3), st.integers(0, 12), st.integers(0, 6), st.booleans(), st.booleans()), max_size=40
    )
)
@examples(60)
def test_counts_in_time_equal_counting_one_by_one(entries: list[tuple[int, int, int, bool, bool]]) -> None:
    keys = np.array([e[0] for e in entries], dtype=np.int64)
    moment = np.array([e[1] for e in entries], dtype=np.int64)
    known_at = moment + np.array([e[2] for e in entries], dtype=np.int64)
    find = np.array([e[3] for e in entries], dtype=bool)
    weight = np.array([e[4] for e in entries], dtype=np.int64)
    seen = in_time(keys, moment, weight, find, known_at)
    for i in range(len(entries)):
        same = (keys == keys[i]) & (keys[i] != 0)
        known = same & (known_at < moment[i]) & (weight == 1)
        assert seen.rows[i] == np.sum(same & (moment < moment[i]))
        assert (seen.known[i], seen.finds[i]) == (np.sum(known), np.sum(known & find))


def test_counts_by_fold_exclude_the_own_fold() -> None:
    keys = np.array([5, 5, 5, 7, 7, 0])
    fold = np.array([0, 0, 1, 1, 2, 0])
    ones = np.ones(6, dtype=np.int64)
    seen = by_fold(keys, fold, 3, ones, np.array([True, True, False, True, False, True]))
    np.testing.assert_allclose(seen.rows, np.array([1, 1, 2, 1, 1, 0]) * 1.5)
    np.testing.assert_allclose(seen.finds, np.array([0, 0, 2, 0, 1, 0]) * 1.5)
    chosen = by_fold(keys, fold, 3, ones, np.array([True, True, False, True, False, True]), np.array([2, 4, 5]))
    assert chosen.finds.tolist() == seen.finds[[2, 4, 5]].tolist()


def test_a_repeated_declaration_counts_once_for_its_values() -> None:
    keys = np.array([5, 5, 5, 7])
    signature = np.array([1, 1, 2, 1])
    known = Results(np.zeros(4, bool), np.array([True, True, True, True]), np.array([9, 3, 4, 5]), True)
    assert first_results(keys, signature, known, known.known_s).tolist() == [0, 1, 1, 1]


def test_features_of_later_rows_do_not_depend_on_the_chunks() -> None:
    rows = table(300)
    group = OwnGroup(OWN)
    group.learn(rows, results(rows, find_of(300, 2)))
    later = table(90, seed=9)
    whole = group.transform(later, NO_HISTORY)
    parts = [group.transform(later.take(np.arange(i, min(i + 7, 90))), NO_HISTORY) for i in range(0, 90, 7)]
    np.testing.assert_array_equal(whole, np.concatenate(parts))


def test_a_restored_state_gives_equal_features_to_the_last_bit() -> None:
    rows = table(300)
    group = OwnGroup(OWN)
    group.learn(rows, results(rows, find_of(300, 2)))
    data, arrays = group.state()
    other = OwnGroup(OwnFields.from_json(json.loads(json.dumps(data))))
    other.restore(json.loads(json.dumps(data)), arrays)
    assert other.own == OWN
    np.testing.assert_array_equal(group.transform(rows, NO_HISTORY), other.transform(rows, NO_HISTORY))
    with pytest.raises(ValueError, match="do not fit together"):
        Counts.from_arrays({"x.keys": np.array([2, 1]), "x.counts": np.zeros((2, 3))}, "x")


def test_an_unknown_value_has_no_rows_and_the_rate_of_its_parent() -> None:
    rows = table(300)
    group = OwnGroup(OWN)
    group.learn(rows, results(rows, find_of(300, 2)))
    stranger = ManifestTable.from_columns(
        {
            "shipment_id": Coded.from_list(["X"]),
            "hs_code": Coded.from_list(["390199"]),
            "consignee_name": Coded.from_list(["Nobody Known"]),
        },
        1,
        receipt=1_780_000_000,
        further={"Office": Coded.from_list(["99"])},
    )
    values = dict(zip((f.name for f in group.features), group.transform(stranger, NO_HISTORY)[0], strict=True))
    assert values["own_consignee_name_seen"] == 0.0
    assert values["own_consignee_name_rate"] == 0.0
    assert values["own_field_office_seen"] == 0.0
    assert values["own_hs4_seen"] > 0.0
    assert values["own_hs6_rate"] == values["own_hs4_rate"]
    assert np.isnan(values["own_field_tax_rate_value"])
    assert np.isnan(values["own_agent_name_seen"])


@pytest.mark.parametrize("columns", [(), ("goods_description",), ("consignee_name",), ("hs_code",)])
def test_any_columns_may_be_missing(columns: tuple[str, ...]) -> None:
    n = 80
    text = {
        "shipment_id": [f"S{i}" for i in range(n)],
        "goods_description": ["paper cups"] * n,
        "hs_code": ["482369"] * n,
        "consignee_name": ["Importer"] * n,
    }
    rows = ManifestTable.from_columns({k: Coded.from_list(v) for k, v in text.items()}, n, receipt=1_780_000_000)
    group = OwnGroup(OwnFields((), columns))
    for timed in (True, False):
        matrix = group.learn(rows, results(rows, find_of(n, 3), timed=timed))
        assert matrix.shape == (n, len(group.features))
        assert not np.isinf(matrix).any()
    assert group.transform(rows.take(np.arange(0)), NO_HISTORY).shape == (0, len(group.features))


def test_only_a_space_with_own_data_has_own_columns_and_no_monotone_features() -> None:
    standard, own = FeatureSpace(), FeatureSpace(OWN)
    assert not any(name.startswith("own_") for name in standard.names)
    assert own.names[: len(standard.names)] == standard.names
    assert any(standard.monotone)
    assert not any(own.monotone)
    assert (
        FeatureSpace(OwnFields(FIELDS, OWN.columns, known_label=True)).monotone[: len(standard.names)]
        == standard.monotone
    )
    assert own.country_neutral["own_origin_country_rate"] == 0.0
    assert len(set(own.names)) == len(own.names)


def test_names_of_fields_become_unique_parts_of_feature_names() -> None:
    assert slugs(["Tax.Rate", "tax rate", "Größe (cm)", "%"]) == ["tax_rate", "tax_rate_2", "gr_sse_cm", "field"]


def test_a_note_lists_the_fields_that_a_file_lacks() -> None:
    assert missing_note(FIELDS, ["tax_rate", "OFFICE", "Duty Paid"]) is None
    assert "'Office', 'Duty paid'" in str(missing_note(FIELDS, ["Tax Rate"]))


def test_columns_of_keys_and_numbers_contain_the_statistic_of_their_name() -> None:
    rows = table(300)
    group = OwnGroup(OWN)
    group.learn(rows, results(rows, find_of(300, 2)))
    later = table(40, seed=9)
    values = dict(zip((f.name for f in group.features), group.transform(later, NO_HISTORY).T, strict=True))
    counts = np.empty((len(Count), 40))
    group.counts_["agent_name"].look_up(hashed(later, OWN)["agent_name"], counts)
    assert counts[Count.ROWS].min() > 0
    np.testing.assert_array_equal(values["own_agent_name_seen"], np.log1p(counts[Count.ROWS]))
    np.testing.assert_array_equal(values["own_value"], np.log(later.number("customs_value")))
    np.testing.assert_array_equal(values["own_field_duty_paid_value"], later.further_number("Duty paid"))
    assert "own_declaration_known" in values
    assert "own_agent_name_known" not in values


def test_lookups_return_zero_for_unknown_keys() -> None:
    counts = Counts.of(np.array([5, 5, 7, 0]), np.array([1, 0, 1, 1]), np.array([True, False, False, True]))
    out = np.full((len(Count), 5), np.nan)
    counts.look_up(np.array([7, 5, 0, 6, 9]), out)
    assert out.tolist() == [[1, 2, 0, 0, 0], [1, 1, 0, 0, 0], [0, 1, 0, 0, 0]]
    Counts.empty().look_up(np.array([7]), out[:, :1])
    assert out[:, 0].tolist() == [0, 0, 0]


def test_near_copies_of_a_declaration_share_its_number() -> None:
    columns = {
        "shipment_id": list("ABCDEFG"),
        "hs_code": ["390110"] * 6 + ["390120"],
        "consignee_name": ["Importer 1"] * 5 + ["Importer 2", "Importer 1"],
        "net_mass_kg": ["10", "10.1", "10", "10", "", "10", "10"],
        "customs_value": ["100", "101.5", "110", "100", "100", "100", "100"],
    }
    rows = ManifestTable.from_columns({name: Coded.from_list(v) for name, v in columns.items()}, 7)
    own = OwnFields((), ("hs_code", "consignee_name", "net_mass_kg", "customs_value"))
    a, near, dear, same, unknown, importer, goods = near_declarations(rows, own).tolist()
    # A near copy of another importer is none, but the same goods, mass and value are the same declaration.
    assert a == near == same == importer
    assert len({a, dear, unknown, goods}) == 4
    assert len(set(near_declarations(rows, OwnFields((), ("net_mass_kg", "customs_value"))).tolist())) == 4


def test_many_rows_that_differ_gradually_are_no_near_copies() -> None:
    n = 400
    columns = {
        "shipment_id": [f"S{i}" for i in range(n)],
        "consignee_name": ["Importer"] * n,
        "customs_value": [str(100 + i) for i in range(n)],
    }
    rows = ManifestTable.from_columns({name: Coded.from_list(v) for name, v in columns.items()}, n)
    own = OwnFields((), ("consignee_name", "customs_value"))
    assert len(np.unique(near_declarations(rows, own))) == n
