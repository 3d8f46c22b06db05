"""SQLite and PostgreSQL: connections, transactions, statements, times, and errors of a database that is away."""
