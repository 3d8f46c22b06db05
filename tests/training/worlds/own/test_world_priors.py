"""Priors: the format of their file, invalid entries, and their use."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.worlds.own import generate
from training.worlds.own.priors import BadPrior, Prior, Priors, load_priors

GOOD = {
    "published.noise.all": ("probability", "0.09"),
    "published.regime.end": ("day", '"2025-08-29"'),
    "assumed.items.per_shipment": ("shares", "{ 1 = 0.78, 2 = 0.22 }"),
    "assumed.calendar.weekdays": ("weights", "{ mon = 1.1, sun = 0.6 }"),
    "assumed.mass.units": ("positive", "14"),
    "assumed.shown.phone": ("probabilities", "{ express = 0.9, postal = 0.2 }"),
    "assumed.hs.by_year": ("probabilities", "{ 2018 = 0.1, 2020 = 0.3 }"),
    "assumed.shift.any": ("number", "-2.5"),
}


def _text(entries: dict[str, tuple[str, str]]) -> str:
    return "\n".join(
        f'[{name}]\nkind = "{kind}"\nvalue = {value}\nbasis = "{name.split(".")[0]}"\nsource = "statistics 98"\n'
        for name, (kind, value) in entries.items()
    )


def _load(tmp_path: Path, text: str) -> Priors:
    path = tmp_path / "priors.toml"
    path.write_text(text, encoding="utf-8")
    return load_priors(path)


def test_values_are_read_as_written_in_the_file(tmp_path: Path) -> None:
    priors = _load(tmp_path, _text(GOOD))
    assert priors.number("noise.all") == 0.09
    assert priors.day("regime.end") == date(2025, 8, 29)
    assert priors.table("items.per_shipment") == {"1": 0.78, "2": 0.22}
    assert priors.row("shown.phone", ("postal", "express")).tolist() == [0.2, 0.9]
    assert priors.number("shift.any") == -2.5
    assert priors.by_name["noise.all"].basis == "published"


@pytest.mark.parametrize(
    ("name", "kind", "value", "message"),
    [
        ("noise.all", "probability", "1.93", "noise.all is 1.93; a probability is between 0 and 1"),
        ("noise.all", "probability", "nan", "noise.all is nan; expected a finite number"),
        ("noise.all", "probability", "true", "noise.all is True; expected a finite number"),
        ("items.shares", "shares", "{ a = 0.7, b = 0.22 }", "items.shares sums to 0.92; shares must sum to 1"),
        ("items.shares", "shares", "0.3", "items.shares is 0.3; expected a table of numbers"),
        ("week.days", "weights", "{ mon = -1.1 }", "week.days has a negative entry"),
        ("shown.mail", "probabilities", "{ post = 1.2 }", "shown.mail has an entry above 1"),
        ("mass.units", "positive", "0", "mass.units is 0.0; expected a number above 0"),
        ("regime.end", "day", '"14/04/2025"', "expected a date YYYY-MM-DD"),
        ("regime.end", "days", '"2025-04-14"', "has kind 'days'; expected one of probability"),
    ],
)
def test_the_error_names_an_invalid_prior(tmp_path: Path, name: str, kind: str, value: str, message: str) -> None:
    with pytest.raises(BadPrior) as caught:
        _load(tmp_path, _text({f"assumed.{name}": (kind, value)}))
    assert message in str(caught.value)
    assert "priors.toml" in str(caught.value)


def test_basis_and_part_must_agree_and_each_prior_occurs_in_one_part(tmp_path: Path) -> None:
    text = _text({"published.noise.all": ("probability", "0.09")})
    for wrong, message in (
        (
            text.replace('basis = "published"', 'basis = "assumed"'),
            "has basis 'assumed', but is in the part published",
        ),
        (
            text.replace('basis = "published"', 'basis = "known"'),
            "has basis 'known'; expected one of published, assumed",
        ),
        (text.replace("[published.", "[guessed."), "guessed is in neither part; write [published.group.name]"),
        (text.replace("[published.noise.all]", "[noise.all]"), "noise is in neither part"),
        (text + _text({"assumed.noise.all": ("probability", "0.1")}), "noise.all is in both parts; keep one"),
        (text.replace('source = "statistics 98"', 'source = " "'), "noise.all has no source"),
        (
            text.replace('source = "statistics 98"\n', ""),
            "noise.all has ['basis', 'kind', 'value']; expected kind, value",
        ),
        ("[published]\nnoise = 3\n", "published.noise is outside a table"),
    ):
        with pytest.raises(BadPrior) as caught:
            _load(tmp_path, wrong)
        assert message in str(caught.value)


def test_an_unknown_prior_or_one_of_another_kind_is_refused(tmp_path: Path) -> None:
    priors = _load(tmp_path, _text(GOOD))
    for read, message in (
        (lambda: priors.number("noise.nothing"), "no prior noise.nothing; nearest are noise.all"),
        (lambda: priors.number("regime.end"), "regime.end is not a number"),
        (lambda: priors.table("noise.all"), "noise.all is not a table"),
        (lambda: priors.day("noise.all"), "noise.all is not a date"),
        (lambda: priors.row("shown.phone", ("express",)), "shown.phone has the keys ['express', 'postal']"),
    ):
        with pytest.raises(BadPrior) as caught:
            read()
        assert message in str(caught.value)


def test_replaced_values_are_checked_and_do_not_change_the_original(tmp_path: Path) -> None:
    priors = _load(tmp_path, _text(GOOD))
    other = priors.replaced({"noise.all": 0.02, "regime.end": "2024-01-01"})
    assert (other.number("noise.all"), priors.number("noise.all")) == (0.02, 0.09)
    assert other.day("regime.end") == date(2024, 1, 1)
    assert other.table("items.per_shipment") == priors.table("items.per_shipment")
    with pytest.raises(BadPrior, match=r"noise\.all is 3\.0; a probability is between 0 and 1"):
        priors.replaced({"noise.all": 3})
    with pytest.raises(BadPrior, match=r"no prior noise\.none"):
        priors.replaced({"noise.none": 0.3})


@given(st.floats(2000, 2040))
def test_by_year_interpolates_between_years_and_is_constant_outside(year: float) -> None:
    prior = Prior("hs.by_year", "probabilities", {"2018": 0.1, "2020": 0.3, "2021": 0.2}, "assumed", "a test")
    priors = Priors({"hs.by_year": prior})
    value = priors.by_year("hs.by_year", year)
    assert 0.1 <= value <= 0.3
    if year <= 2018.5:
        assert value == 0.1
    if year >= 2021.5:
        assert value == 0.2
    assert priors.by_year("hs.by_year", 2020.5) == 0.3
    assert priors.by_year("hs.by_year", 2019.5) == pytest.approx(0.2)


def test_every_prior_states_its_source() -> None:
    priors = load_priors()
    assert {prior.basis for prior in priors.by_name.values()} == {"published", "assumed"}
    assert all(len(prior.source) > 10 for prior in priors.by_name.values())
    for prior in priors.by_name.values():
        if prior.basis == "published":
            assert any(word in prior.source for word in ("statistics", "policy dates", "calibration")), prior.name


@pytest.mark.long
def test_every_prior_of_the_file_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    used: set[str] = set()
    get = Priors._get

    def recorded(self: Priors, name: str) -> Prior:
        used.add(name)
        return get(self, name)

    monkeypatch.setattr(Priors, "_get", recorded)
    for _ in generate(20_000, 2):
        pass
    assert set(load_priors().by_name) - used == set()


@pytest.mark.long
def test_other_priors_give_another_world() -> None:
    def shown(share: float) -> float:
        priors = load_priors().replaced({"shown.origin": share})
        chunk = next(generate(3_000, 4, priors=priors))
        return float(np.mean(chunk.office["origin_country"] != ""))

    assert shown(0.1) < 0.2 < shown(0.95)
