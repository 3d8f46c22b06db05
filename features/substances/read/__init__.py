"""Read chemical names and structures out of text."""
