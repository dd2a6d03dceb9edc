"""Measures scorers against a teacher and reaches a verdict."""
