"""stratos: turns articles and user profiles into a personal relevance scorer."""

__version__ = "0.1.0"
