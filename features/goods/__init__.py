"""Goods descriptions: likely HS codes, the fit of the declared code, and vagueness."""
