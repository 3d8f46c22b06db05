"""The store: decisions, outcomes, lists, keys, jobs and the audit chain, in SQLite or PostgreSQL.

Read the package in this order: tables, database, audit, decisions, writer. SQL lives in the repositories (modules named after what
they keep) and nowhere else. A transaction is opened and committed by `Database.write`.
"""
