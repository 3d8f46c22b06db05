"""Shared parts of all subjects: HTTP, the database, settings, errors, logs, metrics and the terminal. It imports no subject."""
