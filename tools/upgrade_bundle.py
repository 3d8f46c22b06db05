"""Write a copy of a model bundle in the present form: its protocol, its feature names, and heads that share a booster.

    python -m tools.upgrade_bundle OLD_BUNDLE NEW_BUNDLE [--evidence [FILE]] [--rules [FILE]]

This changes no score. The options replace the evidence or the default rules; without a file, by those of this version. The
digest of a bundle covers both, so a change of `models/evidence/evidence.toml` or `models/rules/default.toml` takes effect with
the next training or with such a copy. Trees, lanes and percentiles were fitted with the old evidence, so retrain after more than
small changes.
"""

from __future__ import annotations

import argparse
import math
import re
import shutil
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from models.bundle import BundleInfo, BundleRefused, verify
from models.bundle.audit import EVIDENCE, MANIFEST, PROTOCOL, RULES, Audited, audit, booster_file, features_digest, seal
from models.bundle.audit import sha256 as sum_of
from models.bundle.files import json_bytes, parse_json
from models.evidence import EvidenceFault, read_evidence
from models.evidence.reading import DEFAULT
from models.rules import RulesError, default_rules, known_names, load_rules

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
#: Lines of a booster that may differ if leaf values differ by a factor. LightGBM reads neither for scores or contributions.
_FOLLOWING: Final = ("internal_value", "tree_sizes")


def upgrade(old: Path, new: Path, replaced: Mapping[str, bytes] = MappingProxyType({})) -> BundleInfo:
    """Write the bundle ``old`` to the folder ``new`` in the present form. ``replaced`` are files with other content.

    Raises:
        BundleRefused: ``old`` is damaged, altered or of an unknown protocol, or ``new`` does not load.
        FileExistsError: ``new`` exists.
    """
    audited = _audit(old)
    manifest, files = audited.manifest, audited.files
    files = {
        name: _renamed(data) if name.endswith((".txt", ".md", "card.json")) else data for name, data in files.items()
    }
    names = [RENAMED.get(name, name) for name in manifest["features"]["names"]]
    manifest["features"] = {"names": names, "sha256": features_digest(names)}
    _share_boosters(manifest, files)
    files |= replaced
    manifest["files"] = {name: {"sha256": sum_of(data), "size": len(data)} for name, data in files.items()}
    manifest["seal"] = seal(manifest)
    new.mkdir(parents=True)
    for name, data in {**files, MANIFEST: json_bytes(manifest)}.items():
        (new / name).write_bytes(data)
    return verify(new)


def _audit(old: Path) -> Audited:
    """Audit a bundle of this or an older protocol. Raises BundleRefused."""
    try:
        manifest = parse_json((old / MANIFEST).read_bytes())
        is_sealed = manifest["seal"] == seal(manifest) and manifest["protocol"] in range(1, PROTOCOL + 1)
        if manifest["protocol"] < 3:
            manifest["boosters"] = {head: {"file": booster_file(head), "factor": 1.0} for head in manifest["heads"]}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BundleRefused(old, [f"{MANIFEST}: cannot be read: {error}"]) from None
    if not is_sealed:
        raise BundleRefused(old, [f"{MANIFEST}: altered since it was sealed, or of an unknown protocol"])
    with tempfile.TemporaryDirectory() as temporary:
        copy = Path(shutil.copytree(old, Path(temporary) / "bundle"))
        manifest["protocol"] = PROTOCOL
        manifest["seal"] = seal(manifest)
        (copy / MANIFEST).write_bytes(json_bytes(manifest))
        try:
            return audit(copy, None)
        except BundleRefused as refused:
            raise BundleRefused(old, refused.problems) from None


def _renamed(data: bytes) -> bytes:
    """Return a text with old feature names replaced by new ones."""
    return _OLD_NAME.sub(lambda match: RENAMED[match.group()], data.decode()).encode()


def _share_boosters(manifest: dict[str, Any], files: dict[str, bytes]) -> None:
    """Drop the boosters whose leaf values are a multiple of an earlier one's, and name that one and the factor instead."""
    entries = manifest["boosters"]
    kept: list[str] = []
    for name in dict.fromkeys(entries[head]["file"] for head in manifest["heads"]):
        factors = ((other, _factor(files[name], files[other])) for other in kept)
        other, factor = next(((other, factor) for other, factor in factors if factor is not None), (name, 1.0))
        if other == name:
            kept.append(name)
            continue
        del files[name]
        for head, entry in entries.items():
            if entry["file"] == name:
                entries[head] = {"file": other, "factor": factor * entry["factor"]}


def _factor(booster: bytes, other: bytes) -> float | None:
    """Return the factor that gives a booster's leaf values from another's to the last bit; None if boosters differ otherwise."""
    ours, theirs = booster.decode().splitlines(), other.decode().splitlines()
    pairs: list[tuple[float, float]] = []
    for line, of_other in zip(ours, theirs, strict=False):
        name, _, values = line.partition("=")
        if name == "leaf_value" and of_other.startswith("leaf_value="):
            pairs += zip(map(float, values.split()), map(float, of_other.partition("=")[2].split()), strict=False)
        elif line != of_other and not (name in _FOLLOWING and of_other.startswith(f"{name}=")):
            return None
    value, largest = max(pairs, key=lambda pair: abs(pair[1]))
    if len(ours) != len(theirs) or not value or value / largest < 0.0:
        return None
    near = value / largest
    candidates = [1.0, near, *(math.nextafter(near, end) for end in (0.0, math.inf))]
    return next((factor for factor in candidates if all(b * factor + 0.0 == a for a, b in pairs)), None)


def main() -> int:
    """Run the command line; return the exit status: 2 for a bad file of evidence or rules, 4 for a refused bundle."""
    parser = argparse.ArgumentParser(prog="python -m tools.upgrade_bundle", description=__doc__.partition("\n")[0])
    parser.add_argument("old", type=Path, help="folder of the bundle")
    parser.add_argument("new", type=Path, help="folder to write; it must not exist")
    parser.add_argument("--evidence", type=Path, nargs="?", const=DEFAULT, help="replace the evidence")
    parser.add_argument("--rules", type=Path, nargs="?", const=Path(), help="replace the default rules")
    arguments = parser.parse_args()
    replaced: dict[str, bytes] = {}
    try:
        if arguments.evidence:
            replaced[EVIDENCE] = read_evidence(arguments.evidence).source
        if arguments.rules:
            rules = default_rules() if arguments.rules == Path() else load_rules(arguments.rules, known_names())
            replaced[RULES] = rules.text.encode()
    except (EvidenceFault, RulesError) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    try:
        info = upgrade(arguments.old, arguments.new, replaced)
    except (BundleRefused, FileExistsError) as error:
        sys.stderr.write(f"{error}\n")
        return 4
    print(f"{arguments.new}: {info.name} {info.version}, digest {info.digest}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
