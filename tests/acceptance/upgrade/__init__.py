"""Data folders of older programs, and what made them."""
