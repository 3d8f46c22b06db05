"""The manifest: its fields, the domain types, and how declared values are read."""
