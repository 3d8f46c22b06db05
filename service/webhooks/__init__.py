"""Messages about red decisions to addresses of the office."""
