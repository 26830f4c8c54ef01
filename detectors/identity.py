"""The hash of the detectors themselves, so that every finding names what judged."""

import hashlib
from functools import cache
from importlib.resources import files


@cache
def detector_hash() -> str:
    """SHA-256 over the source of this package, file by file in the order of their names."""
    digest = hashlib.sha256()
    for source in sorted(files("detectors").iterdir(), key=lambda each: each.name):
        if source.name.endswith(".py"):
            digest.update(source.name.encode() + b"\0" + source.read_bytes() + b"\0")
    return digest.hexdigest()
