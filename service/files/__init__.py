"""Score, validate and resolve files, and write the results."""
