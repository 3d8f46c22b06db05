"""Who may use the service: valid keys, their rates, and the first key."""
