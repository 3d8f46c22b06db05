"""The form of a world by another author, and its files. The worlds share this form, and nothing of their contents."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Final

import pandas as pd

COLUMNS = (  # noqa: SIM905
    "shipment_id master_id house_id filing_type channel transport_mode declared_at export_country routing_countries "
    "loading_location unloading_location carrier_id agent_name marketplace transaction_nature gross_mass_kg package_count "
    "package_type freight_charge currency consignor_name consignor_address consignor_city consignor_postcode "
    "consignor_country consignor_phone consignor_email consignor_account_opened_on consignor_known consignee_name "
    "consignee_address consignee_city consignee_postcode consignee_country consignee_phone consignee_email permit_number "
    "item_number goods_description declared_chemical cas_number cus_number hs_code origin_country net_mass_kg quantity "
    "quantity_unit customs_value undg_number"
).split()
CONTENTS = ("none", "fentanyl", "analogue", "other_opioid", "precursor", "equipment")


@dataclass(frozen=True)
class World:
    """Manifests of one author, with the truth kept apart.

    Attributes:
        items: One row per goods item, all columns of COLUMNS as text, "" for missing; in order of `declared_at`;
            rows of one shipment are adjacent.
        truth: One row per shipment in the same order: shipment_id, content (of CONTENTS), group (short name of the
            illicit group, of the hard-negative group, or ""), hard (True for a hard negative), warmup (True before the
            scored period).
        evidence: One row per shipment, index shipment_id: the generator's own noise-free evidence as floats. It contains
            only what a perfect reader of the manifest could note, never the truth itself.
        points: The documented points system: one score per shipment_id, higher is more suspicious.
    """

    items: pd.DataFrame
    truth: pd.DataFrame
    evidence: pd.DataFrame
    points: pd.Series


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
