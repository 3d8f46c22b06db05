"""Journal of decisions while the database is away, and its delivery to the database."""
