"""Heads of the chain: its last entry at some time, which proves that no entry up to it was changed or removed.

A head is stored outside the database, or signed with the office's key (Ed25519), so that nobody who can only write to the database
can replace it. Signed heads are stored in a table and exported as JSON ``{"number", "digest", "signed_at", "key", "signature"}``.
"""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import orjson
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from sqlalchemy import insert, select

from features.readers.source import read_small
from models.bundle import check_public_key, is_signature, sign_message
from service.audit.tables import AuditHead
from service.core.database.proof import as_text, readable
from service.core.database.times import now_us

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from service.core.database.engine import Database

#: Prefix of signed messages, so that a signature is valid for this purpose only.
_PREFIX: Final = b"tidewaiter audit head "
_TEXT: Final = re.compile(r"([1-9][0-9]{0,17}):([0-9a-f]{64})")


class BadHead(ValueError):
    """Error for a head that cannot be read. The message gives the expected form."""


@dataclass(frozen=True, slots=True)
class Head:
    """Number and digest of an entry that the chain must contain.

    Attributes:
        origin: source of the head, for messages.
    """

    number: int
    digest: bytes
    origin: str


@dataclass(frozen=True, slots=True)
class SignedHead:
    """Signed head. Attributes are those of `service.audit.tables.AuditHead`."""

    number: int
    digest: bytes
    signed_at: int
    key: str
    signature: bytes

    def is_signed_with(self, public_key: bytes) -> bool:
        """Return whether the signature is by a public key in PEM.

        Raises:
            models.bundle.BadKey: the key cannot be used.
        """
        return is_signature(self.signature, _message(self.number, self.digest, self.signed_at), public_key)

    def to_json(self) -> dict[str, Any]:
        """Return the head as plain JSON values, as it is exported."""
        return {
            "number": self.number,
            "digest": self.digest.hex(),
            "signed_at": self.signed_at,
            "key": self.key,
            "signature": base64.b64encode(self.signature).decode(),
        }


class _Exported(BaseModel):
    model_config = ConfigDict(extra="forbid")

    number: Annotated[int, Field(ge=1)]
    digest: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    signed_at: int
    key: str
    signature: Annotated[str, Field(pattern=r"^[A-Za-z0-9+/]{86}==$")]


def sign_head(database: Database, number: int, digest: bytes, private_key: bytes) -> SignedHead:
    """Sign the last entry of a proven chain, and store the signed head.

    Raises:
        models.bundle.BadKey: the key cannot be used.
    """
    at = now_us()
    signature, public = sign_message(_message(number, digest, at), private_key)
    head = SignedHead(number, digest, at, hashlib.sha256(public).hexdigest(), signature)
    with database.write() as connection:
        connection.execute(insert(AuditHead), [{name: getattr(head, name) for name in SignedHead.__slots__}])
    return head


def signed_heads(connection: Connection) -> list[SignedHead]:
    """Return the signed heads of the table, in the order of signing.

    Raises:
        BadHead: a value has another type than its column.
    """
    columns = [AuditHead.__table__.c[name] for name in SignedHead.__slots__]
    rows = connection.execute(select(*readable(connection, columns)).order_by(AuditHead.position)).all()
    if any(row.unreadable is not None for row in rows):
        raise BadHead("a signed head is not readable")
    return [
        SignedHead(row.number, bytes(row.digest), row.signed_at, as_text(row.key) or "", bytes(row.signature))
        for row in rows
    ]


def key_name(public_key: bytes) -> str:
    """Return the name of a public key in heads: the SHA-256 of its raw bytes.

    Raises:
        models.bundle.BadKey: the key is not an Ed25519 key in PEM.
    """
    return hashlib.sha256(check_public_key(public_key).public_bytes_raw()).hexdigest()


def read_head(text: str) -> Head | SignedHead:
    """Return the head in a text ``NUMBER:DIGEST``, or in the exported file at this path.

    Raises:
        BadHead: the text is neither.
        OSError: the file cannot be read.
    """
    if match := _TEXT.fullmatch(text):
        return Head(int(match[1]), bytes.fromhex(match[2]), "the given head")
    try:
        exported = _Exported.model_validate_json(read_small(Path(text)))
    except FileNotFoundError:
        raise BadHead(f"{text}: no such file, and no head; a head is NUMBER:DIGEST, with 64 digits") from None
    except ValidationError:
        raise BadHead(f"{text}: no head that `tidewaiter audit sign` exported") from None
    return SignedHead(
        exported.number,
        bytes.fromhex(exported.digest),
        exported.signed_at,
        exported.key,
        base64.b64decode(exported.signature),
    )


def _message(number: int, digest: bytes, signed_at: int) -> bytes:
    return _PREFIX + orjson.dumps([number, digest.hex(), signed_at])
