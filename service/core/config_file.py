"""Settings from ``tidewaiter.toml``: a key for each setting, named like its variable without the prefix, in any case.

The environment and the command line come first.
"""

from __future__ import annotations

import os
import tomllib
from pathlib import Path
from typing import Any, Final

from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource

from features.readers.source import read_small

#: Variable that names the file.
CONFIG: Final = "TIDEWAITER_CONFIG"
#: File that is read if the variable `CONFIG` names none, and the current folder has it.
DEFAULT: Final = Path("tidewaiter.toml")


def config_file() -> Path | None:
    """Return the file of the settings; None if there is none."""
    named = os.environ.get(CONFIG)
    if named:
        return Path(named)
    return DEFAULT if DEFAULT.is_file() else None


class ConfigFile(PydanticBaseSettingsSource):
    """Source of settings for `pydantic_settings`."""

    def __init__(self, settings: type[BaseSettings], names: dict[str, str]) -> None:
        """
        Args:
            names: variable -> name of the setting.
        """
        super().__init__(settings)
        prefix = str(settings.model_config.get("env_prefix", ""))
        self._names = {variable.removeprefix(prefix).lower(): name for variable, name in names.items()}

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        """Is not used, because `__call__` returns all values."""
        raise NotImplementedError

    def __call__(self) -> dict[str, Any]:
        """Return the settings in the file.

        Raises:
            ValueError: the file cannot be read, is not TOML, or has a key that is no setting; the message names it.
        """
        file = config_file()
        if file is None:
            return {}
        try:
            content = tomllib.loads(read_small(file).decode())
        except OSError as error:
            raise ValueError(f"{file}: cannot be read: {error.strerror or error}") from None
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise ValueError(f"{file}: is not TOML: {error}") from None
        unknown = sorted(name for name in content if name.lower() not in self._names)
        if unknown:
            raise ValueError(f"{file}: {unknown[0]!r} is not a setting; docs/settings.md lists them")
        return {self._names[name.lower()]: value for name, value in content.items()}
