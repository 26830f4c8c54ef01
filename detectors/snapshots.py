"""A state as bytes: a format version, JSON, arrays, and a digest of it all."""

import gc
import hashlib
import json
import struct
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
from numpy.typing import NDArray

from detectors.cases import Json
from domain.errors import DamagedFile, NewerFormat

FORMAT = 2
"""1 had the tags' definitions in its JSON; it is still read."""

_MAGIC = b"TWBK"
_HEAD = struct.Struct("<4sHI")  # magic, format, length of the JSON
_DIGEST = 32

Arrays = dict[str, NDArray[np.generic]]


@contextmanager
def no_collection() -> Iterator[None]:
    """Without the collector of cycles: many small things are made that all stay, and it would go over them again."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def pack(state: Json, arrays: Arrays) -> bytes:
    """Write a state; equal states give equal bytes."""
    layout = [[name, array.dtype.str, list(array.shape)] for name, array in arrays.items()]
    text = json.dumps({"state": state, "arrays": layout}, separators=(",", ":")).encode()
    parts = [_HEAD.pack(_MAGIC, FORMAT, len(text)), text]
    parts += [np.ascontiguousarray(array).tobytes() for array in arrays.values()]
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part)
    return b"".join([*parts, digest.digest()])


def unpack(packed: bytes) -> tuple[Json, Arrays]:
    """Read a state; DamagedFile where a byte was changed, NewerFormat where a newer program wrote it."""
    if len(packed) < _HEAD.size + _DIGEST or packed[:4] != _MAGIC:
        raise DamagedFile("these bytes are no detectors' state")
    _, version, length = _HEAD.unpack_from(packed)
    if version > FORMAT:
        raise NewerFormat(f"the detectors' state has format {version}, this program reads up to {FORMAT}")
    body = memoryview(packed)[:-_DIGEST]
    if hashlib.sha256(body).digest() != packed[-_DIGEST:]:
        raise DamagedFile("the detectors' state does not match its digest")
    document = json.loads(bytes(body[_HEAD.size : _HEAD.size + length]))
    arrays: Arrays = {}
    offset = _HEAD.size + length
    for name, dtype, shape in document["arrays"]:
        count = int(np.prod(shape))
        array = np.frombuffer(body, dtype=dtype, count=count, offset=offset).reshape(shape)
        arrays[name] = array.copy()
        offset += array.nbytes
    return document["state"], arrays


def below(arrays: Arrays, name: str) -> Arrays:
    """The arrays whose names begin with a name and a slash, without it."""
    return {key[len(name) + 1 :]: array for key, array in arrays.items() if key.startswith(f"{name}/")}
