"""The bill of materials lists every package of an installation."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tools.sbom import bill, main, packages

SERVE = Path(__file__).parents[2] / "requirements" / "serve.txt"
SHA256 = "0" * 64


def test_every_pinned_package_is_listed_with_its_hashes(tmp_path: Path) -> None:
    text = SERVE.read_text()
    main([str(SERVE), str(tmp_path / "out" / "sbom.cdx.json")])
    written = json.loads((tmp_path / "out" / "sbom.cdx.json").read_text())
    assert (written["bomFormat"], written["specVersion"]) == ("CycloneDX", "1.6")
    pinned = re.findall(r"^([a-z0-9-]+)(?:\[\w+\])?==([^ ;\\]+)", text, re.MULTILINE)
    assert [(one["name"], one["version"]) for one in written["components"]] == pinned
    assert len(pinned) > 40
    assert sum(len(one["hashes"]) for one in written["components"]) == text.count("--hash=sha256:")
    refs = [one["bom-ref"] for one in written["components"]]
    assert len(set(refs)) == len(refs)
    assert written["dependencies"][0]["dependsOn"] == refs


def test_equal_requirements_give_an_equal_bill() -> None:
    text = f"a-b==1.2 ; python_version < '3.12' \\\n    --hash=sha256:{SHA256}\n    # via c\n"
    assert bill(text, "1") == bill(text, "1")
    assert bill(text, "1")["serialNumber"] != bill(text, "2")["serialNumber"]
    (component,) = packages(text)
    assert component["purl"] == "pkg:pypi/a-b@1.2"
    assert component["properties"] == [{"name": "tidewaiter:marker", "value": "python_version < '3.12'"}]


@pytest.mark.parametrize("line", ["a>=1 \\", "https://files.example/a.whl", "-r other.txt"])
def test_an_unpinned_requirement_is_refused(line: str) -> None:
    with pytest.raises(ValueError, match="line 1 pins no version"):
        packages(line + "\n")


def test_a_package_without_a_hash_is_refused() -> None:
    with pytest.raises(ValueError, match="no SHA-256 is given for a"):
        packages("a==1\n")
