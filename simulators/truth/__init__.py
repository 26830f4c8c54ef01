"""What is really so, beside the tags: labels in plant time, and what a perfect observer could know."""
