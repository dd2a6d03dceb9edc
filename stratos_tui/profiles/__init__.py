"""Shipped profiles, recognising profiles in imported prompts, and linting them."""
