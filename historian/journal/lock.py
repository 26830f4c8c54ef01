"""Exactly one process writes a journal: it holds a lock on a file beside it for as long as it lives."""

import fcntl
import os
import socket
from pathlib import Path

from domain.errors import Refused


class WriterLock:
    """Taken when made; Refused if another writer (of any process) has it. The kernel frees it at the end."""

    def __init__(self, journal: Path) -> None:
        self._path = journal.with_name(journal.name + ".lock")
        self._file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(self._file, 300, 0).decode(errors="replace").strip() or "unknown"
            os.close(self._file)
            raise Refused(f"{journal} is being written by process {holder}; a journal has one writer") from None
        os.ftruncate(self._file, 0)
        os.pwrite(self._file, f"{os.getpid()} on {socket.gethostname()}\n".encode(), 0)

    def release(self) -> None:
        """Let another writer in. The file stays: removing it would let two writers lock two files of one name."""
        os.close(self._file)
