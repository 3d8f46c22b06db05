"""The command ``tidewaiter classify`` for one text and for files."""

from __future__ import annotations

import csv
import gzip
import json
from pathlib import Path

import pandas as pd
import pytest

from service.cli import run
from service.goods.answers import COLUMNS, Question, answer_all
from tests.service.cli.conftest import write

pytestmark = pytest.mark.usefixtures("empty_folder")


def classified(*rows: list[str], **options: str) -> list[dict[str, str]]:
    """Return the rows of a file classified with ``--file``."""
    write("in.csv", *rows)
    given = [part for name, value in options.items() for part in (f"--{name.replace('_', '-')}", value)]
    assert run(["classify", "--file", "in.csv", "out.csv", *given]) == 0
    with Path("out.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("text", ["mens cotton t-shirt", "gift", "", "硅胶手机壳", "12345"])
def test_an_answer_fits_a_terminal_of_80_columns(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["classify", text, "--hs-code", "6109.10"]) == 0
    output = capsys.readouterr()
    assert max(map(len, output.out.splitlines())) <= 80
    assert (text or "(empty)") in output.out
    assert output.err == ""


def test_an_answer_shows_codes_contradiction_vagueness_and_what_is_missing(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["classify", "brake pads", "--hs-code", "0805.10"]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    for words in ("8708", "Motor vehicles; parts", "080510: CONTRADICTED by the words (code_fit -"):
        assert words in shown
    assert run(["classify", "spare parts"]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    for words in ("would be rejected as vague", "Missing what the goods are; what they are parts of", "Language en"):
        assert words in shown


def test_json_is_the_answer_of_the_api(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["classify", "leather shoes", "--hs-code", "6403", "--json"]) == 0
    assert [json.loads(capsys.readouterr().out)] == answer_all([Question("leather shoes", "6403")])


def test_a_file_keeps_its_columns_and_rows_and_the_documented_columns_are_appended(
    capsys: pytest.CaptureFixture[str],
) -> None:
    rows = classified(
        ["id", "goods_description", "hs_code", "language"],
        ["1", "mens cotton t-shirt", "6109.10", "NA"],
        ["2", "gift", "", ""],
        ["3", "", "610910", ""],
        ["4", "brake pads", "080510", ""],
        ["5", "brake pads", "abc", ""],
        ["6", "brake pads", "08051", "", "more"],
        ["7", "mens cotton t-shirt", "6109.10", "NA"],
    )
    assert list(rows[0]) == ["id", "goods_description", "hs_code", "input_language", *COLUMNS]
    assert [row["id"] for row in rows] == list("1234567")
    assert (rows[0]["hs_code"], rows[0]["input_language"], rows[0]["language"]) == ("6109.10", "NA", "en")
    assert (rows[0]["heading_1"], rows[0]["code_contradicted"], rows[0]["vague_flagged"]) == ("6109", "false", "false")
    assert 0.0 < float(rows[0]["heading_1_p"]) <= float(rows[0]["chapter_1_p"]) < 1.0
    assert (rows[1]["vague_flagged"], rows[1]["missing"], rows[1]["code_fit"]) == ("true", "what the goods are", "")
    assert {name for name in COLUMNS if rows[2][name]} == {"vague", "vague_flagged"}
    assert rows[2]["vague"] == "1"
    assert rows[3]["code_contradicted"] == "true"
    assert (rows[4]["code_fit"], rows[4]["chapter_1"]) == ("", rows[3]["chapter_1"])
    assert {rows[5][name] for name in COLUMNS} == {""}
    assert rows[6] == rows[0] | {"id": "7"}
    report = capsys.readouterr().err
    for words in (
        "Line 7 has no answer",
        "1 HS code cannot be read",
        "7 rows in and out, 1 of them blank",
        "1 of 3 codes",
    ):
        assert words in report


def test_a_renamed_column_does_not_take_the_name_of_another() -> None:
    [row] = classified(["goods_description", "vague", "input_vague"], ["leather shoes", "first", "second"])
    assert (row["input_vague_2"], row["input_vague"]) == ("first", "second")
    assert float(row["vague"]) < 1.0


def test_columns_may_be_named_and_codes_may_be_absent() -> None:
    rows = classified(["What", "Code"], ["leather shoes", "6403"], column="what", hs_column="code")
    assert float(rows[0]["code_fit"]) > 0.0
    assert classified(["goods description"], ["leather shoes"])[0]["code_fit"] == ""


def test_a_classified_file_can_be_classified_again() -> None:
    once = classified(["goods_description", "hs_code"], ["leather shoes", "6403"], ["gift", ""])
    Path("in.csv").write_bytes(Path("out.csv").read_bytes())
    assert run(["classify", "--file", "in.csv", "again.csv"]) == 0
    assert Path("again.csv").read_bytes() == Path("out.csv").read_bytes()
    assert len(once) == 2


def test_formats_agree() -> None:
    table = pd.DataFrame({"goods_description": ["leather shoes", None, "gift"], "hs_code": ["6403", "0805", None]})
    table.to_csv("in.csv", index=False)
    table.to_parquet("in.parquet")
    table.to_json("in.jsonl", orient="records", lines=True)
    for source, target in (("in.csv", "a.parquet"), ("in.parquet", "b.parquet"), ("in.jsonl", "c.jsonl.gz")):
        assert run(["classify", "--file", source, target]) == 0
    first, second = pd.read_parquet("a.parquet"), pd.read_parquet("b.parquet")
    pd.testing.assert_frame_equal(first[list(COLUMNS)], second[list(COLUMNS)])
    third = [json.loads(line) for line in gzip.decompress(Path("c.jsonl.gz").read_bytes()).splitlines()]
    assert [row["chapter_1"] for row in third] == [None if pd.isna(code) else code for code in first["chapter_1"]]
    assert [row["vague"] for row in third] == first["vague"].tolist()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["shoes", "--hs-code", "abc"], "--hs-code: an HS code of 4 to 10 digits is needed"),
        (["x" * 2001], "at most 2,000 characters"),
        (["leather", "shoes"], "Exactly one TEXT"),
        (["--file", "in.csv"], "--file needs two files"),
        (["--file", "in.csv", "out.csv", "--json"], "cannot be combined with --file"),
        (["shoes", "--column", "x"], "need --file"),
    ],
)
def test_wrong_use_is_one_line_and_status_2(
    arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["classify", *arguments]) == 2
    error = capsys.readouterr().err
    assert words in error
    assert error.count("\n") == 1


def test_a_missing_column_is_named_with_its_option(capsys: pytest.CaptureFixture[str]) -> None:
    write("in.csv", ["text", "code"], ["shoes", "6403"])
    assert run(["classify", "--file", "in.csv", "out.csv"]) == 2
    assert "--column" in capsys.readouterr().err
    assert run(["classify", "--file", "in.csv", "out.csv", "--column", "text", "--hs-column", "hs"]) == 2
    assert "--hs-column" in capsys.readouterr().err
    assert not Path("out.csv").exists()


def test_a_file_contains_no_formula_if_the_option_or_the_setting_is_on(monkeypatch: pytest.MonkeyPatch) -> None:
    write("in.csv", ["id", "goods_description"], ["1", "=brake pads"], ["@A1", "leather shoes"])

    def rows(name: str, *options: str) -> list[dict[str, str]]:
        assert run(["classify", "--file", "in.csv", name, *options]) == 0
        with Path(name).open(encoding="utf-8", newline="") as file:
            return list(csv.DictReader(file))

    plain = rows("out.csv")
    assert [plain[0]["goods_description"], plain[1]["id"]] == ["=brake pads", "@A1"]
    expected = [plain[0] | {"goods_description": "'=brake pads"}, plain[1] | {"id": "'@A1"}]
    assert rows("safe.csv", "--excel-safe") == expected
    monkeypatch.setenv("TIDEWAITER_EXCEL_SAFE", "true")
    assert rows("set.csv") == expected


def test_the_option_for_formulas_needs_a_file(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["classify", "leather shoes", "--excel-safe"]) == 2
    assert "--excel-safe need --file" in capsys.readouterr().err
