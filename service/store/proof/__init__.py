"""Proof that the entries of the audit chain follow one another, and that the tables still agree with them."""
