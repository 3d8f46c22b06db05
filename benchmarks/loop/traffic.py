"""A year of traffic: several authors' worlds as one office, with planted schemes, as a file per day.

Each author's world is simulated several times with different seeds, so that the memory stays small, and all runs are mixed in order
of time. Times are moved to the simulated year; the warm-up before it is the traffic to which the office adapts its model.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.loop.schemes import SCHEMES, Scheme
from training.authors.views import SEALED
from training.worlds.writer import COLUMNS, build_world

Progress = Callable[[str], None]
#: First day of the year, a Monday. The whole year lies in the past, because results of later days would not count yet.
START: Final = pd.Timestamp("2025-01-06", tz="UTC")
DAYS_A_WEEK: Final = 7
#: Scored shipments per run of a world.
_RUN: Final = 12_000
#: Seeds of the runs are above those of the lessons (`training.authors.views.RUNS`) and of the playing offices.
_FIRST_SEED: Final = 40_000
#: Authors whose worlds are mixed. The model in service has not learned from these.
AUTHORS: Final = ("northpost", "gateway_hub", "bonded_broker")


@dataclass(frozen=True, slots=True)
class Plan:
    """Size and contents of the traffic.

    Attributes:
        seed: of everything that is drawn.
        weeks, per_week: weeks, and shipments a week without the schemes.
        authors: names of open worlds.
        illicit: share of illicit shipments of the worlds that remain, so that finds are rarer than in training.
        changes: week in which each scheme begins.
    """

    seed: int = 1
    weeks: int = 52
    per_week: int = 10_000
    authors: tuple[str, ...] = AUTHORS
    illicit: float = 0.3
    changes: tuple[int, ...] = (14, 32)

    def __post_init__(self) -> None:
        if sealed := {*self.authors} & {*SEALED}:
            raise ValueError(f"{', '.join(sorted(sealed))}: sealed worlds stay unseen")

    @property
    def a_week(self) -> float:
        """Shipments a week of each scheme, and of the lawful trade in the same goods."""
        return self.per_week / 1_000.0

    @property
    def name(self) -> str:
        """Name of the folder of this traffic."""
        return f"traffic-{self.seed}-{zlib.crc32(json.dumps(asdict(self)).encode()):08x}"


@dataclass(frozen=True, slots=True, eq=False)
class Traffic:
    """Traffic on the disk.

    Attributes:
        truth: of each shipment of the year, by ``shipment_id``: ``content``, ``scheme`` (empty: of a world), ``world``, ``day`` and
            ``consignor``.
    """

    folder: Path
    plan: Plan
    truth: pd.DataFrame

    @property
    def warm_up(self) -> Path:
        """Manifests of the months before."""
        return self.folder / "warm-up.parquet"

    def day(self, number: int) -> Path:
        """Return the manifests of a day."""
        return self.folder / f"day-{number:03d}.parquet"


def traffic(plan: Plan, root: Path, progress: Progress) -> Traffic:
    """Return the traffic of a plan, from the disk if it is there."""
    folder = root / plan.name
    if not (folder / "truth.parquet").is_file():
        folder.mkdir(parents=True, exist_ok=True)
        _write(plan, folder, progress)
    return Traffic(folder, plan, pd.read_parquet(folder / "truth.parquet").set_index("shipment_id"))


def _write(plan: Plan, folder: Path, progress: Progress) -> None:
    tables, truths = [], []
    for place, author in enumerate(plan.authors):
        left = round(plan.weeks * plan.per_week / len(plan.authors))
        runs = max(1, -(-left // _RUN))
        for run in range(runs):
            progress(f"{author}, run {run + 1} of {runs}")
            seed = _FIRST_SEED + 1_000 * plan.seed + 100 * place + run
            items, truth = _run(plan, author, -(-left // (runs - run)), seed)
            left -= int((~truth["warmup"]).sum())
            tables.append(pa.Table.from_pandas(items, preserve_index=False))
            truths.append(truth.assign(world=author))
    planted, of_planted = _planted(plan, tables)
    table, truth = pa.concat_tables([*tables, planted]), pd.concat([*truths, of_planted], ignore_index=True)
    order = np.argsort(pd.to_datetime(table["declared_at"].to_pandas()).to_numpy(), kind="stable")
    times = pd.to_datetime(table["declared_at"].to_pandas()).iloc[order]
    day = ((times - START) // pd.Timedelta(days=1)).to_numpy()
    bounds = np.searchsorted(day, np.arange(plan.weeks * DAYS_A_WEEK + 1))
    pq.write_table(table.take(order[: bounds[0]]), folder / "warm-up.parquet")
    for number, (first, end) in enumerate(pairwise(bounds.tolist())):
        pq.write_table(table.take(order[first:end]), folder / f"day-{number:03d}.parquet")
    ids = pd.Series(table["shipment_id"].to_pandas().iloc[order[bounds[0] : bounds[-1]]].to_numpy())
    about = pd.DataFrame(
        {
            "day": pd.Series(day[bounds[0] : bounds[-1]]),
            "consignor": table["consignor_name"].to_pandas().iloc[order[bounds[0] : bounds[-1]]].to_numpy(),
        }
    ).groupby(ids.to_numpy(), sort=False)
    truth = about.first().join(truth.set_index("shipment_id")[["content", "scheme", "world"]])
    truth.rename_axis("shipment_id").reset_index().to_parquet(folder / "truth.parquet")


def _run(plan: Plan, author: str, shipments: int, seed: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return manifests and truth of a run of a world, with part of its illicit shipments, moved to the simulated year."""
    world = build_world(author, max(200, shipments), seed)
    draw = np.random.default_rng(seed)
    truth = world.truth[["shipment_id", "content", "warmup"]].assign(scheme="")
    kept = ((truth["content"] == "none") | (draw.random(len(truth)) < plan.illicit)).to_numpy().copy()
    kept[np.flatnonzero(~truth["warmup"].to_numpy())[shipments:]] = False
    truth = truth[kept]
    items = world.items[world.items["shipment_id"].isin(truth["shipment_id"])].copy()
    scored = ~items["shipment_id"].map(truth.set_index("shipment_id")["warmup"]).to_numpy(bool)
    times = pd.to_datetime(items["declared_at"], utc=True, errors="coerce").ffill().bfill()
    first, last = times[scored].min(), times[scored].max()
    # A world lasts about a year; its whole period becomes that of the plan, so shorter plans have denser histories.
    span = pd.Timedelta(days=plan.weeks * DAYS_A_WEEK)
    pace = (span - pd.Timedelta(minutes=1)) / (last - first)
    items["declared_at"] = (START + (times - first) * pace).dt.strftime("%Y-%m-%dT%H:%M:%SZ")
    opened = pd.to_datetime(items["consignor_account_opened_on"], utc=True, errors="coerce")
    moved = (START + (opened - first)).dt.strftime("%Y-%m-%d")
    items["consignor_account_opened_on"] = moved.where(opened.notna(), items["consignor_account_opened_on"])
    for frame in (items, truth):
        frame["shipment_id"] = f"{seed}-" + frame["shipment_id"].astype(str)
    return items[list(COLUMNS)].astype(str), truth


def _planted(plan: Plan, tables: Sequence[pa.Table]) -> tuple[pa.Table, pd.DataFrame]:
    """Return manifests and truth of the schemes, and of the lawful trade in the same goods."""
    draw = np.random.default_rng([plan.seed, 7])
    templates = pa.concat_tables(
        [one.take(np.sort(draw.integers(len(one), size=min(len(one), 2_000)))) for one in tables]
    ).to_pandas()
    templates = templates[templates["channel"].isin(["express", "postal"])].reset_index(drop=True)
    rows: list[dict[str, str]] = []
    truth: list[tuple[str, str, str, bool, str]] = []
    for scheme, change in zip(SCHEMES, plan.changes, strict=True):
        for week in range(plan.weeks):
            for illicit in (False, True):
                if illicit and week < change:
                    continue
                for _ in range(int(draw.poisson(plan.a_week))):
                    row, label = _shipment(scheme, templates, week, illicit=illicit, number=len(rows), draw=draw)
                    rows.append(row)
                    truth.append(label)
    columns = ["shipment_id", "content", "scheme", "warmup", "world"]
    schema = tables[0].schema
    return pa.Table.from_pylist(rows, schema=schema), pd.DataFrame(truth, columns=columns)


def _shipment(
    scheme: Scheme, templates: pd.DataFrame, week: int, *, illicit: bool, number: int, draw: np.random.Generator
) -> tuple[dict[str, str], tuple[str, str, str, bool, str]]:
    drawn = templates.iloc[int(draw.integers(len(templates)))].to_dict()
    template = {str(name): str(value) for name, value in drawn.items()}
    at = START + pd.Timedelta(weeks=week) + pd.Timedelta(seconds=int(draw.integers(7 * 86_400)))
    shipment_id = f"PL-{number:06d}-{draw.integers(10**6):06d}"
    template |= {"shipment_id": shipment_id, "item_number": "1", "declared_at": at.strftime("%Y-%m-%dT%H:%M:%SZ")}
    row = scheme.row(template, illicit=illicit, week=week, draw=draw)
    label = (shipment_id, scheme.content, scheme.name) if illicit else (shipment_id, "none", "")
    return row, (*label, False, "planted")
