"""Durable state of the live history: its log, its checkpoints and their key, and results that it is to learn."""
