"""Who runs the units: a sequence for each, and what people do wrong."""
