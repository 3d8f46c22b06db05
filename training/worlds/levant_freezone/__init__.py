"""The world "levant_freezone", by an author of its own."""
