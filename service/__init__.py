"""HTTP service, scoring of files, and command line."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from service.app import create_app
    from service.core.settings import Settings

__all__ = ["Settings", "create_app"]


def __getattr__(name: str) -> Any:
    # Import on demand, because `tidewaiter --help` imports this package and must not wait for the web framework.
    if name == "create_app":
        from service.app import create_app

        return create_app
    if name == "Settings":
        from service.core.settings import Settings

        return Settings
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
