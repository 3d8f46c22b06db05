"""Replace the evidence of a model bundle and keep everything else.

The digest of a bundle covers its evidence. So a change of `models/evidence/evidence.toml` takes effect with the next training, or
with a copy of a bundle that this tool writes:

    python -m tools.renew_evidence OLD_BUNDLE NEW_BUNDLE [--evidence FILE]

Trees, lanes and percentiles are those of the old bundle. They were fitted with the old evidence, so retrain after more than small
changes.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from models.bundle import BundleInfo
from models.bundle.audit import EVIDENCE, audit
from models.evidence import Evidence, EvidenceFault, read_evidence
from models.evidence.reading import DEFAULT
from tools.bundle_copies import parser_of, run, write_copy


def renew(old: Path, new: Path, evidence: Evidence) -> BundleInfo:
    """Write the bundle ``old`` with other evidence to the folder ``new``.

    Raises:
        BundleRefused: ``old`` is damaged, or ``new`` would not load.
        FileExistsError: ``new`` exists.
    """
    audited = audit(old, None)
    files = audited.files | {EVIDENCE: evidence.source}
    manifest: dict[str, Any] = dict(audited.manifest)
    return write_copy(manifest, files, new)


def main() -> int:
    """Run the command line; return the exit status."""
    parser = parser_of("renew_evidence", __doc__)
    parser.add_argument(
        "--evidence", type=Path, default=DEFAULT, help="the evidence; by default the file of this version"
    )
    arguments = parser.parse_args()
    try:
        evidence = read_evidence(arguments.evidence)
    except EvidenceFault as error:
        sys.stderr.write(f"{error}\n")
        return 2
    return run(arguments.new, lambda: renew(arguments.old, arguments.new, evidence))


if __name__ == "__main__":
    sys.exit(main())
