"""Proposals: rules drafted from finds, which a person accepts or declines."""
