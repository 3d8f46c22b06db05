"""The world "austral_post", by an author of its own."""
