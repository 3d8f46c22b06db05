"""Migrations of the schema. `running` runs those in `versions`."""
