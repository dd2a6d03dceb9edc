"""Pure functions: bands, tiers, the trace grammar, every prompt, and the rubric. No I/O."""
