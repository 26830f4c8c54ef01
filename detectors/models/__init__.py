"""Frozen models of many tags at once, and what fits them."""
