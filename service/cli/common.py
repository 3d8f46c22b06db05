"""What several commands need: the environment's settings and the model they name."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from models.scoring.risk_model import RiskModel
    from service.settings import Settings


def environment(**options: Any) -> Settings:
    """Settings of the environment, except the options given on the command line.

    Raises:
        WrongUse: a value cannot be; names the variable or option.
    """
    from pydantic import ValidationError

    from service.cli.errors import WrongUse
    from service.settings import from_environment

    try:
        return from_environment(**options)
    except ValidationError as error:
        told = []
        for part in error.errors():
            name = str(part["loc"][0]) if part["loc"] else ""
            given = f"--{name}" if options.get(name) is not None else f"TIDEWAITER_{name.upper()}"
            told.append(
                f"{given if name else 'settings'}: {part['msg']}, got {part.get('input')!r}" if name else part["msg"]
            )
        raise WrongUse("; ".join(told)) from None
    except ValueError as error:
        # pydantic-settings wraps what it cannot even parse (JSON, a list) in errors of its own.
        raise WrongUse(str(error)) from None


def load_model(bundle: Path | None) -> RiskModel:
    """The bundle in a folder; without one the version in service, else the bundled champion.

    Raises:
        BundleRefused: it is missing, altered, or of another feature list or protocol.
        StoreError: the store's pointer is damaged.
    """
    from models.bundle.bundle import load
    from models.bundle.store import ModelStore

    settings = environment()
    if bundle is None:
        return ModelStore(settings.models_dir, kernels=settings.kernels).load()
    return load(bundle, kernels=settings.kernels)
