"""Importing articles and scored pairs, and labelling them."""
