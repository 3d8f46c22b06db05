"""A real worker for tests that kill it, with small chunks: ``python -m tests.service.store.job_worker ROWS_PER_CHUNK``."""

from __future__ import annotations

import sys

from service.core.database.engine import Database
from service.core.logs import configure
from service.core.settings import Settings
from service.jobs.worker import Worker

if __name__ == "__main__":
    settings = Settings()
    configure("error")
    database = Database(settings.database_url.get_secret_value())
    Worker(database, settings, rows_per_chunk=int(sys.argv[1])).work(0.0)
