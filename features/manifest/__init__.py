"""The manifest: its fields, the domain types, and the reading of records."""
