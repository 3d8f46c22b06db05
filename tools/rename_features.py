"""Conversion of model bundles with older feature names.

A bundle contains its ordered feature names, and does not load if they differ from those of the code. Names do not affect scores, so
this script only writes the new names into the boosters, card and manifest:

    python -m tools.rename_features OLD_BUNDLE NEW_BUNDLE
"""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from models.bundle import BundleInfo
from models.bundle.audit import audit, features_digest
from tools.bundle_copies import parser_of, run, write_copy

#: Feature names up to version 0.4.3 -> current names.
RENAMED: Final[Mapping[str, str]] = MappingProxyType(
    {
        "address_tainted": "address_linked_shipments",
        "carrier_lane_share": "channel_carrier_share",
        "consignee_tainted": "consignee_linked_shipments",
        "consignor_lane_shipments": "consignor_trade_lane_shipments",
        "consignor_tainted": "consignor_linked_shipments",
        "description_fault": "description_uninformative",
        "goods_lane_share": "export_chapter_share",
        "house_id_fault": "house_id_check_failed",
        "known_unit": "quantity_with_unit",
        "lane_find_ratio": "trade_lane_find_ratio",
        "lane_growth": "trade_lane_growth",
        "lane_share": "trade_lane_share",
        "mass_for_words": "mass_vs_description",
        "mass_odd": "mass_deviation",
        "master_id_fault": "master_id_check_failed",
        "phone_contradicts": "phone_country_contradicts",
        "postcode_fault": "postcode_malformed",
        "price_for_words": "price_vs_description",
        "price_odd": "price_deviation",
        "value_for_words": "value_vs_description",
    }
)
_OLD_NAME: Final = re.compile(rf"\b(?:{'|'.join(RENAMED)})\b")
_TEXTS: Final = frozenset({"CARD.md", "card.json"})


def renamed(text: str) -> str:
    """Return a text with old feature names replaced by new ones."""
    return _OLD_NAME.sub(lambda match: RENAMED[match.group()], text)


def convert(old: Path, new: Path) -> BundleInfo:
    """Write the bundle ``old`` to the folder ``new`` under the current feature names.

    Raises:
        BundleRefused: ``old`` is damaged, or ``new`` does not load.
        FileExistsError: ``new`` exists.
    """
    audited = audit(old, None)
    manifest: dict[str, Any] = dict(audited.manifest)
    names = [RENAMED.get(name, name) for name in manifest["features"]["names"]]
    files = {
        name: renamed(data.decode()).encode() if name in _TEXTS or name.startswith("booster_") else data
        for name, data in audited.files.items()
    }
    manifest["features"] = {"names": names, "sha256": features_digest(names)}
    return write_copy(manifest, files, new)


def main() -> int:
    """Run the command line; return the exit status."""
    arguments = parser_of("rename_features", __doc__).parse_args()
    return run(arguments.new, lambda: convert(arguments.old, arguments.new))


if __name__ == "__main__":
    sys.exit(main())
