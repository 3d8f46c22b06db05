"""Model bundles: saving, audit, loading and storage."""

from models.bundle.audit import BundleInfo, BundleRefused
from models.bundle.bundle import describe, load, save, verify
from models.bundle.files import card_markdown
from models.bundle.signature import BadKey, check_public_key, is_signature, sign, sign_message
from models.bundle.store import AnotherLabel, ModelStore, StoreError, champion_dir, purpose, resolve

__all__ = [
    "AnotherLabel",
    "BadKey",
    "BundleInfo",
    "BundleRefused",
    "ModelStore",
    "StoreError",
    "card_markdown",
    "champion_dir",
    "check_public_key",
    "describe",
    "is_signature",
    "load",
    "purpose",
    "resolve",
    "save",
    "sign",
    "sign_message",
    "verify",
]
