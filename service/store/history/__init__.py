"""Durable state of the live history: its log, its checkpoints with their key, and the results that it must learn."""
