"""A real worker for tests that kill it, with small chunks: ``python -m tests.service.store.job_worker ROWS_PER_CHUNK``."""

from __future__ import annotations

import sys

from service.jobs.worker import Worker
from service.logs import configure
from service.settings import Settings
from service.store.engine.database import Database

if __name__ == "__main__":
    settings = Settings()
    configure("error")
    database = Database(settings.database_url.get_secret_value())
    Worker(database, settings, rows_per_chunk=int(sys.argv[1])).work(0.0)
