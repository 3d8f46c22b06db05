"""Files of the worlds by other authors."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Final

from training.worlds.writer import World

_FOLDER: Final = Path(__file__).parent
#: Minimum number of shipments to simulate.
_MIN_SHIPMENTS: Final = 50


def author_names() -> tuple[str, ...]:
    """Return the names of the worlds by other authors, in alphabetical order."""
    return tuple(sorted(path.parent.name for path in _FOLDER.glob("*/world.py") if path.parent.name != "own"))


def titles() -> dict[str, str]:
    """Return the title of each world by another author."""
    return {name: str(import_module(f"training.worlds.{name}.world").TITLE) for name in author_names()}


def build_world(name: str, shipments: int, seed: int) -> World:
    """Simulate a world. ``shipments`` is the number of scored shipments; the warm-up comes before them."""
    built: World = import_module(f"training.worlds.{name}.world").build(shipments, seed)
    return built


def write_world(
    name: str, rows: int, seed: int, *, out: Path, truth: Path | None = None, warmup: Path | None = None
) -> None:
    """Write about ``rows`` goods items of a world as CSV, in whole shipments.

    Args:
        out: file for the scored manifests.
        truth: file for ``shipment_id content group hard`` of the scored shipments.
        warmup: file for the manifests of the months before.
    """
    world = build_world(name, max(_MIN_SHIPMENTS, rows), seed)
    of_shipment = world.truth.set_index("shipment_id")
    before = world.items["shipment_id"].map(of_shipment["warmup"]).to_numpy(bool)
    scored = world.items[~before]
    if len(scored) > rows:
        last = scored["shipment_id"].iloc[rows - 1]
        scored = scored.iloc[: int((scored["shipment_id"] == last).to_numpy().nonzero()[0][-1]) + 1]
    scored.to_csv(out, index=False)
    if truth is not None:
        chosen = of_shipment.loc[scored["shipment_id"].drop_duplicates(), ["content", "group", "hard"]]
        chosen.assign(hard=chosen["hard"].map({True: "true", False: "false"})).to_csv(truth)
    if warmup is not None:
        world.items[before].to_csv(warmup, index=False)
