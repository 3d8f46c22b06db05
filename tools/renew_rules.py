"""Replace the default rules of a model bundle and keep everything else.

The digest of a bundle covers its default rules. So a change of `models/rules/default.toml` takes effect with the next training, or
with a copy of a bundle that this tool writes:

    python -m tools.renew_rules OLD_BUNDLE NEW_BUNDLE [--rules FILE]
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from models.bundle import BundleInfo
from models.bundle.audit import RULES, audit
from models.rules import RulesError, RuleSet, default_rules, known_names, load_rules
from tools.bundle_copies import parser_of, run, write_copy


def renew(old: Path, new: Path, rules: RuleSet) -> BundleInfo:
    """Write the bundle ``old`` with other rules to the folder ``new``.

    Raises:
        BundleRefused: ``old`` is damaged, or ``new`` would not load.
        FileExistsError: ``new`` exists.
    """
    audited = audit(old, None)
    files = audited.files | {RULES: rules.text.encode()}
    manifest: dict[str, Any] = dict(audited.manifest)
    return write_copy(manifest, files, new)


def main() -> int:
    """Run the command line; return the exit status."""
    parser = parser_of("renew_rules", __doc__)
    parser.add_argument("--rules", type=Path, help="the rules; by default those of models/rules/default.toml")
    arguments = parser.parse_args()
    try:
        rules = load_rules(arguments.rules, known_names()) if arguments.rules else default_rules()
    except RulesError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    return run(arguments.new, lambda: renew(arguments.old, arguments.new, rules))


if __name__ == "__main__":
    sys.exit(main())
