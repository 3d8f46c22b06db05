"""What all subjects share: HTTP, the database, settings, errors, logs, metrics and the terminal. It imports no subject."""
