"""The reactor train's physics, vectorised over trains."""
