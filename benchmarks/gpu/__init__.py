"""Measurements that want a GPU; each runs on a CPU at toy size with ``--toy``."""
