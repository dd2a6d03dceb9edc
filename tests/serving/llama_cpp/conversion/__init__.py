"""Where llama.cpp's converter keeps what it knows of vocabularies."""
