"""A filled audit chain for tests of its proof."""

from __future__ import annotations

import os
from collections.abc import Callable

from sqlalchemy import Connection

from service.audit.proof import Proof, prove
from service.core.database import audit
from service.core.database.audit import Fact
from service.core.database.engine import Database
from service.decisions.store import Store
from service.inspections.outcomes import Finding, add_outcome, add_override
from service.keys import repository as keys
from service.keys.key import KeyWishes
from service.scoring.decision import NewDecision
from service.webhooks import repository as webhooks

#: Numbers of the entries that `fill` appends: a new key, its revocation, a webhook, two outcomes, an override, the last entry.
CREATED, REVOKED, HOOKED, FOUND, CORRECTED, OVERRIDDEN, LAST = 6, 7, 8, 9, 10, 11, 12


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
    """Fill a store, and return its database.

    The chain then has five decisions (entries 1 to 5), a key that was revoked (6 and 7), a webhook (8), an outcome and its
    correction (9 and 10), an override (11) and an entry without a row (12).
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
        facts = [first, second, third, Fact("settings", "abc", {"port": 8000}, "service")]
        audit.append(connection, facts, 5)
    return database


def broken(proof: Proof) -> tuple[int | None, str | None, str]:
    assert proof.fault is not None, "the tampering was not found"
    return proof.fault.number, proof.fault.subject, proof.fault.problem


Tamper = Callable[[Connection], None]


def assert_broken(database: Database, tamper: Tamper, number: int | None, subject: str | None, problem: str) -> None:
    """Tamper with a chain, and check number, subject (None for any) and problem of the first broken entry."""
    with database.write() as connection:
        tamper(connection)
    found = broken(prove(database))
    assert found[0] == number
    assert subject in (None, found[1])
    assert found[2] == problem
