"""Groups of evidence: one module each, with the meaning of every feature."""
