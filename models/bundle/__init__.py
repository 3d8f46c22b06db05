"""Model bundles: saving, audit, loading and storage."""

from models.bundle.audit import BundleInfo, BundleRefused
from models.bundle.bundle import describe, load, save, verify
from models.bundle.card import card_markdown
from models.bundle.store import ModelStore, StoreError, champion_dir, resolve

__all__ = [
    "BundleInfo",
    "BundleRefused",
    "ModelStore",
    "StoreError",
    "card_markdown",
    "champion_dir",
    "describe",
    "load",
    "resolve",
    "save",
    "verify",
]
