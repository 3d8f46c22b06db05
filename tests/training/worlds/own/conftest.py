"""One simulated world per session."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.training.worlds.own.whole import Whole
from training.worlds.own import generate

ROWS = 90_000
SEED = 11

#: Fixtures with simulated worlds that take five seconds to half a minute.
_WORLDS = {"world", "large_world", "compared", "stubborn", "wary"}
_FOLDER = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave tests of whole worlds to `make test-long`."""
    for item in items:
        if item.path.is_relative_to(_FOLDER) and _WORLDS & {*getattr(item, "fixturenames", ())}:
            item.add_marker(pytest.mark.long)


@pytest.fixture(scope="session")
def world() -> Whole:
    return _whole(ROWS)


@pytest.fixture(scope="session")
def large_world() -> Whole:
    """Return a world with enough networks for tests of contents and inspections, which vary between networks."""
    return _whole(3 * ROWS)


def _whole(rows: int) -> Whole:
    chunks = list(generate(rows, SEED))
    office = {name: np.concatenate([chunk.office[name] for chunk in chunks]) for name in chunks[0].office}
    truth = {name: np.concatenate([chunk.truth[name] for chunk in chunks]) for name in chunks[0].truth}
    illicit = truth["content"] != "none"
    ids = office["shipment_id"]
    first = np.concatenate([[True], ids[1:] != ids[:-1]])
    shipment = np.cumsum(first) - 1
    any_illicit = np.bincount(shipment, illicit) > 0
    return Whole(office, truth, illicit, first, any_illicit[shipment])
