"""Table of decisions, the proof of its rows, and what an erasure leaves of an answer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Final, NamedTuple

import orjson
from sqlalchemy import Index
from sqlalchemy.orm import Mapped, mapped_column

from service.core.database.audit import salted
from service.core.database.packing import Packed
from service.core.database.proof import Entry, RowCheck, Values, has_salt
from service.core.database.tables import Base, RowNumber
from service.scoring.decision import reference_of

if TYPE_CHECKING:
    from service.scoring.selecting import Selection

#: Replacement of the SHA-256 of an erased manifest, which would confirm a guess.
NO_DIGEST: Final = b""


class Decision(Base):
    """One answer to one shipment, as it was sent.

    Attributes:
        position: position in the log of decisions. Later decisions have larger positions.
        id: ``decision_id`` of the answer.
        content_digest: SHA-256 of the manifest's JSON with sorted fields; empty after erasure.
        received_at: time of receipt, which replaces a missing ``declared_at``.
        declared_s: time that the history used, in seconds since 1970.
        history_order: order of the shipment in the live history; None if it did not enter the history (what-if).
        what_if: whether the request left the history unchanged, or the job the queue. Such decisions do not enter the queue.
        channel: code of the shipment's channel; an unknown one as declared.
        site: ``unloading_location`` of the shipment as UN/LOCODE; an unknown one as declared.
        model_version, model_digest, features_digest, rules_digest: empty in rows of this version, see `UNSTORED`.
        selected_by: reason of the lane, see CONTRACT.md; None for an ordinary green.
        via: ``score``, ``batch``, ``csv``, ``job`` or ``file``.
        duration_us: processor time of the table that the shipment was scored in, divided by its shipments.
        caller: id of the API key, or the name of the command; None if keys are not required.
        earlier_id: id of the previous decision on the same ``shipment_id``.
        salt: random bytes that the audit chain's digests of manifest and answer contain; None after erasure.
        manifest: JSON of the manifest as received; None after erasure.
        answer: JSON of the answer as sent, without personal fields after erasure.
        scorer: first digits of the digest of the model that scored; None in rows of earlier versions, like all that follow.
        log_odds: uncorrected log-odds of the risk, which decide the lane.
        floored: whether rules, lists or an earlier declaration make the shipment red whatever its score.
        threshold: least ``log_odds`` at which the score alone makes it red.
        capacity_group: group of the office's capacity; None if no capacity was configured.
        inspection_probability: probability with which the shipment was to be inspected.
    """

    __tablename__ = "decisions"
    __table_args__ = (
        Index(None, "shipment_id", "received_at"),
        # All columns that a plan by capacity reads. In SQLite, columns after a manifest and an answer are slow to reach.
        Index(
            "ix_decisions_received_at_scores",
            *("received_at", "what_if", "scorer", "log_odds", "floored", "site", "channel", "threshold", "lane"),
        ),
        Index(None, "history_order"),
    )

    position: Mapped[int] = mapped_column(RowNumber, primary_key=True, autoincrement=True)
    id: Mapped[str] = mapped_column(unique=True)
    shipment_id: Mapped[str]
    content_digest: Mapped[bytes]
    received_at: Mapped[int]
    declared_s: Mapped[int]
    history_order: Mapped[int | None]
    what_if: Mapped[bool]
    channel: Mapped[str | None]
    site: Mapped[str | None]
    lane: Mapped[str]
    selected_by: Mapped[str | None]
    risk: Mapped[float]
    percentile: Mapped[float]
    model_version: Mapped[str]
    model_digest: Mapped[str]
    features_digest: Mapped[str]
    rules_digest: Mapped[str | None]
    via: Mapped[str]
    duration_us: Mapped[int]
    caller: Mapped[str | None]
    earlier_id: Mapped[str | None]
    salt: Mapped[bytes | None]
    manifest: Mapped[bytes | None] = mapped_column(Packed("manifest"))
    answer: Mapped[bytes] = mapped_column(Packed("answer"))
    scorer: Mapped[str | None]
    log_odds: Mapped[float | None]
    floored: Mapped[bool | None]
    threshold: Mapped[float | None]
    capacity_group: Mapped[str | None]
    inspection_probability: Mapped[float | None]

    erased: ClassVar = {"manifest": None, "content_digest": NO_DIGEST}


def conditions_on(table: Any, selection: Selection) -> list[Any]:
    """Return the conditions of a selection on a table with the columns of `Decision` that it compares."""
    equal = {name: getattr(selection, name) for name in ("lane", "site", "channel", "selected_by")}
    if selection.shipment_id is not None:
        equal["shipment_id"] = reference_of(selection.shipment_id)
    conditions: list[Any] = [getattr(table, name) == value for name, value in equal.items() if value is not None]
    if selection.since is not None:
        conditions.append(table.received_at >= selection.since)
    if selection.until is not None:
        conditions.append(table.received_at < selection.until)
    return conditions


def facts_of(row: Mapping[str, Any], salt: bytes) -> dict[str, Any]:
    """Return the facts about a decision for the audit chain, without personal data. The caller is the actor of the entry."""
    request = [row["channel"], row["content_digest"].hex(), row["site"]]
    return {
        **plain_facts_of(row),
        "answer": salted(salt, row["answer"]),
        "manifest": salted(salt, row["manifest"]),
        # Declared values are texts that may name a person, so they are not plain facts.
        "request": salted(salt, orjson.dumps(request)),
        "shipment": salted(salt, row["shipment_id"].encode()),
    }


#: Columns that only rows of earlier versions have. The answer names the versions too, and its digest proves them; the features are
#: in the audit chain alone.
UNSTORED: Final = {"model_version": "", "model_digest": "", "features_digest": "", "rules_digest": None}


#: Fact of earlier versions -> its column.
_VERSIONS: Final = {
    "features": "features_digest",
    "model": "model_digest",
    "rules": "rules_digest",
    "version": "model_version",
}


#: Columns of how a decision was chosen for inspection. A group consists of codes alone, so it is no personal text.
CHOSEN: Final = ("scorer", "log_odds", "floored", "threshold", "capacity_group", "inspection_probability")


class Versions(NamedTuple):
    """Versions of model and rules that a decision used."""

    model: str
    model_digest: str
    rules_digest: str | None


def versions_of(row: Any) -> Versions:
    """Return the versions of a row with its answer."""
    if row.model_version or row.model_digest:
        return Versions(row.model_version, row.model_digest, row.rules_digest)
    answer = orjson.loads(bytes(row.answer))
    return Versions(answer["model"]["version"], answer["model"]["digest"], answer["rules_digest"])


def plain_facts_of(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return the facts without a salt, which can still be checked after an erasure."""
    versions = {fact: row[column] for fact, column in _VERSIONS.items() if row[column] != UNSTORED[column]}
    return versions | {
        **{name: row[name] for name in CHOSEN},
        "declared_s": row["declared_s"],
        "duration_us": row["duration_us"],
        "earlier": row["earlier_id"],
        "history_order": row["history_order"],
        "lane": row["lane"],
        "percentile": row["percentile"],
        "received_at": row["received_at"],
        "risk": row["risk"],
        "selected_by": row["selected_by"],
        "via": row["via"],
        "what_if": row["what_if"],
    }


def _unerased(row: Values, entry: Entry) -> str | None:
    # Entries of this version have no fact of the model, and their rows no versions.
    has_versions = "model" in entry.facts
    for fact, column in _VERSIONS.items():
        is_stored = row[column] != UNSTORED[column]
        if is_stored > has_versions or (has_versions and not is_stored and entry.facts.get(fact)):
            return f"the table holds other values of {fact}"
    if not has_salt(row) and row["manifest"] is not None:
        return "its salt is missing, but its manifest is not erased"
    if has_salt(row) and row["manifest"] is None:
        return "its manifest is missing, but its salt is not erased"
    return None


CHECKS: Final = (
    RowCheck(
        "decision",
        Decision,
        lambda row: {"caller": row["caller"], **plain_facts_of(row)},
        lambda row: facts_of(row, bytes(row["salt"])),
        columns=Decision.__table__.c.keys(),
        unerased=_unerased,
    ),
)

#: Members of an answer that contain nothing about a person. All others are emptied, including those that later versions add.
_KEPT_MEMBERS: Final = frozenset(
    {
        *(
            "decision_id",
            "shipment_id",
            "risk",
            "percentile",
            "one_in",
            "rank_one_in",
            "content",
            "lane",
            "selected_by",
        ),
        *("action", "rule_ids", "rules_digest", "unread", "explains", "late", "model"),
    }
)
_KEPT_OF_ITEM: Final = frozenset({"item_number", "risk", "content"})
_KEPT_OF_REASON: Final = frozenset({"code", "weight", "fields"})
#: Separator before the id of an entry in ``watch_list:ID``. Ids of rules do not contain it.
_ENTRY: Final = ":"


def erased_answer(answer: bytes) -> bytes:
    """Return an answer without its texts. Numbers, codes and names of fields stay."""
    content = orjson.loads(answer)
    remaining: dict[str, Any] = {
        name: value if name in _KEPT_MEMBERS else _emptied(value) for name, value in content.items()
    }
    remaining["items"] = [_part(item, _KEPT_OF_ITEM) for item in content.get("items", ())]
    remaining["reasons"] = [_part(reason, _KEPT_OF_REASON) for reason in content.get("reasons", ())]
    if "rule_ids" in content:
        remaining["rule_ids"] = [without_entry(rule) for rule in content["rule_ids"]]
    remaining["warnings"] = [_part(warning, {"field"}) for warning in content.get("warnings", ())]
    return orjson.dumps(remaining)


def without_entry(rule: str) -> str:
    """Return the id of a rule without the id of a watch-list entry, whose text may name the party."""
    return rule.partition(_ENTRY)[0]


def _part(values: dict[str, Any], unchanged: frozenset[str] | set[str]) -> dict[str, Any]:
    return {name: value if name in unchanged else _emptied(value) for name, value in values.items()}


def _emptied(value: object) -> object:
    """Return the empty value of the same kind, so that the answer keeps its form."""
    return type(value)() if isinstance(value, str | list) else None


def remains_of(shipment_id: str, channel: str | None, site: str | None, answer: bytes) -> str:
    """Return the SHA-256 of values that an erased decision keeps, but that cannot be proven without its salt."""
    return salted(orjson.dumps([shipment_id, channel, site]), answer)
