from __future__ import annotations

import dataclasses
import datetime as dt
import math
import re
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.groups.base import Column, Feature
from features.groups.description.group import DescriptionGroup
from features.groups.expected.group import ExpectedGroup
from features.groups.reason_codes import OwnReasonCode, ReasonCode
from features.groups.shown import CODE, NUMBER, SHARE, number_text, percent
from features.groups.value import ValueGroup
from features.manifest.fields import MANIFEST_NAMES
from features.space import FeatureSpace
from features.substances import Substances, status
from features.table.table import Coded, ManifestTable
from models.reasons import Explanation, Explanations, FeaturesByReason, ScoredTable
from models.reasons.by_reason import MeasuredText
from models.reasons.codes import PLACES, REASON_KINDS, published
from models.reasons.items import ExplainedItems

ITEM = {
    "shipment_id": "HB-1",
    "declared_at": "2026-05-04T09:30:00Z",
    "channel": "express",
    "filing_type": "ACAS_ECOM",
    "transaction_nature": "31",
    "consignor_name": "Lianhe Novelty Trading",
    "consignor_country": "CN",
    "consignor_account_opened_on": "2026-04-28",
    "consignor_phone": "+86 21 5550 0100",
    "consignee_name": "Dana Example",
    "consignee_address": "12 Sample Street",
    "consignee_country": "US",
    "export_country": "CN",
    "routing_countries": "KR;JP",
    "goods_description": "silicone phone case",
    "hs_code": "392690",
    "net_mass_kg": "2",
    "gross_mass_kg": "2.5",
    "customs_value": "4.20",
    "freight_charge": "75",
    "currency": "USD",
    "package_type": "DR",
}

MASS = "Mass declared: net 2 kg, gross 2.5 kg"
SIZE = "Size of the consignment: net 2 kg, gross 2.5 kg, 1 goods item"
#: End of the text of a reason for illicit content.
RAISES = " (raises the score: more frequent among finds)"


def _space() -> FeatureSpace:
    space = FeatureSpace()
    group = next(group for group in space.groups if isinstance(group, ValueGroup))
    # The middle two thirds: 8 to 40 per kg under 3926, 1 to 100 for all goods.
    group.usual_["value_per_kg"] = {"3926": (np.log(320**0.5), np.log(5**0.5)), "": (np.log(10.0), np.log(10.0))}
    group.usual_["mass"] = {"39": (np.log(2.0), np.log(2.0))}
    return space


SPACE = _space()


def context(substance: Any = None, **changes: str | None) -> ScoredTable:
    """Return a table of one goods item."""
    columns = {name: Coded.from_list([value]) for name, value in {**ITEM, **changes}.items()}
    return ScoredTable(ManifestTable.from_columns(columns, 1), [substance], SPACE)


def explanations(
    features: list[Feature], contributions: list[list[float]], values: list[list[float]], scored: ScoredTable
) -> Explanations:
    """Explain shipments 0, 10, 20 ... by the rows of a table. The last row stands in for missing rows."""
    by_reason, count = FeaturesByReason(features), len(contributions)
    weights, leading = by_reason.weigh(np.array(contributions), np.array(values))
    return Explanations(
        scored=scored,
        by_reason=by_reason,
        shipments=list(range(0, 10 * count, 10)),
        rows=[min(row, scored.table.n_rows - 1) for row in range(count)],
        heads=["precursor"] * count,
        base_values=[-7.0] * count,
        raw_scores=[-7.0 + sum(row) for row in contributions],
        features=np.array(values),
        weights=weights,
        leading=leading,
    )


def explanation(
    features: list[Feature],
    contributions: list[float],
    values: list[float] | None = None,
    scored: ScoredTable | None = None,
) -> Explanation:
    values = [1.0] * len(features) if values is None else values
    return explanations(features, [contributions], [values], scored or context())[0]


def text_of(
    code: ReasonCode | OwnReasonCode, row: ScoredTable, value: float = 1.0, meaning: str = "What was measured"
) -> str:
    """Return the text of one reason."""
    return explanation([Feature("f", "g", meaning, code)], [1.0], [value], row).reasons[0].text.removesuffix(RAISES)


def measured(feature: Feature, *values: float | None) -> list[str]:
    """Return the texts for values of a feature that follow the declared facts; None is a missing value."""
    measure = MeasuredText(dataclasses.replace(feature, reason=CODES[0]))
    return [measure[math.nan if value is None else value].removeprefix(". ") for value in values]


#: Codes of an office's own fields. Their texts consist of the value of the leading feature.
CODES = [OwnReasonCode.of(letter) for letter in "abcde"]


class TestCodes:
    def test_every_code_belongs_to_a_feature_and_has_wording(self) -> None:
        assert {feature.reason for feature in SPACE.features} == set(ReasonCode)
        assert set(REASON_KINDS) == set(ReasonCode)
        for code, kind in REASON_KINDS.items():
            if isinstance(kind.text, str):
                assert {*re.findall(r"\{(.*?)\}", kind.text)} <= {*PLACES, "measured"}, code

    @pytest.mark.parametrize("text", ["VALUE_DENSITIES", "", "OWN_MASS", "LANE_FINDS"])
    def test_a_column_with_an_unknown_reason_code_is_refused(self, text: str) -> None:
        with pytest.raises(ValueError, match="is not a valid ReasonCode"):

            class Unknown(Column):
                SOMETHING = text, "Something"

    def test_own_codes_are_generated_from_names(self) -> None:
        assert OwnReasonCode.of("hs_number") == "OWN_HS_NUMBER"

    def test_codes_are_exact_strings_in_answers(self) -> None:
        features = [Feature("f", "g", "Something", code) for code in (ReasonCode.PERMIT, CODES[0])]
        reasons = explanation(features, [1.0, 2.0]).to_json()
        assert [type(reason["code"]) for reason in reasons] == [str, str]


class TestWeights:
    @given(
        st.lists(st.tuples(st.sampled_from(CODES), st.floats(-5, 5)), min_size=1, max_size=40),
    )
    def test_the_weight_of_a_reason_is_the_sum_of_its_features_contributions(
        self, parts: list[tuple[OwnReasonCode, float]]
    ) -> None:
        features = [Feature(f"f{i}", "g", "Something", code) for i, (code, _) in enumerate(parts)]
        explained = explanation(features, [weight for _, weight in parts])
        weights = {reason.code: reason.weight for reason in explained.reasons}
        for code in {code for code, _ in parts}:
            expected = sum(weight for other, weight in parts if other == code)
            assert weights.get(code, 0.0) == pytest.approx(expected, abs=1e-12)
        assert explained.base_value + sum(weights.values()) == pytest.approx(explained.raw_score, abs=1e-9)

    def test_reasons_are_sorted_by_weight_and_include_both_sides(self) -> None:
        features = [Feature(f"f{i}", "g", "Something", code) for i, code in enumerate(CODES[:4])]
        explained = explanation(features, [0.5, -2.0, 1.0, 0.0])
        assert [(reason.code, reason.weight) for reason in explained.reasons] == [
            ("OWN_B", -2.0),
            ("OWN_C", 1.0),
            ("OWN_A", 0.5),
        ]
        assert [reason.code for reason in explained.strongest(9)] == ["OWN_C", "OWN_A"]
        assert [reason.code for reason in explained.strongest(1)] == ["OWN_C"]

    def test_the_text_describes_the_feature_that_moved_the_score_most_in_the_reasons_direction(self) -> None:
        features = [Feature("a", "g", "Count of one thing", CODES[0]), Feature("b", "g", "Count of another", CODES[0])]
        assert (
            explanation(features, [2.0, -1.5], [3.0, 4.0]).reasons[0].text.removesuffix(RAISES)
            == "Count of one thing: 3"
        )
        assert (
            explanation(features, [1.5, -2.0], [3.0, 4.0]).reasons[0].text
            == "Count of another: 4 (lowers the score: less frequent among finds)"
        )
        assert (
            explanation(features, [1.0, 1.0], [3.0, 4.0]).reasons[0].text.removesuffix(RAISES)
            == "Count of one thing: 3"
        )

    def test_each_item_has_its_own_reasons(self) -> None:
        features = [Feature(f"f{i}", "g", f"Count {i}", code) for i, code in enumerate(CODES[:2] * 2)]
        contributions = [[1.0, -2.0, 0.5, 0.25], [-1.0, 0.0, -3.0, 0.0], [0.0, 1.0, 2.0, 4.0]]
        explained = explanations(features, contributions, np.arange(12.0).reshape(3, 4).tolist(), context())
        reasons_of = [explanation.reasons for explanation in explained.values()]
        assert [
            [(reason.code, reason.weight, reason.text.partition(" (")[0]) for reason in reasons]
            for reasons in reasons_of
        ] == [
            [("OWN_B", -1.75, "Count 1: 1"), ("OWN_A", 1.5, "Count 0: 0")],
            [("OWN_A", -4.0, "Count 2: 6")],
            [("OWN_B", 5.0, "Count 3: 11"), ("OWN_A", 2.0, "Count 2: 10")],
        ]

    def test_only_explained_shipments_are_in_the_mapping(self) -> None:
        explained = explanations(
            [Feature("f", "g", "Count", CODES[0])], [[1.0], [2.0], [3.0]], [[1.0], [2.0], [3.0]], context()
        )
        assert list(explained) == [0, 10, 20]
        assert 5 not in explained
        with pytest.raises(KeyError):
            explained[11]
        assert [list(explained.between(*bounds)) for bounds in ((0, 21), (0, 20), (1, 11), (11, 20))] == [
            [0, 10, 20],
            [0, 10],
            [10],
            [],
        ]

    def test_json_has_the_same_reasons(self) -> None:
        explained = explanation(list(SPACE.features), list(np.linspace(-1.0, 1.0, len(SPACE.features))))
        assert len(explained.reasons) > 30
        assert explained.to_json() == [
            {**dataclasses.asdict(reason), "fields": list(reason.fields)} for reason in explained.reasons
        ]
        assert (
            explained.texts(5)
            == [reason.text.replace("raises the score: ", "") for reason in explained.reasons if reason.weight > 0.0][
                :5
            ]
        )


class TestTexts:
    def test_the_text_of_an_own_code_is_the_features_meaning_and_value(self) -> None:
        reason = explanation([Feature("f", "g", "share of letters.", CODES[0])], [1.0], [0.12345]).reasons[0]
        assert reason.text.removesuffix(RAISES) == "Share of letters: 0.123"
        assert reason.fields == ()
        assert reason.source == "model: learned from the inspection results of the training window"

    def test_a_missing_value_is_not_known(self) -> None:
        assert text_of(CODES[0], context(), np.nan) == "What was measured: not known"

    @pytest.mark.parametrize(
        ("value", "text"),
        [
            (0.0, "0"),
            (12.0, "12"),
            (1234567.0, "1,234,567"),
            (1234.5, "1,234"),
            (3.14159, "3.14"),
            (-0.00012345, "-0.000123"),
        ],
    )
    def test_numbers_have_thousands_separators_or_three_digits(self, value: float, text: str) -> None:
        assert number_text(value) == text

    @pytest.mark.parametrize(
        ("per_kg", "hs", "text"),
        [
            (2.1, "392690", "Declared value of USD 2.10 per kg is low for HS 3926 (usual: 8 to 40)"),
            (20.0, "3926", "Declared value of USD 20.00 per kg is usual for HS 3926 (usual: 8 to 40)"),
            (4321.0, "392690", "Declared value of USD 4,321 per kg is high for HS 3926 (usual: 8 to 40)"),
            (200.0, "610910", "Declared value is USD 200.00 per kg"),
            (200.0, None, "Declared value is USD 200.00 per kg"),
        ],
    )
    def test_a_value_per_kilogram_comes_with_the_usual_range_for_the_goods(
        self, per_kg: float, hs: str | None, text: str
    ) -> None:
        feature = Feature("value_per_kg", "value", "US dollars per kilogram (log)", ReasonCode.VALUE_DENSITY)
        usual = " is usual " in text
        (reason,) = explanation([feature], [-1.0 if usual else 1.0], [np.log(per_kg)], context(hs_code=hs)).reasons
        assert reason.text.partition(" (raises")[0].partition(" (lowers")[0] == text
        # What speaks against the reason is left out.
        (reason,) = explanation([feature], [1.0 if usual else -1.0], [np.log(per_kg)], context(hs_code=hs)).reasons
        alone = text.partition(" is ")[0].replace(" of ", " is ") if "(usual" in text else text
        assert reason.text.startswith(f"{alone} (")

    @pytest.mark.parametrize("sign", [1.0, -1.0])
    def test_a_reason_that_raises_tells_what_is_unusual_and_not_what_is_usual(self, sign: float) -> None:
        names = ["trade_lane_growth", "consignor_trade_lane_shipments"]
        features = [next(feature for feature in SPACE.features if feature.name == name) for name in names]
        (reason,) = explanation(features, [sign * 2.0, sign * 0.5], [0.0, 0.0], context()).reasons
        assert ("as many as usual" in reason.text) is (sign < 0.0)
        assert ("Shipments of the consignor on this trade lane so far: 0" in reason.text) is (sign > 0.0)
        assert reason.weight == sign * 2.5

    @pytest.mark.parametrize(
        ("raw", "telling"),
        [
            ("value_per_kg", "value_per_kg_unusual"),
            ("value_usd", "value_unusual"),
            ("mass_kg", "mass_unusual"),
            ("mass_deviation", "mass_vs_description"),
            ("price_deviation", "price_vs_description"),
        ],
    )
    def test_a_usual_amount_does_not_lead_a_reason_that_another_fact_raises(self, raw: str, telling: str) -> None:
        by_name = {feature.name: feature for feature in SPACE.features}
        other = dataclasses.replace(by_name[raw], name="other", shown=NUMBER)
        features = [by_name[raw], by_name[telling], other]
        for distance, leading in ((0.5, "other"), (-2.0, raw)):
            weights, lead = FeaturesByReason(features).weigh(
                np.array([[2.0, 0.0, 0.5]]), np.array([[1.0, distance, 0.0]])
            )
            assert features[lead[0, 0]].name == leading
            assert weights[0, 0] == 2.5

    def test_a_value_per_kilogram_beyond_the_largest_float_is_a_large_number(self) -> None:
        feature = Feature("value_per_kg", "value", "US dollars per kilogram (log)", ReasonCode.VALUE_DENSITY)
        text = explanation([feature], [1.0], [718.5], context(hs_code="392690")).reasons[0].text.removesuffix(RAISES)
        assert text == "Declared value of USD 1.01e+304 per kg is high for HS 3926 (usual: 8 to 40)"

    @pytest.mark.parametrize(
        ("code", "chapter", "form"),
        [
            ("392690", "HS 392690 is of chapter 39, plastics and articles thereof", "HS 392690 has 6 digits"),
            ("847930", "HS 847930 is of chapter 84, machines and their parts", "HS 847930 has 6 digits"),
            ("6109", "HS 6109 is of chapter 61, knitted or crocheted clothing", "HS 6109 has 4 digits"),
            (None, "No HS code is declared", "No HS code is declared"),
        ],
    )
    def test_an_hs_code_comes_with_its_chapter_or_its_number_of_digits(
        self, code: str | None, chapter: str, form: str
    ) -> None:
        for name, reason, text in (
            ("hs_chapter", ReasonCode.HS_CHAPTER, chapter),
            ("hs_digits", ReasonCode.HS_FORM, form),
        ):
            feature = Feature(name, "classification", "", reason, shown=CODE)
            assert (
                explanation([feature], [1.0], [1.0], context(hs_code=code)).reasons[0].text.removesuffix(RAISES) == text
            )

    def test_a_mass_comes_with_the_usual_range_for_the_chapter(self) -> None:
        feature = Feature("mass_kg", "value", "Mass of the item in kilograms (log)", ReasonCode.MASS_UNUSUAL)
        explained = explanation([feature], [1.0], [np.log(9.75)], context())
        assert (
            explained.reasons[0].text.removesuffix(RAISES)
            == "Mass of 9.75 kg is high for HS chapter 39 (usual: 1 to 4)"
        )

    @pytest.mark.parametrize(
        ("feature", "value", "text"),
        [
            ("mass_per_unit", 0.5, f"{MASS}. Kilograms per unit: 0.5 (usual for HS 3926: 1 to 4 kg per unit)"),
            ("package_count", 8.0, f"{SIZE} (usual for HS 3926: 1 to 4 packages)"),
            ("shipment_mass_kg", 0.5, f"{SIZE} (usual for HS 3926: 1 to 4 kg gross)"),
            ("freight_to_value", 18.0, "Freight of USD 75.00 on goods of USD 4.20 (usual for HS 3926: 1 to 4 times the value)"),
        ],
    )  # fmt: skip
    def test_sizes_come_with_the_usual_range(
        self, monkeypatch: pytest.MonkeyPatch, feature: str, value: float, text: str
    ) -> None:
        group = next(group for group in SPACE.groups if isinstance(group, ValueGroup))
        for quantity in ("mass_per_unit", "packages", "gross_mass", "freight_to_value"):
            monkeypatch.setitem(group.usual_, quantity, {"3926": (np.log(2.0), np.log(2.0))})
        features = [one for one in SPACE.features if one.name in (feature, "shipment_items")]
        values = {feature: np.log(value), "shipment_items": 1.0}

        def text_with(items: float) -> str:
            values["shipment_items"] = items
            contributions = [float(one.name == feature) for one in features]
            explained = explanation(features, contributions, [values[one.name] for one in features])
            return explained.reasons[0].text.removesuffix(RAISES)

        assert text_with(1.0) == text
        # The usual values of whole shipments are those of shipments with one item.
        assert ("usual" in text_with(2.0)) is (feature == "mass_per_unit")

    def test_unusual_words_are_named(self, monkeypatch: pytest.MonkeyPatch) -> None:
        group = next(group for group in SPACE.groups if isinstance(group, DescriptionGroup))
        monkeypatch.setattr(group, "log_share_", {"phone": np.log(0.2), "chloride": np.log(0.1)})
        by_name = {one.name: one for one in SPACE.features}
        for name, words in (
            ("description_rarest_word", ". Its rarest known word, `chloride`, stands in 10 % of past descriptions"),
            ("description_unknown_words", ". Past descriptions never used `benzoylxyl`"),
        ):
            scored = context(goods_description="phone benzoylxyl chloride")
            text = explanation([by_name[name]], [1.0], [0.5], scored).reasons[0].text
            assert text == f"Goods are described as `phone benzoylxyl chloride`{words}{RAISES}"
            # Words of another language, and brands, are no ground.
            text = explanation([by_name[name]], [1.0], [0.5], context(goods_description="phone hülle")).reasons[0].text
            assert text == f"Goods are described as `phone hülle`{RAISES}"

    @pytest.mark.parametrize(
        ("feature", "words"),
        [
            ("description_chemical_words", "Words built like chemical names: `benzoyl`"),
            ("description_generic_chemistry", "General words that could mean any chemical: `powder`, `sample`"),
            ("description_grade", "Words of grade and purpose: `99%`, `powder`, `sample`"),
        ],
    )
    def test_counted_words_are_named(self, feature: str, words: str) -> None:
        (column,) = (one for one in SPACE.features if one.name == feature)
        scored = context(goods_description="Benzoyl 99%, powder sample")
        text = explanation([column], [1.0], [2.0], scored).reasons[0].text
        assert text == f"Goods are described as `Benzoyl 99%, powder sample`. {words}{RAISES}"

    @pytest.mark.parametrize(
        ("probability", "words"),
        [
            (0.003, "no chemical (probability 0.3 %)"),
            (0.04, "less sure than for most goods that this is no chemical (probability 4 %, for most under 2 %)"),
            (0.4, "possibly a chemical (probability 40 %)"),
            (0.97, "probably a chemical (probability 97 %)"),
        ],
    )
    def test_the_probability_of_a_chemical_is_stated_in_words(self, probability: float, words: str) -> None:
        (feature,) = (one for one in SPACE.features if one.name == "text_chemical_probability")
        assert measured(feature, probability) == [f"Automatic reading of the words: {words}"]

    @pytest.mark.parametrize(("unknown", "goods"), [(0.5, "description and quantity"), (1.0, "quantity")])
    def test_a_mass_comes_with_the_estimate_for_the_description(
        self, monkeypatch: pytest.MonkeyPatch, unknown: float, goods: str
    ) -> None:
        monkeypatch.setattr(ExpectedGroup, "spread", lambda self, text, target: np.log(2.0))
        names = {"mass_kg": np.log(42.0), "mass_vs_description": 3.0, "description_unknown_words": unknown}
        features = np.array([[*names.values()]])
        items = ExplainedItems(context(quantity="1"), [0], {name: at for at, name in enumerate(names)}, features, [0])
        assert PLACES["mass_for_goods"](items) == [
            f"Mass of 42 kg is high against an estimate from {goods} (2.6 to 11)"
        ]

    def test_parcels_are_not_measured_by_freight_nor_freight_by_parcels(self, monkeypatch: pytest.MonkeyPatch) -> None:
        group = next(group for group in SPACE.groups if isinstance(group, ValueGroup))
        monkeypatch.setitem(group.usual_, "mass", {"3926": (np.log(2_000.0), np.log(2.0))})
        (feature,) = (one for one in SPACE.features if one.name == "mass_kg")
        cases = (
            ("postal", 1.0, False),
            ("ocean", 1.0, True),
            ("postal", 500.0, True),
            ("ocean", 90_000.0, False),
            ("ocean", 9_000.0, True),
            ("postal", 90_000.0, True),
        )
        for channel, kilograms, stated in cases:
            scored = context(channel=channel)
            assert ("usual" in explanation([feature], [1.0], [np.log(kilograms)], scored).reasons[0].text) is stated

    def test_a_low_probability_of_a_chemical_is_no_ground_that_raises(self) -> None:
        (feature,) = (one for one in SPACE.features if one.name == "text_chemical_probability")
        for value, sign, stated in ((0.01, 1.0, False), (0.01, -1.0, True), (0.04, 1.0, True), (0.6, 1.0, True)):
            (reason,) = explanation([feature], [sign], [value]).reasons
            assert ("Automatic reading of the words" in reason.text) is stated

    def test_a_rate_per_unit_has_no_usual_range_where_packages_are_the_units(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        group = next(group for group in SPACE.groups if isinstance(group, ValueGroup))
        monkeypatch.setitem(group.usual_, "mass_per_unit", {"3926": (np.log(2.0), np.log(2.0))})
        (feature,) = (one for one in SPACE.features if one.name == "mass_per_unit")
        for packages, stated in (("4", True), ("7", False)):
            scored = context(quantity="7", package_count=packages)
            assert ("usual" in explanation([feature], [1.0], [np.log(25.0)], scored).reasons[0].text) is stated

    def test_the_origin_of_goods_is_no_leg_of_their_route(self) -> None:
        way = {"routing_countries": None, "export_country": "NL", "consignee_country": "DE"}
        route = PLACES["route"]
        for origin, text in (("CN", "NL to DE (goods of CN)"), ("NL", "NL to DE"), (None, "NL to DE")):
            scored = context(**way, origin_country=origin)
            assert route(ExplainedItems(scored, [0], {}, np.empty((1, 0)), [0])) == [text]
        scored = context(**{**way, "export_country": None}, origin_country="CN", consignor_country="HK")
        assert route(ExplainedItems(scored, [0], {}, np.empty((1, 0)), [0])) == ["HK to DE (goods of CN)"]

    def test_a_value_without_currency_is_shown_without_one(self) -> None:
        text = text_of(ReasonCode.VALUE_THRESHOLD, context(currency=None))
        assert text.startswith("Declared value is 4.20 without a currency. ")

    def test_freight(self) -> None:
        assert text_of(ReasonCode.FREIGHT_VALUE, context()).startswith("Freight of USD 75.00 on goods of USD 4.20. ")
        assert "goods of unknown value" in text_of(ReasonCode.FREIGHT_VALUE, context(customs_value=None))
        assert text_of(ReasonCode.FREIGHT_VALUE, context(freight_charge=None)) == "No freight charge is declared"

    @pytest.mark.parametrize(
        ("opened", "text"),
        [
            ("2026-05-04", "Consignor's account was opened on the day of the shipment"),
            ("2026-04-28", "Consignor's account was opened 6 days before the shipment"),
            ("2026-05-03", "Consignor's account was opened 1 day before the shipment"),
            ("2020-05-04", "Consignor's account was opened 2,191 days before the shipment"),
            ("2026-05-09", "Consignor's account was opened on 2026-05-09, after the shipment was declared"),
            ("1969-05-04", "Consignor's account was opened 20,819 days before the shipment"),
        ],
    )
    def test_the_account_text_gives_the_age(self, opened: str, text: str) -> None:
        feature = Feature("account_age_days", "party", "Days", ReasonCode.NEW_CONSIGNOR, -1)
        row = context(consignor_account_opened_on=opened)
        assert explanation([feature], [1.0], [6.0], row).reasons[0].text.removesuffix(RAISES) == text

    def test_a_missing_opening_day_of_an_account_is_stated(self) -> None:
        text = text_of(ReasonCode.ACCOUNT_AGE_MISSING, context(consignor_account_opened_on=None))
        assert text.startswith(
            "The day on which the consignor's account was opened is not declared (`Lianhe Novelty Trading`)"
        )

    def test_the_route_text_lists_the_countries(self) -> None:
        assert text_of(ReasonCode.ROUTE_TRANSIT, context()).startswith(
            "Route declared: consignor in CN, exported from CN, via KR, JP, to US. "
        )

    def test_the_contact_text_lists_the_missing_contacts(self) -> None:
        assert text_of(ReasonCode.CONTACT_MISSING, context()).startswith(
            "Not declared: consignor's e-mail, consignee's telephone, consignee's e-mail. "
        )
        everything = context(consignor_email="a@b.example", consignee_phone="1", consignee_email="c@d.example")
        assert text_of(ReasonCode.CONTACT_MISSING, everything).startswith("All telephones and e-mails are declared. ")

    def test_codes_are_shown_as_words(self) -> None:
        assert text_of(ReasonCode.NATURE_CLAIM, context()).startswith("Declared as gift by `Lianhe Novelty Trading`. ")
        assert text_of(ReasonCode.FILING_KIND, context()).startswith(
            "Kind of filing: channel express, type ACAS, e-commerce. "
        )
        assert text_of(ReasonCode.KNOWN_CONSIGNOR, context(consignor_known="no")) == (
            "Consignor `Lianhe Novelty Trading` is not a verified known consignor"
        )

    def test_a_declared_substance_comes_with_the_listings_in_force_on_the_day(self) -> None:
        index = Substances.load()
        precursor = index.match("4-ANPP")
        assert precursor is not None
        row = context(precursor, goods_description="4-ANPP, 98 percent")
        assert text_of(ReasonCode.SUBSTANCE_DECLARED, row) == (
            "`4-ANPP` (4-Anilino-N-phenethylpiperidine, a precursor) is declared in the goods description: listed in "
            "UN Table I since 2017-10-18, US Schedule II since 2010-08-30, China precursor chemical since 2018-02-01 and 2 more"
        )
        # The law of no other country is named: Canada lists it, but is not on the route.
        assert len(status(precursor, dt.date(2026, 5, 4)).listings) > 5
        early = context(precursor, goods_description="4-ANPP", declared_at="1999-05-04")
        assert text_of(ReasonCode.SUBSTANCE_DECLARED, early).endswith(
            "4-ANPP` (4-Anilino-N-phenethylpiperidine, a precursor) is declared"
            " in the goods description: no recorded law of this route lists it on 1999-05-04"
        )

    def test_a_listing_has_its_name_without_remarks_and_the_days_of_a_temporary_one_before(self) -> None:
        index = Substances.load()
        nitazene = context(index.match("protonitazene"), goods_description="protonitazene", declared_at="2026-05-04")
        assert "US Schedule I since 2024-04-11, temporarily since 2022-04-12" in text_of(
            ReasonCode.SUBSTANCE_DECLARED, nitazene
        )
        furanyl = context(
            index.match("furanylfentanyl"),
            goods_description="furanylfentanyl",
            consignee_country="CY",
            declared_at="2026-05-04",
        )
        assert ", EU annex of Framework Decision 2004/757/JHA since 2018-11-19, China Supplementary list" in text_of(
            ReasonCode.SUBSTANCE_DECLARED, furanyl
        )

    def test_an_unrecorded_law_of_the_destination_is_stated(self) -> None:
        named = Substances.load().match_cas("23056-29-3")
        row = context(named, goods_description="4-AP", consignee_country="AU", declared_at="2026-05-04")
        assert text_of(ReasonCode.SUBSTANCE_DECLARED, row).endswith("; law of Australia is not recorded")
        recorded = context(named, goods_description="4-AP", consignee_country="MX", declared_at="2026-05-04")
        assert "Mexico precursor" in text_of(ReasonCode.SUBSTANCE_DECLARED, recorded)
        assert "not recorded" not in text_of(ReasonCode.SUBSTANCE_DECLARED, recorded)

    def test_a_common_chemical_is_described_as_one(self) -> None:
        row = context(Substances.load().match_cas("77-92-9"), cas_number="77-92-9")
        assert text_of(ReasonCode.SUBSTANCE_DECLARED, row) == (
            "`77-92-9` is declared as CAS number: a common chemical that is not watched"
        )

    def test_the_absence_of_a_substance_is_stated(self) -> None:
        assert text_of(ReasonCode.SUBSTANCE_DECLARED, context()).startswith("No watched substance is named")

    def test_words_that_past_descriptions_did_not_use_are_stated(self) -> None:
        feature = next(feature for feature in SPACE.features if feature.name == "description_rarest_word")
        (reason,) = explanation([feature], [1.0], [np.nan], context(goods_description="Zyx")).reasons
        # It is a word of another language, or a brand.
        assert reason.text.removesuffix(RAISES) == "Goods are described as `Zyx`"

    def test_long_texts_are_cut(self) -> None:
        text = text_of(ReasonCode.DESCRIPTION_VAGUE, context(goods_description="word " * 60))
        assert "...`" in text
        assert len(text) < 130

    def test_every_text_works_for_an_empty_manifest(self) -> None:
        bare = {name: None for name in ITEM if name not in ("shipment_id", "goods_description")}
        for code in REASON_KINDS:
            text = text_of(code, context(**bare), np.nan)
            assert text
            assert "None" not in text
            assert "nan" not in text

    @pytest.mark.parametrize("value", [0.0, 1.0, 0.37, 2.0, 7.25, -3.1, None])
    def test_every_feature_value_has_plain_words(self, value: float | None) -> None:
        for feature in SPACE.features:
            (text,) = measured(feature, value)
            if feature.shown.in_facts:
                assert not text
                continue
            assert not re.search(r"\b[Ll]og\b|P\(|\bnan\b|None|Whether|Distance of .*: -", text), text
            assert text[0].isupper() or text[0].isdigit(), text
            assert not text.endswith(": yes"), text
            assert ("not known" in text) == (value is None), text

    @pytest.mark.parametrize("value", [1.7e308, -1.7e308, 718.5, -718.5, 5e-324, 1e15, 1e300])
    def test_every_finite_feature_value_has_a_text_of_one_line(self, value: float) -> None:
        # A value of 1e12 and a mass of 1e-300 kg are 718 in natural logarithms, beyond the largest float.
        extreme = context(net_mass_kg="1e-300", gross_mass_kg="1e-320", customs_value="1e12", freight_charge="1e-320")
        for feature in SPACE.features:
            reason = explanation([feature], [1.0], [value], extreme).reasons[0]
            assert 0 < len(reason.text) < 400, feature.name

    @pytest.mark.parametrize(
        ("name", "value", "text"),
        [
            ("hs_missing", 0.0, "The HS code is missing: no"),
            ("hs_text_contradiction", np.log(20.0), "The automatic reading of the words speaks against the HS code: 20 to 1"),
            ("hs_text_agreement", 0.0, "It is not certain that the words fit the HS code"),
            ("consignor_shipments", float(np.log(15.0)), "Shipments of the consignor so far: 14"),
            ("consignor_last_seen_days", 0.0, "Days since the consignor was last seen: 0, the same day"),
            ("trade_lane_growth", 0.0, "Shipments on this trade lane within 30 days: as many as usual"),
            ("trade_lane_growth", float(np.log(2.0)), "Shipments on this trade lane within 30 days: 2 times the usual number"),
            ("consignor_contact", 1.0, "Contacts given for the consignor: telephone or e-mail"),
            ("value_round", 2.0, "Declared value is round: whole tens"),
            ("description_dose", 0.0, "Clinical forms named, such as tablet, ampoule, patch or spray: none"),
            (
                "description_dose",
                1.0,
                "Clinical forms named, such as tablet, ampoule, patch or spray: one without an amount per dose",
            ),
            ("description_dose", 2.0, "Clinical forms named, such as tablet, ampoule, patch or spray: one with an amount per dose"),
            ("consignor_fits_code", 1.0, "HS chapter against the business that the consignor's name suggests: fits it"),
            ("consignor_fits_code", -0.7, "HS chapter against the business that the consignor's name suggests: a material of it"),
            ("consignee_fits_code", 0.0, "HS chapter against the business that the consignee's name suggests: neutral"),
            ("consignee_fits_code", -1.0, "HS chapter against the business that the consignee's name suggests: unusual for it"),
            ("mass_unusual", -3.2, "Mass against the HS heading: far below the usual"),
            ("mass_deviation", 2.43, "Mass against goods with this description: very unusual"),
            ("export_is_consignor", 0.0, "They are not exported from the consignor's country"),
            ("export_is_consignor", 1.0, "They are exported from the consignor's country"),
            ("consignee_company", 0.0, "The consignee's name is that of a private person"),
            ("address_new_names_30", 0.796, "Consignee names seen at the address for the first time within 30 days: about 1"),
            ("address_new_names_30", 0.2, "Consignee names seen at the address for the first time within 30 days: about 1"),
            ("address_new_names_30", 3.0, "Consignee names seen at the address for the first time within 30 days: 3"),
            ("freight_to_value", float(np.log(3.0)), "Freight charge over declared value: 3"),
            ("trade_lane_share", float(np.log(0.002)), "Share of traffic on the trade lane from loading to unloading place: 0.2 %"),
        ],
    )  # fmt: skip
    def test_stored_values_are_converted_to_readable_numbers(self, name: str, value: float, text: str) -> None:
        feature = next(feature for feature in SPACE.features if feature.name == name)
        assert measured(feature, value) == [text]

    def test_a_party_without_a_history_is_said_to_be_new(self) -> None:
        feature = next(feature for feature in SPACE.features if feature.name == "consignee_first_seen_days")
        reason = explanation([feature], [1.0], [math.nan], context()).reasons[0]
        assert reason.text.endswith(f". The consignee was not seen before{RAISES}")

    def test_the_text_for_a_value_does_not_depend_on_earlier_values(self) -> None:
        feature = Feature("some_share", "g", "Share of something", CODES[0], shown=SHARE)
        values = [-0.0, 0.0, 0.25, 1.0, None, 0.25, None, -0.0]
        assert measured(feature, *values) == [
            f"Share of something: {text}"
            for text in ("0 %", "0 %", "25 %", "100 %", "not known", "25 %", "not known", "0 %")
        ]
        assert measured(dataclasses.replace(feature, meaning="Share of another"), 0.25) == ["Share of another: 25 %"]

    def test_values_beyond_the_cache_have_texts(self) -> None:
        values = [*range(200), 3, 199]
        texts = measured(Feature("items", "g", "Items", CODES[0]), *map(float, values))
        assert texts == [f"Items: {value}" for value in values]

    def test_a_share_is_never_rounded_to_0_or_100_percent(self) -> None:
        assert [percent(share) for share in (0.0, 1e-7, 0.0123, 0.99999999, 1.0)] == [
            "0 %", "under 0.01 %", "1.23 %", "over 99.99 %", "100 %",
        ]  # fmt: skip

    def test_every_reason_names_manifest_fields_and_its_source(self) -> None:
        for code, kind in REASON_KINDS.items():
            assert kind.fields, code
            assert set(kind.fields) <= set(MANIFEST_NAMES), code
            assert kind.source.startswith("model: learned from") or "(" in kind.source, code

    def test_sources_are_those_of_the_published_typologies(self) -> None:
        assert published("V1") == (
            "Value density out of range (CBP release: 65 lb declared as printing ink worth USD 90)"
        )
