"""Index of stored decisions: which ones have a word, a party, an address, or a value of a filter."""
