"""Evidence for an office's own label: all entries count, with weights multiplied by one factor."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from features.manifest.fields import HEADS
from features.space import FeatureSpace
from models.evidence import EvidenceFault, Prior, parse_evidence, read_evidence

NAMES = FeatureSpace().names


def _rows() -> np.ndarray:
    """Return feature rows in which many entries fire."""
    draw = np.random.default_rng(0)
    return np.ascontiguousarray(draw.choice([0.0, 1.0, 5.0, 90.0, np.nan], (300, len(NAMES))))


def test_the_base_value_of_an_own_label_is_that_of_any_content() -> None:
    of_heads = Prior(read_evidence(), tuple(HEADS), NAMES).base
    of_label = Prior(read_evidence().for_own_label(0.5), ("risk",), NAMES).base
    assert of_label[0] == pytest.approx(np.log(np.exp(of_heads).sum()))


def test_every_entry_counts_for_an_own_label_times_the_factor() -> None:
    full, half, none = (Prior(read_evidence().for_own_label(f), ("risk",), NAMES) for f in (1.0, 0.5, 0.0))
    rows = _rows()
    evidence = full.log_odds(rows)[:, 0] - full.base[0]
    assert len(full.entries) == len(Prior(read_evidence(), tuple(HEADS), NAMES).entries)
    assert np.ptp(evidence) > 5.0
    np.testing.assert_allclose(half.log_odds(rows)[:, 0], half.base[0] + 0.5 * evidence, atol=1e-9)
    assert (none.log_odds(rows)[:, 0] == none.base[0]).all()


def test_contributions_of_entries_add_up_to_the_prior_of_an_own_label() -> None:
    prior = Prior(read_evidence().for_own_label(0.3), ("risk",), NAMES)
    rows = _rows()
    np.testing.assert_allclose(
        prior.base[0] + prior.contributions(rows, 0).sum(axis=1), prior.log_odds(rows)[:, 0], atol=1e-9
    )


def test_without_a_factor_no_entry_counts_for_an_own_label() -> None:
    prior = Prior(read_evidence(), ("risk",), NAMES)
    assert prior.entries == ()
    assert not prior.log_odds(_rows()).any()


def test_the_file_contains_the_factor() -> None:
    evidence = read_evidence().for_own_label(0.25)
    again = parse_evidence(evidence.source)
    assert dict(again.factors) == {"risk": 0.25}
    assert replace(again, factors={}) == replace(evidence, factors={})
    assert again.digest != read_evidence().digest


@pytest.mark.parametrize("factor", ["risk = 1.5", "risk = -0.1", "equipment = 'much'", "fraud = 0.5"])
def test_a_factor_of_another_head_or_outside_its_range_is_refused(factor: str) -> None:
    source = f"[factor]\n{factor}\n\n".encode() + read_evidence().source
    with pytest.raises(EvidenceFault, match=r"\[factor\]: .* must be one of .* with a number from 0 to 1"):
        parse_evidence(source)
