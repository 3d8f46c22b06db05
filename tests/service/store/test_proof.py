"""The proof of the audit chain: what it accepts, and the first broken entry after each kind of tampering."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from sqlalchemy import Connection, Row, delete, insert, select, true, update
from sqlalchemy import text as sql

from service.audit.heads import BadHead, Head, read_head, sign_head, signed_heads
from service.audit.proof import prove
from service.audit.tables import AuditHead
from service.core.database import audit
from service.core.database.audit import START, Fact, digest_of
from service.core.database.engine import Database
from service.core.database.tables import AuditEntry, Base
from service.decisions.store import Store
from service.erasure.everywhere import erase_from_database
from service.inspections.tables import Outcome, Override
from service.keys.tables import ApiKey
from service.scoring.decision import ToErase
from service.scoring.tables import Decision, facts_of
from service.webhooks import repository as webhooks
from service.webhooks.tables import EVENTS, Webhook
from tests.service.store.chains import (
    CORRECTED,
    CREATED,
    FOUND,
    HOOKED,
    LAST,
    OVERRIDDEN,
    REVOKED,
    Tamper,
    assert_broken,
    broken,
    decision,
    fill,
)
from tests.service.store.conftest import filling

FILL = filling(fill)


def test_an_empty_chain_is_proven(database: Database) -> None:
    proof = prove(database)
    assert (proof.fault, proof.number, proof.digest) == (None, 0, START)


@pytest.mark.both_engines
def test_an_untouched_chain_is_proven(filled: Database) -> None:
    proof = prove(filled)
    assert proof.fault is None
    assert proof.to_json() == {
        "state": "proven",
        "entries": LAST,
        "head": {"number": LAST, "digest": proof.digest.hex()},
        "broken": None,
        "checked": {
            "decision": {"entries": 5, "erased": 0},
            "key_created": {"entries": 1, "erased": 0},
            "key_revoked": {"entries": 1, "erased": 0},
            "outcome": {"entries": 2, "erased": 0},
            "override": {"entries": 1, "erased": 0},
            "webhook_added": {"entries": 1, "erased": 0},
        },
        "heads": {"found": 0, "signatures": 0},
    }


@pytest.mark.both_engines
def test_the_proof_sees_one_state_while_others_write(filled: Database, store: Store) -> None:
    def write(_: int) -> None:
        store.decide([decision(6)]).result(60)

    proof = prove(filled, progress=write)
    assert (proof.fault, proof.number) == (None, LAST)
    assert prove(filled).number == LAST + 1


@pytest.mark.both_engines
def test_erasure_leaves_the_chain_provable(filled: Database) -> None:
    with filled.write() as connection:
        connection.execute(
            update(Decision).where(Decision.id == "decision-2").values(salt=None, manifest=None, answer=b"{}")
        )
        connection.execute(update(Outcome).values(salt=None, by=None, method=None))
        connection.execute(update(Override).values(salt=None, reason=None))
        rows = {
            "decisions": ["decision-2"],
            "outcomes": list(connection.scalars(select(Outcome.id))),
            "overrides": list(connection.scalars(select(Override.id))),
        }
        audit.append(connection, [Fact("erasure", "erasure-1", rows, "test")], 1)
    proof = prove(filled)
    assert proof.fault is None
    checked = proof.to_json()["checked"]
    assert [checked[kind]["erased"] for kind in ("decision", "outcome", "override")] == [1, 2, 1]


# -- tampering --------------------------------------------------------------------------------------------------------


def renumbered(connection: Connection, start: int, by: int) -> None:
    numbers = connection.scalars(select(AuditEntry.number).where(AuditEntry.number >= start)).all()
    for number in sorted(numbers, reverse=by > 0):
        connection.execute(update(AuditEntry).where(AuditEntry.number == number).values(number=number + by))


def change_entry(connection: Connection) -> None:
    facts = orjson.loads(connection.scalars(select(AuditEntry.facts).where(AuditEntry.number == 3)).one())
    changed = orjson.dumps(facts | {"lane": "green"}, option=orjson.OPT_SORT_KEYS)
    connection.execute(update(AuditEntry).where(AuditEntry.number == 3).values(facts=changed))


def change_entry_and_its_digest(connection: Connection) -> None:
    change_entry(connection)
    row = connection.execute(select(AuditEntry.__table__).where(AuditEntry.number == 3)).one()
    digest = digest_of(3, row.at, row.kind, row.subject, row.actor, bytes(row.facts), bytes(row.previous))
    connection.execute(update(AuditEntry).where(AuditEntry.number == 3).values(digest=digest))


def change_actor(connection: Connection) -> None:
    connection.execute(update(AuditEntry).where(AuditEntry.number == REVOKED).values(actor="nobody"))


def change_time(connection: Connection) -> None:
    connection.execute(update(AuditEntry).where(AuditEntry.number == 2).values(at=AuditEntry.at + 1))


def spoil_facts(connection: Connection) -> None:
    connection.execute(update(AuditEntry).where(AuditEntry.number == 2).values(facts=b"\xff"))


def delete_entry(connection: Connection) -> None:
    connection.execute(delete(AuditEntry).where(AuditEntry.number == 3))


def delete_first_entry(connection: Connection) -> None:
    connection.execute(delete(AuditEntry).where(AuditEntry.number == 1))


def delete_entry_and_renumber(connection: Connection) -> None:
    delete_entry(connection)
    renumbered(connection, 4, -1)


def insert_entry(connection: Connection) -> None:
    row = dict(connection.execute(select(AuditEntry.__table__).where(AuditEntry.number == 2)).one()._mapping)
    renumbered(connection, 3, 1)
    connection.execute(insert(AuditEntry), [row | {"number": 3}])


def insert_before_the_first(connection: Connection) -> None:
    row = dict(connection.execute(select(AuditEntry.__table__).where(AuditEntry.number == 1)).one()._mapping)
    connection.execute(insert(AuditEntry), [row | {"number": 0}])


def swap_entries(connection: Connection) -> None:
    for old, new in ((2, 99), (3, 2), (99, 3)):
        connection.execute(update(AuditEntry).where(AuditEntry.number == old).values(number=new))


def cut_off_decision(connection: Connection) -> None:
    connection.execute(delete(AuditEntry).where(AuditEntry.number >= 5))
    for table in (ApiKey, Outcome, Override, Webhook):
        connection.execute(delete(table))


def change_lane(connection: Connection) -> None:
    connection.execute(update(Decision).where(Decision.id == "decision-4").values(lane="green"))


def change_risk(connection: Connection) -> None:
    connection.execute(update(Decision).where(Decision.id == "decision-4").values(risk=0.0251))


def change_answer(connection: Connection) -> None:
    connection.execute(update(Decision).where(Decision.id == "decision-4").values(answer=b'{"risk": 0.2}'))


def change_manifest(connection: Connection) -> None:
    connection.execute(update(Decision).where(Decision.id == "decision-4").values(manifest=b"{}"))


def change_shipment(connection: Connection) -> None:
    connection.execute(update(Decision).where(Decision.id == "decision-4").values(shipment_id="other"))


def change_manifest_as_if_erased(connection: Connection) -> None:
    connection.execute(update(Decision).where(Decision.id == "decision-4").values(manifest=b"{}", salt=None))


def drop_manifest_without_erasure(connection: Connection) -> None:
    connection.execute(update(Decision).where(Decision.id == "decision-4").values(manifest=None))


def remove_decision(connection: Connection) -> None:
    connection.execute(delete(Decision).where(Decision.id == "decision-4"))


def insert_decision(connection: Connection) -> None:
    row = dict(connection.execute(select(Decision.__table__).where(Decision.id == "decision-1")).one()._mapping)
    del row["position"]
    connection.execute(insert(Decision), [row | {"id": "forged"}])


def widen_key(connection: Connection) -> None:
    connection.execute(update(ApiKey).values(scopes="admin read"))


def prolong_key(connection: Connection) -> None:
    connection.execute(update(ApiKey).values(expires_at=4_000_000_000_000_000))


def undo_revocation(connection: Connection) -> None:
    connection.execute(update(ApiKey).values(revoked_at=None))


def silence_webhook(connection: Connection) -> None:
    connection.execute(update(Webhook).values(removed_at=5))


def redirect_webhook(connection: Connection) -> None:
    connection.execute(update(Webhook).values(url="https://other.example/"))


def insert_key(connection: Connection) -> None:
    row = dict(connection.execute(select(ApiKey.__table__)).one()._mapping)
    connection.execute(insert(ApiKey), [row | {"id": "forged", "prefix": "tw_forged00"}])


def remove_outcome(connection: Connection) -> None:
    connection.execute(delete(Outcome).where(Outcome.content == "precursor"))


def change_outcome(connection: Connection) -> None:
    connection.execute(update(Outcome).where(Outcome.content == "precursor").values(content="none"))


def change_finder(connection: Connection) -> None:
    connection.execute(update(Outcome).where(Outcome.content == "none").values(by="Another Officer"))


def change_method(connection: Connection) -> None:
    connection.execute(update(Outcome).where(Outcome.content == "none").values(method="x-ray"))


def change_finder_as_if_erased(connection: Connection) -> None:
    connection.execute(update(Outcome).where(Outcome.content == "none").values(by="Another Officer", salt=None))


def insert_outcome(connection: Connection) -> None:
    row = dict(connection.execute(select(Outcome.__table__).where(Outcome.content == "none")).one()._mapping)
    del row["position"]
    connection.execute(insert(Outcome), [row | {"id": "forged"}])


def change_override(connection: Connection) -> None:
    connection.execute(update(Override).values(lane="green"))


def change_reason(connection: Connection) -> None:
    connection.execute(update(Override).values(reason="another text"))


def remove_override(connection: Connection) -> None:
    connection.execute(delete(Override))


def changing(table: type[Base], id_: str, column: str, value: Any) -> Callable[[Connection], None]:
    """Return a function that changes one column of the row with an id, or of the outcome with a content."""
    columns = table.__table__.c
    is_row = (columns.content if table is Outcome else columns.id) == id_

    def change(connection: Connection) -> None:
        connection.execute(update(table).where(is_row if table is not ApiKey else true()).values({column: value}))

    change.__name__ = f"change_{column}_of_{table.__tablename__}"
    return change


CHANGED = "its digest is not that of its content"
UNLINKED = "it does not continue the entry before"

TAMPERING: list[tuple[Callable[[Connection], None], int | None, str | None, str]] = [
    (change_entry, 3, "decision-3", CHANGED),
    (change_entry_and_its_digest, 3, "decision-3", "the table holds other values of lane"),
    (change_actor, REVOKED, None, CHANGED),
    (change_time, 2, "decision-2", CHANGED),
    (spoil_facts, 2, "decision-2", "its facts are not readable"),
    (delete_entry, 3, None, "it is missing; entry 4 comes next"),
    (delete_first_entry, 1, None, "it is missing; entry 2 comes next"),
    (delete_entry_and_renumber, 3, "decision-4", UNLINKED),
    (insert_entry, 3, "decision-2", UNLINKED),
    (insert_before_the_first, 1, None, "it is missing; entry 0 comes next"),
    (swap_entries, 2, "decision-3", UNLINKED),
    (cut_off_decision, None, "decision-5", "no entry records this row of the table decisions"),
    (change_lane, 4, "decision-4", "the table holds other values of lane"),
    (change_risk, 4, "decision-4", "the table holds other values of risk"),
    (change_answer, 4, "decision-4", "the table holds other values of answer"),
    (change_manifest, 4, "decision-4", "the table holds other values of manifest"),
    (change_shipment, 4, "decision-4", "the table holds other values of shipment"),
    (change_manifest_as_if_erased, 4, "decision-4", "its salt is missing, but its manifest is not erased"),
    (drop_manifest_without_erasure, 4, "decision-4", "its manifest is missing, but its salt is not erased"),
    (remove_decision, 4, "decision-4", "its row is missing in the table decisions"),
    (insert_decision, None, "forged", "no entry records this row of the table decisions"),
    (widen_key, 6, None, "the table holds other values of scopes"),
    (prolong_key, 6, None, "the table holds other values of expires_at"),
    (undo_revocation, REVOKED, None, "the table holds other values of revoked_at"),
    (remove_outcome, CORRECTED, None, "its row is missing in the table outcomes"),
    (change_outcome, CORRECTED, None, "the table holds other values of content"),
    (change_finder, FOUND, None, "the table holds other values of by"),
    (change_method, FOUND, None, "the table holds other values of method"),
    (change_finder_as_if_erased, FOUND, None, "its salt is missing, but by is not erased"),
    (insert_outcome, None, "forged", "no entry records this row of the table outcomes"),
    (change_override, OVERRIDDEN, None, "the table holds other values of lane"),
    (change_reason, OVERRIDDEN, None, "the table holds other values of reason"),
    (remove_override, OVERRIDDEN, None, "its row is missing in the table overrides"),
    (silence_webhook, None, None, "no entry records this row of the table webhooks"),
    (redirect_webhook, HOOKED, None, "the table holds other values of url"),
    (insert_key, None, "forged", "no entry records this row of the table api_keys"),
]
#: Column -> another value, and the fact that covers it.
OF_DECISIONS: dict[str, tuple[Any, str]] = {
    "caller": ("nobody", "caller"),
    "channel": ("rail", "request"),
    "content_digest": (b"x", "request"),
    "declared_s": (1, "declared_s"),
    "duration_us": (1, "duration_us"),
    "earlier_id": ("decision-1", "earlier"),
    "features_digest": ("x", "features"),
    "history_order": (1, "history_order"),
    "model_digest": ("x", "model"),
    "model_version": ("2", "version"),
    "percentile": (0.5, "percentile"),
    "received_at": (1, "received_at"),
    "rules_digest": ("x", "rules"),
    "selected_by": (None, "selected_by"),
    "site": ("USLAX", "request"),
    "via": ("file", "via"),
    "what_if": (True, "what_if"),
}
TAMPERING += [
    (changing(Decision, "decision-4", column, value), 4, "decision-4", f"the table holds other values of {fact}")
    for column, (value, fact) in OF_DECISIONS.items()
]
TAMPERING += [
    (changing(table, id_, column, value), number, None, f"the table holds other values of {column}")
    for table, id_, number, values in (
        (Outcome, "precursor", CORRECTED, {"caller": "nobody", "recorded_at": 9, "shipment_id": "other"}),
        (ApiKey, "", CREATED, {"created_at": 1, "created_by": "nobody"}),
    )
    for column, value in values.items()
]


def reorder_decisions(connection: Connection) -> None:
    connection.execute(update(Decision).where(Decision.id == "decision-4").values(position=0))


def reorder_outcomes(connection: Connection) -> None:
    """Make the corrected outcome the latest one."""
    connection.execute(update(Outcome).where(Outcome.content == "none").values(position=1_000))


TAMPERING += [
    (reorder_decisions, 4, "decision-4", "its row lies before that of an earlier entry"),
    (reorder_outcomes, CORRECTED, None, "its row lies before that of an earlier entry"),
]


@pytest.mark.parametrize(
    ("tamper", "number", "subject", "problem"), TAMPERING, ids=[tamper.__name__ for tamper, *_ in TAMPERING]
)
def test_tampering_breaks_the_first_entry_that_it_touches(
    filled: Database, tamper: Tamper, number: int | None, subject: str | None, problem: str
) -> None:
    assert_broken(filled, tamper, number, subject, problem)


@pytest.mark.parametrize("column", ["features_digest", "model_digest", "model_version", "rules_digest"])
@pytest.mark.parametrize("value", ["", "x"])
def test_versions_in_rows_of_earlier_versions_are_proven(filled: Database, column: str, value: str) -> None:
    """They were in the table and in the chain, and texts were not packed."""
    versions = {"model_version": "1", "model_digest": "m", "features_digest": "f", "rules_digest": "r"}
    salt = bytes(16)
    with filled.write() as connection:
        row = dict(connection.execute(select(Decision.__table__).where(Decision.id == "decision-5")).mappings().one())
        row |= versions | {"id": "old", "position": 1_000, "salt": salt}
        texts = {name: row.pop(name) for name in ("manifest", "answer")}
        connection.execute(insert(Decision), [row | dict.fromkeys(texts, b"{}")])
        for name, text in texts.items():
            connection.execute(sql(f"UPDATE decisions SET {name} = :text WHERE id = 'old'"), {"text": text})
        filled.lock_audit(connection)
        audit.append(connection, [audit.Fact("decision", "old", facts_of(row | texts, salt))], 1)
    assert prove(filled).fault is None
    with filled.write() as connection:
        given = None if column == "rules_digest" and not value else value
        connection.execute(update(Decision).where(Decision.id == "old").values({column: given}))
    fact = {"features_digest": "features", "model_digest": "model", "model_version": "version", "rules_digest": "rules"}
    assert broken(prove(filled))[1:] == ("old", f"the table holds other values of {fact[column]}")


def test_entries_of_earlier_versions_are_proven(filled: Database) -> None:
    """They lack the facts that later versions added. The facts that they have are checked."""
    later = {*(fact for _, fact in OF_DECISIONS.values()), "recorded_at"}
    later -= {"caller", "earlier", "model", "received_at", "rules", "selected_by"}
    rewrite_chain(filled, lambda _, facts: {name: value for name, value in facts.items() if name not in later})
    assert prove(filled).fault is None
    with filled.write() as connection:
        changing(Decision, "decision-3", "percentile", 0.5)(connection)
    assert prove(filled).fault is None
    with filled.write() as connection:
        change_risk(connection)
    assert broken(prove(filled)) == (4, "decision-4", "the table holds other values of risk")


def test_outcomes_of_earlier_versions_without_a_kind_are_proven(filled: Database) -> None:
    rewrite_chain(filled, lambda _, facts: {name: value for name, value in facts.items() if name != "kind"})
    assert prove(filled).fault is None
    with filled.write() as connection:
        connection.execute(update(Outcome).where(Outcome.content == "none").values(kind="weapon"))
    assert broken(prove(filled))[::2] == (FOUND, "the table holds other values of kind")


def test_a_key_of_an_earlier_version_has_no_digest_of_its_name(filled: Database) -> None:
    rewrite_chain(filled, lambda _, facts: {name: value for name, value in facts.items() if name != "name"})
    with filled.write() as connection:
        connection.execute(update(ApiKey).values(salt=None))
    assert prove(filled).fault is None


@pytest.mark.parametrize(
    ("values", "problem"),
    [
        ({"name": "another"}, "the table holds other values of name"),
        ({"name": "another", "salt": b"another"}, "the table holds other values of name"),
        ({"name": "another", "salt": None}, "its salt is missing"),
    ],
)
def test_another_name_of_a_key_is_found(filled: Database, values: dict[str, Any], problem: str) -> None:
    with filled.write() as connection:
        connection.execute(update(ApiKey).values(**values))
    number, _, found = broken(prove(filled))
    assert (number, found) == (CREATED, problem)


def test_the_kinds_of_messages_of_a_webhook_are_proven(filled: Database) -> None:
    row = webhooks.add(filled, "https://office.example/all", "", None, 1, EVENTS)
    assert prove(filled).fault is None
    with filled.write() as connection:
        connection.execute(update(Webhook).where(Webhook.id == row.id).values(events=EVENTS[0]))
    assert broken(prove(filled))[1:] == (row.id, "the table holds other values of events")


def test_a_webhook_of_an_earlier_version_gets_red_decisions(filled: Database) -> None:
    rewrite_chain(filled, lambda _, facts: {name: value for name, value in facts.items() if name != "events"})
    assert prove(filled).fault is None
    with filled.write() as connection:
        connection.execute(update(Webhook).values(events="job.done"))
    assert broken(prove(filled))[::2] == (HOOKED, "the table holds other values of events")


def test_a_removed_webhook_is_proven(filled: Database) -> None:
    with filled.read() as connection:
        (row,) = webhooks.webhooks(connection)
    webhooks.remove(filled, row.id, None, 7)
    assert prove(filled).fault is None
    with filled.write() as connection:
        connection.execute(update(Webhook).values(removed_at=None))
    assert broken(prove(filled)) == (HOOKED, row.id, "the table holds other values of url")


def test_the_first_of_several_broken_entries_is_named(filled: Database) -> None:
    with filled.write() as connection:
        remove_decision(connection)
        change_actor(connection)
    assert broken(prove(filled))[0] == 4
    with filled.write() as connection:
        change_time(connection)
    assert broken(prove(filled))[0] == 2


@pytest.mark.both_engines
def test_a_changed_answer_of_an_erased_decision_is_found(filled: Database) -> None:
    answer_before = b'{"risk":0.1,"reasons":[{"code":"VALUE","weight":1.0}]}'
    with filled.write() as connection:
        connection.execute(update(Decision).where(Decision.id == "decision-4").values(answer=answer_before))
        row = connection.execute(select(Decision.__table__).where(Decision.id == "decision-4")).one()
    rewrite_chain(
        filled,
        lambda entry, facts: (
            facts | {"answer": audit.salted(row.salt, row.answer)} if entry.subject == "decision-4" else facts
        ),
    )
    erased = erase_from_database(filled, ToErase(decision_id="decision-4"), "test")
    assert prove(filled).fault is None
    with filled.write() as connection:
        answer = connection.scalars(select(Decision.answer).where(Decision.id == "decision-4")).one()
        changed = answer.replace(b'"VALUE"', b'"OTHER"')
        assert changed != answer
        connection.execute(update(Decision).where(Decision.id == "decision-4").values(answer=changed))
    problem = "decision-4 of the table decisions was changed after its erasure"
    assert broken(prove(filled)) == (LAST + 1, erased.id, problem)


# -- heads ------------------------------------------------------------------------------------------------------------


def pair() -> tuple[bytes, bytes]:
    """Return a private and a public key."""
    key = Ed25519PrivateKey.generate()
    return (
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
        key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
    )


def rewrite_chain(database: Database, changed: Callable[[Row[Any], dict[str, Any]], dict[str, Any]]) -> None:
    """Rewrite the chain with changed facts, as a person who knows this code could."""
    with database.write() as connection:
        previous = START
        for row in connection.execute(select(AuditEntry.__table__).order_by(AuditEntry.number)).all():
            content = orjson.dumps(changed(row, orjson.loads(row.facts)), option=orjson.OPT_SORT_KEYS)
            digest = digest_of(row.number, row.at, row.kind, row.subject, row.actor, content, previous)
            connection.execute(
                update(AuditEntry)
                .where(AuditEntry.number == row.number)
                .values(facts=content, previous=previous, digest=digest)
            )
            previous = digest


def forge(database: Database) -> None:
    """Change decision 4 and rewrite the chain to match."""
    with database.write() as connection:
        change_lane(connection)
    rewrite_chain(database, lambda row, facts: facts | {"lane": "green"} if row.subject == "decision-4" else facts)


def cut_off(database: Database) -> None:
    """Remove the last entry, which concerns no row of a table."""
    with database.write() as connection:
        connection.execute(delete(AuditEntry).where(AuditEntry.number == LAST))


def test_a_signed_head_is_verified(filled: Database) -> None:
    private, public = pair()
    proof = prove(filled)
    signed = sign_head(filled, proof.number, proof.digest, private)
    with filled.read() as connection:
        assert signed_heads(connection) == [signed]
    with filled.write() as connection:
        audit.append(connection, [Fact("settings", "abd", {}, "service")], 2)
    proof = prove(filled, public_key=public)
    assert (proof.fault, proof.number, proof.heads, proof.signed) == (None, LAST + 1, 1, 1)


def test_a_cut_end_contradicts_a_head(filled: Database) -> None:
    proof = prove(filled)
    cut_off(filled)
    assert prove(filled).fault is None
    found = broken(prove(filled, expected=[Head(proof.number, proof.digest, "")]))
    assert found == (LAST, None, f"it is missing; the given head says that there were {LAST}")


def test_a_cut_end_contradicts_a_signed_head(filled: Database) -> None:
    proof = prove(filled)
    sign_head(filled, proof.number, proof.digest, pair()[0])
    cut_off(filled)
    assert broken(prove(filled))[0] == LAST


@pytest.mark.both_engines
def test_a_rewritten_chain_contradicts_a_head(filled: Database) -> None:
    private, public = pair()
    proof = prove(filled)
    signed = sign_head(filled, proof.number, proof.digest, private)
    forge(filled)
    found = broken(prove(filled, public_key=public))
    assert found[0] == LAST
    assert found[2] == f"a signed head of {signed.key[:12]} names another digest"
    with filled.write() as connection:
        connection.execute(delete(AuditHead))
    # The head in the database is deleted, but the exported one still contradicts the chain.
    assert prove(filled).fault is None
    assert broken(prove(filled, expected=[signed], public_key=public))[0] == LAST
    assert broken(prove(filled, public_key=public)) == (None, None, "no head is signed with the given key")


def test_a_forged_signature_is_refused(filled: Database) -> None:
    private, public = pair()
    proof = prove(filled)
    signed = sign_head(filled, proof.number, proof.digest, private)
    forge(filled)
    with filled.write() as connection:
        digest = connection.scalars(select(AuditEntry.digest).where(AuditEntry.number == LAST)).one()
        connection.execute(update(AuditHead).values(digest=digest))
    assert prove(filled).fault is None
    assert broken(prove(filled, public_key=public)) == (LAST, None, "a signed head of it has a wrong signature")
    assert not replace(signed, signed_at=signed.signed_at + 1).is_signed_with(public)
    assert not signed.is_signed_with(pair()[1])


def test_heads_are_read_from_texts_and_files(tmp_path: Path, filled: Database) -> None:
    proof = prove(filled)
    assert read_head(f"{proof.number}:{proof.digest.hex()}") == Head(proof.number, proof.digest, "the given head")
    signed = sign_head(filled, proof.number, proof.digest, pair()[0])
    (tmp_path / "head.json").write_text(json.dumps(signed.to_json()))
    assert read_head(str(tmp_path / "head.json")) == signed


@pytest.mark.parametrize("content", ["", "{}", '{"number": 0}', "8:abc"])
def test_a_text_or_file_without_a_head_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "head.json").write_text(content)
    with pytest.raises(BadHead, match="no head that"):
        read_head(str(tmp_path / "head.json"))
    with pytest.raises(BadHead, match="a head is NUMBER:DIGEST"):
        read_head("0:" + "a" * 64)


@pytest.mark.both_engines
def test_entries_of_several_pages_are_proven(database: Database) -> None:
    facts: list[Any] = [Fact("settings", str(number), {"n": number}) for number in range(5_001)]
    with database.write() as connection:
        audit.append(connection, facts, 1)
    read: list[int] = []
    assert prove(database, progress=read.append).number == 5_001
    assert read == [2_000, 4_000, 5_001]
    with database.write() as connection:
        connection.execute(update(AuditEntry).where(AuditEntry.number == 4_001).values(actor="x"))
    assert broken(prove(database)) == (4_001, "4000", CHANGED)
