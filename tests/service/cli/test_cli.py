"""Effects, messages and exit statuses of the command line."""

from __future__ import annotations

import csv
import gc
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from features.readers import formats as readers
from models.bundle import ModelStore, load
from service.cli import app, run
from service.core.commands import FILE_FORMATS, status_and_message
from service.files import output as writers
from tests.models.bundle.test_signature import keys as new_keys
from tests.service.api.test_score_csv import csv_of, rows_of

ROOT = Path(__file__).resolve().parents[3]
COMMANDS = (
    "score",
    "validate",
    "substance",
    "classify",
    "generate",
    "train",
    "evaluate",
    "compare",
    "adapt",
    "promote",
    "rollback",
    "pull",
    "serve",
    "demo",
    "worker",
    "backup",
    "restore",
    "erase",
    "doctor",
    "model",
    "rules",
    "lists",
    "dismissals",
    "suppressions",
    "permits",
    "keys",
    "people",
    "outcomes",
    "plan",
    "backtest",
    "shadow",
    "monitor",
    "propose",
    "proposals",
    "audit",
)
HEADER = "shipment_id,goods_description,net_mass_kg\n"


@pytest.fixture(autouse=True)
def empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run in an empty folder, because commands look for the model store in the current folder."""
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def manifests(tmp_path: Path) -> Path:
    path = tmp_path / "manifests.csv"
    path.write_bytes(csv_of(40))
    return path


def test_the_list_of_commands_is_complete() -> None:
    commands = {command.name or getattr(command.callback, "__name__", "") for command in app.registered_commands}
    groups = {group.typer_instance.info.name for group in app.registered_groups if group.typer_instance}
    assert commands | groups == set(COMMANDS), "mend COMMANDS"


def test_help_names_every_command() -> None:
    code = "from service.cli import main; main(['--help'])"
    result = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert all(f"\n  {command} " in result.stdout for command in COMMANDS)


def test_help_imports_the_modules_of_commands_and_no_other_module_of_this_project() -> None:
    code = """
import contextlib, io, sys
from service.cli import app, run
with contextlib.redirect_stdout(io.StringIO()):
    assert run(["--help"]) == 0
groups = [app, *(group.typer_instance for group in app.registered_groups)]
commands = {command.callback.__module__ for group in groups for command in group.registered_commands}
packages = {name for name, module in sys.modules.items() if hasattr(module, "__path__")}
print(*sys.modules.keys() - commands - packages)
print(*sys.modules)
"""
    result = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    others, loaded = ({*line.split()} for line in result.stdout.splitlines())
    ours = {name for name in others if name.partition(".")[0] in ("features", "models", "service", "training")}
    assert ours == {"service.cli", "service.core.commands", "service.subjects"}
    assert loaded.isdisjoint({"features", "models", "training", "jinja2", "pydantic", "pydantic_settings", "structlog"})


@pytest.mark.parametrize("name", sorted({*(one.name for one in readers.FORMATS), *writers.BY_NAME}))
def test_help_names_every_file_format(name: str) -> None:
    assert name in FILE_FORMATS.lower()


def test_help_imports_no_module_that_only_running_commands_need() -> None:
    heavy = ("fastapi", "lightgbm", "mlflow", "numpy", "pandas", "pyarrow", "rdkit", "rich", "sklearn", "uvicorn")
    code = f"""
import contextlib, io, sys
from service.cli import run
for command in {["", *COMMANDS]!r}:
    with contextlib.redirect_stdout(io.StringIO()):
        assert run([*command.split(), "--help"]) == 0
print([name for name in {heavy!r} if name in sys.modules])
"""
    result = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"


def test_score_writes_the_rows_with_their_risk(
    manifests: Path, bundle: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = manifests.with_name("scores.csv")
    assert run(["score", str(manifests), str(out), "--bundle", str(bundle)]) == 0
    sent, got = rows_of(manifests.read_bytes()), rows_of(out.read_bytes())
    assert [row["shipment_id"] for row in got] == [row["shipment_id"] for row in sent]
    assert {row["bundle_digest"] for row in got} == {load(bundle).digest}
    output = capsys.readouterr()
    assert output.out == ""
    assert f"{len(sent)} rows in, {len(sent)} out, 0 rejected" in output.err


def test_score_protects_cells_that_a_spreadsheet_would_evaluate(tmp_path: Path, bundle: Path) -> None:
    source, out = tmp_path / "in.csv", tmp_path / "out.csv"
    source.write_text(f"{HEADER}A1,=1+1,2\n", encoding="utf-8")
    for options, written in (([], "=1+1"), (["--excel-safe"], "'=1+1")):
        assert run(["score", str(source), str(out), "--bundle", str(bundle), *options]) == 0
        assert rows_of(out.read_bytes())[0]["goods_description"] == written


@pytest.mark.parametrize("names", [[], ["features.loops"]])
def test_score_says_that_modules_run_uncompiled(
    names: list[str], manifests: Path, bundle: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("features.compiled.uncompiled", lambda: names)
    assert run(["score", str(manifests), "out.csv", "--bundle", str(bundle)]) == 0
    output = capsys.readouterr()
    assert output.out == ""
    assert output.err.count("Note: 1 modules run uncompiled, many times slower: features.loops.") == len(names)


def test_the_version_in_service_scores_unless_another_is_named(
    manifests: Path, bundle: Path, other_bundle: Path, tmp_path: Path
) -> None:
    ModelStore(tmp_path / "var" / "models").install(other_bundle)
    assert run(["score", str(manifests), "scores.csv"]) == 0
    assert {row["model_version"] for row in rows_of(Path("scores.csv").read_bytes())} == {"2"}


def test_rejected_rows_end_with_1_only_when_strict(tmp_path: Path, bundle: Path) -> None:
    source = tmp_path / "m.csv"
    source.write_text(HEADER + "HB-1,phone case,1\n,phone case,1\nHB-3,phone case,inf\n", encoding="utf-8")
    arguments = ["score", str(source), "out.csv", "--bundle", str(bundle)]
    assert run(arguments) == 0
    assert run([*arguments, "--strict", "--rejects", "why.csv"]) == 1
    with Path("why.csv").open(encoding="utf-8", newline="") as file:
        rejected = list(csv.DictReader(file))
    assert [row["line"] for row in rejected] == ["3", "4"]
    assert Path("out.csv.rejects.csv").exists()


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (["score"], 2, "IN"),
        (["score", "manifests.csv", "out.csv", "--explain", "everything"], 2, "everything"),
        (["score", "manifests.csv", "out.xls"], 2, "out.xls"),
        (["score", "manifests.csv", "manifests.csv"], 2, "overwrite"),
        (["score", "manifests.csv", "out.csv", "--mapping", "none.toml"], 2, "none.toml"),
        (["score", "none.csv", "out.csv"], 3, "none.csv"),
        (["score", "empty.csv", "out.csv"], 3, "empty.csv"),
        (["score", "strange.csv", "out.csv"], 3, "No column is recognised"),
        (["score", "manifests.csv", "out.csv", "--bundle", "altered"], 4, "booster_"),
        (["score", "manifests.csv", "out.csv", "--bundle", "nowhere"], 4, "nowhere"),
        (["validate", "none.csv"], 3, "none.csv"),
        (["model", "show", "altered"], 4, "booster_"),
        (["train", "--label", "found"], 2, "--data"),
        (["train", "--data", "none.csv"], 3, "none.csv"),
        (["train", "--data", "manifests.csv", "--from", "champion", "--label", "found"], 2, "--from prior"),
        (["train", "--from", "nothing"], 2, "champion or prior"),
        (["train", "--from-store"], 2, "TIDEWAITER_STORE"),
        (["train", "--from-store", "--from", "prior"], 2, "leave out --from prior"),
        (["train", "--from-store", "--data", "manifests.csv"], 2, "leave out one of them"),
        (["train", "--from-store", "--known-at", "2199-01-01"], 2, "lies in the future"),
        (["train", "--known-at", "2026-01-01"], 2, "--from-store"),
        (["evaluate"], 2, "--predictions"),
        (["evaluate", "--predictions", "none.csv"], 3, "none.csv"),
        (["evaluate", "--bundle", "altered", "--data", "manifests.csv"], 4, "booster_"),
        (["rollback"], 4, "Nothing to roll back"),
        (["promote", "1"], 2, "MLflow"),
        (["pull", "--to", "."], 2, "not empty"),
        (["serve", "--port", "70000"], 2, "65535"),
        (["serve", "--history", "none.csv"], 3, "none.csv"),
        (["serve", "--history", "manifests.csv", "--mapping", "none.toml"], 2, "none.toml"),
        (["no-such-command"], 2, "no-such-command"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else str(value),
)
def test_an_error_is_one_line_with_its_exit_status(
    arguments: list[str],
    status: int,
    words: str,
    manifests: Path,
    bundle: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # MLflow sets this variable for its whole process, so a test of a tracked run in the same process leaves it.
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    shutil.copytree(bundle, tmp_path / "altered")
    booster = next((tmp_path / "altered").glob("booster_*.txt"))
    booster.write_bytes(booster.read_bytes().replace(b"0", b"1", 1))
    (tmp_path / "empty.csv").touch()
    (tmp_path / "strange.csv").write_text("a,b\n1,2\n", encoding="utf-8")
    if arguments[0] == "score" and len(arguments) > 1 and "--bundle" not in arguments:
        arguments = [*arguments, "--bundle", str(bundle)]
    assert run(arguments) == status
    output = capsys.readouterr()
    assert words in output.err
    assert "Traceback" not in output.err
    assert not (tmp_path / "out.csv").exists()


def test_a_refused_bundle_in_the_store_ends_serve_before_it_listens(
    tmp_path: Path, bundle: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    placed = ModelStore(tmp_path / "var" / "models").install(bundle)
    (placed / "space.npz").write_bytes(b"")
    for workers in ("1", "2"):
        assert run(["serve", "--port", "1", "--workers", workers]) == 4
        assert "space.npz" in capsys.readouterr().err
    assert gc.isenabled()


def test_a_bundle_without_the_required_signature_ends_serve_before_it_listens(
    tmp_path: Path, bundle: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _, public = new_keys()
    (tmp_path / "key.pem").write_bytes(public)
    ModelStore(tmp_path / "var" / "models").install(bundle)
    monkeypatch.setenv("TIDEWAITER_BUNDLE_KEY", str(tmp_path / "key.pem"))
    assert run(["serve", "--port", "1"]) == 4
    assert "the settings require a signature" in capsys.readouterr().err


@pytest.mark.parametrize("workers", ["1", "2"])
@pytest.mark.parametrize("rates", ["nonsense", '{"nonsense": 1e-6}', '{"precursor": 0.6, "fentanyl_or_analogue": 0.6}'])
def test_wrong_base_rates_end_serve_before_it_listens(
    tmp_path: Path,
    bundle: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    workers: str,
    rates: str,
) -> None:
    ModelStore(tmp_path / "var" / "models").install(bundle)
    monkeypatch.setenv("TIDEWAITER_BASE_RATES", rates)
    assert run(["serve", "--port", "1", "--workers", workers]) == 2
    assert "TIDEWAITER_BASE_RATES" in capsys.readouterr().err


@pytest.mark.allow_hosts(["127.0.0.1"])
def test_a_port_in_use_gives_a_message_of_one_line(
    tmp_path: Path, bundle: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ModelStore(tmp_path / "var" / "models").install(bundle)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert run(["serve", "--port", str(port)]) == 2
    assert f"127.0.0.1:{port}" in capsys.readouterr().err


def test_an_error_names_the_invalid_environment_variable(
    monkeypatch: pytest.MonkeyPatch, manifests: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TIDEWAITER_PORT", "harbour")
    assert run(["score", str(manifests), "out.csv"]) == 2
    assert "TIDEWAITER_PORT" in capsys.readouterr().err


def test_validate_reports_how_a_file_would_be_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = tmp_path / "m.csv"
    source.write_text("HAWB,Goods Description,colour\nHB-1,phone case,red\n,mug,blue\n", encoding="utf-8")
    assert run(["validate", str(source)]) == 0
    output = capsys.readouterr().out
    assert "goods_description" in output
    assert "colour" in output


def test_model_show_prints_the_card_and_the_digest(bundle: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["model", "show", str(bundle)]) == 0
    output = capsys.readouterr().out
    assert "trained on invented shipments" in output
    assert load(bundle).digest in output


def test_model_show_names_the_implementation_that_computes_scores(
    bundle: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TIDEWAITER_KERNELS", "false")
    assert run(["model", "show", str(bundle)]) == 0
    assert "Predictor lightgbm\n" in capsys.readouterr().out


def test_a_missing_openmp_library_is_named_with_its_package() -> None:
    status, message = status_and_message(
        OSError("libgomp.so.1: cannot open shared object file: No such file or directory")
    )
    assert status == 70
    assert "apt-get install libgomp1" in message


def test_a_missing_training_library_is_named_with_its_extra() -> None:
    status, message = status_and_message(ModuleNotFoundError("No module named 'mlflow'", name="mlflow"))
    assert status == 2
    assert ".[train]" in message


def test_an_unforeseen_error_is_one_line_and_with_debug_a_trace(
    monkeypatch: pytest.MonkeyPatch, manifests: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("two\nlines")

    monkeypatch.setattr("service.core.commands.load_model", broken)
    assert run(["score", str(manifests), "out.csv"]) == 70
    assert (
        capsys.readouterr().err == "tidewaiter: RuntimeError: two lines (run it again with --debug for the traceback)\n"
    )
    with pytest.raises(RuntimeError):
        run(["score", str(manifests), "out.csv"], debug=True)


def test_ctrl_c_prints_a_message_and_exits_with_130(
    monkeypatch: pytest.MonkeyPatch, manifests: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("service.core.commands.load_model", interrupted)
    assert run(["score", str(manifests), "out.csv"]) == 130
    assert "Stopped" in capsys.readouterr().err
