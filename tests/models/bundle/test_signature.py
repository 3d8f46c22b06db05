"""Signed bundles, and a pointer that is lost by accident or attack."""

from __future__ import annotations

import logging
import shutil
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519

from models.bundle import BadKey, BundleRefused, ModelStore, load, sign, verify
from models.bundle import store as module
from models.bundle.signature import SIGNATURE, check_public_key
from models.scoring import RiskModel


def keys() -> tuple[bytes, bytes]:
    """Return a new private and public key in PEM."""
    key = ed25519.Ed25519PrivateKey.generate()
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return private, key.public_key().public_bytes(serialization.Encoding.PEM, form)


@pytest.fixture
def bundle(saved: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(saved, tmp_path / "bundle"))


def test_a_signed_bundle_loads_where_a_signature_is_required(bundle: Path) -> None:
    private, public = keys()
    sign(bundle, verify(bundle).digest, private)
    assert isinstance(load(bundle, public_key=public), RiskModel)
    # The digest does not cover the signature, and checking it is optional.
    assert load(bundle).digest == verify(bundle, public_key=public).digest


def test_a_bundle_without_the_right_signature_is_refused(bundle: Path) -> None:
    private, public = keys()
    with pytest.raises(BundleRefused, match=r"bundle\.sig: missing, and the settings require a signature"):
        load(bundle, public_key=public)
    sign(bundle, verify(bundle).digest, keys()[0])
    with pytest.raises(BundleRefused, match=r"bundle\.sig: not the signature of this bundle by the required key"):
        load(bundle, public_key=public)
    sign(bundle, "0" * 64, private)
    with pytest.raises(BundleRefused, match="not the signature of this bundle"):
        load(bundle, public_key=public)
    (bundle / SIGNATURE).write_bytes(b"\xff not base64")
    with pytest.raises(BundleRefused, match="not the signature of this bundle"):
        load(bundle, public_key=public)


def test_a_signature_may_not_be_a_link(bundle: Path, tmp_path: Path) -> None:
    private, public = keys()
    sign(bundle, verify(bundle).digest, private).rename(tmp_path / "elsewhere")
    (bundle / SIGNATURE).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(BundleRefused, match="missing"):
        load(bundle, public_key=public)


def test_the_store_requires_the_signature_also_of_the_champion(
    bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    champion = Path(shutil.copytree(bundle, tmp_path / "champion"))
    monkeypatch.setattr(module, "champion_dir", lambda: champion)
    private, public = keys()
    store = ModelStore(tmp_path / "store", public_key=public)
    with pytest.raises(BundleRefused, match=r"bundle\.sig: missing"):
        store.load()
    sign(bundle, verify(bundle).digest, private)
    assert (store.install(bundle) / SIGNATURE).exists()
    assert store.load().digest == verify(bundle).digest


@pytest.mark.parametrize("text", [b"", b"no key", b"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n"])
def test_text_that_is_not_a_key_is_refused(text: bytes, bundle: Path) -> None:
    with pytest.raises(BadKey, match="not a public key in PEM"):
        check_public_key(text)
    with pytest.raises(BadKey, match="not a private key in PEM"):
        sign(bundle, "0" * 64, text)


@pytest.mark.parametrize("lose", [Path.unlink, lambda pointer: pointer.write_bytes(b"")])
def test_a_lost_pointer_is_reported_until_a_version_or_the_champion_is_chosen(
    bundle: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch, lose: object
) -> None:
    champion = Path(shutil.copytree(bundle, tmp_path / "champion"))
    monkeypatch.setattr(module, "champion_dir", lambda: champion)
    store = ModelStore(tmp_path / "store")
    assert store.lost_pointer() is None
    store.install(bundle)
    assert store.lost_pointer() is None
    lose(tmp_path / "store" / "current")  # type: ignore[operator]
    with caplog.at_level(logging.ERROR):
        assert store.load().digest == verify(champion).digest
    assert "although 1 version is installed: the bundled champion is used instead of the office's model" in caplog.text
    assert store.rollback() == champion
    assert (tmp_path / "store" / "current").read_text() == "champion\n"
    assert store.lost_pointer() is None
    assert store.current() is None
    store.install(bundle)
    assert store.current() is not None
