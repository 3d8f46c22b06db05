"""The world "gateway_hub", by an author of its own."""
