"""Lines that a mirror refused for good, with the reasons: a file of bounded size that stays readable.

It is line protocol itself, with the reason as a comment before the lines: what was put right can be written again as it
stands. When the file is full it replaces its predecessor.
"""

import os
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from historian.influx import RefusedLines

MOST_BYTES = 4 << 20
"""Of one file; there are two."""


class RefusedFile:
    """Appends refusals. One thread at a time; calls block until the disk has them."""

    def __init__(self, path: Path, most_bytes: int = MOST_BYTES) -> None:
        self.path = path
        self._most_bytes = most_bytes

    def keep(self, refusals: Sequence[RefusedLines]) -> None:
        """Append refusals; of more than fits, the first lines, and how many more there were."""
        if not refusals:
            return
        self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o750)
        if self.path.exists() and self.path.stat().st_size >= self._most_bytes:
            os.replace(self.path, self.predecessor)  # noqa: PTH105  atomic, whoever reads
        moment = datetime.now(UTC).isoformat(timespec="seconds")
        with self.path.open("ab") as file:
            for refusal in refusals:
                file.write(self._shown(refusal, moment))
            file.flush()
            os.fsync(file.fileno())

    @property
    def predecessor(self) -> Path:
        """The file before this one."""
        return self.path.with_name(self.path.name + ".before")

    def _shown(self, refusal: RefusedLines, moment: str) -> bytes:
        reason = " ".join(refusal.reason.split())
        lines, count = refusal.lines, len(refusal.lines)
        if len(lines.body) > self._most_bytes:
            kept = int((lines.ends <= self._most_bytes).sum())
            lines = lines.part(0, kept)
        more = f" (the first {len(lines)} of {count} lines)" if len(lines) < count else ""
        return f"# {moment} {reason}{more}\n".encode("utf-8", "backslashreplace") + lines.body
