"""One module a migration, never changed after its release."""
