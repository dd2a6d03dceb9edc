"""Turns pairs into accepted traces: plan, submit, watch, ingest, judge."""
