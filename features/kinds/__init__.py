"""Kinds of parties and goods, recognised from words in many languages."""
