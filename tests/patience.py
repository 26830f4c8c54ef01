"""How long tests wait, at most, for what has to come. A limit and no timing: who waits goes on as soon as it is there."""

from typing import Final

LIMIT_S: Final = 180.0
"""Of whatever a loaded machine may be slow with: a process that starts, an event, an answer, an end."""
