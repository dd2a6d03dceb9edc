"""Widgets that several screens share, one idea a module."""
