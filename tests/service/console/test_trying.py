"""What-if questions and look-ups in the console."""

from __future__ import annotations

import html

import orjson
import pytest

from service.console.roles import Role
from service.console.screens.asking import moved_between
from service.core.examples import EXAMPLE_PRECURSOR
from tests.service.api_client import Client
from tests.service.console.conftest import sign_in

pytestmark = pytest.mark.slow

ROWS = """HAWB;Shipper;Shipper Country;Description of goods;HS
A1;Blue Harbour Chem;CN;phone case;392690
A1;Blue Harbour Chem;CN;N-phenethyl-4-piperidone;293339
"""


def test_both_manifests_are_answered_with_what_changed_and_nothing_enters_the_queue(office: Client) -> None:
    officer = sign_in(office, "ann", Role.OFFICER)
    changed = EXAMPLE_PRECURSOR | {"items": [{"goods_description": "phone case"}]}
    text = orjson.dumps(EXAMPLE_PRECURSOR).decode()
    page = html.unescape(officer.post("/try", first=text, changed=orjson.dumps(changed).decode()).text)
    assert page.index('class="lane yellow"') < page.index("Changed:")
    assert "N-phenethyl-4-piperidone</td><td>phone case" in page.replace("\n", "")
    assert "gone" in page
    # What was typed stays.
    assert text in page
    assert EXAMPLE_PRECURSOR["shipment_id"] not in officer.get("/queue").text
    assert "2" not in officer.get("/queue").text.partition("waiting")[0][-3:]


def test_a_reason_whose_number_moved_is_one_row() -> None:
    before = [{"code": "MASS", "text": "2 kg", "weight": 1.0}, {"code": "ROUTE", "text": "CN to US", "weight": 0.5}]
    after = [{"code": "MASS", "text": "3 kg", "weight": 1.5}, {"code": "ROUTE", "text": "CN to US", "weight": 0.5}]
    [moved] = moved_between(before, after)
    assert (moved["state"], moved["instead_of"], moved["text"], moved["change"]) == ("changed", "2 kg", "3 kg", 0.5)


def test_pasted_rows_are_read_as_those_of_a_file(office: Client) -> None:
    officer = sign_in(office, "ann", Role.OFFICER)
    page = html.unescape(officer.post("/try", first=ROWS, changed="").text)
    assert 'class="lane yellow"' in page
    assert "N-phenethyl-4-piperidone" in page
    assert "Blue Harbour Chem" in page


def test_fields_become_a_manifest_that_can_be_changed(office: Client) -> None:
    officer = sign_in(office, "ann", Role.OFFICER)
    fields = {"goods_description": "4-piperidone", "consignor_country": "CN", "net_mass_kg": "abc"}
    page = html.unescape(officer.post("/try", **{"as": "form"}, **fields).text)
    text = page.partition('name="first"')[2].partition(">")[2].partition("</textarea>")[0]
    manifest = orjson.loads(text)
    assert manifest["items"] == [{"goods_description": "4-piperidone", "net_mass_kg": "abc"}]
    assert manifest["consignor"] == {"country": "CN"}
    assert "net_mass_kg</code>" in page


@pytest.mark.parametrize(
    ("first", "changed", "message"),
    [
        ("{", "", "In the manifest, line 1, column 2"),
        ('{"shipment_id": "A"}', "[]", "In the changed manifest: expected one JSON object"),
        ("", "", "Expected one JSON object, or a header and the rows of one shipment."),
        ("shipment_id,goods_description", "", "The file has a header but no rows"),
        ("no manifest\nat all", "", "No column is recognised"),
        ("shipment_id,hs_code\nA,1\nB,2\n", "", "the rows are of 2 shipments (A, B)"),
        ('{"shipment_id": "A"}', "", "contain no goods item"),
    ],
)
def test_what_cannot_be_read_is_told(office: Client, first: str, changed: str, message: str) -> None:
    officer = sign_in(office, "ann", Role.OFFICER)
    answer = officer.post("/try", first=first, changed=changed)
    assert message in html.unescape(answer.text)


def test_a_chemical_is_told_with_its_listings_and_what_is_not_recorded(office: Client) -> None:
    officer = sign_in(office, "vic", Role.VIEWER)
    page = officer.get("/substances?q=39742-60-4").text
    assert "N-Phenethyl-4-piperidone" in page
    assert "1988 Convention" in page
    assert "What is not recorded" in page
    drawing = officer.get("/substances/drawing?q=39742-60-4")
    assert drawing.headers["content-type"].startswith("image/svg+xml")
    unknown = officer.get("/substances?q=unobtainium").text
    assert "No substance is recognised" in unknown
    assert "That does not mean that it is harmless." in unknown
    assert officer.get("/substances?q=fentanyl&jurisdiction=XX").status_code == 422


def test_goods_words_are_told_with_likely_codes_and_whether_the_declared_one_fits(office: Client) -> None:
    officer = sign_in(office, "vic", Role.VIEWER)
    page = officer.get("/goods?q=phone+case&hs_code=293339").text
    assert "and in it heading 3926" in page
    assert "The declared code is that of other goods." in page
    assert "The declared code does not contradict the words." in officer.get("/goods?q=phone+case&hs_code=392690").text
