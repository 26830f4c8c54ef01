"""Regular expressions by RE2, as InfluxDB's: the same syntax, and no expression that takes for ever.

RE2 is linear in the texts, and not in the expression: repeats are written out and large classes are large automata.
"""

import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from api.influxql.faults import Unanswered, Unreadable

LONGEST_PATTERN = 8_192
MOST_REPEATED = 1_000
"""Repeats in all expressions of a request. RE2 alone takes as many in each, and reads forty such for five seconds."""
CLASS_REPEATS = 50
"""What a class of Unicode as `\\pL` counts for, each time that it is repeated."""

_REPEATED = re.compile(r"\{(\d{1,9})(?:,(\d{0,9}))?\}")
_CLASS = re.compile(r"\\[pP]")


def matches(pattern: str, texts: Sequence[str]) -> NDArray[np.bool_]:
    """Which of the texts the expression finds something in. Unanswered if it cannot be read."""
    if len(pattern) > LONGEST_PATTERN:
        raise Unanswered(f"a regular expression of {len(pattern):,} characters is longer than {LONGEST_PATTERN:,}")
    if not texts:
        return np.zeros(0, np.bool_)
    import pyarrow as pa  # noqa: PLC0415  loads for who asks by an expression
    import pyarrow.compute as pc  # noqa: PLC0415

    try:
        found = pc.match_substring_regex(pa.array(texts, pa.string()), pattern)
    except pa.ArrowInvalid as error:
        raise Unanswered(f"error parsing regexp: {error}") from None
    told: NDArray[np.bool_] = np.asarray(found.to_numpy(zero_copy_only=False), np.bool_)
    return told


def check_repeats(request: str) -> None:
    """Unreadable if the expressions grow too much when they are read; also what only looks like a repeat counts."""
    counted = sum(max(int(first), int(last or 0)) for first, last in _REPEATED.findall(request))
    classes = len(_CLASS.findall(request))
    repeated = counted + (1 + counted) * CLASS_REPEATS * classes
    if repeated > MOST_REPEATED:
        detail = f"{repeated:,} repeats in regular expressions are more than {MOST_REPEATED:,}; a class as \\pL counts"
        raise Unreadable(f"error parsing query: {detail} {CLASS_REPEATS}")
