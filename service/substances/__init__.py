"""Questions about chemicals, and their answers."""
