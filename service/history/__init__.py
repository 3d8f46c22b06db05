"""The durable history: its log and checkpoints in the database, replay, and the learning of results."""
