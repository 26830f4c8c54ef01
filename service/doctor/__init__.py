"""Looks at everything that the service depends on, and says in plain words what to do."""
