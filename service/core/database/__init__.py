"""The database: its engine, migrations, times, audit chain and the base of tables."""
