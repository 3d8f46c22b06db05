"""The page of figures, from invented figures."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks import bars, files, reason_tables, report, scaling, serving, stages
from benchmarks.tables import Table


def rounds(*rates: float, p50: float = 0.5, p99: float = 2.0) -> list[dict[str, Any]]:
    """Return rounds in which 1, 8 and 32 connections have the same rate."""
    one = {"requests": 10, "seconds": 1.0, "p50_ms": p50, "p99_ms": p99, "client_share": 0.1, "sent": 10, "cpu_ms": 0.3}
    return [{n: {**one, "rate": rate} for n in ("1", "8", "32")} for rate in rates]


def server(name: str, given: str, *rates: float) -> dict[str, Any]:
    return {"name": name, "given": given, "ready_s": 2.0, "resident_mb": 300.0, "sent": 900, "rounds": rounds(*rates)}


def request(name: str, *rates: float, shipments: int = 1, p50: float = 0.5) -> dict[str, Any]:
    return {
        "name": name,
        "shipments": shipments,
        "items": 1.5,
        "made": 900,
        "sent": 900,
        "rounds": rounds(*rates, p50=p50),
    }


SERVING: dict[str, Any] = {
    "measured_on": "2026-11-25, some machine",
    "model": "tidewaiter 1 (0123456789ab): a model of some size",
    "size": "full",
    "shipments": 1000,
    "ceiling": {"1": 30_000.0, "8": 60_000.0, "32": 60_000.0},
    "servers": [
        server("Tidewaiter", "manifests", 2000.0, 3000.0, 2500.0),
        server("BentoML", "manifests", 500.0, 1000.0, 1000.0),
        server("LitServe", "numbers", 2600.0, 2700.0, 2500.0),
    ],
    "own_requests": [
        request("natural repetition", 2500.0),
        request("texts never seen", 1000.0, p50=3.5),
        request("reasons for every one", 1500.0),
        request("never seen, reasons", 1000.0),
        request("names that OPSIN reads", 100.0),
        request("batch of 1,000", 15.0, shipments=1000),
        request("batch of 1,000, 2 workers", 12.0, shipments=1000),
    ],
    "starts": {
        "ready_s": [2.0, 3.0, 2.5],
        "help_s": [0.2],
        "first_ms": [1.0],
        "thousandth_ms": [0.4],
        "stream_ms": [0.3],
    },
}
FILES: dict[str, Any] = {
    "measured_on": "2026-11-25, some machine",
    "model": "a model of some size",
    "size": "full",
    "formats": [
        {
            "name": "csv",
            "rows": 100_000,
            "ours": [2.0, 1.0, 2.0],
            "floor": [1.0, 0.9, 1.4],
            "lightgbm": [2.0, 2.0, 2.0],
            "plain": [8.0, 6.0, 8.0],
            "explained": 7000,
        }
    ],
    "scaling": [
        {"rows": 100_000, "seconds": [2.0, 2.2, 2.0], "peak_mb": [400.0, 410.0, 400.0]},
        {"rows": 10_000_000, "seconds": [230.0], "peak_mb": [650.0]},
    ],
}
PART = {"timed": 100.0, "whole": 90.0}
STAGES: dict[str, Any] = {
    "measured_on": "2026-11-25, some machine",
    "model": "a model of some size",
    "size": "full",
    "single": {**PART, "stages": {"parse JSON": 10.0, "predict": 60.0, "the rest": 30.0}},
    "batch": {**PART, "stages": {"predict": 100.0, "the rest": 0.0}, "shipments": 1000},
    "file": {**PART, "stages": {"reader": 25.0, "predict": 75.0, "the rest": 0.0}, "rows": 200_000},
}
SCALING: dict[str, Any] = {
    "measured_on": "2026-11-25, some machine",
    "model": "a model of some size",
    "size": "full",
    "items": {"1": 200.0, "200": 5000.0},
    "letters": {"10": 200.0},
    "unknown": {"0.0": 200.0, "0.25": 220.0},
    "batch": {"1": 200.0, "1000": 30.0},
    "boosters": [
        {"heads": 3, "trees": 875, "leaves": 0, "single_us": 50.0, "batch_us": 12.0},
        {"heads": 1, "trees": 100, "leaves": 8, "single_us": 9.0, "batch_us": 1.0},
    ],
}
REASONS: dict[str, Any] = {
    "measured_on": "2026-11-25, some machine",
    "model": "a model of some size",
    "size": "full",
    "records": [
        {"booster": booster, "rows": rows, "way": way, "seconds_per_row": seconds, "difference": 3e-14}
        for booster, rows, way, seconds in (
            ("champion", 1, "Tidewaiter (kernels)", 1e-5),
            ("champion", 1, "LightGBM pred_contrib", 5e-4),
            ("champion", 100, "Tidewaiter (kernels)", 1e-6),
            ("champion", 100, "LightGBM pred_contrib", 9e-6),
            ("large", 1, "Tidewaiter (kernels)", 1e-4),
            ("large", 1, "LightGBM pred_contrib", 8e-3),
        )
    ],
}
RESULTS = {"serving": SERVING, "files": FILES, "reason_tables": REASONS, "scaling": SCALING}


def cells(table: Table, row: str) -> dict[str, str]:
    """Return column -> cell of one row. Of columns with the same name, the last counts."""
    (cells_of_row,) = [cells for cells in table.rows if cells[0] == row]
    return dict(zip(table.columns, cells_of_row, strict=True))


def test_figures_are_medians_over_rounds_and_ratios_are_medians_within_rounds() -> None:
    raw, ready, requests, starting = serving.tables(SERVING)
    assert cells(raw, "Tidewaiter")["requests/s, 8 connections"] == "2,500"
    assert cells(raw, "BentoML")["requests/s, 8 connections"] == "1,000"
    # 4, 3 and 2.5 times: not the ratio of the medians.
    assert cells(raw, "BentoML")["speed-up by Tidewaiter"] == "3.00x"
    assert [row[0] for row in raw.rows] == ["Tidewaiter", "BentoML"]
    assert [row[0] for row in ready.rows] == ["Tidewaiter", "LitServe"]
    assert cells(ready, "LitServe")["speed-up by Tidewaiter"] == "1.00x"
    batch = cells(requests, "batch of 1,000 shipments")
    assert (batch["shipments/s"], batch["goods items/s"]) == ("15,000", "22,500")
    assert "twice" not in raw.note
    name = "start of the service until ready"
    assert cells(starting, name) == {"figure": name, "median": "2.50 s", "maximum": "3.00 s"}


def test_a_server_that_received_shipments_twice_is_named() -> None:
    quick = {**SERVING["servers"][1], "sent": 1001}
    note = serving.tables({**SERVING, "servers": [SERVING["servers"][0], quick]})[0].note
    assert "Received some shipments twice: BentoML." in note


def test_a_file_is_compared_with_the_minimal_work_of_its_own_round() -> None:
    formats, growth = files.tables(FILES)
    row = cells(formats, "CSV")
    assert row["rows/s"] == "50,000"
    assert row["minimal work, rows/s"] == "100,000"
    # 0.5, 0.9 and 0.7 of the minimal work.
    assert row["relative to minimal work"] == "0.70"
    assert row["minimal work by LightGBM, rows/s"] == "50,000"
    assert row["relative to script"] == "4.00x"
    assert cells(growth, "10,000,000") == {
        "rows": "10,000,000",
        "rows/s": "43,478",
        "µs per row": "23.0",
        "relative to 100,000 rows": "1.15",
        "peak memory, MB": "650",
    }


def test_a_stage_has_its_share_of_the_measured_time() -> None:
    (table,) = stages.tables(STAGES)
    assert [row[0] for row in table.rows] == [
        "parse JSON",
        "read the file",
        "predict",
        "other",
        "total, with timers",
        "total, without timers",
    ]
    assert table.rows[2] == ("predict", "60.0", "60.0 %", "100", "100.0 %", "75.0", "75.0 %")
    assert table.rows[0] == ("parse JSON", "10.0", "10.0 %", "", "", "", "")


def test_growth_is_a_multiple_of_the_first_figure() -> None:
    items, _, unknown, batch, sizes = scaling.tables(SCALING)
    assert items.rows[-1] == ("200", "5,000", "25.0x")
    assert unknown.rows[-1][0] == "25%"
    assert batch.rows[-1] == ("1000", "30.0", "0.150x")
    assert sizes.rows[0] == ("champion: 875 trees in all", "3", "50.0", "12.0")


def test_contributions_are_compared_with_the_reference_on_the_same_number_of_rows() -> None:
    champion, large = reason_tables.tables(REASONS)
    assert champion.rows[0] == ("Tidewaiter (kernels)", "1", "10.0", "50.0x", "3e-14")
    assert champion.rows[2][3] == "9.00x"
    assert [row[0] for row in large.rows] == ["Tidewaiter (kernels)", "LightGBM pred_contrib"]


def test_every_target_states_whether_it_is_met() -> None:
    rows = {row[0]: row[1:] for row in bars.table(RESULTS).rows}
    assert rows["1 shipment: median latency"] == ("at most 1 ms", "0.500 ms", "yes")
    assert rows["1 shipment, new texts: median latency"] == ("at most 3 ms", "3.50 ms", "**no**")
    assert rows["1 shipment: shipments per second"] == ("at least 2,000", "2,500", "yes")
    assert rows["throughput relative to BentoML (both given manifests)"] == ("at least 1 x", "3.00 x", "yes")
    assert rows["throughput relative to LitServe (the other given features)"][2] == "yes"
    assert rows["batch of 1,000 shipments: goods items per second"] == ("at least 20,000", "22,500", "yes")
    assert rows["batch of 1,000 shipments, 2 workers: goods items per second"] == (
        "at least 20,000",
        "18,000",
        "**no**",
    )
    assert rows["CSV: throughput relative to the minimal work"][2] == "yes"
    assert rows["feature contributions, large, 1 row: speed relative to LightGBM"] == ("at least 10 x", "80.0 x", "yes")
    assert rows["feature contributions, champion, 100 rows: speed relative to LightGBM"][2] == "**no**"
    assert rows["first request: latency relative to the thousandth"] == ("at most 1.5 x", "2.50 x", "**no**")
    assert rows["first request: latency relative to one in a stream"] == ("at most 1.5 x", "3.33 x", "**no**")
    assert rows["CSV of 10,000,000 rows: peak memory"] == ("at most 700 MB", "650 MB", "yes")
    assert rows["CSV of 10,000,000 rows: time per row relative to 100,000 rows"] == (
        "at most 1.1 x",
        "1.15 x",
        "**no**",
    )


def test_a_target_without_its_figure_is_not_measured() -> None:
    short = {**FILES, "scaling": FILES["scaling"][:1]}
    rows = {row[0]: row[1:] for row in bars.table({**RESULTS, "files": short}).rows}
    assert rows["feature contributions, large, 1 row: speed relative to LightGBM"] == ("at least 10 x", "80.0 x", "yes")
    assert rows["feature contributions, champion, 100 rows: speed relative to LightGBM"][2] == "**no**"
    assert rows["first request: latency relative to the thousandth"] == ("at most 1.5 x", "2.50 x", "**no**")
    assert rows["CSV of 10,000,000 rows: peak memory"] == ("at most 700 MB", "-", "not measured")


def test_the_page_shows_the_tables_for_users_and_states_how_it_was_made() -> None:
    page = report.render(RESULTS)
    assert page.startswith(
        "# Performance\n\nMeasured on 2026-11-25, some machine.\n\n"
        "Model: tidewaiter 1 (0123456789ab): a model of some size.\n\n**The bundled model is another one: tidewaiter "
    )
    for title in ("Targets", "Requests", "Files", "Cost by size", "How the figures were measured"):
        assert page.count(f"\n## {title}\n") == 1
    for name in ("serving", "files", "scaling"):
        for table in report.tables_of(name, RESULTS[name]):
            assert (table.markdown() in page) == (table.title not in report._LEFT_OUT)
    assert "quick run" not in page
    assert "orders of magnitude at most: Files.**" in report.render({**RESULTS, "files": {**FILES, "size": "quick"}})


def test_missing_figures_are_named(tmp_path: Path) -> None:
    for name in report.PARTS:
        if name != "scaling":
            (tmp_path / f"{name}.json").write_text(json.dumps({}), encoding="utf-8")
    with pytest.raises(SystemExit, match="no figures of scaling"):
        report.read(tmp_path)
