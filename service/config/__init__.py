"""The configuration file: read, checked with line and column, and turned into the domain's nouns."""
