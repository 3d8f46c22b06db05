"""The flat table: one row per goods item, text columns dictionary-encoded."""
