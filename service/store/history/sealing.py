"""Sealing of what derives from personal data: history checkpoints and keys contain hashes of names and addresses.

The hashes are 64 bits of BLAKE2b without a key, so a person with the database could test guessed names against them. They are
encrypted with AES-256-GCM. The key (see `history_key`) is not in the database, so a copy of the database alone
does not help.
"""

from __future__ import annotations

import hashlib
import os
from typing import Final

_NONCE_BYTES: Final = 12


class WrongKey(ValueError):
    """The content is sealed with another key, or with a key and none is set, or it is damaged."""


class Sealer:
    """Encrypts and decrypts with a key; leaves content as it is without one."""

    def __init__(self, secret: str | None) -> None:
        """
        Args:
            secret: any text; it should be as long and random as a password manager makes it.
        """
        self._key: Final = (
            None if secret is None else hashlib.sha256(b"tidewaiter history\0" + secret.encode()).digest()
        )

    @property
    def seals(self) -> bool:
        """Whether there is a key."""
        return self._key is not None

    @property
    def fingerprint(self) -> str | None:
        """What tells keys apart: a SHA-256 that does not open anything. None without a key."""
        return None if self._key is None else hashlib.sha256(b"fingerprint\0" + self._key).hexdigest()

    def seal(self, content: bytes) -> bytes:
        """Return the content, encrypted if there is a key."""
        if self._key is None:
            return content
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        nonce = os.urandom(_NONCE_BYTES)
        return nonce + AESGCM(self._key).encrypt(nonce, content, None)

    def unseal(self, content: bytes, *, sealed: bool) -> bytes:
        """Return what was sealed.

        Raises:
            WrongKey: the key is missing or another one.
        """
        if not sealed:
            return content
        if self._key is None:
            raise WrongKey(
                "The history in the database is sealed; set TIDEWAITER_HISTORY_KEY (or TIDEWAITER_HISTORY_KEY_FILE) to the key "
                "that sealed it."
            )
        from cryptography.exceptions import InvalidTag
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        try:
            return AESGCM(self._key).decrypt(content[:_NONCE_BYTES], content[_NONCE_BYTES:], None)
        except InvalidTag:
            raise WrongKey("The history in the database is sealed with another TIDEWAITER_HISTORY_KEY.") from None
