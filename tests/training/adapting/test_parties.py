"""The bound on the influence of one party."""

from __future__ import annotations

import numpy as np
import pytest

from tests.models.small_model import table_of
from tests.training.adapting.conftest import office
from training.adapting.scoring import MOST, Concentration


def test_a_party_with_more_than_one_percent_counts_as_one_percent() -> None:
    columns = office(2_000)
    ids = [int(str(name)[-6:]) for name in columns["shipment_id"]]
    # Every fifth shipment, in several spellings.
    columns["consignor_name"] = [
        ("Large Sender", "LARGE  SENDER")[number % 2] if number % 5 == 0 else name
        for number, name in zip(ids, columns["consignor_name"], strict=True)
    ]
    found = Concentration.of(table_of(columns))
    is_large = np.arange(2_000) % 5 == 0
    assert found.weight[is_large].sum() == pytest.approx(MOST * 2_000)
    assert (found.weight[~is_large] == 1.0).all()
    assert found.counted[~is_large].all()
    assert found.counted[is_large].sum() == pytest.approx(20, abs=1)
    # Shipments that count are spread over the whole time.
    assert np.diff(np.flatnonzero(found.counted & is_large)).max() < 200
    assert [(party.role, party.name, party.share) for party in found.large] == [("consignor", "Large Sender", 0.2)]


def test_without_large_parties_every_shipment_counts() -> None:
    found = Concentration.of(table_of(office(2_000)))
    assert found.large == ()
    assert found.counted.all()


def test_shipments_without_a_name_do_not_form_a_party() -> None:
    columns = office(1_000)
    columns["consignor_name"] = [None] * len(columns["shipment_id"])
    found = Concentration.of(table_of(columns))
    assert found.large == ()
    assert (found.weight == 1.0).all()
