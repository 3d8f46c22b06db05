"""Access to the service: valid keys, their rate limits, and the first key."""
