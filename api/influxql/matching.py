"""Regular expressions by RE2, as InfluxDB's: the same syntax, and no expression that takes for ever."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from api.influxql.faults import Unanswered

LONGEST_PATTERN = 8_192


def matches(pattern: str, texts: Sequence[str]) -> NDArray[np.bool_]:
    """Which of the texts the expression finds something in. Unanswered if it cannot be read."""
    if len(pattern) > LONGEST_PATTERN:
        raise Unanswered(f"a regular expression of {len(pattern):,} characters is longer than {LONGEST_PATTERN:,}")
    import pyarrow as pa  # noqa: PLC0415  loads for who asks by an expression
    import pyarrow.compute as pc  # noqa: PLC0415

    try:
        found = pc.match_substring_regex(pa.array(texts, pa.string()), pattern)
    except pa.ArrowInvalid as error:
        raise Unanswered(f"error parsing regexp: {error}") from None
    told: NDArray[np.bool_] = np.asarray(found.to_numpy(zero_copy_only=False), np.bool_)
    return told


def is_match(pattern: str, text: str) -> bool:
    """Tell whether the expression finds something in a text."""
    return bool(matches(pattern, [text])[0])
