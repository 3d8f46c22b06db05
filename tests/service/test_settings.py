"""Settings come from the environment, are validated at once, and are not read at import."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from pydantic import SecretStr, ValidationError

from service.core.settings import Settings, from_environment, is_loopback, unknown_variables


def test_the_default_host_is_the_loopback_address() -> None:
    assert Settings().host == "127.0.0.1"


def test_the_command_line_overrides_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TIDEWAITER_PORT", "9000")
    monkeypatch.setenv("TIDEWAITER_BASE_RATES", '{"precursor": 3e-7}')
    monkeypatch.setenv("TIDEWAITER_MODELS_DIR", "/srv/models")
    settings = from_environment(host=None, port=None)
    assert (settings.port, settings.models_dir) == (9000, Path("/srv/models"))
    assert settings.score_settings().base_rates == {"precursor": 3e-7}
    assert from_environment(port=9001).port == 9001


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("base_rates", {"precursor": 1.5}, "between 0 and 1"),
        ("random_share", 0.01, "random key"),
        ("port", 70000, "65535"),
        ("explain", "everything", "shown"),
        ("pointer_poll_seconds", 0, "greater than 0"),
    ],
)
def test_an_invalid_value_is_refused_at_once(name: str, value: object, words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        Settings(**{name: value})  # type: ignore[arg-type]


def test_the_random_key_is_not_shown() -> None:
    settings = Settings(random_share=0.01, random_key=SecretStr("a key of the office"))
    assert "a key of the office" not in repr(settings)
    assert settings.score_settings().random_key == "a key of the office"


def test_the_key_of_the_history_is_set_or_in_a_file(tmp_path: Path) -> None:
    settings = Settings(history_key=SecretStr("a long random text"))
    assert settings.history_secret == "a long random text"
    assert "long random" not in str(settings)
    assert Settings().history_secret is None
    with pytest.raises(ValidationError, match="not both"):
        Settings(history_key_file=tmp_path / "history_key", history_key=SecretStr("a"))


@pytest.mark.slow
def test_importing_the_service_reads_no_settings() -> None:
    code = "import os; os.environ['TIDEWAITER_PORT'] = 'no port'; import service.app, service.cli, service.server"
    imported = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, timeout=60, check=False
    )
    assert (imported.returncode, imported.stderr) == (0, "")


def test_a_misspelt_setting_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TIDEWAITER_RANDOM_SHARE", "0")
    monkeypatch.setenv("TIDEWAITER_RANDOM_SHAER", "0.01")
    assert unknown_variables() == ["TIDEWAITER_RANDOM_SHAER"]


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.9.10", "::1", "localhost", "LOCALHOST", "::ffff:127.0.0.1"])
def test_a_loopback_address_needs_no_keys_by_default(host: str) -> None:
    assert is_loopback(host)
    assert not Settings(host=host).needs_keys
    assert Settings(host=host, auth=False).access_problem() is None
    assert Settings(host=host, auth=True, keeps_decisions=True).needs_keys
    assert Settings(host=host, auth=True, keeps_decisions=True).access_problem() is None


@pytest.mark.parametrize(
    "host", ["0.0.0.0", "::", "", "10.0.0.1", "fd00::1", "tidewaiter.example", "127.0.0.1.example"]
)
def test_any_other_address_needs_keys(host: str) -> None:
    assert not is_loopback(host)
    assert Settings(host=host, keeps_decisions=True).needs_keys
    assert Settings(host=host, keeps_decisions=True).access_problem() is None
    assert Settings(host=host, keeps_decisions=False, keys_file=Path("keys")).access_problem() is None
    assert "TIDEWAITER_AUTH=off is only for loopback" in str(Settings(host=host, auth=False).access_problem())
    assert "TIDEWAITER_KEYS_FILE" in str(Settings(host=host, keeps_decisions=False).access_problem())


def test_authentication_is_switched_by_words(monkeypatch: pytest.MonkeyPatch) -> None:
    for word, needed in (("on", True), ("off", False)):
        monkeypatch.setenv("TIDEWAITER_AUTH", word)
        assert Settings().needs_keys is needed
