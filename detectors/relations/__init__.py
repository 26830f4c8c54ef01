"""Whether the instruments of a unit agree with each other, and with what a phase does."""
