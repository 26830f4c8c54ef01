"""Learned models as files: read, trained, measured, put before a second person."""
