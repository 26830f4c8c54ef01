"""The database of what was decided: findings, alarm transitions, outbox, people, cursors."""
