"""Answers to questions about chemicals."""
