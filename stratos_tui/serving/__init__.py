"""Merging a run, converting it to GGUF, and publishing it in Ollama."""
