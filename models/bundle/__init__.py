"""Model bundles: saved, audited, loaded and stored."""

from models.bundle.bundle import BundleInfo, BundleRefused, load, save
from models.bundle.store import ModelStore, StoreError, champion_dir, resolve

__all__ = ["BundleInfo", "BundleRefused", "ModelStore", "StoreError", "champion_dir", "load", "resolve", "save"]
