"""Names of organisations and of private persons."""

from __future__ import annotations

import pytest

from features.kinds.parties import is_organisation
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
        "Stadtapotheke Muster",
    ),
)
PERSONS = ("Dana Example", "O'Neil, Pat", "Anna-Maria de la Sample", "Li Wei", "李伟", "Gross, Roberto", "A. S. Sample")


@pytest.mark.parametrize("name", ORGANISATIONS)
def test_organisations_of_many_countries_are_no_private_persons(name: str) -> None:
    assert is_organisation(name)
    assert fired_for(shipment(PRESS, consignee={"name": name, "country": "US"})) == []


@pytest.mark.parametrize("name", PERSONS)
def test_private_persons_are_no_organisations(name: str) -> None:
    assert not is_organisation(name)
    assert fired_for(shipment(PRESS, consignee={"name": name, "country": "US"})) == ["press-to-private-person"]
