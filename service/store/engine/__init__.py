"""SQLite and PostgreSQL: connections, transactions, statements of frequent queries, times, and overwriting of erased content."""
