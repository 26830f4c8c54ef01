"""The nouns of process monitoring and their pure rules: no clock, no I/O, nothing but numpy."""
