"""Decisions that the service keeps: their recording, the journal for times without a database, and their pages over HTTP."""
