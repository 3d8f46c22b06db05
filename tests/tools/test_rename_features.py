"""Conversion of a bundle with old feature names, which keeps its trees."""

from __future__ import annotations

from pathlib import Path

import pytest

from models.bundle import BundleRefused, champion_dir, load
from models.bundle.audit import MANIFEST, features_digest, seal, sha256
from models.bundle.files import json_bytes, parse_json
from tools.rename_features import RENAMED, convert, main

NEW_TO_OLD = {new: old for old, new in RENAMED.items()}


@pytest.fixture
def old_bundle(tmp_path: Path) -> Path:
    """The champion with its features under their old names."""
    folder = tmp_path / "old"
    folder.mkdir()
    manifest = parse_json((champion_dir() / MANIFEST).read_bytes())
    names = [NEW_TO_OLD.get(name, name) for name in manifest["features"]["names"]]
    for name in manifest["files"]:
        data = (champion_dir() / name).read_bytes()
        if name.startswith("booster_"):
            first, mark, rest = data.decode().partition("\nfeature_names=")
            data = (first + mark + " ".join(names) + rest[rest.index("\n") :]).encode()
        (folder / name).write_bytes(data)
        manifest["files"][name] = {"sha256": sha256(data), "size": len(data)}
    manifest["features"] = {"names": names, "sha256": features_digest(names)}
    manifest["seal"] = seal(manifest)
    (folder / MANIFEST).write_bytes(json_bytes(manifest))
    return folder


def test_a_bundle_with_old_names_is_refused_and_loads_after_conversion(old_bundle: Path, tmp_path: Path) -> None:
    with pytest.raises(BundleRefused, match="trade_lane_share"):
        load(old_bundle)
    info = convert(old_bundle, tmp_path / "new")
    converted, champion = load(tmp_path / "new"), load(champion_dir())
    assert info.digest == converted.digest
    assert converted.space.names == champion.space.names
    for head in champion.heads:
        trees = [model.boosters[head].dump_model()["tree_info"] for model in (converted, champion)]
        assert trees[0] == trees[1]


def test_a_damaged_bundle_is_not_converted(old_bundle: Path, tmp_path: Path) -> None:
    with (old_bundle / "space.json").open("ab") as file:
        file.write(b" ")
    with pytest.raises(BundleRefused, match=r"space\.json"):
        convert(old_bundle, tmp_path / "new")


def test_an_existing_folder_is_not_overwritten(old_bundle: Path, tmp_path: Path) -> None:
    with pytest.raises(FileExistsError):
        convert(old_bundle, tmp_path)


def test_the_command_prints_the_new_digest(
    old_bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.argv", ["rename_features", str(old_bundle), str(tmp_path / "new")])
    assert main() == 0
    assert load(tmp_path / "new").digest in capsys.readouterr().out
