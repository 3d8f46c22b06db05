"""Files in the console: how columns are shown and corrected, and what a job's page tells."""

from __future__ import annotations

import html
from pathlib import Path

import httpx
import pytest

from features.readers import ColumnMapping
from service.app import create_app
from service.console.roles import Role
from service.console.screens.files import HEAD
from service.jobs.worker import Worker
from tests.service.api_client import Client, serving
from tests.service.console.conftest import Officer, database_of, settings_of, sign_in

pytestmark = pytest.mark.slow

CARRIER = (
    "HAWB;Shipper;Description of goods;HS;Weight;Memo\n"
    "A1;Blue Harbour Chem;N-phenethyl-4-piperidone;293339;1,2;4-piperidone\n"
    "A2;Green Goods;<b>phone case</b>;392690;0,3;\n"
    ";Green Goods;phone case;392690;0,3;\n"
)


def sent(officer: Officer, path: str, field: str, content: bytes, name: str, **fields: str) -> httpx.Response:
    files = {field: (name, content)}
    return officer._request("POST", path, files=files, data=fields, headers={"x-form-token": officer.token})


def read_as(page: str) -> dict[str, str]:
    """Return column -> the chosen field from the table of columns."""
    found = {}
    for part in page.split('name="column ')[1:]:
        column, _, options = part.partition('"')
        chosen = options.partition("</select>")[0].partition("<option selected>")[2]
        found[html.unescape(column)] = chosen.partition("<")[0]
    return found


def test_guessed_columns_are_shown_with_values_and_can_be_corrected(office: Client) -> None:
    officer = sign_in(office, "ann", Role.OFFICER)
    page = sent(officer, "/files/columns", "head", CARRIER.encode(), "carrier.csv").text
    guessed = read_as(page)
    assert guessed["HAWB"] == "shipment_id"
    assert guessed["Description of goods"] == "goods_description"
    assert guessed["Memo"] == ""
    assert "Blue Harbour Chem · Green Goods" in page
    assert "<b>phone" not in page
    warned = sent(officer, "/files/columns", "head", f"{CARRIER}A3;Green;case;;lots;".encode(), "carrier.csv").text
    assert "Weight: 1 row with a warning; line 5, “lots”" in warned
    assert "Line 4: shipment_id: is missing" in page
    chosen = guessed | {"Memo": "declared_chemical", "HS": "", "Shipper": "goods_description"}
    answer = officer.post("/files/mapping", **{f"column {column}": field for column, field in chosen.items()})
    text = html.unescape(answer.text.partition('data-download="')[2].partition('"')[0])
    mapping = ColumnMapping.from_text(text)
    assert set(mapping.source_names) == {"HAWB", "Shipper", "Description of goods", "Weight", "Memo"}
    again = read_as(sent(officer, "/files/columns", "head", CARRIER.encode(), "carrier.csv", mapping=text).text)
    assert again == chosen


def test_a_column_that_shall_be_nothing_is_not_read_by_its_name(office: Client) -> None:
    officer = sign_in(office, "ann", Role.OFFICER)
    content = b"shipment_id,goods_description,hs_code\nA,phone case,392690\n"
    given = {"column shipment_id": "shipment_id", "column goods_description": "goods_description", "column hs_code": ""}
    text = html.unescape(officer.post("/files/mapping", **given).text.partition('data-download="')[2].partition('"')[0])
    page = sent(officer, "/files/columns", "head", content, "a.csv", mapping=text).text
    assert read_as(page)["hs_code"] == ""


def test_the_head_of_a_large_file_ends_with_a_whole_row(office: Client) -> None:
    officer = sign_in(office, "ann", Role.OFFICER)
    row = b"A%06d;Green Goods;phone case;392690;0,3;\n"
    content = CARRIER.encode() + b"".join(row % number for number in range(8_000))
    page = sent(officer, "/files/columns", "head", content[:HEAD], "carrier.csv").text
    assert "1 unreadable" in page


@pytest.mark.parametrize(
    ("content", "mapping", "message"),
    [
        (b"a,b\n1,2\n", "", "No column is recognised"),
        (b"\x00\x01\x02", "", "cannot be shown"),
        (CARRIER.encode(), '[columns]\nhs_code = "Tariff"\n', "the file has no column &#39;Tariff&#39;"),
        (CARRIER.encode(), "columns", "TOML"),
    ],
)
def test_what_cannot_be_read_is_told(office: Client, content: bytes, mapping: str, message: str) -> None:
    officer = sign_in(office, "ann", Role.OFFICER)
    answer = sent(officer, "/files/columns", "head", content, "a.csv", mapping=mapping)
    assert answer.status_code == 422
    assert message in answer.text


def test_a_job_shows_the_riskiest_first_and_the_rejected_rows_with_reasons(small_store: Path, tmp_path: Path) -> None:
    settings = settings_of(small_store, tmp_path, jobs_dir=tmp_path / "jobs")
    with serving(create_app(settings)) as client:
        officer = sign_in(client, "ann", Role.OFFICER)
        columns = {"shipment_id": "HAWB", "goods_description": "Description of goods", "hs_code": "HS"}
        mapping = "[columns]\n" + "".join(f'{field} = "{column}"\n' for field, column in columns.items())
        content = CARRIER.replace("N-phenethyl-4-piperidone", "4-anilinopiperidine").encode()
        answer = sent(officer, "/files", "file", content, "carrier.csv", mapping=mapping, explain="all", queue="true")
        assert answer.status_code == 303, answer.text
        page = officer.get("/files").text
        assert "queued" in page
        job = page.partition('id="job-')[2].partition('"')[0]
        assert Worker(database_of(client), settings).work_once()
        page = officer.get(f"/files/{job}").text
        assert 0 < page.index("4-anilinopiperidine") < page.index("phone case")
        assert "<b>phone" not in page
        assert "shipment_id: is missing" in page
        assert "A1" in officer.get(f"/files/{job}/download/result").text
        assert "Green Goods" in officer.get(f"/files/{job}/download/rejects").text
