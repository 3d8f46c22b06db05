"""An audit chain with entries of many kinds, for tests of its proof."""

from __future__ import annotations

import os

from sqlalchemy import Connection, update

from service.store import audit, keys, webhooks
from service.store.audit import Fact
from service.store.database import Database
from service.store.decision import NewDecision
from service.store.key import KeyWishes
from service.store.outcomes import Finding, add_outcome, add_override
from service.store.proof.chain import Proof
from service.store.store import Store
from service.store.tables import Decision

#: Numbers of entries of `fill`: a revoked key, a webhook, two outcomes, an override, settings, a model, its rules, the last.
REVOKED, HOOKED, FOUND, CORRECTED, OVERRIDDEN, SET, PROMOTED, RULED, LAST = 7, 8, 9, 10, 11, 12, 13, 14, 15
#: Problem of an entry whose content was changed.
CHANGED = "its digest is not that of its content"


def decision(number: int) -> NewDecision:
    return NewDecision(
        id=f"decision-{number}",
        shipment_id=f"shipment-{number}",
        content_digest=os.urandom(32),
        received_at=1_800_000_000_000_000 + number,
        declared_s=1_800_000_000,
        history_order=number,
        what_if=False,
        channel="postal",
        site=None,
        lane="yellow",
        selected_by="score",
        risk=0.1 / number,
        percentile=0.99,
        model_version="1",
        model_digest="f" * 64,
        features_digest="e" * 64,
        rules_digest=None,
        via="score",
        duration_us=100,
        caller=None,
        manifest=b'{"shipment_id": "%d"}' % number,
        answer=b'{"risk": 0.1}',
    )


def fill(store: Store) -> Database:
    """Fill a store, and return its database: five decisions (entries 1 to 5), a key that was revoked (6 and 7), a webhook (8), an
    outcome and its correction (9 and 10), an override (11), and settings, a model, rules and a backup without rows (12 to 15).
    """
    for number in range(1, 6):
        store.decide([decision(number)]).result(60)
    database = store.database
    key, _ = keys.create(database, KeyWishes("a test", frozenset({"read"})), None)
    keys.revoke(database, key.id, "another")
    webhooks.add(database, "https://office.example/", "a test", None, 1)
    with database.write() as connection:
        found, first = add_outcome(
            connection,
            "decision-1",
            Finding("none", 1, "An Officer", quantity=0.5, method="by hand"),
            caller=None,
            at=2,
        )
        again = Finding("precursor", 1, None, corrects=found.id)
        _, second = add_outcome(connection, "decision-1", again, caller=None, at=3)
        _, third = add_override(connection, "decision-2", "red", "a text", caller=None, at=4)
        for at, fact in ((2, first), (3, second), (4, third)):
            audit.append(database, connection, [fact], at)
        told = [
            Fact("settings", "abc", {"port": 8000}, "service"),
            Fact("model", "f" * 64, {"name": "office", "version": "2", "folder": "/models/2"}, "service"),
            Fact("rules", "d" * 64, {"rules": 5}, "service"),
            Fact("backup", "c" * 64, {"taken_at": 5}, "tidewaiter backup"),
        ]
        audit.append(database, connection, told, 5)
    return database


def change_lane(connection: Connection) -> None:
    """Tamper with the lane of decision 4."""
    connection.execute(update(Decision).where(Decision.id == "decision-4").values(lane="green"))


def broken(proof: Proof) -> tuple[int | None, str | None, str]:
    """Return number, subject and problem of the first broken entry."""
    assert proof.fault is not None, "the tampering was not noticed"
    return proof.fault.number, proof.fault.subject, proof.fault.problem
