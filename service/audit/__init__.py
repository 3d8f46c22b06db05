"""The audit chain: its proof, its signed heads, and its pages over HTTP."""
