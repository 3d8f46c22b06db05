"""Adaptation of a model to earlier manifests, for other subjects of the service."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import orjson

from models.bundle import save
from models.scoring import RiskModel


def save_adapted(model: RiskModel, earlier: Sequence[dict[str, Any]], folder: Path) -> bool:
    """Adapt a model to earlier manifests, and save the result in a folder. Return False if the manifests are too few."""
    from training.adapting.adapt import adapt
    from training.adapting.traffic import LEAST_SHIPMENTS, read_traffic

    if len(earlier) < LEAST_SHIPMENTS:
        return False
    folder.mkdir(parents=True)
    manifests = folder.with_name("earlier.jsonl")
    manifests.write_bytes(b"".join(orjson.dumps(one) + b"\n" for one in earlier))
    save(adapt(model, read_traffic([manifests])).model, folder)
    return True
