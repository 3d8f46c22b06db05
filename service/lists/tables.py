"""Tables of watch lists, dismissals, suppressions and permits.

Rows are changed only by removal and erasure, so that a decision can be explained later. Each table has a revision in
`ListRevision`, which grows with each change. A service compares it with the revision of its lists.
"""

from __future__ import annotations

from sqlalchemy import Index
from sqlalchemy.orm import Mapped, declared_attr, mapped_column

from service.core.database.tables import Base, RowNumber


class Listed:
    """Columns of every entry of a list.

    Attributes:
        position: order of the entries.
        revision: revision of the table at the latest change of the entry.
        batch: id of the first entry that was added together with this one. The audit chain names it.
        reason: reason of the entry.
        salt: random bytes in the audit chain's digest of the entry; None after erasure.
        added_by, removed_by: id of the API key, or the name of the command.
        expires_at: time from which the entry no longer counts; None for no limit.
    """

    @declared_attr.directive
    def __table_args__(cls) -> tuple[Index, ...]:
        return (Index(None, "revision"),)

    position: Mapped[int] = mapped_column(RowNumber, primary_key=True, autoincrement=True)
    id: Mapped[str] = mapped_column(unique=True)
    revision: Mapped[int]
    batch: Mapped[str]
    reason: Mapped[str]
    salt: Mapped[bytes | None]
    added_by: Mapped[str | None]
    added_at: Mapped[int]
    expires_at: Mapped[int | None]
    removed_by: Mapped[str | None]
    removed_at: Mapped[int | None]


class WatchEntry(Listed, Base):
    """Entry of a watch list.

    Attributes:
        list_name: name of the list.
        kind: ``name``, ``address``, ``phone``, ``email`` or ``identifier``.
        text: the name, address or identifier; None after erasure.
        country: ISO 3166-1 alpha-2 of the party; empty for any.
        place: city or postcode of an address; empty for any.
        threshold: least similarity of names and addresses, in percent.
        lane: least lane of a matching shipment, ``yellow`` or ``red``.
        source: source of the entry; empty if unknown.
    """

    __tablename__ = "watch_entries"

    list_name: Mapped[str]
    kind: Mapped[str]
    text: Mapped[str | None]
    country: Mapped[str]
    place: Mapped[str]
    threshold: Mapped[float]
    lane: Mapped[str]
    source: Mapped[str]


class Dismissal(Listed, Base):
    """Statement of an officer that an entry of a watch list and a party are not the same.

    Attributes:
        entry_id: id of the entry.
        party: keyed digest of the party's normalised name, address or identifier.
    """

    __tablename__ = "dismissals"

    entry_id: Mapped[str]
    party: Mapped[bytes]


class SuppressionRow(Listed, Base):
    """Suppression of rules and of hits on lists. Empty columns match everything.

    Attributes:
        rule_id: id of a rule.
        list_name, entry_id: a watch list, or one of its entries.
        consignor: name of a consignor; None after erasure.
    """

    __tablename__ = "suppressions"

    rule_id: Mapped[str]
    list_name: Mapped[str]
    entry_id: Mapped[str]
    consignor: Mapped[str | None]


class PermitRow(Listed, Base):
    """Permit or licensed party of the register, with the columns of a register file.

    Attributes:
        permit_number: empty for a licensed party.
        party_name: None after erasure.
        valid_from, valid_until: days as YYYY-MM-DD; empty for no limit.
    """

    __tablename__ = "permits"

    permit_number: Mapped[str]
    party_name: Mapped[str | None]
    party_country: Mapped[str]
    valid_from: Mapped[str]
    valid_until: Mapped[str]


class ListRevision(Base):
    """Revision of one of the tables above.

    Attributes:
        name: name of the table.
        secret: random key of the digests of parties in the table.
    """

    __tablename__ = "list_revisions"

    name: Mapped[str] = mapped_column(primary_key=True)
    revision: Mapped[int]
    secret: Mapped[bytes]
