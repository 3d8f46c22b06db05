"""Ed25519 signatures of bundles, which prove that the holder of the office's key approved a bundle.

The sums in a bundle detect damage. A person who can replace a bundle can compute new sums, but cannot sign them. The
signature covers the digest of ``bundle.json``, which contains the SHA-256 of every other file.
"""

from __future__ import annotations

import base64
import binascii
from pathlib import Path
from typing import TYPE_CHECKING, Final

from models.bundle.files import write_durably

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

SIGNATURE: Final = "bundle.sig"
#: Beginning of signed messages, which makes a signature invalid for other purposes.
_PREFIX: Final = b"tidewaiter bundle "
_MAX_BYTES: Final = 1024


class BadKey(ValueError):
    """Error for a key that is missing, unreadable, or not an Ed25519 key in PEM."""


def sign(folder: Path, digest: str, private_key: bytes) -> Path:
    """Write the signature of a bundle into its folder and return the path.

    Args:
        digest: digest of the verified bundle.
        private_key: PEM, PKCS 8 without a password.

    Raises:
        BadKey: the key cannot be used.
    """
    signature, _ = sign_message(_PREFIX + digest.encode(), private_key)
    path = folder / SIGNATURE
    write_durably(path, base64.b64encode(signature) + b"\n")
    return path


def problem_of(folder: Path, digest: str, public_key: bytes) -> str | None:
    """Return the problem of a bundle's signature; None if the signature is valid.

    Raises:
        BadKey: the key cannot be used.
    """
    from cryptography.exceptions import InvalidSignature

    key = check_public_key(public_key)
    path = folder / SIGNATURE
    if path.is_symlink() or not path.is_file():
        return f"{SIGNATURE}: missing, and the settings require a signature; sign it with `tidewaiter model sign`"
    try:
        with path.open("rb") as file:
            signature = base64.b64decode(file.read(_MAX_BYTES).strip(), validate=True)
        key.verify(signature, _PREFIX + digest.encode())
    except (OSError, binascii.Error, InvalidSignature):
        return f"{SIGNATURE}: not the signature of this bundle by the required key"
    return None


def sign_message(message: bytes, private_key: bytes) -> tuple[bytes, bytes]:
    """Return the signature of a message, and the raw public key that belongs to the private one.

    Args:
        message: must begin with the purpose of the signature, so that the signature is invalid for other purposes.
        private_key: PEM, PKCS 8 without a password.

    Raises:
        BadKey: the key cannot be used.
    """
    key = _private_key(private_key)
    return key.sign(message), key.public_key().public_bytes_raw()


def is_signature(signature: bytes, message: bytes, public_key: bytes) -> bool:
    """Return whether a signature of a message is valid for the public key of a PEM.

    Raises:
        BadKey: the key cannot be used.
    """
    from cryptography.exceptions import InvalidSignature

    try:
        check_public_key(public_key).verify(signature, message)
    except InvalidSignature:
        return False
    return True


def check_public_key(public_key: bytes) -> Ed25519PublicKey:
    """Return the key of a PEM.

    Raises:
        BadKey: it is not an Ed25519 key in PEM.
    """
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    try:
        key = load_pem_public_key(public_key)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise BadKey("it is not a public key in PEM") from None
    if not isinstance(key, Ed25519PublicKey):
        raise BadKey("it is not an Ed25519 key")
    return key


def _private_key(private_key: bytes) -> Ed25519PrivateKey:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        key = load_pem_private_key(private_key, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise BadKey("it is not a private key in PEM without a password") from None
    if not isinstance(key, Ed25519PrivateKey):
        raise BadKey("it is not an Ed25519 key")
    return key
