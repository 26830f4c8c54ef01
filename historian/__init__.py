"""Keeps what was measured: the journal (the only queue) and the chunk store (the record)."""
