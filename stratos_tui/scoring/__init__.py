"""Scores pairs with any scorer."""
