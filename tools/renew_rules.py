"""Put rules into a model bundle as its default set, beside everything else that it holds.

A bundle carries its default rules under its digest, so a change of `models/rules/default.toml` takes effect with the next training,
or with a copy of a bundle that this tool writes:

    python -m tools.renew_rules OLD_BUNDLE NEW_BUNDLE [--rules FILE]
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from models.bundle import BundleInfo, BundleRefused, verify
from models.bundle.audit import MANIFEST, RULES, audit, seal, sha256
from models.bundle.files import json_bytes
from models.rules import RulesError, RuleSet, default_rules, known_names, load_rules


def renew(old: Path, new: Path, rules: RuleSet) -> BundleInfo:
    """Write the bundle ``old`` with other rules to the folder ``new``.

    Raises:
        BundleRefused: ``old`` is damaged, or ``new`` would not load.
        FileExistsError: ``new`` exists.
    """
    audited = audit(old, None)
    files = audited.files | {RULES: rules.text.encode()}
    manifest: dict[str, Any] = dict(audited.manifest)
    manifest["files"] = {name: {"sha256": sha256(data), "size": len(data)} for name, data in files.items()}
    manifest["seal"] = seal(manifest)
    new.mkdir(parents=True)
    for name, data in {**files, MANIFEST: json_bytes(manifest)}.items():
        (new / name).write_bytes(data)
    return verify(new)


def main() -> int:
    """Run the command line; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tools.renew_rules", description=__doc__.partition("\n")[0])
    parser.add_argument("old", type=Path, help="folder of the bundle")
    parser.add_argument("new", type=Path, help="folder to write; it must not exist")
    parser.add_argument("--rules", type=Path, help="the rules; by default those of models/rules/default.toml")
    arguments = parser.parse_args()
    try:
        rules = load_rules(arguments.rules, known_names()) if arguments.rules else default_rules()
        info = renew(arguments.old, arguments.new, rules)
    except RulesError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    except (BundleRefused, FileExistsError) as error:
        sys.stderr.write(f"{error}\n")
        return 4
    print(f"{arguments.new}: {info.name} {info.version}, digest {info.digest}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
