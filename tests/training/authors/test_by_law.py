"""Training examples from the law: a controlled substance declared without a permit is a find in any context."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from features.groups.history.history import History
from features.manifest.fields import HEADS
from features.space import FeatureSpace
from training.arrays import Floats
from training.authors.views import DRAWN, AuthorData, ByLaw, load_author


@pytest.fixture(scope="module")
def world() -> AuthorData:
    return load_author("bonded_broker", 2_000)


@pytest.fixture(scope="module")
def draw(world: AuthorData) -> Callable[[int], ByLaw]:
    table = world.table
    space = FeatureSpace().refitted(table)
    history = History.empty().advance(table).values
    return lambda seed: ByLaw.of(table, history, space, seed)


def column(examples: ByLaw, name: str) -> Floats:
    return examples.matrix[:, FeatureSpace().names.index(name)]


def test_each_example_declares_a_controlled_substance_of_its_head(draw: Callable[[int], ByLaw]) -> None:
    examples = draw(1)
    assert 2 * DRAWN / 3 < len(examples.matrix) <= 2 * DRAWN
    opioid, precursor = (examples.find[:, [*HEADS].index(head)] for head in ("fentanyl_or_analogue", "precursor"))
    assert (opioid ^ precursor).all()
    assert opioid.sum() > precursor.sum() > 0
    np.testing.assert_array_equal(column(examples, "substance_opioid") == 2.0, opioid)
    np.testing.assert_array_equal(column(examples, "substance_precursor") == 2.0, precursor)
    listed = [column(examples, f"substance_listed_{where}") for where in ("destination", "export", "origin")]
    assert (np.maximum.reduce(listed) == 1.0).all()


def test_no_example_declares_a_permit_and_other_features_vary_as_in_the_world(
    world: AuthorData, draw: Callable[[int], ByLaw]
) -> None:
    assert (world.table.declared("permit_number").codes >= 0).any()
    examples = draw(2)
    assert (column(examples, "permit_present") == 0.0).all()
    for name in ("consignee_company", "package_industrial", "hs_chemical_chapter", "substance_identifier"):
        assert 0.0 < np.nanmean(column(examples, name)) < 1.0, name


def test_a_precursor_is_declared_in_the_shipments_of_the_opioids(draw: Callable[[int], ByLaw]) -> None:
    examples = draw(5)
    precursor = examples.find[:, [*HEADS].index("precursor")]
    shipments = np.stack(
        [column(examples, name) for name in ("mass_kg", "account_age_days", "consignee_company")], axis=1
    )
    opioids = {row.tobytes() for row in shipments[~precursor]}
    shared = [row.tobytes() in opioids for row in shipments[precursor]]
    assert np.mean(shared) > 0.8


def test_only_the_seed_determines_the_examples(draw: Callable[[int], ByLaw]) -> None:
    one, again, other = draw(3), draw(3), draw(4)
    np.testing.assert_array_equal(one.matrix, again.matrix)
    np.testing.assert_array_equal(one.find, again.find)
    assert one.matrix.shape != other.matrix.shape or not np.array_equal(one.matrix, other.matrix, equal_nan=True)
