"""What an administrator sets. Each is an environment variable: ``TIDEWAITER_`` and the name, ``TIDEWAITER_PORT=9000``.

Nothing is read when this module is imported: `Settings()` reads the environment, and `create_app` is given the result.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self

from pydantic import Field, SecretStr, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

if TYPE_CHECKING:
    from models.scoring.settings import ScoreSettings

KIB = 1024
MIB = 1024 * KIB


class Settings(BaseSettings):
    """Settings of the service. Sizes are bytes, times seconds, base rates and shares fractions of 1."""

    model_config = SettingsConfigDict(env_prefix="TIDEWAITER_", frozen=True, extra="forbid")

    # Until keys exist nothing but this machine may ask, so the default is the loopback address.
    host: str = "127.0.0.1"
    port: int = Field(default=8000, ge=0, le=65535)
    # Each worker holds its own model, history and memory of texts (270 MB when it starts, 320 MB after some thousand
    # shipments in batches of 1,000), so more than one is a choice.
    workers: int = Field(default=1, ge=1, le=64)
    log_level: Literal["debug", "info", "warning", "error"] = "info"

    # The store that `promote`, `pull` and `rollback` write to; while it is empty the bundled champion is served.
    models_dir: Path = Path("var/models")
    # A new bundle is noticed within this time; a look is one small file read.
    pointer_poll_seconds: float = Field(default=1.0, gt=0.0, le=3600.0)
    # The project's own kernels walk the trees where they give LightGBM's scores to the last bit. False: LightGBM does.
    kernels: bool = True

    # Share of shipments with illicit content, per head, as JSON: '{"precursor": 3e-7}'. A head not named keeps the
    # model's own default, which is marked assumed.
    base_rates: dict[str, float] = Field(default_factory=dict)
    # Share of shipments raised to red at random, for labels without selection bias. 0: the office decides.
    random_share: float = Field(default=0.0, ge=0.0, le=1.0)
    random_key: SecretStr | None = None

    # `shown` explains red and yellow; an explanation costs a hundred scores and green ones are seldom read.
    explain: Literal["none", "shown", "all"] = "shown"

    # One shipment of 200 items with every field filled is about 300 KiB of JSON.
    max_score_bytes: int = Field(default=1 * MIB, ge=KIB)
    # 1,000 shipments of a few items each are 2 to 8 MiB.
    max_batch_bytes: int = Field(default=16 * MIB, ge=KIB)
    # As the contract says. One batch is scored as one table, which takes some 150 ms on a small machine.
    max_batch_shipments: int = Field(default=1000, ge=1, le=10_000)
    # CUSDEC and ICS2 both number goods items up to 999 (9999 in some messages, which no parcel has).
    max_items: int = Field(default=999, ge=1, le=10_000)
    # About 1,000,000 rows of the sample's width; larger files belong to `tidewaiter score`. Counted after gunzip.
    max_csv_bytes: int = Field(default=512 * MIB, ge=KIB)
    # Each CSV request takes a thread, a temporary file and some 100 MB while it runs; further ones are told to wait.
    max_csv_requests: int = Field(default=2, ge=1, le=32)
    # Short chunks let single requests in between: the interpreter scores one thing at a time.
    csv_rows_per_chunk: int = Field(default=5_000, ge=100, le=100_000)
    # Where uploads wait while they are scored; None: the system's temporary folder.
    upload_dir: Path | None = None

    # A name needs 1 to 5 ms at most as a rule, so this many take some seconds.
    max_substance_queries: int = Field(default=1000, ge=1, le=10_000)
    # Systematic names are read by OPSIN, a Java program that runs beside the service (some 200 MB). False: they are not read.
    opsin: bool = True
    # Real names take milliseconds; a text made to take long is given up after this time.
    opsin_seconds: float = Field(default=1.0, gt=0.0, le=60.0)

    @model_validator(mode="after")
    def _scores_can_be_made(self) -> Self:
        self.score_settings()
        return self

    def score_settings(self) -> ScoreSettings:
        """How scores are expressed, for `models.RiskModel.score`.

        Raises:
            ValueError: a base rate or the random share cannot be.
        """
        from models.scoring.settings import ScoreSettings

        return ScoreSettings(
            base_rates=self.base_rates or None,
            random_share=self.random_share,
            random_key=self.random_key.get_secret_value() if self.random_key else None,
        )


def unknown_variables() -> list[str]:
    """Variables of the environment that look like settings and are none, most likely misspelt."""
    prefix = Settings.model_config.get("env_prefix", "")
    return sorted(
        name
        for name in os.environ
        if name.upper().startswith(prefix) and name[len(prefix) :].lower() not in Settings.model_fields
    )


def from_environment(**given: Any) -> Settings:
    """Settings of the environment, except those ``given`` that are not None (command-line options).

    Raises:
        pydantic.ValidationError: a value cannot be; it names the setting.
    """
    return Settings(**{name: value for name, value in given.items() if value is not None})
