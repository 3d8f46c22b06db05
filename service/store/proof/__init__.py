"""Proof of the audit chain: that its entries follow one another, and that the tables still hold what the entries say."""
