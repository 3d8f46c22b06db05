"""Worlds draw their priors from ranges, and several worlds form one stream of shipments."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from training.worlds.own import WorldChunk, generate
from training.worlds.own.priors import BadPrior, Prior, Priors, load_priors
from training.worlds.own.world import joined

FIELDS = 'basis = "assumed"\nsource = "a test"\n'


def _load(tmp_path: Path, entry: str) -> Priors:
    path = tmp_path / "priors.toml"
    path.write_text(f"[assumed.some.prior]\n{entry}\n{FIELDS}", encoding="utf-8")
    return load_priors(path)


def test_numbers_are_drawn_within_their_range_and_tables_within_their_factor(tmp_path: Path) -> None:
    number = _load(tmp_path, 'kind = "probability"\nvalue = 0.3\nbetween = [0.2, 0.5]')
    values = [number.drawn(seed).number("some.prior") for seed in range(200)]
    assert min(values) >= 0.2
    assert max(values) <= 0.5
    assert max(values) - min(values) > 0.25
    table = _load(tmp_path, 'kind = "shares"\nvalue = { a = 0.7, b = 0.2, c = 0.1, d = 0 }\nfactor = 1.5')
    tables = [table.drawn(seed).table("some.prior") for seed in range(200)]
    assert all(sum(one.values()) == pytest.approx(1) and one["d"] == 0 for one in tables)
    odds = [one["b"] / one["c"] for one in tables]
    assert 2 / 1.5**2 <= min(odds) < 1.4 < 3 < max(odds) <= 2 * 1.5**2


def test_drawn_probabilities_stay_probabilities(tmp_path: Path) -> None:
    priors = _load(tmp_path, 'kind = "probabilities"\nvalue = { a = 0.95, b = 1, c = 0 }\nfactor = 3')
    for seed in range(50):
        table = priors.drawn(seed).table("some.prior")
        assert 0.85 < table["a"] < 1
        assert (table["b"], table["c"]) == (1, 0)


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ('kind = "positive"\nvalue = 3\nbetween = [4, 5]', "some.prior is 3.0, which is not between 4.0 and 5.0"),
        ('kind = "positive"\nvalue = 3\nbetween = [0, 5]', "some.prior is 0.0; expected a number above 0"),
        (
            'kind = "positive"\nvalue = 3\nbetween = 2',
            "some.prior is between 2; expected [lowest, highest], for a number",
        ),
        ('kind = "weights"\nvalue = { a = 1 }\nbetween = [0, 5]', "expected [lowest, highest], for a number"),
        ('kind = "positive"\nvalue = 3\nfactor = 2', "some.prior has a factor, which only tables have"),
        ('kind = "weights"\nvalue = { a = 1 }\nfactor = 0.5', "some.prior has the factor 0.5; expected 1 or more"),
    ],
)
def test_the_error_names_an_invalid_range(tmp_path: Path, entry: str, message: str) -> None:
    with pytest.raises(BadPrior) as caught:
        _load(tmp_path, entry)
    assert message in str(caught.value)


def test_equal_seeds_draw_equal_priors_and_replaced_values_are_fixed() -> None:
    priors = load_priors().replaced({"illicit.code_unfit": 0.33})
    first, again, other, next_world = priors.drawn(4), priors.drawn(4), priors.drawn(5), priors.drawn(4, 1)
    assert first.by_name == again.by_name
    assert first.number("illicit.code_unfit") == other.number("illicit.code_unfit") == 0.33
    for name in ("illicit.other_name", "habit.permit_of_licensed"):
        assert len({one.number(name) for one in (first, other, next_world)}) == 3
    # Drawn priors have no range, so a second draw changes nothing.
    assert first.drawn(9).by_name == first.by_name


def test_published_figures_and_prevalence_are_the_same_in_every_world() -> None:
    priors = load_priors()
    fixed = [prior for prior in priors.by_name.values() if prior.basis == "published"]
    drawn = priors.drawn(7)
    assert all(drawn.by_name[prior.name].value == prior.value for prior in fixed)
    assert drawn.number("illicit.prevalence") == priors.number("illicit.prevalence")


def test_priors_of_contents_recipients_and_trades_have_a_factor() -> None:
    for name, prior in load_priors().by_name.items():
        if name.startswith(("illicit.declared_", "illicit.recipients", "goods.families_", "consignee.chemical")):
            assert isinstance(prior.value, Mapping)
            assert prior.factor is not None, name
            assert prior.factor > 1, name


@pytest.fixture(scope="module")
def several() -> WorldChunk:
    return joined(list(generate(12_000, 6, draws=3)))


def test_several_worlds_form_one_stream_in_order_of_time(several: WorldChunk) -> None:
    assert several.n_rows == 12_000
    time, ids = several.office["declared_at"].tolist(), several.office["shipment_id"]
    assert time == sorted(time)
    first = np.concatenate([[True], ids[1:] != ids[:-1]])
    assert first.sum() == len(set(ids.tolist()))
    assert several.office["item_number"][first].tolist() == ["1"] * int(first.sum())


def test_worlds_share_no_network_and_number_their_shipments_in_sequence(several: WorldChunk) -> None:
    networks = {int(name[1:]) // 1_000_000 for name in several.truth["network_id"] if name}
    assert networks == {0, 1, 2}
    # Shipment numbers continue from one world to the next.
    number = np.array([int(name[-9:]) for name in several.office["shipment_id"]])
    one = next(generate(4_000, 6))
    assert one.office["shipment_id"][0] in set(several.office["shipment_id"].tolist())
    assert number.max() == len(set(several.office["shipment_id"].tolist()))


def test_the_seed_of_the_shipments_does_not_change_the_drawn_priors() -> None:
    def permits(seed: int, drawn_by: int) -> float:
        usual = load_priors()
        entry = Prior("shown.origin", "probability", 0.5, "assumed", "a test", between=(0.05, 0.95))
        priors = Priors({**usual.by_name, "shown.origin": entry})
        chunk = joined(list(generate(4_000, seed, drawn_by=drawn_by, priors=priors)))
        return float(np.mean(chunk.office["origin_country"] != ""))

    drawn = [permits(seed, by) for seed, by in ((1, 8), (2, 8), (1, 9))]
    assert drawn[0] == pytest.approx(drawn[1], abs=0.04)
    assert drawn[0] != pytest.approx(drawn[2], abs=0.04)


@pytest.mark.parametrize("draws", [0, 6])
def test_the_number_of_worlds_must_lie_between_one_and_the_number_of_rows(draws: int) -> None:
    with pytest.raises(ValueError, match=rf"draws is {draws}; expected at least 1, and at most as many as rows"):
        next(generate(5, 1, draws=draws))
