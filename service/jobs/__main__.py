"""Entry point of the worker process inside the service, see `service.jobs.child`."""

from __future__ import annotations

import sys

from service.jobs.child import main

if __name__ == "__main__":
    sys.exit(main())
