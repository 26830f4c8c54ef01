"""Telling people: the channels that reach them, and the loop that empties the outbox."""
