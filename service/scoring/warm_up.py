"""What a model scores before it answers, so that no request is the slow first one.

Much is loaded or worked out when it is first needed (reference tables, the readers of structures, what a text means), and the
interpreter runs what it has run before faster. So the whole path is gone several times, by shipments that between them use
all of it, on a copy of the history that is thrown away, and once on the history itself without a trace.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from service.examples import EXAMPLE_PRECURSOR, EXAMPLE_SHIPMENT
from service.scoring.answers import Options, score
from service.scoring.live_history import LiveHistory

if TYPE_CHECKING:
    from models.scoring.settings import ScoreSettings
    from service.scoring.model_host import Served

#: Codes, places, names and chemicals as people also write them. A systematic name is not among them: OPSIN may not run yet.
UNUSUAL: Final[dict[str, Any]] = {
    "shipment_id": "warm-up",
    "master_id": "235-12345675",
    "house_id": "WARM 000 001",
    "channel": "express",
    "declared_at": "2026-05-04 09:30",
    "export_country": "China",
    "loading_location": "PVG",
    "unloading_location": "LAX",
    "currency": "Yen",
    "consignor": {
        "name": "Example Trading Co., Ltd.",
        "phone": "+86 21 5550 1234",
        "email": "a@example.com",
        "country": "156",
    },
    "consignee": {"name": "Dana Example", "address": "12 Sample Street", "phone": "+1 213 555 0123", "country": "USA"},
    "items": [
        {
            "goods_description": "fentanil",
            "cas_number": "437-38-7",
            "net_mass_kg": "0,1",
            "customs_value": 80,
        },
        {"goods_description": "4-ANPP", "hs_code": "2933.39", "permit_number": "X-1"},
        {"declared_chemical": "CC(=O)N(c1ccccc1)C1CCN(CCc2ccccc2)CC1", "goods_description": "sample"},
        {"goods_description": "CCOC(=O)C1CCN(Cc2ccccc2)CC1 reagent"},
        {"goods_description": "Silikon-Handyhülle", "hs_code": "12", "origin_country": "Utopia"},
        {"goods_description": "枸橼酸 25kg 桶装"},
    ],
}
SHIPMENTS: Final = (EXAMPLE_SHIPMENT, EXAMPLE_PRECURSOR, UNUSUAL)
#: The interpreter makes code faster when it has run eight times.
_TIMES: Final = 10


def never_seen(shipment: dict[str, Any], number: int) -> dict[str, Any]:
    """The shipment with a word more in its texts that no other ``number`` gives: what is found out of a text is remembered, and
    only that of a new one has to be found out. Names of chemicals stay: a new one would be OPSIN's.
    """
    word = "".join("bdfgklmnrt"[int(digit)] + "aeiou"[int(digit) % 5] for digit in f"{number:03}")
    changed = {**shipment, "shipment_id": f"warm-up-{number}"}
    for party in ("consignor", "consignee"):
        changed[party] = {
            name: f"{text} {word}" if name in ("name", "address") else text for name, text in shipment[party].items()
        }
    changed["items"] = [
        item if "cas_number" in item else {**item, "goods_description": f"{item['goods_description']} {word}"}
        for item in shipment["items"]
    ]
    return changed


def warm_up(served: Served, settings: ScoreSettings) -> None:
    """Score each of `SHIPMENTS` several times alone, and all of them as a batch; the history stays as it is.

    Raises:
        ValueError: the model cannot score here.
    """
    apart = replace(served, history=LiveHistory(served.history.copy()))
    options = Options(explain="all", actions="acas")
    for number in range(_TIMES):
        shipments = [never_seen(shipment, number) for shipment in SHIPMENTS] if number else list(SHIPMENTS)
        for records in (*([record] for record in shipments), shipments):
            score(apart, records, options, settings, max_items=len(UNUSUAL["items"]))
    # The history itself makes its room with the first shipments that it reads, also where they leave no trace.
    score(served, list(SHIPMENTS), Options(update_history=False), settings, max_items=len(UNUSUAL["items"]))
