"""Choice of the pairs of columns that predict later results."""

from __future__ import annotations

import numpy as np
import pytest

from features.groups.own.counts import Results
from features.groups.own.keys import OwnFields, hashed
from features.readers.headers import FurtherField
from features.table.table import Coded, ManifestTable
from training.data.pairs import MOST_PAIRS, choose_pairs, pairs_note

FIELDS = tuple(FurtherField(name, "categorical") for name in ("Genus", "Port", "Noise"))
OWN = OwnFields(FIELDS, ("origin_country",))


def _rows(n: int, *, interact: bool, timed: bool = True) -> tuple[ManifestTable, Results]:
    """Return rows whose finds depend on genus and port together (``interact``) or on each separately."""
    rng = np.random.default_rng(4)
    genus, port, noise, origin = (rng.integers(0, size, n) for size in (6, 6, 6, 3))
    high = (genus + port) % 6 == 0 if interact else (genus == 0) | (port == 0)
    find = rng.random(n) < np.where(high, 0.5, 0.05)
    further = {
        name: Coded.from_list([f"{name}{value}" for value in values])
        for name, values in (("Genus", genus), ("Port", port), ("Noise", noise))
    }
    columns = {
        "shipment_id": Coded.from_list([f"S{row}" for row in range(n)]),
        "declared_at": Coded.from_list([str(np.datetime64("2024-01-01") + row * 300 // n) for row in range(n)]),
        "origin_country": Coded.from_list([("CN", "DE", "US")[one] for one in origin]),
        "customs_value": Coded.from_list([f"{row}.5" for row in range(n)]),
    }
    table = ManifestTable.from_columns(columns, n, further=further)
    known_s = table.declared_s + 86400
    return table, Results(find, np.ones(n, dtype=bool), known_s, timed)


@pytest.mark.parametrize("timed", [True, False])
def test_only_columns_that_interact_become_a_pair(timed: bool) -> None:
    own = OwnFields(FIELDS, ("origin_country", "customs_value"))
    table, results = _rows(6000, interact=True, timed=timed)
    assert choose_pairs(table, own, results, seed=0) == (("field_genus", "field_port"),)
    table, results = _rows(6000, interact=False, timed=timed)
    chosen = choose_pairs(table, own, results, seed=0)
    # Separate effects add up, so genus and port may form a pair; other columns have no effect.
    assert set(chosen) <= {("field_genus", "field_port")}
    assert len(chosen) <= MOST_PAIRS


def test_with_too_few_finds_no_pair_is_chosen() -> None:
    table, results = _rows(400, interact=True)
    assert choose_pairs(table, OWN, results, seed=0) == ()


def test_a_chosen_pair_is_counted_saved_and_listed() -> None:
    own = OwnFields(FIELDS, ("origin_country",), pairs=(("field_genus", "field_port"),))
    assert OwnFields.from_json(own.to_json()) == own
    key = next(key for key in own.counted if key.parts == ("field_genus", "field_port"))
    assert (key.name, key.parent) == ("field_genus_x_field_port", "field_genus")
    table, _ = _rows(300, interact=True)
    assert len(np.unique(hashed(table, own)[key.name])) == 36
    assert pairs_note(own) == (
        "Pairs of columns that predict later results better than either column: value of 'Genus' with value of 'Port'."
    )
    assert pairs_note(OWN) is None


def test_a_pair_of_a_missing_column_is_refused() -> None:
    with pytest.raises(ValueError, match="names a key that the fields do not have"):
        _ = OwnFields(FIELDS, (), pairs=(("field_genus", "agent_name"),)).counted


@pytest.mark.parametrize("interact", [True, False])
def test_a_usual_pair_is_counted_only_if_it_gains(interact: bool) -> None:
    n, rng = 4000, np.random.default_rng(5)
    code, origin = rng.integers(0, 4, n), rng.integers(0, 4, n)
    high = (code + origin) % 4 == 0 if interact else code == 0
    columns = {
        "shipment_id": [f"S{row}" for row in range(n)],
        "hs_code": [f"39269{one}" for one in code],
        "origin_country": [("CN", "DE", "US", "IN")[one] for one in origin],
        "customs_value": [f"{row}.5" for row in range(n)],
    }
    table = ManifestTable.from_columns({name: Coded.from_list(values) for name, values in columns.items()}, n)
    find = rng.random(n) < np.where(high, 0.3, 0.1)
    own = OwnFields((), ("hs_code", "origin_country", "customs_value"))
    assert own.usual_pairs() == (("hs6", "origin_country"),)
    assert not any("_x_" in key.name for key in own.counted)
    results = Results(find, np.ones(n, dtype=bool), np.arange(n), False)
    assert choose_pairs(table, own, results, seed=0) == (own.usual_pairs() if interact else ())
