"""Metrics of the scores per slice of the traffic: seen and unseen parties, typologies, channels, languages, origins and others.

A slice by a declared property contains finds and clean shipments. A slice by a property of finds alone (network, typology) contains
no clean shipments and is evaluated against all clean shipments of the window. Recall assumes one inspection threshold for the whole
window.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from features.goods.answers import goods_reader
from features.groups.own.keys import OwnFields
from features.manifest.fields import MANIFEST_NAMES
from features.reference import policy_dates
from features.substances.rows import resolve
from features.table.table import Coded, ManifestTable
from models.lanes import RED
from models.scoring import RISK
from training.arrays import Bools, Floats, Ints, Texts
from training.data.dataset import Dataset, Outcome
from training.data.windows import NEVER, Window
from training.data.world_truth import HONEST, WorldTruth
from training.evaluation.capacity import repeated
from training.evaluation.evaluation import Scored
from training.evaluation.lane_errors import items_of, origin_of
from training.evaluation.metrics import RESAMPLES, Ranking, interval, lacking, poisson_times, share_for
from training.worlds.own.trade.plan import STRENGTHS, TRACES

NONE: Final = "no text"
#: Language of texts of which neither script nor words tell it.
NOT_TOLD: Final = "not told"


def languages_of(descriptions: Coded) -> Texts:
    """Return the languages (n,) of a text column as ISO 639-1 codes."""
    used = descriptions.compact()
    values = np.array([language or NOT_TOLD for language in goods_reader().languages(used.values)], dtype=object)
    return np.asarray(used.lookup(values, NONE), dtype=object)


SHARES: Final = (0.005, 0.01)
SEEN, UNSEEN, NO_KEY = "seen", "never seen", "not stated"
NONE_NAMED: Final = "none named"
#: Days after a change of policy during which shipments belong to its slice.
AFTER_DAYS: Final = 30
#: Origins with a smaller share of shipments are grouped as "others".
_LEAST_ORIGIN: Final = 0.01
#: Minimum number of clean shipments for a false-positive rate in the red lane. The rate is about 0.5 %, so fewer are too few.
_LEAST_CLEAN: Final = 500
_AUC_RESAMPLES: Final = 40
#: Number of values of an office's own column that have a slice of their own.
_MOST_VALUES: Final = 8


@dataclass(frozen=True, slots=True)
class Slicing:
    """Slices of n shipments by the values of one property. Slices may overlap.

    Attributes:
        of_value: Value -> (n,) whether the shipment has the value.
        of_finds: Whether only finds have the property. All clean shipments then count towards every slice.
    """

    of_value: Mapping[str, Bools]
    of_finds: bool = False

    @classmethod
    def by(cls, values: Texts) -> Slicing:
        """Return the slicing for the value (n,) of each shipment."""
        return cls({str(value): values == value for value in sorted(set(values.tolist()), key=str)})


def slicings(data: Dataset, shipments: Ints, learned: Ints | None, table: ManifestTable) -> dict[str, Slicing]:
    """Return all slicings of a window that the data supports and that have more than one value.

    Under an office's own label, substances and changes of the law say nothing; its own categorical columns do.

    Args:
        data: The whole data set.
        shipments: (n,) indices of the window's shipments in ``data``.
        learned: Indices of the shipments that the model was trained on. None leaves out the slicings by seen and unseen
            values.
        table: The window's shipments.
    """
    first, own_label = table.first_row, data.labels.heads == (RISK,)
    channel = table.text("channel")
    out = {
        "channel": Slicing.by(channel.lookup(np.array(channel.values, dtype=object), NO_KEY)[first]),
        "language": Slicing.by(languages_of(table.text("goods_description").take(first))),
        "missing_data": Slicing.by(_missing_data(table)),
        "origin": Slicing.by(_origins(table)),
        "items": Slicing.by(items_of(table)),
    }
    if learned is not None:
        consignor = _key(data.table, "consignor_name", "consignor_country")
        address = _key(data.table, "consignee_address", "consignee_postcode", "consignee_country")
        out["seen_consignor"] = Slicing.by(_seen(consignor, shipments, learned))
        out["seen_address"] = Slicing.by(_seen(address, shipments, learned))
        out["seen_declaration"] = Slicing.by(_seen_declaration(data, learned, table))
        if not own_label:
            out["seen_substance"] = Slicing.by(_seen_substance(data.table, shipments, learned))
    if own_label:
        out |= _of_own_fields(data.own, table)
    elif data.has_times:
        out["after_regime_change"] = Slicing.by(_after_change(table.declared_s))
    if data.world is not None:
        out |= _of_world(data.world, shipments, learned)
    return {name: cut for name, cut in out.items() if len(cut.of_value) > 1}


def _of_own_fields(own: OwnFields | None, table: ManifestTable) -> dict[str, Slicing]:
    """Return a slicing by the most frequent values of each categorical field of the office."""
    slicings = {}
    for field in own.fields if own is not None else ():
        if field.kind != "categorical":
            continue
        column = table.further(field.name).take(table.first_row).compact()
        counts = np.bincount(column.codes[column.codes >= 0], minlength=len(column.values))
        often = set(np.argsort(-counts, kind="stable")[:_MOST_VALUES].tolist())
        names = [text if code in often else "others" for code, text in enumerate(column.values)]
        slicings[field.name] = Slicing.by(column.lookup(np.array(names, dtype=object), NO_KEY))
    return slicings


def _key(table: ManifestTable, *names: str) -> Ints:
    """Return a key per shipment (n_shipments,) for the party or place in the named columns; 0 if the first one is blank.

    Case, accents and punctuation do not change the key.
    """
    columns = [table.text(name).take(table.first_row).compact().mapped(_plain) for name in names]
    key = np.zeros(table.n_shipments, dtype=np.int64)
    for column in columns:
        key = key * (len(column.values) + 1) + column.codes + 1
    return np.where(columns[0].codes < 0, 0, key)


def _plain(text: str) -> str:
    return "".join(letter for letter in unicodedata.normalize("NFKD", text).casefold() if letter.isalnum())


def _seen(key: Ints, shipments: Ints, learned: Ints) -> Texts:
    """Return per shipment whether ``learned`` contains its key. Key 0 is missing."""
    own = key[shipments]
    seen = np.isin(own, np.unique(key[learned]))
    return np.where(own == 0, NO_KEY, np.where(seen, SEEN, UNSEEN)).astype(object)


def _seen_declaration(data: Dataset, learned: Ints, table: ManifestTable) -> Texts:
    """Return per shipment whether the training data contains the declarations of all its items."""
    seen = repeated(data, Window("learned", 0, 0, NEVER, learned), table)
    return np.where(np.logical_and.reduceat(seen, table.first_row), SEEN, UNSEEN).astype(object)


def _seen_substance(table: ManifestTable, shipments: Ints, learned: Ints) -> Texts:
    """Return per shipment whether the training data contains its watched substance."""
    number: dict[str, int] = {}
    of_row = np.array(
        [
            0 if match is None or match.group == "benign" else number.setdefault(match.substance, len(number) + 1)
            for match in resolve(table)
        ],
        dtype=np.int64,
    )
    # A shipment with several substances is represented by one of them.
    seen = _seen(np.maximum.reduceat(of_row, table.first_row), shipments, learned)
    return np.where(seen == NO_KEY, NONE_NAMED, seen).astype(object)


def _missing_data(table: ManifestTable) -> Texts:
    """Return ``few`` if a shipment has at most its channel's median number of missing fields, otherwise ``many``."""
    first = table.first_row
    columns = [table.raw[name] for name in MANIFEST_NAMES if name in table.raw]
    missing = np.sum([column.codes[first] < 0 for column in columns], axis=0)
    channel = table.text("channel").codes[first]
    many = np.zeros(len(first), dtype=np.bool_)
    for code in np.unique(channel).tolist():
        inside = channel == code
        many[inside] = missing[inside] > np.median(missing[inside])
    return np.where(many, "many", "few").astype(object)


def _origins(table: ManifestTable) -> Texts:
    origin = np.array([name or NO_KEY for name in origin_of(table)], dtype=object)
    names, counts = np.unique(origin, return_counts=True)
    rare = set(names[counts < _LEAST_ORIGIN * len(origin)].tolist()) - {NO_KEY}
    return np.array(["others" if name in rare else name for name in origin.tolist()], dtype=object)


def _after_change(declared_s: Ints) -> Texts:
    """Return per shipment the latest policy date in the `AFTER_DAYS` before its declaration, or "other days"."""
    day = declared_s // 86400
    out = np.full(len(day), "other days", dtype=object)
    for change in sorted(policy_dates(), key=lambda row: row.date):
        at = int(datetime(change.date.year, change.date.month, change.date.day, tzinfo=UTC).timestamp()) // 86400
        out[(day >= at) & (day < at + AFTER_DAYS)] = f"after {change.date.isoformat()}"
    return out


def _of_world(world: WorldTruth, shipments: Ints, learned: Ints | None) -> dict[str, Slicing]:
    """Return slicings by the simulator's ground truth about illicit networks. Lawful shipments belong to no slice."""
    network = world.network[shipments]
    of_network = network != HONEST
    shown, strength = world.typologies[shipments], world.strength[shipments]
    typology = {name: shown[:, k] & of_network for k, name in enumerate(TRACES)}
    typology["none shown"] = of_network & ~shown.any(axis=1)
    out = {
        "typology": Slicing({name: inside for name, inside in typology.items() if inside.any()}, of_finds=True),
        "strength": Slicing({name: strength == code for code, name in enumerate(STRENGTHS)}, of_finds=True),
    }
    if learned is not None:
        known = np.isin(network, np.unique(world.network[learned]))
        out["seen_network"] = Slicing({SEEN: of_network & known, UNSEEN: of_network & ~known}, of_finds=True)
    if world.reactions:
        out["reaction"] = Slicing(_reactions(world, world.reaction[shipments], of_network), of_finds=True)
    return out


def _reactions(world: WorldTruth, reaction: NDArray[np.int8], of_network: Bools) -> dict[str, Bools]:
    """Return slices by the cause of the network's latest reaction. Names of reactions have the form ``cause:change``."""
    cause = np.array([*(name.partition(":")[0] for name in world.reactions), "none"], dtype=object)[reaction]
    return {name: of_network & (cause == name) for name in dict.fromkeys([*sorted(set(cause.tolist())), "none"])}


def taken_at(score: Floats, find: Bools, weight: Floats, share: float, base_rate: float) -> Floats:
    """Return the probability (n,) that each shipment is inspected if an office inspects the highest scores.

    Shipments tied at the threshold share the remaining capacity equally.

    Args:
        score: (n,) score of each shipment.
        find: (n,) whether the shipment is a find.
        weight: (n,) sampling weight.
        share: Share of the traffic that is inspected.
        base_rate: Share of finds in the traffic.
    """
    traffic = np.where(
        find, weight * (base_rate / weight[find].sum()), weight * ((1 - base_rate) / weight[~find].sum())
    )
    order = np.argsort(-score, kind="stable")
    passed = int(np.searchsorted(np.cumsum(traffic[order]), share))
    threshold = score[order[min(passed, len(order) - 1)]]
    above, at = score > threshold, score == threshold
    part = (share - float(traffic[above].sum())) / float(traffic[at].sum())
    return np.where(above, 1.0, np.where(at, min(max(part, 0.0), 1.0), 0.0))


def evaluate_slices(
    scored: Scored, outcome: Outcome, cuts: Mapping[str, Slicing], *, resamples: int = RESAMPLES, seed: int = 0
) -> dict[str, dict[str, Any]]:
    """Return metrics of the risk per slicing and value, as JSON values.

    A slice with too few finds or without clean shipments has a reason instead. The result is empty if the window has no finds or
    no clean shipment.
    """
    find, weight = outcome.any, outcome.weight
    if not find.any() or find.all():
        return {}
    base_rate = sum(scored.base_rates.values())
    shares = sorted({*SHARES, share_for(base_rate)})
    taken = {share: taken_at(scored.risk, find, weight, share, base_rate)[find] for share in shares}
    times = np.concatenate(list(poisson_times(int(find.sum()), resamples, seed))).astype(np.float64) * weight[find]
    return {
        name: {
            value: _figures(scored, outcome, inside, cut.of_finds, taken, times, seed)
            for value, inside in cut.of_value.items()
        }
        for name, cut in cuts.items()
    }


def _figures(
    scored: Scored, outcome: Outcome, inside: Bools, of_finds: bool, taken: Mapping[float, Floats], times: Floats, seed: int
) -> dict[str, Any]:  # fmt: skip
    find, weight = outcome.any, outcome.weight
    in_slice = inside[find]
    finds = int(in_slice.sum())
    members = (inside & find) | ~find if of_finds else inside
    clean = members & ~find
    out: dict[str, Any] = {"shipments": int(inside.sum()), "finds": finds}
    red: float | None = None
    if scored.lane is not None and not of_finds and clean.sum() >= _LEAST_CLEAN:
        red = float((scored.lane[clean] == RED).mean())
    none = lacking(find[members])
    if none is not None:
        recall = {f"{share:g}": none for share in taken}
        return out | {"pr_auc": none, "recall": recall, "false_positive_rate_red": red}
    ranking = Ranking(scored.risk[members], find[members], weight[members])
    curves = ranking.resampled(_AUC_RESAMPLES, seed)
    total = times[:, in_slice].sum(axis=1)
    drawn = total > 0
    recalls = {}
    for share, part in taken.items():
        value = float(np.average(part[in_slice], weights=weight[find][in_slice]))
        draws = (times[:, in_slice] @ part[in_slice])[drawn] / total[drawn]
        recalls[f"{share:g}"] = interval(value, draws.tolist())
    return out | {
        "prevalence": ranking.prevalence,
        "pr_auc": interval(ranking.curve().pr_auc(), [curve.pr_auc() for curve in curves]),
        "recall": recalls,
        "false_positive_rate_red": red,
    }
