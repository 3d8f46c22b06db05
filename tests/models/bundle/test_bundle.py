from __future__ import annotations

import json
import shutil
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from features.space import FeatureSpace
from features.table.table import ManifestTable
from models.bundle import BundleRefused, bundle
from models.bundle.audit import features_digest, seal, sha256
from models.bundle.files import json_bytes, npz_bytes, parse_json, parse_npz
from models.evidence import DEFAULT, read_evidence
from models.lanes import Lanes
from models.scoring import RiskModel
from tests.models.small_model import HEADS, answers

FILES = sorted(
    [f"booster_{head}.txt" for head in HEADS]
    + [
        "bundle.json",
        "space.json",
        "space.npz",
        "reference.npz",
        "history.npz",
        "card.json",
        "CARD.md",
        "check.npz",
        "rules.toml",
    ]
)


@pytest.fixture
def copy(saved: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(saved, tmp_path / "copy"))


@pytest.fixture
def with_evidence(trained: RiskModel, tmp_path: Path) -> Path:
    """A bundle of a model with a prior."""
    bundle.save(replace(trained, evidence=read_evidence()), tmp_path / "evidence")
    return tmp_path / "evidence"


def problems(folder: Path, **kw: Any) -> list[str]:
    with pytest.raises(BundleRefused) as caught:
        bundle.load(folder, **kw)
    assert caught.value.problems == sorted(caught.value.problems)
    assert str(folder) in str(caught.value)
    with pytest.raises(BundleRefused):
        bundle.verify(folder, **kw)
    return caught.value.problems


def forge(folder: Path, **changes: Any) -> None:
    """Change bundle.json and seal it again, as an attacker would."""
    manifest = json.loads((folder / "bundle.json").read_bytes())
    manifest.update(changes)
    manifest["seal"] = seal(manifest)
    (folder / "bundle.json").write_bytes(json_bytes(manifest))


def forge_file(folder: Path, name: str, data: bytes) -> None:
    """Change a file and every digest that covers it."""
    (folder / name).write_bytes(data)
    files = json.loads((folder / "bundle.json").read_bytes())["files"]
    files[name] = {"sha256": sha256(data), "size": len(data)}
    forge(folder, files=files)


class TestRoundTrip:
    def test_a_bundle_has_exactly_the_documented_files(self, saved: Path) -> None:
        assert sorted(path.name for path in saved.iterdir()) == FILES

    def test_a_loaded_model_scores_and_explains_as_trained_to_the_last_bit(
        self, trained: RiskModel, model: RiskModel, table: ManifestTable
    ) -> None:
        before = trained.score(table, trained.history.copy(), explain="all")
        after = model.score(table, model.history.copy(), explain="all")
        assert (before.risk == after.risk).all()
        assert (before.item_heads == after.item_heads).all()
        ours, theirs = answers(before), answers(after)
        for one, other in zip(ours, theirs, strict=True):
            assert one.pop("model")["digest"] == ""
            assert other.pop("model")["digest"] == model.digest
            assert one == other

    def test_the_prior_is_saved_byte_for_byte_and_scores_as_before(
        self, trained: RiskModel, with_evidence: Path, table: ManifestTable
    ) -> None:
        assert (with_evidence / "evidence.toml").read_bytes() == DEFAULT.read_bytes()
        loaded, plain = bundle.load(with_evidence), replace(trained, evidence=read_evidence())
        before = plain.score(table, plain.history.copy(), explain="all")
        after = loaded.score(table, loaded.history.copy(), explain="all")
        assert before.item_heads.tobytes() == after.item_heads.tobytes()
        assert before.explained[0].to_json() == after.explained[0].to_json()
        assert loaded.prior.entries == plain.prior.entries
        assert loaded.digest != ""

    def test_equal_models_give_equal_bytes(self, trained: RiskModel, saved: Path, tmp_path: Path) -> None:
        digest = bundle.save(trained, tmp_path / "again")
        for name in FILES:
            assert (tmp_path / "again" / name).read_bytes() == (saved / name).read_bytes(), name
        assert digest == sha256((saved / "bundle.json").read_bytes())

    def test_a_loaded_model_saves_to_the_same_bytes(self, model: RiskModel, saved: Path, tmp_path: Path) -> None:
        assert bundle.save(model, tmp_path / "again") == model.digest
        for name in FILES:
            assert (tmp_path / "again" / name).read_bytes() == (saved / name).read_bytes(), name

    def test_check_rows_are_loaded_unchanged(self, trained: RiskModel, model: RiskModel) -> None:
        assert trained.check is not None
        assert model.check is not None
        assert model.check.rows.shape == (256, len(model.space.names))
        assert model.check.rows.tobytes() == trained.check.rows.tobytes()
        assert (
            model.check.raw.tobytes()
            == trained.check.raw.tobytes()
            == trained.predict_raw(trained.check.rows).tobytes()
        )

    def test_a_bundle_without_check_rows_lacks_their_file_and_loads(self, trained: RiskModel, tmp_path: Path) -> None:
        bundle.save(replace(trained, check=None), tmp_path / "old")
        assert sorted(path.name for path in (tmp_path / "old").iterdir()) == [
            name for name in FILES if name != "check.npz"
        ]
        old = bundle.load(tmp_path / "old")
        assert old.check is None
        assert old.predictor == trained.predictor

    def test_kernels_can_be_turned_off(self, saved: Path) -> None:
        assert bundle.load(saved, kernels=False).predictor == "lightgbm"

    def test_verify_and_describe_return_the_identity(self, saved: Path, model: RiskModel) -> None:
        info = bundle.describe(saved)
        assert (info.name, info.version, info.heads, info.digest) == ("tidewaiter", "1", HEADS, model.digest)
        assert bundle.verify(saved, expected_digest=info.digest[:12]) == info

    def test_a_one_headed_model_of_an_own_label_loads_unchanged(
        self, single: RiskModel, tmp_path: Path, table: ManifestTable
    ) -> None:
        bundle.save(single, tmp_path / "own")
        again = bundle.load(tmp_path / "own")
        assert again.heads == ("risk",)
        expected = single.score(table, single.history.copy()).risk
        assert (again.score(table, again.history.copy()).risk == expected).all()

    def test_nothing_in_a_bundle_is_executable(self, saved: Path) -> None:
        for path in saved.glob("*.npz"):
            with np.load(path, allow_pickle=False) as archive:
                assert all(archive[name].dtype.kind in "biufUS" for name in archive.files)
            with zipfile.ZipFile(path) as archive_file:
                assert {entry.date_time for entry in archive_file.infolist()} == {(1980, 1, 1, 0, 0, 0)}

    def test_the_card_is_readable_text(self, saved: Path) -> None:
        text = (saved / "CARD.md").read_text()
        assert text.startswith("# tidewaiter 1\n")
        assert "| precursor | 3 |" in text


class TestSaving:
    def test_saving_does_not_overwrite_other_files(self, trained: RiskModel, tmp_path: Path) -> None:
        (tmp_path / "notes.txt").write_text("mine")
        with pytest.raises(FileExistsError, match="not empty"):
            bundle.save(trained, tmp_path)
        assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]

    def test_saving_replaces_a_bundle_only_on_request(self, trained: RiskModel, copy: Path) -> None:
        digest = bundle.save(replace(trained, version="2"), copy, replace=True)
        assert bundle.verify(copy).digest == digest
        assert [path.name for path in copy.parent.iterdir()] == [copy.name]

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            ({"card": {"recall": float("nan")}}, "not JSON compliant"),
            ({"version": "../up"}, "version '../up'"),
            ({"created_at": "yesterday"}, "not an ISO 8601 time"),
        ],
    )
    def test_a_model_that_could_not_be_loaded_is_not_saved(
        self, trained: RiskModel, tmp_path: Path, change: dict[str, Any], message: str
    ) -> None:
        with pytest.raises(ValueError, match=message):
            bundle.save(replace(trained, **change), tmp_path / "bad")
        assert list(tmp_path.iterdir()) == []


class TestTampering:
    @pytest.mark.parametrize("name", FILES)
    @pytest.mark.parametrize("where", [0.0, 0.37, 0.999])
    @pytest.mark.parametrize("flip", [0x01, 0x20, 0x80])
    def test_a_changed_byte_is_refused(self, copy: Path, name: str, where: float, flip: int) -> None:
        data = bytearray((copy / name).read_bytes())
        data[int(where * (len(data) - 1))] ^= flip
        (copy / name).write_bytes(data)
        assert any(name in problem for problem in problems(copy))

    def test_a_change_of_any_character_of_the_manifest_is_refused(self, copy: Path, saved: Path) -> None:
        data = (saved / "bundle.json").read_bytes()
        seen: set[int] = set()
        for position, byte in enumerate(data):
            if byte in seen:
                continue
            seen.add(byte)
            changed = bytearray(data)
            # The next character of the same class: another digit or another letter.
            changed[position] = byte + 1 if chr(byte + 1).isalnum() else byte - 1 if byte > 33 else 9
            (copy / "bundle.json").write_bytes(changed)
            assert problems(copy)
        assert len(seen) > 40

    @pytest.mark.parametrize("name", FILES)
    @pytest.mark.parametrize("size", [0, 1, 200, -1])
    def test_a_truncated_file_is_refused(self, copy: Path, name: str, size: int) -> None:
        data = (copy / name).read_bytes()
        (copy / name).write_bytes(data[: min(size, len(data) - 1)])
        reported = problems(copy)
        assert any(name in problem for problem in reported)
        if name != "bundle.json":
            assert any("(truncated)" in problem for problem in reported)

    @pytest.mark.parametrize("name", FILES)
    def test_a_lengthened_file_is_refused(self, copy: Path, name: str) -> None:
        with (copy / name).open("ab") as file:
            file.write(b"\n")
        assert any(name in problem for problem in problems(copy))

    @pytest.mark.parametrize("name", FILES)
    def test_a_missing_file_is_refused(self, copy: Path, name: str) -> None:
        (copy / name).unlink()
        assert problems(copy) == [f"{name}: missing"]

    @pytest.mark.parametrize("name", FILES)
    def test_a_renamed_file_is_refused(self, copy: Path, name: str) -> None:
        (copy / name).rename(copy / f"old_{name}")
        assert f"{name}: missing" in problems(copy)

    def test_swapped_boosters_are_refused(self, copy: Path) -> None:
        one, other = (copy / f"booster_{head}.txt" for head in HEADS[:2])
        first, second = one.read_bytes(), other.read_bytes()
        one.write_bytes(second)
        other.write_bytes(first)
        assert [problem.split(":")[0] for problem in problems(copy)] == [one.name, other.name]

    @pytest.mark.parametrize("name", ["model.pkl", ".hidden", "booster_extra.txt"])
    def test_an_added_file_is_refused(self, copy: Path, name: str) -> None:
        (copy / name).write_bytes(b"x")
        assert problems(copy) == [f"{name}: unexpected file in the folder"]

    def test_a_symbolic_link_to_an_identical_file_is_refused(self, copy: Path, saved: Path) -> None:
        (copy / "card.json").unlink()
        (copy / "card.json").symlink_to(saved / "card.json")
        assert problems(copy) == ["card.json: not a plain file"]

    def test_all_problems_are_reported_at_once(self, copy: Path) -> None:
        (copy / "card.json").unlink()
        (copy / "space.json").write_bytes(b"{}")
        (copy / "more").mkdir()
        assert [problem.split(":")[0] for problem in problems(copy)] == ["card.json", "more", "space.json"]

    def test_a_path_that_is_not_a_folder_is_refused(self, tmp_path: Path) -> None:
        assert problems(tmp_path / "nowhere") == ["it is not a folder"]
        assert problems(tmp_path) == ["bundle.json: missing"]


class TestForgery:
    """Bundles whose digests and seal are right but whose content is wrong."""

    def test_another_protocol_is_refused_first(self, copy: Path) -> None:
        forge(copy, protocol=bundle.PROTOCOL + 1, something_new=1)
        assert problems(copy) == [
            f"bundle.json: protocol {bundle.PROTOCOL + 1}, but this code reads protocol {bundle.PROTOCOL}; "
            "retrain, or install a bundle of this protocol"
        ]

    def test_an_older_protocol_is_refused_with_the_command_that_converts_it(self, copy: Path) -> None:
        forge(copy, protocol=1)
        (problem,) = problems(copy)
        assert problem.startswith(
            f"bundle.json: protocol 1, but this code reads protocol {bundle.PROTOCOL}; in a checkout, "
        )
        assert "python -m tools.upgrade_bundle OLD NEW" in problem

    def test_invalid_evidence_is_refused_with_the_name_of_the_entry(self, with_evidence: Path) -> None:
        source = (with_evidence / "evidence.toml").read_bytes()
        forge_file(with_evidence, "evidence.toml", source.replace(b"log_odds = 0.9", b"log_odds = 9.9", 1))
        assert "evidence.toml: EvidenceFault: entry vague: log_odds 9.9" in problems(with_evidence)[0]

    def test_altered_evidence_is_refused(self, with_evidence: Path) -> None:
        with (with_evidence / "evidence.toml").open("ab") as file:
            file.write(b"\n")
        assert problems(with_evidence)[0].startswith("evidence.toml: ")

    @pytest.mark.parametrize("protocol", [True, "1", None])
    def test_a_protocol_that_is_not_an_integer_is_refused(self, copy: Path, protocol: object) -> None:
        forge(copy, protocol=protocol)
        assert "protocol" in problems(copy)[0]

    def test_an_unexpected_digest_is_refused(self, copy: Path) -> None:
        assert "was expected" in problems(copy, expected_digest="0" * 12)[0]

    @pytest.mark.parametrize("name", ["../secret", "/etc/hostname", "a/b", "..", "C:\\x", ""])
    def test_a_path_that_leaves_the_folder_is_refused(self, copy: Path, name: str) -> None:
        files = json.loads((copy / "bundle.json").read_bytes())["files"]
        files[name] = files["card.json"]
        forge(copy, files=files)
        assert f"{name}: not a plain file name, listed in bundle.json" in problems(copy)

    def test_an_unexpected_file_is_refused_even_if_it_is_listed(self, copy: Path) -> None:
        (copy / "code.py").write_bytes(b"")
        forge_file(copy, "code.py", b"print()")
        assert problems(copy) == ["code.py: unexpected file in bundle.json"]

    def test_other_features_are_listed_in_order(self, copy: Path) -> None:
        names = list(FeatureSpace.from_state(*_state(copy)).names)
        changed = [*(name for name in names if name not in (names[3], names[1])), "zebra", "aardvark"]
        _rename_features(copy, names, changed)
        assert problems(copy) == [
            "bundle.json: features the bundle has and this code lacks: aardvark, zebra",
            f"bundle.json: features this code has and the bundle lacks: {', '.join(sorted([names[1], names[3]]))}",
        ]

    def test_the_same_features_in_another_order_are_refused(self, copy: Path) -> None:
        names = list(FeatureSpace.from_state(*_state(copy)).names)
        _rename_features(copy, names, [names[0], names[2], names[1], *names[3:]])
        assert problems(copy) == ["bundle.json: features in another order than the code's, from position 1 on"]

    def test_a_booster_of_other_features_is_refused(self, copy: Path) -> None:
        name = f"booster_{HEADS[0]}.txt"
        text = (copy / name).read_text()
        header = next(line for line in text.splitlines() if line.startswith("feature_names="))
        first, second, *rest = header.removeprefix("feature_names=").split(" ")
        forge_file(copy, name, text.replace(header, "feature_names=" + " ".join([second, first, *rest])).encode())
        assert problems(copy) == [f"{name}: trained on other features, or in another order, than bundle.json lists"]

    def test_a_booster_of_fewer_features_is_refused(self, copy: Path) -> None:
        name = f"booster_{HEADS[1]}.txt"
        text = (copy / name).read_text()
        index = next(line for line in text.splitlines() if line.startswith("max_feature_idx="))
        forge_file(copy, name, text.replace(index, "max_feature_idx=1").encode())
        assert any("its last feature has index 1" in problem for problem in problems(copy))

    @pytest.mark.parametrize("value", ["nan", "inf", "-inf"])
    def test_an_infinite_leaf_value_is_refused(self, copy: Path, value: str) -> None:
        name = f"booster_{HEADS[0]}.txt"
        text = (copy / name).read_text()
        leaves = next(line for line in text.splitlines() if line.startswith("leaf_value="))
        forge_file(copy, name, text.replace(leaves, f"leaf_value={value} " + leaves.split(" ", 1)[1]).encode())
        assert problems(copy) == [f"{name}: leaf_value contains a number that is not finite"]

    @pytest.mark.parametrize("value", ["nan", "inf", "-inf"])
    def test_a_threshold_that_is_not_finite_is_refused(self, copy: Path, value: str) -> None:
        self.with_first_threshold(copy, value)
        assert problems(copy) == [f"booster_{HEADS[0]}.txt: threshold contains a number that is not finite"]

    @staticmethod
    def with_first_threshold(folder: Path, value: str) -> None:
        name = f"booster_{HEADS[0]}.txt"
        text = (folder / name).read_text()
        lines = text.splitlines()
        old = next(line for line in lines if line.startswith("threshold="))
        new = f"threshold={value} " + old.split(" ", 1)[1]
        sizes = next(line for line in lines if line.startswith("tree_sizes="))
        # The header states the length of each tree's text.
        first, rest = sizes.removeprefix("tree_sizes=").split(" ", 1)
        longer = f"tree_sizes={int(first) + len(new) - len(old)} {rest}"
        forge_file(folder, name, text.replace(old, new, 1).replace(sizes, longer, 1).encode())

    @pytest.mark.parametrize("data", [b"", b"tree\n", b"\xff\xfe", b"import os"])
    def test_a_booster_that_is_not_a_model_is_refused(self, copy: Path, data: bytes) -> None:
        forge_file(copy, f"booster_{HEADS[2]}.txt", data)
        assert all(problem.startswith(f"booster_{HEADS[2]}.txt: ") for problem in problems(copy))

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            (lambda m: m["prevalence"].update(risk=0.0), "prevalence of risk is 0.0"),
            (lambda m: m["prevalence"].pop("risk"), "prevalence must be given for"),
            (lambda m: m["base_rates"].update(precursor=1.5), "base_rates of precursor is 1.5"),
            (lambda m: m["base_rates"].update(cocaine=0.1), "base_rates must be given for"),
            (lambda m: m["calibrators"]["risk"].update(slopes=[1, -1]), "calibrator of risk"),
            (lambda m: m["lanes"].update(yellow=1e9), "lanes: The red threshold"),
            (lambda m: m["boosters"].pop("precursor"), "boosters must be given for"),
            (lambda m: m["boosters"].update(precursor="booster_precursor.txt"), "boosters of precursor must be"),
            (lambda m: m["boosters"]["precursor"].update(file="booster_other.txt"), "boosters of precursor must be"),
            (lambda m: m["boosters"]["precursor"].update(file=["x"]), "boosters of precursor must be"),
            (lambda m: m["boosters"]["precursor"].update(factor=-0.5), "boosters of precursor must be"),
            (lambda m: m["boosters"]["precursor"].update(factor=1), "boosters of precursor must be"),
            (lambda m: m["boosters"]["precursor"].update(factor="1"), "boosters of precursor must be"),
            (
                lambda m: m["boosters"]["precursor"].update(file="booster_equipment.txt"),
                "booster_precursor.txt: unexpected file in bundle.json",
            ),
            (lambda m: m.update(heads=["precursor", "precursor"]), "names must differ"),
            (lambda m: m.update(heads=["../x"]), "heads ['../x']"),
            (lambda m: m.update(version="a/b"), "version 'a/b'"),
            (lambda m: m.update(created_at="soon"), "not an ISO 8601 time"),
            (lambda m: m.update(name=7), "'name' must be of type str"),
            (lambda m: m.pop("lanes"), "missing key 'lanes'"),
            (lambda m: m.update(code="x"), "unknown key 'code'"),
            (lambda m: m["features"].update(sha256="0"), "digest of the feature names"),
            (lambda m: m["files"].update({"card.json": 1}), "gives no size and SHA-256"),
            (lambda m: m["files"].pop("card.json"), "card.json: not listed"),
        ],
    )
    def test_a_manifest_with_impossible_values_is_refused(
        self, copy: Path, change: Callable[[dict[str, Any]], object], message: str
    ) -> None:
        manifest = json.loads((copy / "bundle.json").read_bytes())
        change(manifest)
        manifest["seal"] = seal(manifest)
        (copy / "bundle.json").write_bytes(json_bytes(manifest))
        assert any(message in problem for problem in problems(copy))

    @pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999"])
    def test_a_number_that_is_not_finite_is_refused(self, copy: Path, number: str) -> None:
        text = (copy / "bundle.json").read_text()
        rate = json.loads(text)["base_rates"]["precursor"]
        (copy / "bundle.json").write_text(text.replace(f'"precursor": {rate}', f'"precursor": {number}'))
        assert "is not finite" in problems(copy)[0]

    def test_a_repeated_key_is_refused(self, copy: Path) -> None:
        text = (copy / "bundle.json").read_text()
        (copy / "bundle.json").write_text(text.replace('  "name":', '  "version": "9",\n  "name":', 1))
        assert problems(copy) == ["bundle.json: cannot be read: keys repeat: version"]

    @pytest.mark.parametrize(
        ("name", "arrays", "message"),
        [
            ("reference.npz", {"log_odds": [1.0, 0.0], "below": [0.0, 0.5]}, "must increase"),
            ("reference.npz", {"log_odds": [0.0, np.inf], "below": [0.0, 0.5]}, "contains infinite numbers"),
            ("reference.npz", {"log_odds": [0.0, np.nan], "below": [0.0, 0.5]}, "must be finite"),
            ("reference.npz", {"log_odds": [0.0]}, "reference.npz"),
            ("history.npz", {}, "history.npz"),
            ("check.npz", {}, "check.npz"),
            ("check.npz", {"rows": [[1, 2]], "raw": [[1.0]]}, "must be a matrix of float64"),
            ("check.npz", {"rows": [1.0], "raw": [[1.0]]}, "must be a matrix of float64"),
            ("check.npz", {"rows": [[1.0]] * 2, "raw": [[1.0]]}, "must have the same length"),
            ("check.npz", {"rows": [[1.0]] * 257, "raw": [[1.0]] * 257}, "must have the same length, 1 to 256"),
            ("check.npz", {"rows": np.empty((0, 9)), "raw": np.empty((0, 3))}, "must have the same length, 1 to 256"),
            ("check.npz", {"rows": [[np.inf]], "raw": [[1.0]]}, "contains infinite numbers"),
            ("check.npz", {"rows": [[1.0]], "raw": [[np.nan]]}, "raw finite"),
            ("check.npz", {"rows": [[np.nan]], "raw": [[1.0] * 3]}, "features and 3 boosters, got 1 and 3"),
            ("space.npz", {}, "space.json"),
        ],
    )
    def test_arrays_that_do_not_fit_are_refused(
        self, copy: Path, name: str, arrays: dict[str, Any], message: str
    ) -> None:
        forge_file(copy, name, npz_bytes({key: np.array(value) for key, value in arrays.items()}))
        assert any(message in problem for problem in problems(copy))

    @pytest.mark.parametrize("name", ["card.json", "space.json"])
    @pytest.mark.parametrize("data", [b"[]\n", b"{\n", b'{"a": NaN}\n', b"\xff"])
    def test_documents_that_are_not_finite_objects_are_refused(self, copy: Path, name: str, data: bytes) -> None:
        forge_file(copy, name, data)
        assert [problem.split(":")[0] for problem in problems(copy)] == [name]

    def test_pickled_objects_are_refused_without_loading_them(self, copy: Path, tmp_path: Path) -> None:
        np.savez(tmp_path / "evil.npz", allow_pickle=True, log_odds=np.array([_FailsWhenUnpickled()], dtype=object))
        forge_file(copy, "reference.npz", (tmp_path / "evil.npz").read_bytes())
        assert any("reference.npz" in problem for problem in problems(copy))

    @pytest.mark.parametrize("data", [b"", b"not a zip", b"PK\x03\x04 cut"])
    def test_a_file_that_is_not_an_archive_is_refused(self, copy: Path, data: bytes) -> None:
        forge_file(copy, "history.npz", data)
        assert any(problem.startswith("history.npz: ") for problem in problems(copy))


class _FailsWhenUnpickled:
    def __reduce__(self) -> tuple[Any, ...]:
        return (pytest.fail, ("an object of a bundle was unpickled",))


def _state(folder: Path) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    return parse_json((folder / "space.json").read_bytes()), parse_npz((folder / "space.npz").read_bytes())


def _rename_features(folder: Path, names: list[str], changed: list[str]) -> None:
    """Turn a bundle into one of another code version, with other features and valid digests."""
    for head in HEADS:
        file = f"booster_{head}.txt"
        text = (
            (folder / file)
            .read_text()
            .replace("feature_names=" + " ".join(names), "feature_names=" + " ".join(changed))
        )
        forge_file(folder, file, text.encode())
    forge(folder, features={"names": changed, "sha256": features_digest(changed)})


def test_heads_that_share_a_booster_have_one_file_and_a_factor_each(trained: RiskModel, tmp_path: Path) -> None:
    first, second, third = trained.heads
    sharing = replace(
        trained,
        boosters={**trained.boosters, third: trained.boosters[second]},
        factors={second: 0.3, third: 0.7},
        check=None,
    )
    bundle.save(sharing, tmp_path / "one")
    assert sorted(path.name for path in (tmp_path / "one").glob("booster_*")) == sorted(
        [f"booster_{first}.txt", f"booster_{second}.txt"]
    )
    loaded = bundle.load(tmp_path / "one")
    assert loaded.factors == {first: 1.0, second: 0.3, third: 0.7}
    assert loaded.boosters[third] is loaded.boosters[second]
    assert trained.check is not None
    rows = trained.check.rows
    raw = loaded.predict_raw(rows)
    assert raw.tobytes() == sharing.predict_raw(rows).tobytes()
    np.testing.assert_allclose(raw[:, 1] / 0.3, raw[:, 2] / 0.7, rtol=1e-12)
    # A saved model that was loaded has the same bytes.
    assert bundle.save(loaded, tmp_path / "two") == loaded.digest


def test_a_bundle_keeps_the_lanes_of_the_model(saved: Path, trained: RiskModel) -> None:
    assert Lanes.from_json(json.loads((saved / "bundle.json").read_bytes())["lanes"]) == trained.lanes
