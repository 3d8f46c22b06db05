"""Runs the application under uvicorn, in one process or several."""

from __future__ import annotations

import os
import socket
import sys
import tempfile
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fastapi import FastAPI

    from service.scoring.model_host import Loaded
    from service.settings import Settings

#: Open requests get this long to end when the service is told to stop, in seconds; a CSV may be among them.
_GRACE = 30
#: Seconds after which a thread that scores a batch or a file lets single requests in between; Python's own 5 ms are longer than
#: ten of them take.
_SWITCH_INTERVAL = 0.001


class PortTaken(OSError):
    """Nothing can listen at the address."""


def worker_app() -> FastAPI:
    """The application of one worker process, under the settings of the environment."""
    from service.app import create_app
    from service.logs import configure
    from service.memory import arrow_alone
    from service.settings import Settings

    settings = Settings()
    configure(settings.log_level)
    arrow_alone()
    sys.setswitchinterval(_SWITCH_INTERVAL)
    return create_app(settings)


def run(settings: Settings, loaded: Loaded | None = None) -> None:
    """Serve until told to stop; ``loaded`` spares the only worker its first load.

    Raises:
        PortTaken: something listens at the address already, or it is not ours.
    """
    import uvicorn

    from service.logs import configure

    _check_address(settings.host, settings.port)
    options: dict[str, Any] = {
        "host": settings.host,
        "port": settings.port,
        "log_config": None,
        "access_log": False,
        "server_header": False,
        "timeout_graceful_shutdown": _GRACE,
    }
    configure(settings.log_level)
    with ExitStack() as stack:
        if settings.workers == 1:
            from service.app import create_app
            from service.memory import arrow_alone

            # What is uploaded is CSV.
            arrow_alone()
            sys.setswitchinterval(_SWITCH_INTERVAL)
            uvicorn.run(create_app(settings, loaded), **options)
            return
        # Worker processes read the environment: what the command line said has to be there.
        os.environ |= {
            f"TIDEWAITER_{name.upper()}": str(getattr(settings, name))
            for name in ("host", "port", "workers", "log_level", "models_dir")
        }
        # Metrics of all workers are added up through files; prometheus-client looks for this when it is imported.
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="tidewaiter-metrics-"))
        os.environ.setdefault("PROMETHEUS_MULTIPROC_DIR", folder)
        uvicorn.run("service.server:worker_app", factory=True, workers=settings.workers, **options)


def _check_address(host: str, port: int) -> None:
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as probe:
            # As the server itself does: a port whose last connections still linger is free.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as error:
        raise PortTaken(
            f"Cannot listen at {host}:{port} ({error.strerror or error}); name another with --port."
        ) from None
