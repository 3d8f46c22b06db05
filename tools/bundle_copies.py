"""Changed copies of model bundles, and the command line that their tools share."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from models.bundle import BundleInfo, BundleRefused, verify
from models.bundle.audit import MANIFEST, seal, sha256
from models.bundle.files import json_bytes


def write_copy(manifest: dict[str, Any], files: Mapping[str, bytes], new: Path) -> BundleInfo:
    """Write a bundle with new sums and a new seal.

    Args:
        manifest: the manifest; its entry ``files`` and its seal are replaced.

    Raises:
        BundleRefused: the copy does not load.
        FileExistsError: ``new`` exists.
    """
    manifest["files"] = {name: {"sha256": sha256(data), "size": len(data)} for name, data in files.items()}
    manifest["seal"] = seal(manifest)
    new.mkdir(parents=True)
    for name, data in {**files, MANIFEST: json_bytes(manifest)}.items():
        (new / name).write_bytes(data)
    return verify(new)


def parser_of(tool: str, description: str) -> argparse.ArgumentParser:
    """Return a parser of the arguments ``old`` and ``new``."""
    parser = argparse.ArgumentParser(prog=f"python -m tools.{tool}", description=description.partition("\n")[0])
    parser.add_argument("old", type=Path, help="folder of the bundle")
    parser.add_argument("new", type=Path, help="folder to write; it must not exist")
    return parser


def run(new: Path, change: Callable[[], BundleInfo]) -> int:
    """Call ``change``, print the bundle it wrote, and return the exit status: 4 for a refused bundle."""
    try:
        info = change()
    except (BundleRefused, FileExistsError) as error:
        sys.stderr.write(f"{error}\n")
        return 4
    print(f"{new}: {info.name} {info.version}, digest {info.digest}")
    return 0
