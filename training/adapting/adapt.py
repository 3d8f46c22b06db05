"""Refitting of a model to an office's unlabelled traffic.

Adaptation refits the statistics of usual trade, the history, the percentiles and the lane thresholds. Evidence, boosters and
calibrators stay. The boosters need no refit: in their training, each author's world had the statistics of its own earlier traffic
(`training.authors.views`). Their features therefore already compare a shipment with the usual trade of one office.

Use files that are earlier than those to score. Statistics of the scored file itself would make a repeated cover look usual.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Final

import numpy as np

from features.groups.history.history import History
from features.substances import opsin
from features.table.table import ManifestTable
from models.calibration import ReferenceScores, probability
from models.lanes import Lanes
from models.scoring import RiskModel
from training.adapting.report import Measured, report
from training.adapting.scoring import Concentration, Replayed, score_blocks, usual_space
from training.adapting.traffic import Traffic
from training.data.dataset import rows_of
from training.progress import RowProgress

#: Number of entities per kind that an adapted bundle's history keeps by default. After 214,000 simulated shipments (127,000
#: consignees), bundles with 8,000, 50,000 and all of them have 4, 14 and 29 MB and load in 0.4, 0.9 and 1.0 s. A party that
#: is left out is said to be new. After 98,000 shipments of gateway_hub, recall at 1 % was .373, .389 and .389.
ENTITIES: Final = 50_000
_MARK: Final = "-adapted."
_DIGITS: Final = 8
#: Time limits of OPSIN for its start and for each name, in seconds.
_PATIENCE_S: Final = 300.0
#: Key of the card's section on the adaptation.
CARD_KEY: Final = "adapted"


@dataclass(frozen=True, slots=True)
class Adapted:
    """The adapted model, the maximum number of entities per kind in its bundle's history, and the report as JSON values."""

    model: RiskModel
    entities: int
    report: dict[str, Any]


@contextlib.contextmanager
def reading_names() -> Iterator[None]:
    """Raise OPSIN's time limits within the context, so that the statistics do not depend on the load of the machine.

    Raises:
        RuntimeError: OPSIN runs, but did not read some names.
    """
    reader = opsin()
    limits, skipped = reader.limits, reader.counters.skipped + reader.counters.timeouts
    enabled = reader.available
    reader.configure(enabled=enabled, time_limit_s=_PATIENCE_S, start_limit_s=_PATIENCE_S)
    try:
        runs = enabled and reader.start()
        yield
    finally:
        reader.configure(enabled=enabled, time_limit_s=limits.name_s, start_limit_s=limits.start_s)
    unread = reader.counters.skipped + reader.counters.timeouts - skipped
    if runs and unread:
        raise RuntimeError(f"OPSIN did not read {unread} systematic names: {reader.problem or 'too slow'}")


def adapt(
    parent: RiskModel,
    traffic: Traffic,
    *,
    entities: int = ENTITIES,
    replayed: Replayed | None = None,
    threads: int = 1,
    progress: RowProgress | None = None,
) -> Adapted:
    """Return the parent refitted to the traffic. Equal inputs give equal bytes.

    For the thresholds, each shipment has the weight 1 - p, where p is its probability at the training prevalence. Illicit shipments
    in the traffic therefore hardly raise them. Shipments of large parties have less weight (`training.adapting.scoring`). A
    shipment that a rule or an unread item puts into a lane counts towards the share of that lane.

    Args:
        parent: a model loaded from a bundle.
        entities: maximum number of parties, addresses and of each other kind of entity that the bundle's history keeps.
        replayed: history of the traffic that contains its finds; by default one without finds.
    """
    table = traffic.table
    concentration = Concentration.of(table)
    space = usual_space(parent.space, table, concentration.counted)
    history = History.empty() if replayed is None else replayed.history
    past = history if replayed is None else replayed
    scored = score_blocks(parent, table, concentration, past, threads=threads, progress=progress)
    weight = concentration.weight[scored.shipments] * (1.0 - probability(scored.after))
    lanes = Lanes.from_scores(
        scored.after,
        weight,
        floor=scored.floor,
        red_share=parent.lanes.red_share,
        yellow_share=parent.lanes.yellow_share,
    )
    continued = _continued(parent.history, table, history)
    document = report(parent, traffic, Measured(concentration, scored, lanes, continued.sizes(), entities))
    model = replace(
        parent,
        version=_version(parent, traffic),
        created_at=_created_at(parent, traffic),
        space=space,
        lanes=lanes,
        reference=ReferenceScores.from_scores(scored.after, weight),
        history=continued,
        card=_card(parent, document),
        digest="",
    )
    return Adapted(model, entities, document)


def _continued(snapshot: History, table: ManifestTable, fresh: History) -> History:
    """Return the history of the adapted model.

    If the parent's ``snapshot`` is empty, this is ``fresh``, which has counted the whole table. Otherwise it is a copy of the
    snapshot, advanced with the shipments after its last one. The snapshot is kept because it may contain finds. Earlier shipments
    are left out because it may have counted them.
    """
    if not snapshot.sequence:
        return fresh
    history = snapshot.copy()
    later = np.flatnonzero(table.declared_s > history.watermark)
    if len(later):
        history.advance(table.take(rows_of(table, later)))
    return history


def _version(parent: RiskModel, traffic: Traffic) -> str:
    """Return the parent's version with a digest of parent and files. It replaces the digest of an earlier adaptation."""
    digest = hashlib.sha256(parent.digest.encode())
    for file in traffic.files:
        digest.update(file.sha256.encode())
    return f"{parent.version.partition(_MARK)[0]}{_MARK}{digest.hexdigest()[:_DIGITS]}"


def _created_at(parent: RiskModel, traffic: Traffic) -> str:
    """Return the time of the last shipment, because the current time would give different bytes in each run."""
    if not traffic.has_times:
        return parent.created_at
    return datetime.fromtimestamp(int(traffic.table.declared_s[-1]), UTC).isoformat().replace("+00:00", "Z")


def _card(parent: RiskModel, document: dict[str, Any]) -> dict[str, Any]:
    """Return the parent's card with a new first section on the adaptation. The section omits the names of parties."""
    section = {key: value for key, value in document.items() if key != "concentration"}
    section["concentration"] = {
        "parties_over_1_percent": len(document["concentration"]),
        "largest_share": max((party["share"] for party in document["concentration"]), default=0.0),
    }
    return {CARD_KEY: section, **{key: value for key, value in parent.card.items() if key != CARD_KEY}}
