from __future__ import annotations

import shutil
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from models.bundle import AnotherLabel, BundleRefused, ModelStore, StoreError, bundle, champion_dir, resolve, store
from models.bundle.files import write_durably
from models.scoring import RiskModel
from tests.models.small_model import train


@pytest.fixture(scope="module")
def releases(trained: RiskModel, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Bundles of three versions."""
    folder = tmp_path_factory.mktemp("releases")
    for version in ("1", "2", "3"):
        bundle.save(replace(trained, version=version), folder / version)
    return [folder / version for version in ("1", "2", "3")]


@pytest.fixture
def model_store(tmp_path: Path) -> ModelStore:
    return ModelStore(tmp_path / "store")


@pytest.fixture
def champion(releases: list[Path], monkeypatch: pytest.MonkeyPatch) -> Path:
    """Version 3 replaces the champion that comes with the code."""
    monkeypatch.setattr(store, "champion_dir", lambda: releases[2])
    return releases[2]


def leftovers(model_store: ModelStore) -> list[str]:
    return sorted(path.name for path in model_store.root.iterdir() if path.name not in ("versions", "current", ".lock"))


def test_the_champion_is_in_the_package() -> None:
    assert champion_dir().name == "champion"
    assert champion_dir().parent.name == "models"


def test_the_champion_is_in_use_without_a_pointer(model_store: ModelStore, champion: Path) -> None:
    assert model_store.current() is None
    assert resolve(model_store.root) == champion
    assert model_store.load().version == "3"
    assert model_store.versions() == []
    assert not model_store.root.exists()


def test_the_first_installation_never_looks_like_a_lost_pointer(
    model_store: ModelStore, releases: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[object] = []
    monkeypatch.setattr(store, "sync_folder", lambda _: seen.append(ModelStore(model_store.root).lost_pointer()))
    model_store.install(releases[0])
    assert len(seen) >= 3
    assert set(seen) == {None}


def test_an_installed_bundle_is_in_use_and_equals_its_source(model_store: ModelStore, releases: list[Path]) -> None:
    place = model_store.install(releases[0])
    digest = bundle.describe(releases[0]).digest
    assert place == model_store.root / "versions" / f"1-{digest[:12]}"
    assert resolve(model_store.root) == model_store.current() == place
    assert model_store.load().digest == digest
    assert {path.name: path.read_bytes() for path in place.iterdir()} == {
        path.name: path.read_bytes() for path in releases[0].iterdir()
    }
    assert place.stat().st_mode & 0o555 == 0o555
    assert leftovers(model_store) == []


def test_installing_the_current_version_again_changes_nothing(model_store: ModelStore, releases: list[Path]) -> None:
    model_store.install(releases[0])
    before = (model_store.root / "current").read_bytes()
    model_store.install(releases[0])
    assert (model_store.root / "current").read_bytes() == before
    assert len(model_store.versions()) == 1


def test_rollback_steps_back_to_the_champion(model_store: ModelStore, releases: list[Path], champion: Path) -> None:
    first, second = model_store.install(releases[0]), model_store.install(releases[1])
    assert model_store.current() == second
    assert model_store.rollback() == first
    assert model_store.current() == first
    assert model_store.rollback() == champion
    assert resolve(model_store.root) == champion
    with pytest.raises(StoreError, match="Nothing to roll back: the bundled champion is in use"):
        model_store.rollback()
    assert model_store.versions() == sorted([first, second])


def test_a_version_can_be_installed_again_after_a_rollback(model_store: ModelStore, releases: list[Path]) -> None:
    model_store.install(releases[0])
    second = model_store.install(releases[1])
    model_store.rollback()
    assert model_store.install(releases[1]) == second == model_store.current()


@pytest.fixture(scope="module")
def of_fraud(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Bundle of a model of an office's own label."""
    model = train(heads=("risk",))
    model.card = {"label": {"column": "fraud", "positive": "Y"}, "data": {"source": "cases.csv", "shipments": 1500}}
    bundle.save(model, folder := tmp_path_factory.mktemp("fraud") / "bundle")
    return folder


def test_a_bundle_says_what_it_is_for(releases: list[Path], of_fraud: Path) -> None:
    one, other = store.purpose(releases[0]), store.purpose(of_fraud)
    assert one.predicts == "content (fentanyl_or_analogue, precursor, equipment)"
    assert one.base_rate == pytest.approx(1.6e-6)
    assert (other.predicts, other.data) == ("column 'fraud' = 'Y'", "cases.csv, 1,500 shipments")


def test_a_model_of_another_label_enters_service_only_on_purpose(
    model_store: ModelStore, releases: list[Path], champion: Path, of_fraud: Path
) -> None:
    with pytest.raises(AnotherLabel, match=r"`label` failed: bundle predicts column 'fraud'.* predicts content"):
        model_store.install(of_fraud)
    assert not model_store.root.exists()
    first = model_store.install(releases[0])
    with pytest.raises(AnotherLabel):
        model_store.install(of_fraud)
    assert model_store.current() == first
    assert model_store.versions() == [first]
    other = model_store.install(of_fraud, another_label=True)
    assert model_store.current() == model_store.install(of_fraud) == other
    with pytest.raises(AnotherLabel, match=r"predicts content.* predicts column 'fraud'"):
        model_store.install(releases[0])
    assert model_store.rollback() == first


def test_a_damaged_model_in_service_can_be_replaced(
    model_store: ModelStore, releases: list[Path], of_fraud: Path
) -> None:
    (model_store.install(releases[0]) / "bundle.json").write_text("{}")
    assert model_store.install(of_fraud) == model_store.current()


def test_rollback_without_earlier_versions_is_an_error(model_store: ModelStore) -> None:
    with pytest.raises(StoreError, match="no version was ever installed"):
        model_store.rollback()


def test_a_refused_bundle_leaves_the_old_one_in_use(
    model_store: ModelStore, releases: list[Path], tmp_path: Path
) -> None:
    first = model_store.install(releases[0])
    bad = Path(shutil.copytree(releases[1], tmp_path / "bad"))
    (bad / "card.json").write_bytes(b"{}")
    with pytest.raises(BundleRefused, match=r"card\.json"):
        model_store.install(bad)
    assert model_store.current() == first
    assert model_store.versions() == [first]
    assert leftovers(model_store) == []


def test_a_failed_copy_leaves_the_old_one_in_use(
    model_store: ModelStore, releases: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    first = model_store.install(releases[0])

    def truncate(path: Path, data: bytes) -> None:
        write_durably(path, data[:-1] if path.name == "history.npz" else data)

    monkeypatch.setattr(store, "write_durably", truncate)
    with pytest.raises(BundleRefused, match=r"history\.npz: .*truncated"):
        model_store.install(releases[1])
    assert model_store.current() == first
    assert model_store.versions() == [first]
    assert leftovers(model_store) == []


def test_a_crash_before_the_switch_leaves_the_old_one_in_use(
    model_store: ModelStore, releases: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    first = model_store.install(releases[0])

    def crash(*_: object) -> None:
        raise OSError("the disk is gone")

    with monkeypatch.context() as broken:
        broken.setattr(ModelStore, "_write_pointer", crash)
        with pytest.raises(OSError, match="the disk is gone"):
            model_store.install(releases[1])
    assert model_store.current() == first
    assert model_store.load().version == "1"
    assert model_store.install(releases[1]) == model_store.current()


def test_the_next_installation_removes_files_of_an_interrupted_one(
    model_store: ModelStore, releases: list[Path]
) -> None:
    model_store.install(releases[0])
    (model_store.root / ".incoming-dead").mkdir()
    (model_store.root / ".incoming-dead" / "bundle.json").write_bytes(b"half")
    model_store.install(releases[1])
    assert leftovers(model_store) == []


def test_a_damaged_installation_is_refused_and_repaired_by_installing_again(
    model_store: ModelStore, releases: list[Path]
) -> None:
    place = model_store.install(releases[0])
    (place / "history.npz").write_bytes(b"")
    with pytest.raises(BundleRefused, match=r"history\.npz"):
        model_store.load()
    assert model_store.install(releases[0]) == place
    assert model_store.load().version == "1"
    assert leftovers(model_store) == []


def test_rollback_to_a_damaged_version_is_refused(model_store: ModelStore, releases: list[Path]) -> None:
    first, second = model_store.install(releases[0]), model_store.install(releases[1])
    shutil.rmtree(first)
    with pytest.raises(BundleRefused, match="not a folder"):
        model_store.rollback()
    assert model_store.current() == second


def test_another_valid_bundle_under_an_installed_name_is_refused(model_store: ModelStore, releases: list[Path]) -> None:
    first = model_store.install(releases[0])
    shutil.rmtree(first)
    shutil.copytree(releases[1], first)
    with pytest.raises(BundleRefused, match="was expected"):
        model_store.load()


@pytest.mark.parametrize(
    "pointer",
    [b"../../etc-0123456789ab\n", b"1-0123456789ab", b"\n", b"1\n", b"/1-0123456789ab\n", b"\xff\n"],
)
def test_a_damaged_pointer_is_refused(model_store: ModelStore, releases: list[Path], pointer: bytes) -> None:
    model_store.install(releases[0])
    (model_store.root / "current").write_bytes(pointer)
    with pytest.raises(StoreError, match="pointer"):
        model_store.current()
    with pytest.raises(StoreError, match="pointer"):
        resolve(model_store.root)


def test_readers_see_only_whole_versions_during_installations(model_store: ModelStore, releases: list[Path]) -> None:
    model_store.install(releases[0])
    failures: list[BaseException] = []

    def install() -> None:
        try:
            for source in (releases[1], releases[2], releases[0]):
                ModelStore(model_store.root).install(source)
        except BaseException as error:
            failures.append(error)

    writers = [threading.Thread(target=install) for _ in range(2)]
    for writer in writers:
        writer.start()
    seen = set()
    while any(writer.is_alive() for writer in writers):
        seen.add(model_store.load().version)
    for writer in writers:
        writer.join()
    assert failures == []
    assert seen <= {"1", "2", "3"}
    assert model_store.load().version == "1"
    assert len(model_store.versions()) == 3
    assert leftovers(model_store) == []
