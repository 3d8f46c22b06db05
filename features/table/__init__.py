"""The flat table: one row per goods item, with dictionary-encoded text columns."""
