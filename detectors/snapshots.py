"""A state as bytes: a format version, JSON, arrays, and a digest of it all."""

import hashlib
import json
import struct

import numpy as np
from numpy.typing import NDArray

from detectors.cases import Json
from domain.errors import DamagedFile, NewerFormat

FORMAT = 1
_MAGIC = b"TWBK"
_HEAD = struct.Struct("<4sHI")  # magic, format, length of the JSON
_DIGEST = 32

Arrays = dict[str, NDArray[np.generic]]


def pack(state: Json, arrays: Arrays) -> bytes:
    """Write a state; equal states give equal bytes."""
    layout = [[name, array.dtype.str, list(array.shape)] for name, array in arrays.items()]
    text = json.dumps({"state": state, "arrays": layout}, separators=(",", ":")).encode()
    parts = [_HEAD.pack(_MAGIC, FORMAT, len(text)), text]
    parts += [np.ascontiguousarray(array).tobytes() for array in arrays.values()]
    body = b"".join(parts)
    return body + hashlib.sha256(body).digest()


def unpack(packed: bytes) -> tuple[Json, Arrays]:
    """Read a state; DamagedFile where a byte was changed, NewerFormat where a newer program wrote it."""
    if len(packed) < _HEAD.size + _DIGEST or packed[:4] != _MAGIC:
        raise DamagedFile("these bytes are no detectors' state")
    _, version, length = _HEAD.unpack_from(packed)
    if version > FORMAT:
        raise NewerFormat(f"the detectors' state has format {version}, this program reads up to {FORMAT}")
    body = packed[:-_DIGEST]
    if hashlib.sha256(body).digest() != packed[-_DIGEST:]:
        raise DamagedFile("the detectors' state does not match its digest")
    document = json.loads(body[_HEAD.size : _HEAD.size + length])
    arrays: Arrays = {}
    offset = _HEAD.size + length
    for name, dtype, shape in document["arrays"]:
        count = int(np.prod(shape))
        array = np.frombuffer(body, dtype=dtype, count=count, offset=offset).reshape(shape)
        arrays[name] = array.copy()
        offset += array.nbytes
    return document["state"], arrays
