"""Queries at random, of what is answered; and whether two answers are the same."""

import itertools
import math
import random
from collections.abc import Callable

from domain.time import HOUR_NS, SECOND_NS
from tests.acceptance.influxql.plant import END_NS, SITE, START_NS, SWITCH_NS

Query = str
_FIELDS = ("value", "value", "value", "value", "status", "boolean", "text", "absent")
_NUMBERS = ("value", "value", "value", "status")
_OF_NUMBERS = ("mean", "min", "max", "count", "sum", "first", "last", "median", "stddev", "spread")
_TRANSFORMS = (
    "derivative",
    "non_negative_derivative",
    "difference",
    "non_negative_difference",
    "cumulative_sum",
    "elapsed",
    "moving_average",
)
_WIDTHS = ("7s", "1m", "90s", "5m", "10m", "47m", "1h", "1d")
_FILLS = ("", "", " fill(null)", " fill(none)", " fill(previous)", " fill(linear)", " fill(0)", " fill(-1.5)")


def random_query(rng: random.Random) -> Query:
    """One SELECT."""
    zone = rng.random() < 0.12
    make: Callable[[random.Random], tuple[str, bool, bool]] = rng.choice(
        (_raw, _raw, _functions, _functions, _functions, _functions, _transform, _selector_row)
    )
    fields, grouped, by_time = make(rng)
    night = zone and "*" not in fields and "/" not in fields and rng.random() < 0.7
    offset = rng.choice(("", "", "", ", 13s", ", -4m"))
    bounded = zone or bool(offset) or fields.startswith(_TRANSFORMS)
    query = f"SELECT {fields} FROM {rng.choice(_SOURCES)}{_where(rng, by_time=by_time, night=night, bounded=bounded)}"
    dimensions = []
    if by_time:
        width = rng.choice(("1h", "6h", "1d", "30m") if night else _WIDTHS)
        dimensions.append(f"time({width}{offset})")
    if rng.random() < 0.5:
        dimensions += rng.sample(('"tag"', '"unit"', '"absent"'), rng.randint(1, 2))
    elif rng.random() < 0.15:
        dimensions.append(rng.choice(("*", "/t/", "/^uni/")))
    if fields.startswith(_TRANSFORMS) and not by_time:
        dimensions = ['"tag"']  # of several series at one time it would depend on whose row comes first
    if dimensions:
        query += f" GROUP BY {', '.join(dimensions)}"
    if by_time and grouped:
        query += rng.choice(_FILLS[:5] if '"' in fields else _FILLS)
    if rng.random() < 0.3:
        query += f" ORDER BY time {rng.choice(('ASC', 'DESC', 'DESC'))}"
    if rng.random() < 0.25 and not fields.startswith("distinct"):
        query += f" LIMIT {rng.randint(1, 9)}"
        if rng.random() < 0.4:
            query += f" OFFSET {rng.randint(1, 9)}"
    return query + (" tz('Europe/Berlin')" if zone else "")


_SOURCES = (f'"{SITE}"', f'"{SITE}"', f'"{SITE}"', f'"autogen"."{SITE}"', "/north.*/", f'"thermowell".."{SITE}"')


def _raw(rng: random.Random) -> tuple[str, bool, bool]:
    if rng.random() < 0.15:
        return rng.choice(("*", "*::field", "/val|tag/")), False, False
    chosen = rng.sample(("value", "status", "boolean", "text", '"tag"', '"unit"::tag'), rng.randint(1, 3))
    if rng.random() < 0.3:
        chosen.append(
            rng.choice(('value * 2 AS "twice"', "value / status", "-value", "value % 7", "value + status - 1"))
        )
    return ", ".join(chosen), False, False


def _call(rng: random.Random, *, by_time: bool) -> str:
    if by_time and rng.random() < 0.15:  # else it is told with the time of one of several equal values
        return f"percentile({rng.choice(_NUMBERS)}, {rng.choice((50, 90, 99.9, 100))})"
    if rng.random() < 0.08:
        return f"count(distinct({rng.choice(_FIELDS)}))"
    if rng.random() < 0.15:
        name = rng.choice(("count", "first", "last"))
        return f"{name}({rng.choice(_FIELDS)})"
    return f"{rng.choice(_OF_NUMBERS)}({rng.choice(_NUMBERS)})"


def _functions(rng: random.Random) -> tuple[str, bool, bool]:
    by_time = rng.random() < 0.75
    if rng.random() < 0.06:
        return f"distinct({rng.choice(_FIELDS)})", True, by_time
    if rng.random() < 0.06:
        return rng.choice(("mean(*)", "count(*)", "last(/val|sta/)")), True, by_time
    calls = [_call(rng, by_time=by_time) for _ in range(rng.choice((1, 1, 1, 2, 3)))]
    told = [f'{call} AS "a{k}"' if rng.random() < 0.2 else call for k, call in enumerate(calls)]
    if rng.random() < 0.15:
        told.append(f"mean(value) {rng.choice('+-*/')} {rng.choice(('2', 'max(value)', 'count(value)'))}")
    return ", ".join(told), True, by_time


def _transform(rng: random.Random) -> tuple[str, bool, bool]:
    name = rng.choice(_TRANSFORMS)
    by_time = rng.random() < 0.7
    inner = _call(rng, by_time=True) if by_time else rng.choice(_NUMBERS)
    more = ", 3" if name == "moving_average" else ""
    if name in {"derivative", "non_negative_derivative", "elapsed"} and rng.random() < 0.5:
        more = ", 10s"
    return f"{name}({inner}{more})", True, by_time


def _selector_row(rng: random.Random) -> tuple[str, bool, bool]:
    name = rng.choice(("first", "last", "min", "max"))
    others = rng.sample(("status", '"tag"', '"unit"'), rng.randint(1, 2))
    return f"{name}(value), {', '.join(others)}", True, rng.random() < 0.4


def _where(rng: random.Random, *, by_time: bool, night: bool, bounded: bool) -> str:
    parts = []
    first, last = (SWITCH_NS - 5 * HOUR_NS, SWITCH_NS + 20 * HOUR_NS) if night else (START_NS, END_NS)
    if by_time or rng.random() < 0.7:
        low = first + rng.randrange(0, (last - first) // 2, SECOND_NS)
        high = low + rng.randrange(SECOND_NS, (last - first) // 2, SECOND_NS)
        # Without a beginning InfluxDB runs away where an offset is given, so it always has one there.
        if bounded or rng.random() < 0.9:
            parts.append(f"time {rng.choice(('>', '>='))} {rng.choice((f'{low // 1_000_000}ms', str(low)))}")
        parts.append(f"time {rng.choice(('<', '<='))} {high // SECOND_NS}s")
    if rng.random() < 0.5:
        parts.append(rng.choice(_CONDITIONS[:-5] if night else _CONDITIONS))
    rng.shuffle(parts)
    return f" WHERE {' AND '.join(parts)}" if parts else ""


_CONDITIONS = (
    "\"tag\" = 'R1.TT'",
    "\"tag\" != 'R1.TT'",
    '"tag" =~ /^R1/',
    '"tag" !~ /TT$|PT$/',
    "\"unit\" = ''",
    "\"unit\" != ''",
    '"unit"::tag =~ /^(R1|R 2)$/',
    "(\"tag\" = 'R1.TT' OR \"tag\" = 'R2.XV=1')",
    "value > 50",
    "status = 0",
    "status != 0 AND value < 45.5",
    "(\"tag\" = 'R1.PT' AND value > 55 OR \"tag\" = 'R1.TT')",
    "value * 2 >= 100 + 3",
    "'R1.TT' = \"tag\"",
    # Not in a night without such fields: InfluxDB takes them for tags there.
    "boolean = true",
    "text =~ /^h/",
    "text != 'heat'",
    "\"absent\" = 'x'",
    "status = 0 AND boolean = false",
)

SHOWN = (
    'SHOW RETENTION POLICIES ON "thermowell"',
    "SHOW MEASUREMENTS",
    "SHOW MEASUREMENTS WITH MEASUREMENT =~ /(?i)NORTH/ LIMIT 100",
    'SHOW MEASUREMENTS WITH MEASUREMENT = "else"',
    "SHOW FIELD KEYS",
    f'SHOW FIELD KEYS FROM "{SITE}"',
    f'SHOW FIELD KEYS FROM "autogen"."{SITE}" LIMIT 2 OFFSET 1',
    "SHOW TAG KEYS",
    f'SHOW TAG KEYS FROM "{SITE}" LIMIT 1',
    "SHOW TAG KEYS WHERE \"tag\" = 'T7 level, raw'",
    'SHOW TAG VALUES WITH KEY = "tag"',
    "SHOW TAG VALUES WITH KEY =~ /.*/ LIMIT 4 OFFSET 1",
    'SHOW TAG VALUES WITH KEY IN ("unit", "absent")',
    f'SHOW TAG VALUES FROM "{SITE}" WITH KEY = "tag" WHERE "unit" = \'R1\'',
    f'SHOW TAG VALUES FROM "{SITE}" WITH KEY = "tag" WHERE "unit" =~ /^R/ AND "tag" !~ /T$/',
    'SHOW TAG VALUES WITH KEY = "absent"',
    "SHOW SERIES",
    f'SHOW SERIES FROM "{SITE}" WHERE "unit" = \'R1\' LIMIT 1',
)


def difference(ours: object, theirs: object, path: str = "") -> str | None:
    """Where two answers differ: floats to the last digits, errors by their being there."""
    if isinstance(ours, dict) and isinstance(theirs, dict):
        if "error" in ours and "error" in theirs:
            return None
        if set(ours) != set(theirs):
            return f"{path}: {_short(ours)} != {_short(theirs)}"
        found = (difference(ours[key], theirs[key], f"{path}.{key}") for key in ours)
        return next((one for one in found if one), None)
    if isinstance(ours, list) and isinstance(theirs, list):
        if path.endswith(".values"):
            ours, theirs = _in_order(ours), _in_order(theirs)
        if len(ours) != len(theirs):
            return f"{path}: {len(ours)} != {len(theirs)}: {_short(ours)} != {_short(theirs)}"
        found = (difference(a, b, f"{path}[{k}]") for k, (a, b) in enumerate(zip(ours, theirs, strict=True)))
        return next((one for one in found if one), None)
    is_number = isinstance(ours, int | float) and isinstance(theirs, int | float)
    if is_number and not isinstance(ours, bool) and not isinstance(theirs, bool):
        return None if math.isclose(ours, theirs, rel_tol=1e-9, abs_tol=1e-9) else f"{path}: {ours} != {theirs}"
    return None if ours == theirs else f"{path}: {_short(ours)} != {_short(theirs)}"


def _in_order(rows: list[list[object]]) -> list[list[object]]:
    """Rows of one time in one order: of several series InfluxDB tells them in that of its heap."""
    return [row for _, same in itertools.groupby(rows, key=lambda row: row[0]) for row in sorted(same, key=_key)]


def _key(row: list[object]) -> list[tuple[str, float, str]]:
    return [("", cell, "") if isinstance(cell, int | float) else ("x", 0, str(cell)) for cell in row]


def _short(told: object) -> str:
    return str(told)[:300]
