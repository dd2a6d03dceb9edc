"""Hold-out, rebalance, curriculum, and the export of training examples."""
