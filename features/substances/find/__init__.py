"""Find the substance that a text declares."""
