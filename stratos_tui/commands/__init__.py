"""The commands, one module a phase: they parse arguments, call the engine, and print."""
