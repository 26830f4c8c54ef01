"""Whether an instrument can be believed, whatever the process does."""
