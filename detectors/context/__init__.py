"""Which batch, phase and material each unit holds, from tags, events and rules."""
