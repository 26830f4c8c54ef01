"""JSON with columns of numpy in it; what is not a finite number is null."""

import numpy as np
import orjson


def to_json(told: object) -> bytes:
    """Serialise; keep columns to some thousand rows, since the interpreter's lock is held meanwhile."""
    return orjson.dumps(told, option=orjson.OPT_SERIALIZE_NUMPY, default=_contiguous)


def _contiguous(column: object) -> object:
    """Orjson takes arrays only as one piece of memory."""
    if isinstance(column, np.ndarray):
        return np.ascontiguousarray(column)
    message = f"{type(column).__name__} has no form in JSON"
    raise TypeError(message)
