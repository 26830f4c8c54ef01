"""What rows that came late change in what was said."""
