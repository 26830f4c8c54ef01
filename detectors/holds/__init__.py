"""How long material and equipment wait."""
