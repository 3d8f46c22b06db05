"""The command line: ``tidewaiter``."""

from service.cli.main import main

__all__ = ["main"]
