"""Backups of the whole data folder while it runs, and restoring them."""
