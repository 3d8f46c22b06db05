"""API keys: those of the database and of the keys file, their rates, and the check of each request."""
