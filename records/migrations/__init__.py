"""How the schema of each release becomes the next one: Alembic's scripts, run by `records.schema`."""
