"""Versions of ranges: put forward, compared, approved, and weighed against the past."""
