"""Who writes traces: the Message Batches client and the rehearsal server."""
