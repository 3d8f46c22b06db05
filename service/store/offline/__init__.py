"""Decisions while the database is away: a journal on this machine, and its delivery."""
