"""Small worlds of two authors, shared by the tests of this folder."""

from __future__ import annotations

import pytest

from training.authors.learning import ResidualParams
from training.authors.leaving_out import Authors

NAMES = ("northpost", "gateway_hub", "bonded_broker")
QUICK = ResidualParams(common_trees=12, threads=1)


@pytest.fixture(scope="session")
def authors() -> Authors:
    return Authors.load(NAMES, shipments=2_500, runs=2)
