"""Settings for administrators. Each has an environment variable with the prefix ``TIDEWAITER_``, such as ``TIDEWAITER_PORT``.

A file ``tidewaiter.toml`` may have them too (`service.core.config_file`).
`Settings()` reads both; importing this module does not. Pass the settings to `create_app`.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import ipaddress
import os
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any, Literal, Self, get_args
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from features.readers.source import read_small
from models.bundle import BadKey, ModelStore, check_public_key
from models.capacity import ALL, EXPLORATION, PARTS
from models.rules import office_rules
from models.scoring import ScoreSettings
from service.core.config_file import CONFIG, ConfigFile

KIB = 1024
MIB = 1024 * KIB


Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
#: Names of weekdays, in the order of `datetime.date.weekday`.
DAYS: tuple[Day, ...] = get_args(Day)


class Capacity(BaseModel):
    """What an office can inspect: the section ``[capacity]`` of ``tidewaiter.toml``.

    Attributes:
        per_day: inspections on a working day, of the whole office or of each group. Groups share a single number in proportion to
            their traffic. Groups that a table leaves out have the threshold of the whole office.
        by: whether sites, channels or both have thresholds of their own.
        exploration: share of the inspections that explore.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    per_day: Annotated[float, Field(ge=0.0)] | dict[str, Annotated[float, Field(ge=0.0)]]
    by: Literal["none", "site", "channel", "both"] = "none"
    working_days: tuple[Day, ...] = Field(default=DAYS[:5], min_length=1)
    exploration: float = Field(default=EXPLORATION, ge=0.0, le=0.5)

    @model_validator(mode="after")
    def _check_groups(self) -> Self:
        if isinstance(self.per_day, dict):
            if self.by == "none":
                raise ValueError("per_day: a table of groups needs by = 'site', 'channel' or 'both'")
            parts = len(PARTS[self.by])
            wrong = [name for name in self.per_day if len(name.split("/")) != parts or not name]
            if wrong:
                example = "USLAX/express" if parts == 2 else {"site": "USLAX", "channel": "express"}[self.by]
                raise ValueError(f"per_day: {wrong[0]!r} is not a group; with by = {self.by!r}, one is {example!r}")
        return self

    @property
    def parts(self) -> tuple[str, ...]:
        """Parts of a group (`models.capacity.FIELD_OF`)."""
        return PARTS[self.by]

    @property
    def digest(self) -> str:
        """SHA-256 of all values."""
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()

    def daily(self, shipments: Mapping[str, float]) -> dict[str, float]:
        """Return the inspections on a working day of each group, and of all (`models.capacity.ALL`).

        Args:
            shipments: number of recent shipments of each group.
        """
        if isinstance(self.per_day, dict):
            return {**self.per_day, ALL: sum(self.per_day.values())}
        total = sum(shipments.values())
        return {**{group: self.per_day * count / total for group, count in shipments.items()}, ALL: self.per_day}

    def is_working(self, day: dt.date) -> bool:
        """Return whether the office inspects on a day."""
        return DAYS[day.weekday()] in self.working_days


class Settings(BaseSettings):
    """Settings of the service. Sizes are in bytes, times in seconds, and base rates and shares between 0 and 1."""

    model_config = SettingsConfigDict(
        env_prefix="TIDEWAITER_", frozen=True, extra="forbid", validate_by_name=True, validate_by_alias=True
    )

    # By default, requests to a loopback address need no API key.
    host: str = "127.0.0.1"
    port: int = Field(default=8000, ge=0, le=65535)
    # Each worker has its own model, history and text cache: 270 MB at start, 320 MB after some thousand shipments in batches of
    # 1,000.
    workers: int = Field(default=1, ge=1, le=64)
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    # Host names of the service, separated by commas. localhost and IP addresses are always accepted; * accepts any name.
    allowed_hosts: str | None = None
    # Web origins whose pages may send shipments, separated by commas, such as https://console.example.
    allowed_origins: str | None = None

    # Limits per worker. The system's limit on open files may allow fewer connections.
    max_connections: int = Field(default=1000, ge=1, le=65535)
    # Requests processed at the same time. Further ones get 503 at once. 128 single shipments take about 50 ms.
    max_active: int = Field(default=128, ge=1, le=10_000)
    # Time limit for the head of a request, which arrives in one packet or two.
    head_seconds: float = Field(default=10.0, gt=0.0, le=3600.0)
    idle_seconds: float = Field(default=5.0, gt=0.0, le=3600.0)
    # Slower clients are disconnected, because each occupies memory, a file or a connection. 32 kbit/s is a slow mobile network.
    min_bytes_per_second: int = Field(default=4096, ge=1)

    # Whether the service stores decisions, outcomes, lists, keys and jobs. Otherwise history starts anew with each start.
    keeps_decisions: bool = Field(default=True, validation_alias="TIDEWAITER_STORE")
    # sqlite:///PATH or postgresql://USER:PASSWORD@HOST/NAME. It may contain a password, so it is never logged.
    database_url: SecretStr = SecretStr("sqlite:///var/tidewaiter.db")

    # Treatment of shipments while the database is unavailable. `refuse` answers 503. `journal` scores them and keeps the decisions
    # in files until the database is available again.
    database_away: Literal["refuse", "journal"] = "refuse"
    # Folder of those files, on a local disk. They contain manifests, so only the service may read the folder.
    journal_dir: Path = Path("var/journal")

    # Whether requests need an API key. None: only if the service does not listen on a loopback address.
    auth: bool | None = None
    # JSON file with hashes of keys that are valid in addition to those of the store (`service.keys.key`).
    keys_file: Path | None = None
    # Interval between reads of the keys. A revoked key is refused from the next read on.
    keys_poll_seconds: float = Field(default=1.0, gt=0.0, le=60.0)
    # File for the first key, written by the first start if standard error is not a terminal.
    first_key_file: Path = Path("var/administrator-key")

    # A restart loads the latest checkpoint of the history and replays the shipments after it, so the interval limits the replay.
    # A checkpoint of a full history takes some seconds of processor time in a thread, and 265 MB for a copy.
    history_checkpoint_seconds: float = Field(default=300.0, ge=1.0, le=86_400.0)
    # Period that is replayed without a checkpoint. Most history features use windows of up to 30 days.
    history_replay_days: float = Field(default=30.0, gt=0.0, le=3660.0)
    # Earlier manifest file that fills the history of a service whose store has no checkpoint yet, and the mapping of its columns.
    history_file: Path | None = None
    history_mapping: Path | None = None
    # Key that encrypts checkpoints, which contain hashes of names and addresses. None: the key is in a file.
    history_key: SecretStr | None = None
    # File of the key, such as a container secret. The first start with a store creates it. None: `history-key` beside the SQLite
    # file. With PostgreSQL, it is beside the folder of the journal, which must also outlive the process.
    history_key_file: Path | None = None
    # Whether the service has the officers' console at `/`, and the time zone of its times, such as America/New_York.
    console: bool = True
    time_zone: str = "UTC"
    # OpenID Connect provider at which people sign in to the console, the client that it knows, and its name on the button. It sends
    # people back to /sign-in/return.
    oidc_issuer: str | None = Field(default=None, pattern="^https?://")
    oidc_client_id: str | None = None
    oidc_client_secret: SecretStr | None = None
    oidc_name: str = "SSO"
    # Duration of an officer's claim on a queued shipment. Opening a parcel takes minutes; a claim can be renewed.
    claim_seconds: float = Field(default=1800.0, ge=1.0, le=86_400.0)

    # Age in days at which personal data is erased; checked once a day. None: it is never erased.
    retention_days: float | None = Field(default=None, gt=0.0, le=36_500.0)

    # Folder of uploads and results of jobs. All workers need access to it.
    jobs_dir: Path = Path("var/jobs")
    # True: the service scores small jobs, and starts a worker process when another one waits.
    # False: only `tidewaiter worker` scores jobs.
    job_worker: bool = True
    # Jobs that are queued or running. Each may need max_csv_bytes on disk twice, for upload and result.
    max_jobs: int = Field(default=20, ge=1, le=10_000)
    # Duration of a worker's lease on its job. The worker renews the lease every third of this time; otherwise it loses the job.
    job_lease_seconds: float = Field(default=30.0, ge=1.0, le=3600.0)
    # Days after which the files of an ended job are deleted.
    job_retention_days: float = Field(default=7.0, gt=0.0, le=3650.0)

    # Whether webhook URLs may use http, and may have private, loopback and link-local addresses.
    webhook_http: bool = False
    webhook_private: bool = False

    # Folder of the model store, which `promote`, `pull` and `rollback` modify. While it is empty, the bundled champion is used.
    models_dir: Path = Path("var/models")
    # PEM file of the Ed25519 public key that verifies every bundle, including the bundled champion. None: no signature is needed.
    bundle_key: Path | None = None
    # Interval between checks for a new bundle. A check reads one small file, and a rollback waits for it.
    pointer_poll_seconds: float = Field(default=0.25, gt=0.0, le=3600.0)
    # True: use the project's own tree kernels if they reproduce LightGBM's scores bit for bit. False: use LightGBM.
    kernels: bool = True

    # Share of shipments with illicit content per head, as JSON: '{"precursor": 3e-7}'. Other heads keep the model's default,
    # which responses mark as assumed.
    base_rates: dict[str, float] = Field(default_factory=dict)
    # Share of shipments that are raised to red at random, for labels without selection bias.
    random_share: float = Field(default=0.0, ge=0.0, le=1.0)
    random_key: SecretStr | None = None
    # What the office can inspect, as JSON: '{"per_day": 40, "by": "site"}', or the section [capacity] of tidewaiter.toml. Red is
    # then what it can open. None: lanes by the thresholds of the bundle.
    capacity: Capacity | None = None

    # A file of rules in addition to those of the bundle, or `none`: no rules at all.
    rules: str | None = None
    # CSV file of the office's permits. Without it, no permit counts as registered. (The base class reserves the name `register`.)
    permit_register: Path | None = Field(default=None, validation_alias="TIDEWAITER_REGISTER")

    # `shown` explains red and yellow shipments. An explanation costs as much as a hundred scores, and officers rarely read those
    # of green ones.
    explain: Literal["none", "shown", "all"] = "shown"

    # File to which scored shipments are appended for `tidewaiter adapt --from-log`. Off by default, because it holds personal data.
    record: Path | None = None
    # A file holds about 250,000 shipments of 1 KB.
    record_bytes: int = Field(default=256 * MIB, ge=KIB)
    # Number of rotated files in addition. All files together take at most 2.75 GiB by default.
    record_files: int = Field(default=10, ge=1, le=1000)

    # One shipment of 200 items with every field filled is about 300 KiB of JSON.
    max_score_bytes: int = Field(default=1 * MIB, ge=KIB)
    # 1,000 shipments of a few items each are 2 to 8 MiB.
    max_batch_bytes: int = Field(default=16 * MIB, ge=KIB)
    # Total size of the bodies of batches in progress. A batch needs up to ten times its size in memory.
    max_bodies_bytes: int = Field(default=48 * MIB, ge=KIB)
    # One batch is scored as one table, which takes about 150 ms on a small machine.
    max_batch_shipments: int = Field(default=1000, ge=1, le=10_000)
    # CUSDEC and ICS2 number goods items up to 999. (Some messages allow 9999, but not for parcels.)
    max_items: int = Field(default=999, ge=1, le=10_000)
    # About 1,000,000 rows as wide as the sample's, after gunzip. Use `tidewaiter score` for larger files.
    max_csv_bytes: int = Field(default=512 * MIB, ge=KIB)
    # Total size of the uploads of CSV requests in progress, on disk.
    max_uploads_bytes: int = Field(default=1024 * MIB, ge=KIB)
    # Each CSV request needs a thread, a temporary file and about 100 MB. Requests beyond the limit get 503.
    max_csv_requests: int = Field(default=2, ge=1, le=32)
    # Python runs one thread at a time, so single requests run between chunks. Small chunks keep their waits short.
    csv_rows_per_chunk: int = Field(default=5_000, ge=100, le=100_000)
    # True: cells of scored CSV that a spreadsheet would evaluate as formulas get a leading apostrophe. False: they stay unchanged.
    excel_safe: bool = False
    # Folder for uploads during scoring. None: the system's temporary folder.
    upload_dir: Path | None = None

    # Most names take up to 5 ms, so 1,000 take a few seconds.
    max_substance_queries: int = Field(default=1000, ge=1, le=10_000)
    # A text takes about 0.05 ms, so 1,000 take 50 ms.
    max_goods_queries: int = Field(default=1000, ge=1, le=10_000)
    # Processor time for reading chemical names and structures of one request, or of one chunk of a file. Texts beyond it are
    # reported as unread, and their shipments are at least yellow. 1,000 structures take some seconds.
    reading_seconds: float = Field(default=3.0, gt=0.0, le=600.0)
    # OPSIN, a Java program beside the service (about 200 MB), reads systematic names. False: systematic names are not read.
    opsin: bool = True
    # Real names take milliseconds. The limit stops texts that are crafted to be slow.
    opsin_seconds: float = Field(default=1.0, gt=0.0, le=60.0)

    _score_settings: ScoreSettings = PrivateAttr()
    _public_key: bytes | None = PrivateAttr(default=None)

    @model_validator(mode="after")
    def _check_score_settings(self) -> Self:
        # Raises if a base rate, the random share, a rule or the register is invalid, or the random key is missing.
        self._score_settings = ScoreSettings(
            base_rates=self.base_rates or None,
            random_share=self.random_share,
            random_key=self.random_key.get_secret_value() if self.random_key else None,
            rules=office_rules(self.rules, self.permit_register),
        )
        return self

    @field_validator("time_zone")
    @classmethod
    def _check_time_zone(cls, name: str) -> str:
        try:
            ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise ValueError(f"{name!r} is no time zone; expected a name such as Europe/Paris") from None
        return name

    @model_validator(mode="after")
    def _check_provider(self) -> Self:
        if self.oidc_issuer is not None:
            if not self.oidc_client_id:
                raise ValueError("oidc_client_id: the provider of oidc_issuer needs to know the service by one.")
            if find_spec("authlib") is None or find_spec("httpx2") is None:
                raise ValueError("oidc_issuer: Authlib or HTTPX2 is missing; install tidewaiter[oidc].")
        return self

    @model_validator(mode="after")
    def _check_capacity(self) -> Self:
        if self.capacity is not None and self.random_share > 0.0:
            raise ValueError("capacity: its exploration replaces the random share; set one of them.")
        return self

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Return the sources of settings: the command line, the environment, and the file."""
        return init_settings, env_settings, ConfigFile(settings_cls, variables())

    @model_validator(mode="after")
    def _check_history_key(self) -> Self:
        if self.history_key_file is not None and self.history_key is not None:
            raise ValueError("history_key_file: set either history_key_file or history_key, not both.")
        return self

    @model_validator(mode="after")
    def _read_bundle_key(self) -> Self:
        if self.bundle_key is not None:
            try:
                self._public_key = read_small(self.bundle_key)
                check_public_key(self._public_key)
            except (OSError, BadKey) as error:
                raise ValueError(
                    f"bundle_key: {self.bundle_key}: {getattr(error, 'strerror', None) or error}"
                ) from None
        return self

    def store(self) -> ModelStore:
        """Return the model store, which verifies the signatures of bundles if a public key is set."""
        return ModelStore(self.models_dir, kernels=self.kernels, public_key=self._public_key)

    def public_values(self) -> dict[str, Any]:
        """Return all settings as JSON values. A secret is only shown as ``set`` or ``empty``."""
        values = self.model_dump(mode="json")
        for name in values:
            if isinstance(secret := getattr(self, name), SecretStr):
                values[name] = "set" if secret.get_secret_value() else "empty"
        return values

    @property
    def needs_keys(self) -> bool:
        """True if requests need an API key."""
        return not is_loopback(self.host) if self.auth is None else self.auth

    def access_problem(self) -> str | None:
        """Return why the service must not listen with these settings; None if it may."""
        if not self.needs_keys and not is_loopback(self.host):
            return (
                f"TIDEWAITER_AUTH=off is only for loopback addresses; on {self.host or 'all addresses'}, anyone who can connect "
                "could use the service. Unset TIDEWAITER_AUTH, or serve on 127.0.0.1."
            )
        if self.needs_keys and not self.keeps_decisions and self.keys_file is None:
            return (
                f"Requests to {self.host or 'all addresses'} need API keys, but there are none: with TIDEWAITER_STORE=off, keys "
                "come from TIDEWAITER_KEYS_FILE. Make one with `tidewaiter keys create --keys-file FILE`, or serve on 127.0.0.1."
            )
        return None

    @property
    def public_key(self) -> bytes | None:
        """PEM of the public key that verifies bundles; None if no signature is needed."""
        return self._public_key

    @property
    def history_secret(self) -> str | None:
        """Key from the setting `history_key`; None if the key is in a file (`service.history.key`)."""
        return None if self.history_key is None else self.history_key.get_secret_value()

    def score_settings(self) -> ScoreSettings:
        """Return the settings for `RiskModel.score`, with the rules and the register as read at start-up."""
        return self._score_settings


def is_loopback(host: str) -> bool:
    """Return whether ``host`` is a loopback address or ``localhost``, which only this machine can reach."""
    if host.lower() == "localhost":
        return True
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return address.is_loopback or (mapped is not None and mapped.is_loopback)


def names_in(text: str | None) -> list[str]:
    """Return the names in a comma-separated setting."""
    return [name for part in (text or "").split(",") if (name := part.strip())]


def variables() -> dict[str, str]:
    """Return the environment variable of each setting: variable -> name of the setting."""
    prefix = Settings.model_config.get("env_prefix", "")
    return {
        str(field.validation_alias or f"{prefix}{name}").upper(): name for name, field in Settings.model_fields.items()
    }


def unknown_variables() -> list[str]:
    """Return environment variables that have the prefix but match no setting. They are probably misspelt."""
    prefix = Settings.model_config.get("env_prefix", "")
    known = {*variables(), CONFIG}
    return sorted(name for name in os.environ if name.upper().startswith(prefix) and name.upper() not in known)


def from_environment(**options: Any) -> Settings:
    """Return the settings of the environment, overridden by ``options`` of the command line. An option of None changes nothing.

    Raises:
        pydantic.ValidationError: a value is invalid; the error names the setting.
    """
    return Settings(**{name: value for name, value in options.items() if value is not None})
