"""How well the office finds what it looks for, and whether its traffic is still that of the model."""
