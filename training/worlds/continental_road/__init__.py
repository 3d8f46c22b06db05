"""The world "continental_road", by an author of its own."""
