"""Entry point of the process of the shadow, see `service.backtests.process`."""

from __future__ import annotations

import sys

from service.backtests.process import main

if __name__ == "__main__":
    sys.exit(main())
