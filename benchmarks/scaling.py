"""Cost by number of goods items, length and novelty of texts, batch size, and number of heads, trees and leaves.

Everything runs in one process and thread. The kinds of a table alternate request by request, so that all have the same
conditions.
"""

from __future__ import annotations

import copy
import dataclasses
import random
import time
from collections.abc import Callable, Mapping, Sequence
from statistics import mean, median
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from pydantic_core import to_json

from benchmarks.script import Result, Size, run, say
from benchmarks.shipments import Record, never_seen, simulated, words
from benchmarks.stages import Answering
from benchmarks.tables import Table, number, times
from models.bundle import champion_dir, load
from models.scoring import RISK, RiskModel

if TYPE_CHECKING:
    import lightgbm as lgb

ITEMS: Final = (1, 2, 5, 10, 20, 50, 100, 200)
LETTERS: Final = (10, 30, 100, 300, 1_000, 3_000, 10_000)
UNKNOWN: Final = (0.0, 0.25, 0.5, 0.75, 1.0)
BATCH: Final = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000)
TREES: Final = (100, 500, 1_000)
LEAVES: Final = (8, 31, 63)
_SEED: Final = 7


def measure(size: Size) -> Result:
    """Return for each table parameter -> microseconds; ``boosters`` is a list of ``heads``, ``trees``, ``leaves`` and
    microseconds.
    """
    quick = size is Size.quick
    repeats = 8 if quick else 60
    say("simulating shipments")
    records = simulated(12_000 if quick else 60_000, _SEED)
    model = load(champion_dir())
    chance = random.Random(_SEED)
    say("items, texts")
    costs: dict[str, Any] = {
        "items": cost(model, {str(n): [with_items(records, n, chance) for _ in range(repeats)] for n in ITEMS}),
        "letters": cost(model, {str(n): [with_text(records, n, chance) for _ in range(repeats)] for n in LETTERS}),
    }
    say("unknown texts, batches")
    many = records[: 1_000 if quick else 10_000]
    shares = {str(part): [[record] for record in never_seen(many, _SEED, part)[: repeats * 20]] for part in UNKNOWN}
    # Use the mean, because the median of a mixture shows only one part.
    costs["unknown"] = cost(model, shares, mean)
    batches = {str(n): [_next(records, n, chance) for _ in range(max(3, repeats // 4))] for n in BATCH}
    costs["batch"] = {n: value / int(n) for n, value in cost(model, batches).items()}
    say("heads, trees, leaves")
    costs["boosters"] = boosters(model, trees=(20, 100) if quick else TREES, repeats=10 if quick else 100)
    return costs


def cost(
    model: RiskModel,
    requests: Mapping[str, Sequence[Sequence[Record]]],
    average: Callable[[list[int]], float] = median,
) -> dict[str, float]:
    """Return the microseconds to answer a request of each kind, from JSON to JSON."""
    answering = Answering(model)
    bodies = {kind: [to_json(list(one)) for one in each] for kind, each in requests.items()}
    for each in bodies.values():
        answering.answer(each[0])
    taken: dict[str, list[int]] = {kind: [] for kind in bodies}
    for turn in range(1, max(map(len, bodies.values()))):
        for kind, each in bodies.items():
            began = time.perf_counter_ns()
            answering.answer(each[turn])
            taken[kind].append(time.perf_counter_ns() - began)
    return {kind: average(values) / 1e3 for kind, values in taken.items()}


def with_items(records: Sequence[Record], count: int, chance: random.Random) -> list[Record]:
    """Return one shipment with the goods of ``count`` other shipments."""
    shipment = copy.deepcopy(chance.choice(records))
    items = []
    for place in range(count):
        item = copy.deepcopy(chance.choice(chance.choice(records)["items"]))
        item["item_number"] = str(place + 1)
        items.append(item)
    shipment["items"] = items
    return [shipment]


def with_text(records: Sequence[Record], letters: int, chance: random.Random) -> list[Record]:
    """Return one shipment with a new description of ``letters`` characters."""
    shipment = copy.deepcopy(chance.choice(records))
    shipment["items"] = shipment["items"][:1]
    shipment["items"][0]["goods_description"] = words(chance, letters // 4 + 1)[:letters].strip()
    return [shipment]


def _next(records: Sequence[Record], count: int, chance: random.Random) -> list[Record]:
    start = chance.randrange(len(records) - count)
    return list(records[start : start + count])


# ---- Boosters of other sizes


def boosters(model: RiskModel, *, trees: Sequence[int], repeats: int) -> list[dict[str, float]]:
    """Return microseconds of `RiskModel.predict_raw` for one row, and per row of 1,000, with boosters trained on random
    numbers.
    """
    names = list(model.space.names)
    sizes: list[tuple[int, int, int, RiskModel]] = []
    for leaves in LEAVES:
        grown = grow(names, max(trees), leaves)
        sizes += [(1, count, leaves, with_booster(model, grown, count)) for count in trees]
        if leaves == LEAVES[0]:
            more = range(2, len(model.heads) + 1)
            sizes += [(heads, trees[0], leaves, with_booster(model, grown, trees[0], heads)) for heads in more]
    matrix = np.random.default_rng(_SEED).normal(size=(1_000, len(names)))
    own = (len(model.heads), _tree_count(model), 0, model)
    taken: list[tuple[list[int], list[int]]] = [([], []) for _ in [own, *sizes]]
    for _ in range(repeats):
        for (_, _, _, one), (single, many) in zip([own, *sizes], taken, strict=True):
            for rows, values in ((matrix[:1], single), (matrix, many)):
                began = time.perf_counter_ns()
                one.predict_raw(rows)
                values.append(time.perf_counter_ns() - began)
    return [
        {
            "heads": heads,
            "trees": count,
            "leaves": leaves,
            "single_us": median(single) / 1e3,
            "batch_us": median(many) / 1e3 / len(matrix),
        }
        for (heads, count, leaves, _), (single, many) in zip([own, *sizes], taken, strict=True)
    ]


def _tree_count(model: RiskModel) -> int:
    return sum(booster.num_trees() for booster in model.boosters.values())


def grow(names: list[str], trees: int, leaves: int) -> lgb.Booster:
    """Return a booster trained on random numbers. Its trees have all their leaves, and its speed depends only on their size."""
    import lightgbm as lgb

    chance = np.random.default_rng(_SEED)
    matrix = chance.normal(size=(4_000, len(names)))
    label = (matrix[:, :20].sum(axis=1) + 4.0 * chance.normal(size=len(matrix)) > 0).astype(float)
    params = {"objective": "binary", "num_leaves": leaves, "min_data_in_leaf": 5, "verbose": -1, "num_threads": 1}
    data = lgb.Dataset(matrix, label, feature_name=names)
    return lgb.train({**params, "learning_rate": 0.02, "feature_fraction": 0.3, "max_bin": 63}, data, trees)


def with_booster(model: RiskModel, booster: lgb.Booster, trees: int, heads: int = 1) -> RiskModel:
    """Return the model with its first ``heads`` heads. Each has the first ``trees`` trees of the booster."""
    import lightgbm as lgb

    chosen = model.heads[:heads]
    boosters_of_heads = {head: lgb.Booster(model_str=booster.model_to_string(num_iteration=trees)) for head in chosen}

    def of_heads(given: Mapping[str, Any]) -> dict[str, Any]:
        return {name: value for name, value in given.items() if name in (*chosen, RISK)}

    return dataclasses.replace(
        model,
        heads=chosen,
        boosters=boosters_of_heads,
        factors={},
        calibrators=of_heads(model.calibrators),
        prevalence=of_heads(model.prevalence),
        base_rates={head: model.base_rates[head] for head in chosen},
        # The stored rows belong to the boosters of all heads.
        check=None,
    )


def tables(result: Result) -> list[Table]:
    """Return one table per parameter."""

    def growth(title: str, parameter: str, key: str, note: str, show: Callable[[str], str] = str) -> Table:
        values: dict[str, float] = result[key]
        first = next(iter(values.values()))
        rows = tuple((show(name), number(value), times(value / first)) for name, value in values.items())
        return Table(title, (parameter, "µs", "relative to the first row"), rows, note)

    sizes = tuple(
        (
            f"{one['trees']} trees of {one['leaves']} leaves"
            if one["leaves"]
            else f"champion: {one['trees']} trees in all",
            str(one["heads"]),
            number(one["single_us"]),
            number(one["batch_us"]),
        )
        for one in result["boosters"]
    )
    return [
        growth("Goods items per shipment", "goods items", "items", "Time to score a shipment, from JSON to JSON."),
        growth(
            "Length of a new description",
            "characters",
            "letters",
            "Time to score a shipment of one goods item. A text is read once. If it occurs again, the result comes from the "
            "cache.",
        ),
        growth(
            "Share of shipments with new texts",
            "share",
            "unknown",
            "Mean time to score a shipment. The texts of the other shipments repeat as in the simulated trade.",
            lambda name: f"{float(name):.0%}",
        ),
        growth("Shipments per batch", "shipments", "batch", "Time per shipment of the batch."),
        Table(
            "Heads, trees and leaves",
            ("boosters", "heads", "1 row, µs", "1,000 rows, µs per row"),
            sizes,
            "Prediction only, on one thread, with boosters trained on random numbers. Trees are counted per head, those of "
            "the champion over all heads.",
        ),
    ]


if __name__ == "__main__":
    run("scaling", __doc__, measure, tables)
