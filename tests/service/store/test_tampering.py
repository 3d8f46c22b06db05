"""Tampering with settings, models, rules, keys and links of the chain: the proof names the first broken entry."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from sqlalchemy import Connection, delete, insert, select, update

from service.core.database import audit
from service.core.database.audit import Fact, digest_of
from service.core.database.engine import Database
from service.core.database.tables import AuditEntry
from service.decisions.store import Store
from service.inspections.tables import Outcome, Override
from service.keys.tables import ApiKey
from service.webhooks.tables import Webhook
from tests.service.store.chains import LAST, OVERRIDDEN, REVOKED, Tamper, assert_broken, fill
from tests.service.store.conftest import filling

#: Numbers of the entries of settings, a model and rules.
SETTINGS, MODEL, RULES = LAST, LAST + 1, LAST + 2
CHANGED = "its digest is not that of its content"


def fill_further(store: Store) -> None:
    """Fill a store, with further entries for a model and for rules."""
    database = fill(store)
    facts = [
        Fact("model", "f" * 64, {"name": "office", "version": "2", "folder": "/models/2"}, "service"),
        Fact("rules", "d" * 64, {"rules": 5}, "service"),
    ]
    with database.write() as connection:
        audit.append(connection, facts, 6)


FILL = filling(fill_further)


def change_facts(connection: Connection, number: int, **changes: Any) -> None:
    facts = orjson.loads(connection.scalars(select(AuditEntry.facts).where(AuditEntry.number == number)).one())
    content = orjson.dumps(facts | changes, option=orjson.OPT_SORT_KEYS)
    connection.execute(update(AuditEntry).where(AuditEntry.number == number).values(facts=content))


def change_setting(connection: Connection) -> None:
    change_facts(connection, SETTINGS, port=9000)


def change_model(connection: Connection) -> None:
    change_facts(connection, MODEL, version="3")


def change_subject_of_model(connection: Connection) -> None:
    connection.execute(update(AuditEntry).where(AuditEntry.number == MODEL).values(subject="e" * 64))


def change_model_and_its_digest(connection: Connection) -> None:
    change_model(connection)
    row = connection.execute(select(AuditEntry.__table__).where(AuditEntry.number == MODEL)).one()
    digest = digest_of(MODEL, row.at, row.kind, row.subject, row.actor, bytes(row.facts), bytes(row.previous))
    connection.execute(update(AuditEntry).where(AuditEntry.number == MODEL).values(digest=digest))


def change_subject_of_rules(connection: Connection) -> None:
    connection.execute(update(AuditEntry).where(AuditEntry.number == RULES).values(subject="a" * 64))


def change_previous(connection: Connection) -> None:
    connection.execute(update(AuditEntry).where(AuditEntry.number == 3).values(previous=b"p" * 32))


def change_previous_and_the_digest(connection: Connection) -> None:
    row = connection.execute(select(AuditEntry.__table__).where(AuditEntry.number == 3)).one()
    digest = digest_of(3, row.at, row.kind, row.subject, row.actor, bytes(row.facts), b"p" * 32)
    connection.execute(update(AuditEntry).where(AuditEntry.number == 3).values(previous=b"p" * 32, digest=digest))


def delete_last_entry_of_a_row(connection: Connection) -> None:
    connection.execute(delete(AuditEntry).where(AuditEntry.number >= OVERRIDDEN))


def replace_key(connection: Connection) -> None:
    connection.execute(update(ApiKey).values(digest=b"d" * 32))


def raise_rate_of_key(connection: Connection) -> None:
    connection.execute(update(ApiKey).values(requests_per_minute=1_000_000))


def remove_key(connection: Connection) -> None:
    connection.execute(delete(ApiKey))


def delete_entry_of_revocation(connection: Connection) -> None:
    row = dict(connection.execute(select(ApiKey.__table__)).one()._mapping)
    connection.execute(delete(AuditEntry).where(AuditEntry.number >= REVOKED))
    for table in (Outcome, Override, Webhook):
        connection.execute(delete(table))
    assert row["revoked_at"] is not None


def insert_override(connection: Connection) -> None:
    row = dict(connection.execute(select(Override.__table__)).one()._mapping)
    del row["position"]
    connection.execute(insert(Override), [row | {"id": "forged"}])


UNLINKED = "it does not continue the entry before"

TAMPERING: list[tuple[Tamper, int | None, str | None, str]] = [
    (change_setting, SETTINGS, "abc", CHANGED),
    (change_model, MODEL, "f" * 64, CHANGED),
    (change_subject_of_model, MODEL, "e" * 64, CHANGED),
    (change_model_and_its_digest, RULES, "d" * 64, UNLINKED),
    (change_subject_of_rules, RULES, "a" * 64, CHANGED),
    (change_previous, 3, "decision-3", UNLINKED),
    (change_previous_and_the_digest, 3, "decision-3", UNLINKED),
    (delete_last_entry_of_a_row, None, None, "no entry records this row of the table overrides"),
    (replace_key, 6, None, "the table holds other values of digest"),
    (raise_rate_of_key, 6, None, "the table holds other values of requests_per_minute"),
    (remove_key, 6, None, "its row is missing in the table api_keys"),
    (delete_entry_of_revocation, None, None, "no entry records this row of the table api_keys"),
    (insert_override, None, "forged", "no entry records this row of the table overrides"),
]


@pytest.mark.parametrize(
    ("tamper", "number", "subject", "problem"), TAMPERING, ids=[tamper.__name__ for tamper, *_ in TAMPERING]
)
def test_tampering_breaks_the_first_entry_that_it_touches(
    filled: Database, tamper: Tamper, number: int | None, subject: str | None, problem: str
) -> None:
    assert_broken(filled, tamper, number, subject, problem)
