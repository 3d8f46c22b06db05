from __future__ import annotations

import csv
import gzip
import io
import json
import random
import threading
from collections.abc import Generator, Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given
from hypothesis import strategies as st

from features.readers import ColumnMapping, Unreadable
from features.table.table import Coded, ManifestTable
from models.scoring import RISK, RiskModel, ScoreSettings
from models.scoring.scores import ALL_SCORE_COLUMNS, score_columns
from service.files.batch import BatchReport, score_file
from service.files.chunk_scorer import LATE, RETURNED
from service.files.options import THREAD_NAME, ScoreOptions
from service.files.output import OutputRefused
from service.files.routes import score_csv_stream
from tests.effort import examples
from tests.models.small_model import manifest, train

DOCUMENTED_COLUMNS = [
    *("risk", "percentile", "risk_fentanyl_or_analogue", "risk_precursor", "risk_equipment", "item_risk", "lane"),
    *("selected_by", "reason_1", "reason_2", "reason_3", "substance", "substance_kind", "substance_hit", "warnings"),
    *("model_version", "bundle_digest", "one_in", "rank_one_in", "rule_ids", "unread"),
]
KCS = Path(__file__).parents[3] / "docs" / "mappings" / "kcs.toml"
SAMPLE = Path(__file__).parents[4] / "shared" / "samples" / "kcs_import_declarations.csv"


@pytest.fixture(scope="module")
def three_heads() -> RiskModel:
    return train()


@pytest.fixture(scope="module")
def one_head() -> RiskModel:
    return train((RISK,), seed=1)


def goods(shipments: int, seed: int = 7) -> dict[str, list[str | None]]:
    """Return invented shipments, later than those of the model, with consistent fields within a shipment."""
    columns = manifest(shipments, seed)
    ids = columns["shipment_id"]
    for row in range(1, len(ids)):
        if ids[row] == ids[row - 1]:
            columns["consignee_name"][row] = columns["consignee_name"][row - 1]
    columns["declared_at"] = [str(time).replace("2026-03", "2026-06") for time in columns["declared_at"]]
    return columns


def as_csv(columns: dict[str, list[str | None]], *extra: Sequence[str]) -> str:
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(zip(*columns.values(), strict=True))
    writer.writerows(extra)
    return out.getvalue()


def write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8", newline="")
    return path


def table_of(path: Path) -> list[dict[str, str]]:
    data = path.read_bytes()
    text = (gzip.decompress(data) if path.suffix == ".gz" else data).decode("utf-8")
    return list(csv.DictReader(io.StringIO(text, newline="")))


def run(
    tmp_path: Path,
    text: str,
    model: RiskModel,
    options: ScoreOptions | None = None,
    *,
    out: str = "out.csv",
    **arguments: Any,
) -> tuple[BatchReport, list[dict[str, str]]]:
    report = score_file(write(tmp_path / "in.csv", text), tmp_path / out, model, options, **arguments)
    return report, table_of(tmp_path / out) if ".csv" in out else []


def test_the_columns_are_those_of_the_contract_in_order(tmp_path: Path, three_heads: RiskModel) -> None:
    columns = goods(5)
    run(tmp_path, as_csv(columns), three_heads)
    header = (tmp_path / "out.csv").read_text().splitlines()[0].split(",")
    assert header == [*columns, *DOCUMENTED_COLUMNS]
    assert list(ALL_SCORE_COLUMNS) == DOCUMENTED_COLUMNS


def test_scores_are_the_models_own_at_nine_digits(tmp_path: Path, three_heads: RiskModel) -> None:
    columns = goods(60)
    report, rows = run(tmp_path, as_csv(columns), three_heads, ScoreOptions(explain="all"))
    table = ManifestTable.from_columns({name: Coded.from_list(values) for name, values in columns.items()}, len(rows))
    scores = three_heads.score(table, three_heads.history.copy(), explain="all")
    for name, wanted in (
        ("risk", scores.risk[table.shipment]),
        ("percentile", scores.percentile[table.shipment]),
        ("item_risk", scores.item_risk),
        ("risk_precursor", scores.heads["precursor"][table.shipment]),
    ):
        assert [float(row[name]) for row in rows] == [float(f"{value:.9g}") for value in wanted], name
    for name, share in (("one_in", scores.risk), ("rank_one_in", 1.0 - scores.percentile)):
        limited = [min(round(1.0 / max(value, 1e-12)), 10_000_000) for value in share[table.shipment].tolist()]
        assert [int(row[name]) for row in rows] == limited, name
    assert [row["lane"] for row in rows] == scores.lane[table.shipment].tolist()
    assert [row["selected_by"] or None for row in rows] == scores.selected_by[table.shipment].tolist()
    assert [row["reason_1"] for row in rows] == [scores.reason_texts(s, 1)[0] for s in table.shipment.tolist()]
    assert {row["substance_hit"] for row in rows} <= {"true", "false"}
    assert {row["substance"] for row in rows} == {"", "citric acid"}
    assert report.by_lane == {lane: int((scores.lane == lane).sum()) for lane in ("red", "yellow", "green")}
    assert report.shipments == 60
    assert [one.risk for one in report.riskiest] == sorted(scores.risk.tolist(), reverse=True)[:10]


def test_only_red_and_yellow_are_explained_by_default(tmp_path: Path, three_heads: RiskModel) -> None:
    text = as_csv(goods(200))
    _, shown = run(tmp_path, text, three_heads)
    assert {row["lane"] == "green" for row in shown if row["reason_1"]} == {False}
    assert any(row["reason_1"] for row in shown)
    _, none = run(tmp_path, text, three_heads, ScoreOptions(explain="none"))
    assert not any(row["reason_1"] for row in none)
    _, every = run(tmp_path, text, three_heads, ScoreOptions(explain="all"))
    assert all(row["reason_1"] for row in every)


def test_input_columns_are_copied_unchanged_and_in_order(tmp_path: Path, three_heads: RiskModel) -> None:
    columns = goods(4)
    n = len(columns["shipment_id"])
    columns["Notes; own"] = [
        [" spaced ", 'say "hi"', "two\nlines", "1,5", "007", "NA", "=1+1"][row % 7] for row in range(n)
    ]
    columns["hs_code"] = ["01012100"] * n
    _, rows = run(tmp_path, as_csv(columns), three_heads)
    for name, values in columns.items():
        assert [row[name] for row in rows] == [value or "" for value in values]


def test_rows_in_are_rows_out_plus_rejects_with_line_reason_and_row(tmp_path: Path, three_heads: RiskModel) -> None:
    columns = goods(3)
    n, width = len(columns["shipment_id"]), len(columns)
    no_id = ["", *["x"] * (width - 1)]
    infinite = ["Z1", "2026-06-01", *["cup"] * (width - 5), "inf", "5", "USD"]
    text = as_csv(columns, no_id, ["too", *["many"] * width], infinite, ["Q9"])
    report, rows = run(tmp_path, text, three_heads)
    assert (report.rows_in, report.rows_out, report.rows_rejected) == (n + 4, n, 4)
    assert len(rows) == n
    assert report.rejects_path == tmp_path / "out.csv.rejects.csv"
    rejects = table_of(report.rejects_path)
    assert [int(reject["line"]) for reject in rejects] == [n + 2, n + 3, n + 4, n + 5]
    assert rejects[0]["reason"].startswith("shipment_id: is missing")
    assert rejects[1]["reason"] == f"{width + 1} cells where the header has {width}"
    assert "net_mass_kg: is inf, expected a finite number" in rejects[2]["reason"]
    assert rejects[2]["row"] == ",".join(infinite)
    assert rejects[3]["reason"].startswith("goods_description: is missing")


def test_no_rejects_leave_no_rejects_file_and_remove_an_older_one(tmp_path: Path, three_heads: RiskModel) -> None:
    old = write(tmp_path / "out.csv.rejects.csv", "line,reason,row\n3,old,x\n")
    report, _ = run(tmp_path, as_csv(goods(3)), three_heads)
    assert report.rejects_path is None
    assert not old.exists()


def test_the_rejects_file_may_be_named(tmp_path: Path, three_heads: RiskModel) -> None:
    report, _ = run(tmp_path, as_csv(goods(2), ["", "x"]), three_heads, rejects_path=tmp_path / "bad.csv")
    assert report.rejects_path == tmp_path / "bad.csv"
    assert not (tmp_path / "out.csv.rejects.csv").exists()


@pytest.mark.parametrize("size", [1, 7, 50])
def test_the_chunk_size_changes_no_byte(tmp_path: Path, three_heads: RiskModel, size: int) -> None:
    columns = goods(80)
    columns["declared_at"] = [None if row % 5 == 2 else time for row, time in enumerate(columns["declared_at"])]
    text = as_csv(columns, ["", "x"], ["HB-7-000001", *["again"] * (len(columns) - 1)])
    run(tmp_path, text, three_heads, out="whole.csv")
    run(tmp_path, text, three_heads, ScoreOptions(rows_per_chunk=size), out="parts.csv")
    assert (tmp_path / "parts.csv").read_bytes() == (tmp_path / "whole.csv").read_bytes()


def test_the_models_own_history_is_never_advanced(tmp_path: Path, three_heads: RiskModel) -> None:
    before = {name: values.copy() for name, values in three_heads.history.to_arrays().items()}
    run(tmp_path, as_csv(goods(10, seed=77)), three_heads)
    after = three_heads.history.to_arrays()
    assert before.keys() == after.keys()
    assert all(np.array_equal(values, after[name]) for name, values in before.items())


def test_scoring_advances_the_history_argument(tmp_path: Path, three_heads: RiskModel) -> None:
    text, history = as_csv(goods(10, seed=77)), three_heads.history.copy()
    before = history.sequence
    report, rows = run(tmp_path, text, three_heads, history=history)
    assert history.sequence == before + report.shipments
    assert rows == run(tmp_path, text, three_heads)[1]


def test_late_returning_and_short_rows_carry_warnings(tmp_path: Path, three_heads: RiskModel) -> None:
    head = "shipment_id,declared_at,goods_description,hs_code\n"
    text = head + "A,2026-06-05,cup,691200\nB,2026-06-04,mug,691200\nA,2026-06-06,hat\nC,2026-06-07,cup,691200\n"
    report, rows = run(tmp_path, text, three_heads)
    assert LATE not in rows[0]["warnings"]
    assert LATE in rows[1]["warnings"]
    assert rows[2]["warnings"].startswith("row: only 3 of 4 cells; the missing ones are read as blank")
    assert RETURNED in rows[2]["warnings"]
    assert rows[3]["warnings"] == ""
    assert report.rows_warned == 2


def test_decimal_commas_of_a_semicolon_file_mean_the_same(tmp_path: Path, three_heads: RiskModel) -> None:
    columns = goods(30)
    _, points = run(tmp_path, as_csv(columns), three_heads)
    for name in ("net_mass_kg", "customs_value"):
        columns[name] = [str(value).replace(".", ",") for value in columns[name]]
    text = as_csv(columns)
    rows = [";".join(row) for row in csv.reader(io.StringIO(text))]
    report, commas = run(tmp_path, "\n".join(rows) + "\n", three_heads)
    assert (report.delimiter, report.decimal) == (";", ",")
    assert [row["risk"] for row in commas] == [row["risk"] for row in points]
    assert commas[0]["net_mass_kg"] == columns["net_mass_kg"][0]


def test_scoring_a_scored_file_replaces_the_old_scores_and_says_so(tmp_path: Path, three_heads: RiskModel) -> None:
    run(tmp_path, as_csv(goods(20)), three_heads, out="once.csv")
    report = score_file(tmp_path / "once.csv", tmp_path / "twice.csv", three_heads)
    assert (tmp_path / "twice.csv").read_bytes() == (tmp_path / "once.csv").read_bytes()
    assert list(report.replaced) == DOCUMENTED_COLUMNS


def test_guessed_columns_are_reported(tmp_path: Path, three_heads: RiskModel) -> None:
    report, _ = run(tmp_path, "Shipment No,Description\nA,cup\n", three_heads)
    assert report.notes == (
        "'Shipment No' was taken for shipment_id.",
        "'Description' was taken for goods_description.",
    )


def test_a_model_of_one_label_writes_risk_and_no_heads(tmp_path: Path, one_head: RiskModel) -> None:
    _, rows = run(tmp_path, as_csv(goods(10)), one_head)
    assert [name for name in rows[0] if name.startswith("risk")] == ["risk"]
    assert list(rows[0])[-len(DOCUMENTED_COLUMNS) + 3 :] == [
        name for name in DOCUMENTED_COLUMNS if not name.startswith("risk_")
    ]
    assert all(0 < float(row["risk"]) < 1 for row in rows)
    assert score_columns(("risk",))[0] == "risk"


def test_every_format_carries_the_same_scores(tmp_path: Path, three_heads: RiskModel) -> None:
    columns = goods(25)
    source = write(tmp_path / "in.csv", as_csv(columns))
    pq.write_table(pa.table(columns), tmp_path / "in.parquet")
    with (tmp_path / "in.jsonl").open("w") as file:
        for row in zip(*columns.values(), strict=True):
            file.write(
                json.dumps({name: value for name, value in zip(columns, row, strict=True) if value is not None}) + "\n"
            )
    results = []
    for number, path in enumerate((source, tmp_path / "in.parquet", tmp_path / "in.jsonl")):
        for ending in (".csv", ".csv.gz", ".tsv", ".parquet", ".jsonl"):
            out = tmp_path / f"out{number}{ending}"
            assert score_file(path, out, three_heads).rows_out == len(columns["shipment_id"])
            if ending == ".parquet":
                frame = pq.read_table(out)
                assert frame.schema.field("risk").type == pa.float64()
                assert frame.schema.field("substance_hit").type == pa.bool_()
                results.append(frame.column("risk").to_pylist())
            elif ending == ".jsonl":
                results.append([json.loads(line)["risk"] for line in out.read_text().splitlines()])
            elif ending == ".tsv":
                results.append(
                    [float(row["risk"]) for row in csv.DictReader(io.StringIO(out.read_text()), delimiter="\t")]
                )
            else:
                results.append([float(row["risk"]) for row in table_of(out)])
    assert all(result == results[0] for result in results)


def test_parquet_types_and_json_values_are_copied_unchanged(tmp_path: Path, three_heads: RiskModel) -> None:
    own = pa.table(
        {
            "shipment_id": [1, 2],
            "goods_description": ["cup", "mug"],
            "when": pa.array([5, None], pa.timestamp("ms")),
            "x": [0.1, None],
        }
    )
    pq.write_table(own, tmp_path / "in.parquet")
    score_file(tmp_path / "in.parquet", tmp_path / "out.parquet", three_heads)
    assert pq.read_table(tmp_path / "out.parquet").select(own.column_names).equals(own)
    line = {"shipment_id": 7, "goods_description": "cup", "net_mass_kg": 1.25, "tags": ["a", {"b": None}], "ok": True}
    write(tmp_path / "in.jsonl", json.dumps(line) + "\n")
    score_file(tmp_path / "in.jsonl", tmp_path / "out.jsonl", three_heads)
    got = json.loads((tmp_path / "out.jsonl").read_text())
    assert {name: got[name] for name in line} == line


def test_two_columns_of_the_same_name_are_both_written(tmp_path: Path, three_heads: RiskModel) -> None:
    text = "shipment_id,goods_description,x,x\nA,cup,1,2\n"
    run(tmp_path, text, three_heads)
    assert (tmp_path / "out.csv").read_text().splitlines()[1].startswith("A,cup,1,2,")
    report = score_file(tmp_path / "in.csv", tmp_path / "out.parquet", three_heads)
    assert pq.read_table(tmp_path / "out.parquet").column("x_2").to_pylist() == ["2"]
    assert "A further column 'x' is written as 'x_2'." in report.notes


def test_old_scores_in_a_json_line_are_replaced(three_heads: RiskModel, tmp_path: Path) -> None:
    line = {"shipment_id": "HB-9-000001", "goods_description": "glass beads", "risk": "old", "lane": "old"}
    write(tmp_path / "in.jsonl", json.dumps(line) + "\n")
    score_file(tmp_path / "in.jsonl", tmp_path / "out.jsonl", three_heads)
    got = json.loads((tmp_path / "out.jsonl").read_text())
    assert isinstance(got["risk"], float)
    assert got["lane"] in ("red", "yellow", "green")


@pytest.mark.parametrize("problem", [KeyboardInterrupt, RuntimeError])
@pytest.mark.parametrize("ending", [".csv", ".csv.gz", ".parquet", ".jsonl"])
def test_an_interrupted_run_leaves_no_output_at_all(
    tmp_path: Path, three_heads: RiskModel, problem: type[BaseException], ending: str
) -> None:
    source = write(tmp_path / "in.csv", as_csv(goods(50), ["", "x"]))
    calls: list[int] = []

    def progress(done: int, total: int, rows: int) -> None:
        assert 0 < done <= total == source.stat().st_size
        calls.append(rows)
        if len(calls) == 2:
            raise problem

    with pytest.raises(problem):
        score_file(source, tmp_path / f"out{ending}", three_heads, ScoreOptions(rows_per_chunk=10), progress=progress)
    assert [path.name for path in tmp_path.iterdir()] == ["in.csv"]


def test_a_failed_run_leaves_the_earlier_output_unchanged(tmp_path: Path, three_heads: RiskModel) -> None:
    whole = gzip.compress(as_csv(goods(20)).encode())
    (tmp_path / "in.csv.gz").write_bytes(whole[:-30])
    write(tmp_path / "out.csv", "yesterday\n")
    with pytest.raises(Unreadable, match="is truncated"):
        score_file(tmp_path / "in.csv.gz", tmp_path / "out.csv", three_heads)
    assert (tmp_path / "out.csv").read_text() == "yesterday\n"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.csv.gz", "out.csv"]


class Failing:
    """A model whose scoring fails at the third chunk."""

    def __init__(self, model: RiskModel, problem: BaseException) -> None:
        self._model, self._problem, self._calls = model, problem, 0
        self.heads, self.space, self.history, self.lanes = model.heads, model.space, model.history, model.lanes

    def score_rows(self, *args: Any, **options: Any) -> Any:
        self._calls += 1
        if self._calls == 3:
            raise self._problem
        return self._model.score_rows(*args, **options)


def stage_threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name.startswith(THREAD_NAME)]


@pytest.mark.parametrize("problem", [ValueError("no more"), MemoryError(), KeyboardInterrupt()])
def test_an_error_in_a_thread_is_raised_unchanged_in_the_caller(
    tmp_path: Path, three_heads: RiskModel, problem: BaseException
) -> None:
    source = write(tmp_path / "in.csv", as_csv(goods(100), ["", "x"]))
    failing = Failing(three_heads, problem)
    reported: list[int] = []
    with pytest.raises(type(problem)) as raised:
        score_file(
            source,
            tmp_path / "out.csv",
            failing,
            ScoreOptions(rows_per_chunk=10),
            progress=lambda *done: reported.append(done[2]),
        )
    assert raised.value is problem
    assert len(reported) == 2
    assert stage_threads() == []
    assert [path.name for path in tmp_path.iterdir()] == ["in.csv"]


def test_an_abandoned_stream_leaves_no_thread(three_heads: RiskModel) -> None:
    data = io.BytesIO(as_csv(goods(300)).encode())
    stream = cast(
        "Generator[bytes]",
        score_csv_stream(data, three_heads, three_heads.history.copy(), ScoreOptions(rows_per_chunk=5)),
    )
    assert next(stream).startswith(b"shipment_id,")
    assert next(stream).count(b"\n") == 5
    assert stage_threads()
    stream.close()
    assert stage_threads() == []


def test_reading_stays_at_most_a_few_chunks_ahead_of_writing(three_heads: RiskModel) -> None:
    data = io.BytesIO(as_csv(goods(400)).encode())
    history = three_heads.history.copy()
    stream = score_csv_stream(data, three_heads, history, ScoreOptions(rows_per_chunk=10))
    begin = history.sequence
    for chunks in range(1, 6):
        next(stream)
        # The chunk that was sent, the finished chunks and those in progress.
        assert history.sequence - begin <= 10 * (chunks + 4)
    assert sum(part.count(b"\n") for part in stream) > 200
    assert history.sequence - begin == 400


def test_output_paths_that_cannot_work_are_refused_before_anything_is_read(
    tmp_path: Path, three_heads: RiskModel
) -> None:
    source = write(tmp_path / "in.csv", as_csv(goods(2)))
    for out, says in (
        ("out.xlsx", "The ending determines the format"),
        ("in.csv", "would overwrite the input file"),
        ("none/out.csv", "There is no folder"),
    ):
        with pytest.raises(OutputRefused, match=says):
            score_file(source, tmp_path / out, three_heads)
    rejects = write(tmp_path / "out.csv.rejects.csv", as_csv(goods(2)))
    with pytest.raises(OutputRefused, match="The rejects file would overwrite the input file"):
        score_file(rejects, tmp_path / "out.csv", three_heads)
    with pytest.raises(OutputRefused, match="would overwrite the output file"):
        score_file(source, tmp_path / "out.csv", three_heads, rejects_path=tmp_path / "out.csv")
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(OutputRefused, match="This is a folder"):
        score_file(source, tmp_path / "folder.csv", three_heads)
    assert source.read_text() == as_csv(goods(2))


def test_a_file_of_refused_rows_only_gives_an_empty_table_with_its_header(
    tmp_path: Path, three_heads: RiskModel
) -> None:
    for ending in (".csv", ".parquet"):
        source = write(tmp_path / "in.csv", "shipment_id,hs_code\n,1\nA,1,2\n")
        report = score_file(source, tmp_path / f"out{ending}", three_heads)
        assert (report.rows_in, report.rows_out, report.rows_rejected) == (2, 0, 2)
    assert (tmp_path / "out.csv").read_text() == ",".join(["shipment_id", "hs_code", *DOCUMENTED_COLUMNS]) + "\n"
    assert pq.read_table(tmp_path / "out.parquet").column_names == ["shipment_id", "hs_code", *DOCUMENTED_COLUMNS]


def test_random_selection_is_passed_through(tmp_path: Path, three_heads: RiskModel) -> None:
    chosen = ScoreSettings(random_share=1.0, random_key="k")
    report, rows = run(tmp_path, as_csv(goods(5)), three_heads, ScoreOptions(settings=chosen))
    assert {(row["lane"], row["selected_by"]) for row in rows} == {("red", "random")}
    assert report.by_lane == {"red": 5, "yellow": 0, "green": 0}


@pytest.mark.skipif(not SAMPLE.exists(), reason="the published sample is not part of this repository")
def test_every_row_of_the_published_sample_is_scored(tmp_path: Path, three_heads: RiskModel) -> None:
    report = score_file(SAMPLE, tmp_path / "out.csv", three_heads, ScoreOptions(ColumnMapping.load(KCS)))
    assert (report.rows_in, report.rows_out, report.rows_rejected) == (8481, 8481, 0)


CELL = st.sampled_from(
    ["", "A", "B", "cup", "inf", "1,5", '"', "\n", "2026-06-01", "NA", "293399.0", "é", "-3", "99-99-9"]
)


@examples(25, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(rows=st.lists(st.lists(CELL, min_size=1, max_size=7), min_size=1, max_size=12))
def test_every_row_is_either_scored_or_rejected(
    tmp_path_factory: pytest.TempPathFactory, three_heads: RiskModel, rows: list[list[str]]
) -> None:
    folder = tmp_path_factory.mktemp("rows")
    names = ["shipment_id", "goods_description", "hs_code", "net_mass_kg", "declared_at"]
    out = io.StringIO(newline="")
    csv.writer(out, lineterminator="\n", quoting=csv.QUOTE_ALL).writerows([names, *rows])
    report, scored = run(folder, out.getvalue(), three_heads)
    assert report.rows_in == len(rows) == report.rows_out + report.rows_rejected
    assert len(scored) == report.rows_out
    rejects = table_of(report.rejects_path) if report.rejects_path else []
    assert len(rejects) == report.rows_rejected
    assert all(row["risk"] for row in scored)


def test_a_stream_keeps_refused_rows_in_place_with_an_error(three_heads: RiskModel) -> None:
    columns = goods(3)
    width = len(columns)
    text = as_csv(columns)
    first, rest = text.split("\n", 2)[0], text.split("\n", 1)[1]
    extra = ",".join(["", *["x"] * (width - 1)]) + "\n" + ",".join(["y"] * (width + 2)) + "\n"
    data = (first + "\n" + extra + rest).encode()
    parts = list(
        score_csv_stream(
            io.BytesIO(gzip.compress(data)), three_heads, three_heads.history.copy(), ScoreOptions(rows_per_chunk=2)
        )
    )
    assert parts[0].decode().strip().split(",") == [*columns, *DOCUMENTED_COLUMNS, "error"]
    assert all(part.endswith(b"\n") for part in parts if part)
    rows = list(csv.DictReader(io.StringIO(b"".join(parts).decode())))
    assert len(rows) == len(columns["shipment_id"]) + 2
    assert rows[0]["error"].startswith("line 2: shipment_id: is missing")
    assert rows[1]["error"] == f"line 3: {width + 2} cells where the header has {width}"
    assert [rows[0]["risk"], rows[1]["risk"], rows[0]["lane"], rows[0]["substance_hit"]] == ["", "", "", ""]
    assert rows[1]["shipment_id"] == "y"
    assert [row["shipment_id"] for row in rows[2:]] == columns["shipment_id"]
    assert all(row["risk"] and not row["error"] for row in rows[2:])


def test_a_stream_gives_the_scores_of_the_file(tmp_path: Path, three_heads: RiskModel) -> None:
    text = as_csv(goods(40))
    _, rows = run(tmp_path, text, three_heads)
    streamed = b"".join(
        score_csv_stream(
            io.BytesIO(text.encode()), three_heads, three_heads.history.copy(), ScoreOptions(rows_per_chunk=9)
        )
    )
    assert [{**row, "error": ""} for row in rows] == list(csv.DictReader(io.StringIO(streamed.decode())))


def test_a_stream_advances_the_history_argument_unless_update_history_is_false(three_heads: RiskModel) -> None:
    data = as_csv(goods(10)).encode()

    def after(update: bool) -> bytes:
        history = three_heads.history.copy()
        list(score_csv_stream(io.BytesIO(data), three_heads, history, ScoreOptions(update_history=update)))
        return b"".join(score_csv_stream(io.BytesIO(as_csv(goods(10, 8)).encode()), three_heads, history))

    assert after(True) != after(False)


def test_an_unreadable_upload_fails_before_the_first_byte(three_heads: RiskModel) -> None:
    with pytest.raises(Unreadable, match="a header but no rows"):
        score_csv_stream(io.BytesIO(b"shipment_id,hs_code\n"), three_heads, three_heads.history.copy())


def test_a_truncated_upload_closes_the_connection_with_an_error(three_heads: RiskModel) -> None:
    noise = random.Random(1)
    body = "".join(f"S{n},cup,{noise.randbytes(1000).hex()}\n" for n in range(3_000))
    data = gzip.compress(("shipment_id,goods_description,blob\n" + body).encode())[:-50]
    stream = score_csv_stream(
        io.BytesIO(data), three_heads, three_heads.history.copy(), ScoreOptions(rows_per_chunk=500)
    )
    with pytest.raises(Unreadable, match="is truncated"):
        list(stream)
