"""Search over all stored decisions, and the page of a party: its shipments, finds and links."""
