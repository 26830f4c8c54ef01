"""The service in a seeded world: its own wiring on virtual time, among faults, power cuts and restarts."""
