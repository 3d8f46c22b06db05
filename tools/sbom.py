"""Write a software bill of materials from pinned requirements: CycloneDX 1.6, JSON.

``python -m tools.sbom requirements/serve.txt out/sbom.cdx.json`` lists each package with its version, its marker (a condition such
as the platform) and the SHA-256 sums that an installation accepts. Equal requirements give equal files.
"""

from __future__ import annotations

import json
import re
import sys
import tomllib
import uuid
from pathlib import Path
from typing import Any, Final

_PINNED: Final = re.compile(
    r"^(?P<name>[A-Za-z0-9][A-Za-z0-9._-]*)(?:\[[^]]*\])?==(?P<version>[^ ;\\]+)(?:\s*;\s*(?P<marker>[^\\]+?))?\s*\\?$"
)
_HASH: Final = re.compile(r"^\s+--hash=sha256:(?P<sum>[0-9a-f]{64})\s*\\?$")
_PROJECT: Final = Path(__file__).parents[1] / "pyproject.toml"


def packages(requirements: str) -> list[dict[str, Any]]:
    """Return the components of a requirements file, in its order.

    Raises:
        ValueError: a line pins no version, or a package has no SHA-256.
    """
    components: list[dict[str, Any]] = []
    for number, line in enumerate(requirements.splitlines(), 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        if (found := _HASH.match(line)) is not None and components:
            components[-1]["hashes"].append({"alg": "SHA-256", "content": found["sum"]})
        elif (found := _PINNED.match(line)) is not None:
            name = re.sub(r"[-_.]+", "-", found["name"]).lower()
            purl = f"pkg:pypi/{name}@{found['version']}"
            component: dict[str, Any] = {
                "type": "library", "bom-ref": purl, "name": name, "version": found["version"], "purl": purl, "hashes": [],
            }  # fmt: skip
            if found["marker"]:
                component["properties"] = [{"name": "tidewaiter:marker", "value": found["marker"].strip()}]
                component["bom-ref"] += f"#{len(components)}"
            components.append(component)
        else:
            raise ValueError(f"line {number} pins no version: {line.strip()}")
    unpinned = [component["name"] for component in components if not component["hashes"]]
    if unpinned:
        raise ValueError(f"no SHA-256 is given for {', '.join(unpinned)}")
    return components


def bill(requirements: str, version: str) -> dict[str, Any]:
    """Return the bill of materials of this project with pinned requirements."""
    components = packages(requirements)
    own = f"pkg:pypi/tidewaiter@{version}"
    serial = uuid.uuid5(uuid.NAMESPACE_URL, own + json.dumps(components))
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{serial}",
        "version": 1,
        "metadata": {
            "component": {
                "type": "application", "bom-ref": own, "name": "tidewaiter", "version": version, "purl": own,
                "licenses": [{"license": {"id": "Apache-2.0"}}],
            }
        },
        "components": components,
        "dependencies": [{"ref": own, "dependsOn": [component["bom-ref"] for component in components]}],
    }  # fmt: skip


def main(arguments: list[str]) -> None:
    """Write the bill of the requirements in the first path to the second path."""
    source, target = map(Path, arguments)
    version = tomllib.loads(_PROJECT.read_text("utf-8"))["project"]["version"]
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(json.dumps(bill(source.read_text("utf-8"), version), indent=2) + "\n", "utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
