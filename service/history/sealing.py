"""Sealing of history checkpoints and history keys, which contain hashes of names and addresses.

The hashes are 64 bits of BLAKE2b without a key, so a person with the database could test guessed names against them. They are
therefore encrypted with AES-256-GCM. The encryption key (see `history_key`) is not in the database, so a copy of the database is
not enough for such a test.
"""

from __future__ import annotations

import hashlib
import os
from typing import Final

_NONCE_BYTES: Final = 12


class WrongKey(ValueError):
    """The content cannot be unsealed: the key is wrong or missing, or the content is damaged."""


class Sealer:
    """Encrypts and decrypts content with a key. Without a key it leaves content unchanged."""

    def __init__(self, secret: str | None) -> None:
        """
        Args:
            secret: any text, which should be long and random; None for no key.
        """
        self._key: Final = (
            None if secret is None else hashlib.sha256(b"tidewaiter history\0" + secret.encode()).digest()
        )

    @property
    def seals(self) -> bool:
        """True if there is a key."""
        return self._key is not None

    @property
    def fingerprint(self) -> str | None:
        """SHA-256 that identifies the key without revealing it; None without a key."""
        return None if self._key is None else hashlib.sha256(b"fingerprint\0" + self._key).hexdigest()

    def seal(self, content: bytes) -> bytes:
        """Return the content, encrypted if there is a key."""
        if self._key is None:
            return content
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        nonce = os.urandom(_NONCE_BYTES)
        return nonce + AESGCM(self._key).encrypt(nonce, content, None)

    def unseal(self, content: bytes, *, sealed: bool) -> bytes:
        """Return the content before `seal`; ``sealed`` is whether it was encrypted.

        Raises:
            WrongKey: the key is missing or a different one, or the content is damaged.
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
