"""Goods: descriptions classified by HS code, compared with the declared code, and graded for vagueness."""
