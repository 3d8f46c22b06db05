"""The world "northpost", by an author of its own."""
