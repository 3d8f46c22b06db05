"""Convert a bundle of protocol 1 to the present protocol. No score changes.

    python -m tools.upgrade_bundle OLD_BUNDLE NEW_BUNDLE

Protocol 2 added ``evidence.toml``, which a model without evidence lacks, so only the number in the manifest changes.
`tools.add_prior` adds evidence as the prior of the trees.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from models.bundle import BundleInfo, BundleRefused
from models.bundle.audit import MANIFEST, PROTOCOL, audit, seal
from models.bundle.files import json_bytes, parse_json
from tools.bundle_copies import parser_of, run


def upgrade(old: Path, new: Path) -> BundleInfo:
    """Write the bundle ``old`` to the folder ``new`` under the present protocol.

    Raises:
        BundleRefused: ``old`` is damaged, altered or of an unknown protocol.
        FileExistsError: ``new`` exists.
    """
    try:
        manifest = parse_json((old / MANIFEST).read_bytes())
        is_sealed = manifest["seal"] == seal(manifest) and manifest["protocol"] in range(1, PROTOCOL + 1)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BundleRefused(old, [f"{MANIFEST}: cannot be read: {error}"]) from None
    if not is_sealed:
        raise BundleRefused(old, [f"{MANIFEST}: altered since it was sealed, or of an unknown protocol"])
    manifest["protocol"] = PROTOCOL
    manifest["seal"] = seal(manifest)
    shutil.copytree(old, new)
    (new / MANIFEST).write_bytes(json_bytes(manifest))
    try:
        # Do not load the bundle: its feature names may be older, and tools.rename_features converts them.
        return audit(new, None).info
    except BundleRefused:
        shutil.rmtree(new)
        raise


def main() -> int:
    """Run the command line; return the exit status."""
    arguments = parser_of("upgrade_bundle", __doc__).parse_args()
    return run(arguments.new, lambda: upgrade(arguments.old, arguments.new))


if __name__ == "__main__":
    sys.exit(main())
