"""A loopback server that speaks the Message Batches protocol and answers with the rubric: never Claude, never paid."""
