"""The truth of a simulated world, as codes and joined from a file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from training.data.dataset import BadData, Dataset
from training.data.sources import from_file, read_truth, simulated
from training.data.world_truth import HONEST, TruthColumns, WorldTruth
from training.worlds.own import generate, write
from training.worlds.own.trade.plan import CONTENTS, STRENGTHS, TRACES, T

ROWS, SEED = 4000, 5


@pytest.fixture(scope="module")
def data() -> Dataset:
    return simulated(ROWS, SEED)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("world")
    write(folder / "data.csv", folder / "truth.csv", ROWS, SEED)
    return folder / "data.csv", folder / "truth.csv"


def _truth(data: Dataset) -> WorldTruth:
    assert data.world is not None
    return data.world


def test_codes_represent_the_texts_of_the_world(data: Dataset) -> None:
    chunks = list(generate(ROWS, SEED))
    truth = {name: np.concatenate([chunk.truth[name] for chunk in chunks]) for name in chunks[0].truth}
    world, rows = _truth(data), data.data_row - 1
    assert [CONTENTS[code] for code in world.content.tolist()] == truth["content"][rows].tolist()
    first = rows[data.table.first_row]
    networks = [f"N{number:05d}" if number != HONEST else "" for number in world.network.tolist()]
    assert networks == truth["network_id"][first].tolist()
    shown = [";".join(name for name in TRACES if row[T[name]]) for row in world.typologies.tolist()]
    assert shown == truth["typologies"][first].tolist()
    assert [STRENGTHS[c] if c >= 0 else "" for c in world.strength.tolist()] == truth["strength"][first].tolist()
    assert (world.network != HONEST).sum() > 10
    assert data.truth is not None
    assert np.array_equal(world.heads(), data.truth)


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_a_truth_file_in_any_order_is_joined_by_shipment_and_item(
    data: Dataset, files: tuple[Path, Path], tmp_path: Path, suffix: str
) -> None:
    frame = pd.read_csv(files[1], dtype=str, keep_default_na=False).sample(frac=1.0, random_state=0)
    shuffled = tmp_path / f"truth{suffix}"
    if suffix == ".csv":
        frame.to_csv(shuffled, index=False)
    else:
        frame.replace("", None).to_parquet(shuffled)
    read = read_truth(shuffled, from_file(files[0]).table)
    world = _truth(data)
    for name in ("network", "typologies", "strength", "content"):
        assert np.array_equal(getattr(read, name), getattr(world, name)), name
    reactions = [world.reactions[c] if c >= 0 else "" for c in world.reaction.tolist()]
    assert [read.reactions[c] if c >= 0 else "" for c in read.reaction.tolist()] == reactions


def _changed(files: tuple[Path, Path], tmp_path: Path, **columns: str) -> Path:
    frame = pd.read_csv(files[1], dtype=str, keep_default_na=False)
    for name, value in columns.items():
        frame.loc[3, name] = value
    frame.to_csv(tmp_path / "changed.csv", index=False)
    return tmp_path / "changed.csv"


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"shipment_id": "ELSEWHERE"}, ": no item "),
        ({"content": "gold"}, "Got content 'gold', but expected one of analogue"),
        ({"typologies": "P1;XX"}, "Got typology 'XX', but expected one of P1"),
        ({"network_id": "many"}, "Got network_id 'many', but expected a letter and a number"),
        ({"strength": "mighty"}, "Got strength 'mighty'"),
    ],
)
def test_a_truth_file_that_does_not_fit_is_refused_with_its_name(
    files: tuple[Path, Path], tmp_path: Path, columns: dict[str, str], message: str
) -> None:
    path = _changed(files, tmp_path, **columns)
    with pytest.raises(BadData, match=r"changed\.csv") as error:
        read_truth(path, from_file(files[0]).table)
    assert message in str(error.value)


def test_a_truth_file_without_its_columns_or_with_an_item_twice_is_refused(
    files: tuple[Path, Path], tmp_path: Path
) -> None:
    table = from_file(files[0]).table
    with pytest.raises(BadData, match="no column 'network_id'"):
        read_truth(files[0], table)
    frame = pd.read_csv(files[1], dtype=str, keep_default_na=False)
    pd.concat([frame, frame.head(1)]).to_csv(tmp_path / "twice.csv", index=False)
    with pytest.raises(BadData, match="is listed twice"):
        read_truth(tmp_path / "twice.csv", table)


def test_chunks_may_have_different_values_and_columns() -> None:
    columns = TruthColumns()
    plain = {"content": ["none", "precursor"], "strength": ["", "faint"]}
    columns.add({**plain, "network_id": ["", "N00007"], "typologies": ["", "P1;D9"]})
    columns.add({**plain, "network_id": ["", "N00003"], "typologies": ["", "D9"], "reaction": ["", "new shippers"]})
    world = columns.of(np.arange(4), np.arange(4))
    assert world.network.tolist() == [HONEST, 7, HONEST, 3]
    assert world.reaction.tolist() == [-1, -1, -1, 0]
    assert world.reactions == ("new shippers",)
    assert np.flatnonzero(world.typologies[1]).tolist() == sorted([T["P1"], T["D9"]])
    assert world.strength.tolist() == [HONEST, 1, HONEST, 1]
