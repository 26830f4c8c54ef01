"""Signing in by other systems."""
