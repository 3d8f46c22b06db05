"""The substances of a table's rows: in the fields that name goods, and elsewhere."""
