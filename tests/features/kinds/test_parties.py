"""Names of organisations and of private persons."""

from __future__ import annotations

import pytest

from features.kinds.parties import LINES_FROM, PartyKind, is_organisation, name_marks, names, party_kinds
from tests.models.rules.shipments import PRESS, fired_for, shipment

ORGANISATIONS = (
    *("de Roo Retail B.V.", "Briwick SAS", "Haldale e.K.", "Tordale S.p.A.", "Lumwick S.r.l.", "Cepeda S.L."),
    *("Paxware KG", "Zelnova LLP", "Kowalczyk Sp. z o.o.", "Nordvik A/S", "Müller & Söhne", "Universität Musterstadt"),
    *(
        "KUZEY PAZARLAMA LTD.STI.",
        "Example Fabrics for Imp",
        "上海联合公司",
        "ООО Пример",
        "Example Pty",
        "Kim Supplements",
        "CLINICA EJEMPLO",
        "Granos Ejemplo S. de R.L. de C.V. / Altamira",
        "Beispiel GmbH - Bremen",
        "Stadtapotheke Muster",
        "ETS EXEMPLE MECANIQUE DE PRECISION",
        "Ets Modele",
        "Voorbeeld Analyse",
        "Harm Reduction Center",
        "First Baptist Diocese",
        "ABC Plumbing",
        "Taller Mecanico Ejemplo",
        "Tischlerei Muster",
        "Gemeente Voorbeeld",
        "ТОО «Пример Агро»",
        "Ayuda Ejemplo Frontera AC",
        "李伟小吃店",
        "Unit 7 Receiving",
        "예시소재(주)",
        "(株)サンプル",
        "Χρώματα Παράδειγμα ΑΒΕΕ",
        "Βιβλιοπωλείο Παράδειγμα",
        "Distribuidora Mixta El Ejemplo",
        "Schuhwerk24 Retourenlager",
    ),
)
PERSONS = (
    "Dana Example",
    "Dana As, Example",
    "O'Neil, Pat",
    "Fie Sample",
    "Anna-Maria de la Sample",
    "Li Wei",
    "李伟",
    "Gross, Roberto",
    "A. S. Sample",
)


@pytest.mark.parametrize("name", ORGANISATIONS)
def test_organisations_of_many_countries_are_not_private_persons(name: str) -> None:
    assert is_organisation(name)
    assert fired_for(shipment(PRESS, consignee={"name": name, "country": "US"})) == []


@pytest.mark.parametrize("name", PERSONS)
def test_private_persons_are_not_organisations(name: str) -> None:
    assert not is_organisation(name)
    assert fired_for(shipment(PRESS, consignee={"name": name, "country": "US"})) == ["press-to-private-person"]


KINDS = {
    PartyKind.MEDICAL: (
        "Apteekki Muster",
        "Hospital Ejemplo",
        "Stadtapotheke Beispiel",
        "某某医院",
        "ООО Аптека Пример",
        "예시 병원",
        "โรงพยาบาลตัวอย่าง",
        "Bệnh viện Ví Dụ",
        "Kantonsklinikverbund Muster",
    ),
    PartyKind.LABORATORY: (
        "Example Forensic Laboratory",
        "Muster Analytik GmbH",
        "某某大学",
        "Fintox Oy",
        "Unversity of Sample",
        "예시대학교",
    ),
    PartyKind.CHEMICAL: (
        "Sildchem AB",
        "Pigmentos Ejemplo S.A. de C.V.",
        "某某化工有限公司",
        "例示試薬工業株式会社",
        "Örnek Kimya Ltd. Şti.",
        "주식회사 예시제약",
        "شركة المثال للأدوية",
    ),
    PartyKind.MAKER: ("Example Confectionery Inc", "Maschinenfabrik Muster", "Sample Nutrition LLC"),
    PartyKind.TRADER: ("Comercio Exterior Ejemplo SA", "Sample Trading Co., Ltd.", "Örnek Dış Ticaret"),
    PartyKind.FORWARDER: ("Example Logistics Ltd", "Spedition Muster", "某某物流", "Nordtransporte", "예시물류"),
    PartyKind.NUMBERED: ("15599082 B.C. Ltd.",),
}


@pytest.mark.parametrize(("name", "kind"), [(name, kind) for kind, names in KINDS.items() for name in names])
def test_a_name_indicates_the_kind_of_party(name: str, kind: PartyKind) -> None:
    assert party_kinds(name) & kind
    assert is_organisation(name)


def test_legal_forms_and_words_of_any_trade_indicate_no_line_of_business() -> None:
    words = ["guangzhou", "sample", "garment", "import", "and", "export", "co", "ltd"]
    assert [word for word in words if word not in names().of_any_line] == ["guangzhou", "sample", "garment"]
    assert (
        name_marks("Guangzhou Sample Garment Import and Export Co., Ltd.") >> LINES_FROM
        == name_marks("Sample Garment Ltd") >> LINES_FROM
    )


@pytest.mark.parametrize("name", ["Sample", "Sample " * 60])
def test_a_long_number_marks_a_company_only_together_with_another_sign(name: str) -> None:
    assert party_kinds(f"{name} 15599082") == 0
    assert party_kinds(f"{name} 15599082 Ltd") & PartyKind.NUMBERED
    assert not party_kinds(f"{name} 1559 Ltd") & PartyKind.NUMBERED


def test_a_capital_inside_a_word_begins_another_word() -> None:
    assert party_kinds("SampleLab oy") & PartyKind.LABORATORY
    assert party_kinds("SampleLab Example") & PartyKind.LABORATORY


@pytest.mark.parametrize(
    "name",
    ["Nieminen Saippua Tmi", "Tmi Muster Ompelu", "Muster Rør ENK", "Exemplu Ion PFA", "Minta Bt."],
)
def test_the_firm_of_a_sole_trader_is_not_a_private_person(name: str) -> None:
    assert is_organisation(name)
