"""Settings for administrators. Each is an environment variable: ``TIDEWAITER_`` and the name, ``TIDEWAITER_PORT=9000``.

Importing this module reads nothing. `Settings()` reads the environment, and `create_app` takes the result.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import Field, SecretStr, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from models.scoring import ScoreSettings

KIB = 1024
MIB = 1024 * KIB


class Settings(BaseSettings):
    """Settings of the service. Sizes are in bytes, times in seconds, base rates and shares fractions of 1."""

    model_config = SettingsConfigDict(env_prefix="TIDEWAITER_", frozen=True, extra="forbid")

    # Without authentication, only clients on this machine may connect, so the default is the loopback address.
    host: str = "127.0.0.1"
    port: int = Field(default=8000, ge=0, le=65535)
    # Each worker holds its own model, history and text cache: 270 MB at start, 320 MB after some thousand shipments in
    # batches of 1,000.
    workers: int = Field(default=1, ge=1, le=64)
    log_level: Literal["debug", "info", "warning", "error"] = "info"

    # The store that `promote`, `pull` and `rollback` write to. While it is empty, the bundled champion serves.
    models_dir: Path = Path("var/models")
    # The service notices a new bundle within this time; each check reads one small file.
    pointer_poll_seconds: float = Field(default=1.0, gt=0.0, le=3600.0)
    # True: the project's own kernels walk the trees where they reproduce LightGBM's scores bit for bit. False: LightGBM.
    kernels: bool = True

    # Share of shipments with illicit content, per head, as JSON: '{"precursor": 3e-7}'. Other heads keep the model's
    # default, which responses mark as assumed.
    base_rates: dict[str, float] = Field(default_factory=dict)
    # Share of shipments raised to red at random, which gives labels without selection bias. 0: none.
    random_share: float = Field(default=0.0, ge=0.0, le=1.0)
    random_key: SecretStr | None = None

    # `shown` explains red and yellow. Explaining costs as much as a hundred scores, and few people read green reasons.
    explain: Literal["none", "shown", "all"] = "shown"

    # One shipment of 200 items with every field filled is about 300 KiB of JSON.
    max_score_bytes: int = Field(default=1 * MIB, ge=KIB)
    # 1,000 shipments of a few items each are 2 to 8 MiB.
    max_batch_bytes: int = Field(default=16 * MIB, ge=KIB)
    # One batch is scored as one table, which takes about 150 ms on a small machine.
    max_batch_shipments: int = Field(default=1000, ge=1, le=10_000)
    # CUSDEC and ICS2 both number goods items up to 999 (9999 in some messages, which no parcel has).
    max_items: int = Field(default=999, ge=1, le=10_000)
    # About 1,000,000 rows as wide as the sample's, after gunzip. Use `tidewaiter score` for larger files.
    max_csv_bytes: int = Field(default=512 * MIB, ge=KIB)
    # Each CSV request takes a thread, a temporary file and about 100 MB while it runs. Further requests get 503.
    max_csv_requests: int = Field(default=2, ge=1, le=32)
    # Single requests run between chunks, because Python code runs one thread at a time; short chunks keep them fast.
    csv_rows_per_chunk: int = Field(default=5_000, ge=100, le=100_000)
    # Folder of uploads while they are scored; None: the system's temporary folder.
    upload_dir: Path | None = None

    # Most names take at most 1 to 5 ms, so 1,000 take a few seconds.
    max_substance_queries: int = Field(default=1000, ge=1, le=10_000)
    # OPSIN, a Java program beside the service (about 200 MB), reads systematic names. False: nothing reads them.
    opsin: bool = True
    # Real names take milliseconds. The limit stops texts crafted to take long.
    opsin_seconds: float = Field(default=1.0, gt=0.0, le=60.0)

    @model_validator(mode="after")
    def _check_score_settings(self) -> Self:
        self.score_settings()
        return self

    def score_settings(self) -> ScoreSettings:
        """Return the settings for `RiskModel.score`.

        Raises:
            ValueError: a base rate or the random share is out of range, or the random key is missing.
        """
        return ScoreSettings(
            base_rates=self.base_rates or None,
            random_share=self.random_share,
            random_key=self.random_key.get_secret_value() if self.random_key else None,
        )


def unknown_variables() -> list[str]:
    """Return environment variables with the prefix of settings that name no setting, most likely misspelt."""
    prefix = Settings.model_config.get("env_prefix", "")
    return sorted(
        name
        for name in os.environ
        if name.upper().startswith(prefix) and name[len(prefix) :].lower() not in Settings.model_fields
    )


def from_environment(**options: Any) -> Settings:
    """Return the settings of the environment, overridden by the ``options`` that are not None (from the command line).

    Raises:
        pydantic.ValidationError: a value is invalid; the error names the setting.
    """
    return Settings(**{name: value for name, value in options.items() if value is not None})
