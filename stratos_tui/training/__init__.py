"""The training process: the nano base, the mask, the recipe, telemetry."""
