"""Kinds of goods, recognised from words, and the fit of goods with the names of the parties."""

from __future__ import annotations

import numpy as np
import pytest

from features.groups.base import GroupInput, TextCache
from features.groups.business import BusinessColumn, BusinessGroup
from features.groups.description.columns import DescriptionColumn
from features.groups.description.group import DescriptionGroup
from features.table.table import Coded, ManifestTable

NO_HISTORY = np.zeros((1, 0))


def value_of(column: DescriptionColumn, text: str) -> float:
    table = ManifestTable.from_columns({"goods_description": Coded.from_list([text])}, 1)
    return float(DescriptionGroup().transform(table, NO_HISTORY)[0, column])


@pytest.mark.parametrize(
    ("text", "column", "value"),
    [
        ("fentanyl patches 25 mcg/h", DescriptionColumn.DESCRIPTION_DOSE, 2),
        ("parches transdermicos", DescriptionColumn.DESCRIPTION_DOSE, 1),
        ("注射液 50微克", DescriptionColumn.DESCRIPTION_DOSE, 2),
        ("펜타닐 패치", DescriptionColumn.DESCRIPTION_DOSE, 1),
        ("แคปซูล", DescriptionColumn.DESCRIPTION_DOSE, 1),
        ("25mcg", DescriptionColumn.DESCRIPTION_DOSE, 0),
        ("norfentanyl CRM 1 ml", DescriptionColumn.DESCRIPTION_STANDARD, 1),
        ("vertailumateriaalia", DescriptionColumn.DESCRIPTION_STANDARD, 1),
        ("acetylfentanyl CRM 25 g", DescriptionColumn.DESCRIPTION_STANDARD, 2),
        ("fentanyl reference standard 0.025 kg", DescriptionColumn.DESCRIPTION_STANDARD, 2),
        ("acetylfentanyl CRM 0.5 g", DescriptionColumn.DESCRIPTION_STANDARD, 1),
        ("urine CRM, fentanyl 1 ng/g, 25 g", DescriptionColumn.DESCRIPTION_STANDARD, 1),
        ("organic intermediate powder", DescriptionColumn.DESCRIPTION_GENERIC_CHEMISTRY, 3),
        ("Zwischenprodukt Muster", DescriptionColumn.DESCRIPTION_GENERIC_CHEMISTRY, 2),
        ("cotton shirt", DescriptionColumn.DESCRIPTION_GENERIC_CHEMISTRY, 0),
        ("research chemical, not for human consumption", DescriptionColumn.DESCRIPTION_GENERIC_CHEMISTRY, 4),
        ("Forschungschemikalien", DescriptionColumn.DESCRIPTION_GENERIC_CHEMISTRY, 1),
        ("market research report", DescriptionColumn.DESCRIPTION_GENERIC_CHEMISTRY, 1),
        ("research chemical 50-00-0", DescriptionColumn.DESCRIPTION_GENERIC_CHEMISTRY, 0),
        ("microcrystalline cellulose", DescriptionColumn.DESCRIPTION_BINDER, 1),
        ("lactose filler and wood filler", DescriptionColumn.DESCRIPTION_BINDER, 1),
        ("acetic anhydride in isotank, for cellulose acetate", DescriptionColumn.DESCRIPTION_BINDER, 0),
        ("ring binders A4", DescriptionColumn.DESCRIPTION_BINDER, 0),
        ("dermal filler 1 ml", DescriptionColumn.DESCRIPTION_BINDER, 0),
        ("povidone-iodine swabs", DescriptionColumn.DESCRIPTION_BINDER, 0),
        # A material, a dye and a powder of a named kind could not be any chemical.
        ("stampi in policarbonato per cioccolatini", DescriptionColumn.DESCRIPTION_CHEMICAL_WORDS, 0),
        ("polyethylene bags, melamine plates", DescriptionColumn.DESCRIPTION_CHEMICAL_WORDS, 0),
        ("fluorocarbon fishing line", DescriptionColumn.DESCRIPTION_CHEMICAL_WORDS, 0),
        ("ethyl acetate", DescriptionColumn.DESCRIPTION_CHEMICAL_WORDS, 1),
        ("Reactive Red 195 textile dye, powder", DescriptionColumn.DESCRIPTION_GENERIC_CHEMISTRY, 0),
        ("Solvent Black 5 powder", DescriptionColumn.DESCRIPTION_GENERIC_CHEMISTRY, 0),
        ("solvent, red powder", DescriptionColumn.DESCRIPTION_GENERIC_CHEMISTRY, 2),
        ("реактивный самолёт, модель", DescriptionColumn.DESCRIPTION_GENERIC_CHEMISTRY, 0),
        ("химический реактив", DescriptionColumn.DESCRIPTION_GENERIC_CHEMISTRY, 2),
        ("钛白粉 颜料", DescriptionColumn.DESCRIPTION_GENERIC_CHEMISTRY, 0),
        ("粉色连衣裙", DescriptionColumn.DESCRIPTION_GENERIC_CHEMISTRY, 0),
        ("粉色粉末 样品", DescriptionColumn.DESCRIPTION_GENERIC_CHEMISTRY, 2),
        ("колер краситель синий", DescriptionColumn.DESCRIPTION_DYE, 1),
        ("silicone candy mould", DescriptionColumn.DESCRIPTION_HOBBY, 1),
        ("压片机", DescriptionColumn.DESCRIPTION_EQUIPMENT, 1),
        ("TDP冲模 M30 模具", DescriptionColumn.DESCRIPTION_EQUIPMENT, 1),
        ("冲模 汽车零件", DescriptionColumn.DESCRIPTION_EQUIPMENT, 0),
        ("타정기", DescriptionColumn.DESCRIPTION_EQUIPMENT, 1),
        ("N-(1-Phenethylpiperidin-4-yl)-", DescriptionColumn.DESCRIPTION_OPIOID_FRAGMENT, 1),
        ("2-(4-ethoxybenzyl)-5-nitro-1H-benzimidazole", DescriptionColumn.DESCRIPTION_OPIOID_FRAGMENT, 1),
        ("para-fluoro 4-anilidopiperidine intermediate", DescriptionColumn.DESCRIPTION_OPIOID_FRAGMENT, 1),
        ("5-nitrobenzimidazole 99%", DescriptionColumn.DESCRIPTION_OPIOID_FRAGMENT, 0),
        ("tert-butyl 4-anilinopiperid", DescriptionColumn.DESCRIPTION_PRECURSOR_FRAGMENT, 1),
        ("2,2,6,6-tetramethyl-4-piperidone", DescriptionColumn.DESCRIPTION_PRECURSOR_FRAGMENT, 0),
    ],
)
def test_the_kind_of_goods_is_recognised_from_words(text: str, column: DescriptionColumn, value: int) -> None:
    assert value_of(column, text) == value


def fits(consignor: str | None, code: str | None) -> float:
    table = ManifestTable.from_columns(
        {
            "consignor_name": Coded.from_list([consignor]),
            "hs_code": Coded.from_list([code]),
            "goods_description": Coded.from_list(["goods"]),
        },
        1,
    )
    out = np.full((1, len(BusinessColumn)), np.nan)
    cache = TextCache()
    BusinessGroup(cache).fill(GroupInput(table, cache), NO_HISTORY, out)
    assert out[0, BusinessColumn.CONSIGNEE_FITS_CODE] == 0.0
    return float(out[0, BusinessColumn.CONSIGNOR_FITS_CODE])


def test_goods_of_the_line_of_business_fit_and_others_do_not() -> None:
    assert fits("Sample Garment Co., Ltd.", "6109100010") > 0.5
    assert fits("Sample Garment Co., Ltd.", "293339") < -0.5


@pytest.mark.parametrize(
    ("name", "code"),
    [("Dana Garment-Example", None), ("Dana Example", "610910"), (None, "610910"), ("Sample Garment Ltd", "00")],
)
def test_private_persons_and_unknown_codes_have_a_neutral_fit(name: str | None, code: str | None) -> None:
    assert fits(name, code) == 0.0
