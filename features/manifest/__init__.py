"""The manifest: fields, domain types, and parsing of records."""
