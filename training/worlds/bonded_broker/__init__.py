"""The world "bonded_broker", by an author of its own."""
