"""Options of `tidewaiter train` that set parameters, windows and times."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from service.cli import app
from service.core.commands import WrongUse
from service.training.learning import _params, _shares
from training.config import TrainConfig
from training.data.dataset import BadData
from training.data.planning import plan_windows
from training.fitting.params import BoostingParams


def test_parameters_replace_the_defaults_in_their_type() -> None:
    params = _params(["num_leaves=15", "lambda_l2=2"])
    assert (params.num_leaves, params.lambda_l2) == (15, 2.0)
    assert params.learning_rate == BoostingParams().learning_rate


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("leaves=3", "there is no parameter 'leaves'; the parameters are learning_rate, num_leaves"),
        ("num_leaves=many", "--param num_leaves: got 'many', but expected a whole number"),
    ],
)
def test_an_unknown_parameter_or_value_is_refused(given: str, message: str) -> None:
    with pytest.raises(WrongUse, match=message):
        _params([given])


def test_shares_of_windows_are_numbers() -> None:
    assert _shares("50,10,12,10,18") == (50.0, 10.0, 12.0, 10.0, 18.0)
    assert _shares(None) is None
    with pytest.raises(WrongUse, match="--windows is a list of numbers"):
        _shares("half")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"windows": (1.0, 1.0)}, "--windows needs 5 shares above 0, one each for fit, stop, calibrate, lanes, test"),
        ({"seeds": 51}, "--seeds is a number from 1 to 50, and --searches from 1 to 3"),
        ({"searches": 4}, "--searches from 1 to 3"),
        ({"result_delay_s": -1}, "--result-delay is a number of days, 0 or more"),
    ],
)
def test_options_out_of_range_are_refused(options: dict[str, object], message: str) -> None:
    with pytest.raises(BadData, match=message):
        TrainConfig(**options).check()  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("options", "start"),
    [
        (["--data", "DATA"], "champion"),
        (["--data", "DATA", "--from", "prior"], "prior"),
        (["--data", "DATA", "--label", "found"], "prior"),
        (["--rows", "1000"], "prior"),
    ],
)
def test_training_starts_from_the_champion_where_it_knows_the_label(
    options: list[str], start: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "data.csv").write_text("shipment_id\n")
    given: list[TrainConfig] = []

    def train(config: TrainConfig, **_: object) -> None:
        given.append(config)
        raise BadData("stop")

    monkeypatch.setattr("training.pipeline.train", train)
    CliRunner().invoke(app, ["train", *(one.replace("DATA", str(tmp_path / "data.csv")) for one in options)])
    assert [config.start for config in given] == [start]


def test_every_option_of_train_is_documented() -> None:
    page = (Path(__file__).resolve().parents[3] / "docs" / "training.md").read_text(encoding="utf-8")
    shown = CliRunner().invoke(app, ["train", "--help"], env={"COLUMNS": "200", "NO_COLOR": "1", "TERM": "dumb"}).output
    options = set(re.findall(r"--[a-z][a-z-]+", shown)) - {"--help"}
    assert {"--seeds", "--no-tracking", "--windows"} <= options
    for option in options:
        assert option in page, option


def test_stated_shares_become_the_windows() -> None:

    declared = np.arange(1000, dtype=np.int64) * 3600
    find = np.arange(1000) % 5 == 0
    shares = {"fit": 0.2, "stop": 0.2, "calibrate": 0.2, "lanes": 0.2, "test": 0.2}
    windows = plan_windows(declared, find, declared + 1, shares=shares)
    assert [len(window.shipments) for window in windows.each()] == pytest.approx([200] * 5, abs=10)
