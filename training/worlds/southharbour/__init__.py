"""The world "southharbour", by an author of its own."""
