"""Start of the application under uvicorn, in one or more processes."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import sys
import tempfile
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from fastapi import FastAPI

    from service.core.settings import Settings
    from service.scoring.model_host import LoadedModel

#: Seconds within which requests in progress, such as a CSV, must end when the service stops.
_GRACE: Final = 30
#: Seconds within which a worker must answer its parent process. On a busy machine, the worker's imports alone take longer than
#: uvicorn's default of 5 s. The parent would then kill and restart the worker again and again.
_HEALTH_SECONDS: Final = 60
#: Interval in seconds after which a thread that scores a batch or file yields to other threads. With Python's default of 5 ms,
#: single requests during a batch take 16 % longer (mean, measured in one run).
_SWITCH_INTERVAL: Final = 0.001


class PortTaken(OSError):
    """The service cannot listen at the address."""


def worker_app() -> FastAPI:
    """Return the application of one worker process, with the settings of the environment."""
    from service.app import create_app
    from service.core.logs import configure
    from service.core.settings import Settings

    settings = Settings()
    configure(settings.log_level)
    _prepare_process()
    return create_app(settings)


def run(settings: Settings, loaded: LoadedModel | None = None) -> None:
    """Serve until the process is stopped.

    Args:
        loaded: an already loaded model, which replaces the first load of a single worker.

    Raises:
        PortTaken: the port is in use, or the address does not belong to this machine.
    """
    import uvicorn

    from service.core.http.protocol import LimitedProtocol
    from service.core.logs import configure

    check_address(settings.host, settings.port)
    options: dict[str, Any] = {
        "host": settings.host,
        "port": settings.port,
        "log_config": None,
        "access_log": False,
        "server_header": False,
        "timeout_graceful_shutdown": _GRACE,
        "http": LimitedProtocol,
        "ws": "none",
        "timeout_keep_alive": settings.idle_seconds,
    }
    configure(settings.log_level)
    with ExitStack() as stack:
        if settings.workers == 1:
            from service.app import create_app

            _prepare_process()
            uvicorn.run(create_app(settings, loaded), **options)
            return
        # Export command-line options, because worker processes read their settings from the environment.
        os.environ |= {
            f"TIDEWAITER_{name.upper()}": str(getattr(settings, name))
            for name in ("host", "port", "workers", "log_level", "models_dir", "history_file", "history_mapping")
            if getattr(settings, name) is not None
        }
        # Workers share metrics in files. prometheus-client reads this variable at import.
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="tidewaiter-metrics-"))
        os.environ.setdefault("PROMETHEUS_MULTIPROC_DIR", folder)
        options["timeout_worker_healthcheck"] = _HEALTH_SECONDS
        uvicorn.run("service.server:worker_app", factory=True, workers=settings.workers, **options)


def _prepare_process() -> None:
    """Set up the process of a worker before it starts threads."""
    from service.core.memory import keep_memory_small

    # Each exchange of the model runs in any of several threads. Without this, each of their heaps keeps up to 60 MB of a load.
    keep_memory_small()
    sys.setswitchinterval(_SWITCH_INTERVAL)
    _stop_on_hangup()


def _stop_on_hangup() -> None:
    """Stop on SIGHUP, which a closed terminal sends, as on SIGTERM. By default, SIGHUP ends the process amid answers.

    `nohup` ignores it, so that the service outlives its terminal.
    """
    if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
        return
    with contextlib.suppress(ValueError):  # Only the main thread may set it.
        signal.signal(signal.SIGHUP, lambda *_: signal.raise_signal(signal.SIGTERM))


def check_address(host: str, port: int) -> None:
    """Check that the service can listen at an address.

    Raises:
        PortTaken: the port is in use, or the address does not belong to this machine.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as probe:
            # Set the same option as the server, so that a port with connections in TIME_WAIT counts as free.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as error:
        raise PortTaken(
            f"Cannot listen at {host}:{port} ({error.strerror or error}); choose another port with --port."
        ) from None
