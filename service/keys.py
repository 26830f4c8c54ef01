"""Secrets that this service makes for itself: each a file of the data folder that its user alone can read."""

import contextlib
import os
import secrets
from pathlib import Path

from domain.errors import Refused

_BYTES = 32
_OF_OTHERS = 0o077


def key_in(file: Path) -> bytes:
    """The key in a file, made at the first call of whichever process. Refused: it cannot be had, or others read it."""
    try:
        if not file.exists():
            _make(file)
        if file.stat().st_mode & _OF_OTHERS:
            raise Refused(f"{file} is open to others: chmod 600")
        key = file.read_bytes()
    except OSError as error:
        raise Refused(f"{file}: {error.strerror}") from error
    if len(key) < _BYTES:
        raise Refused(f"{file} holds no key: remove it, and a new one is made; links that were sent end with that")
    return key


def _make(file: Path) -> None:
    """Put a whole new key in place, unless another process was first."""
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o750)
    new = file.with_name(f"{file.name}.{os.getpid()}.{secrets.token_hex(4)}")
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as opened:
            opened.write(secrets.token_bytes(_BYTES))
            opened.flush()
            os.fsync(opened.fileno())
        with contextlib.suppress(FileExistsError):
            file.hardlink_to(new)
    finally:
        new.unlink(missing_ok=True)
