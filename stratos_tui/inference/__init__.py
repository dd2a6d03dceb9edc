"""Loads a local model and generates with it."""
