"""Kinds of parties and goods that words tell, in many languages."""
