"""Questions about goods descriptions, and their answers."""
