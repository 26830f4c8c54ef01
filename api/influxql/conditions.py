"""WHERE: the span of time apart, the rest decided per series, and row by row where a field is asked about."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import tzinfo

import numpy as np

from api.influxql.columns import Column, Kind, Mask, arithmetic, compared, constant, nothing
from api.influxql.faults import Unanswered
from api.influxql.literals import LARGEST_NS, date_ns, looks_like_a_date, moment_of
from api.influxql.matching import matches
from api.influxql.schema import STATUS, Series
from api.influxql.tree import (
    Binary,
    Boolean,
    Call,
    Duration,
    Expr,
    Moment,
    Number,
    Ref,
    Regex,
    Text,
    parts,
)
from domain import status

_OPPOSITE = {">": "<", "<": ">", ">=": "<=", "<=": ">="}
_TIME_OPS = frozenset({"=", "<", "<=", ">", ">="})


@dataclass(frozen=True, slots=True)
class Span:
    """Moments from `first_ns` to `last_ns`, both of them in it; None: without that bound."""

    first_ns: int | None = None
    last_ns: int | None = None

    def within(self, other: "Span") -> "Span":
        """The moments in both."""
        firsts = [bound for bound in (self.first_ns, other.first_ns) if bound is not None]
        lasts = [bound for bound in (self.last_ns, other.last_ns) if bound is not None]
        return Span(max(firsts, default=None), min(lasts, default=None))


def with_now(expr: Expr, now_ns: int, zone: tzinfo | None) -> Expr:
    """Put `now()` in, and work out what is made of constants alone."""
    if isinstance(expr, Call) and expr.name == "now" and not expr.args:
        return Moment(now_ns)
    if isinstance(expr, Binary):
        return _folded(Binary(expr.op, with_now(expr.left, now_ns, zone), with_now(expr.right, now_ns, zone)), zone)
    return expr


def _folded(expr: Binary, zone: tzinfo | None) -> Expr:
    left, right = expr.left, expr.right
    if isinstance(left, Text) and isinstance(right, Duration) and looks_like_a_date(left.value):
        left = Moment(date_ns(left.value, zone))
    if isinstance(left, Number) and isinstance(right, Number) and expr.op in {"+", "-", "*", "/", "%"}:
        return Number(arithmetic(expr.op, constant(left.value), constant(right.value)).values.item())
    if isinstance(left, Duration) and isinstance(right, Number) and expr.op in {"*", "/"}:
        factor = right.value
        return Duration(_held(int(left.ns * factor) if expr.op == "*" else int(left.ns / factor) if factor else 0))
    if isinstance(left, Moment | Duration) and isinstance(right, Moment | Duration) and expr.op in {"+", "-"}:
        return _moved(expr, left, right)
    return expr


def _moved(expr: Binary, left: Moment | Duration, right: Moment | Duration) -> Expr:
    """A moment and a duration make a moment, two moments are a duration apart."""
    ns = left.ns + right.ns if expr.op == "+" else left.ns - right.ns
    if isinstance(left, Duration) and isinstance(right, Duration):
        return Duration(_held(ns))
    if isinstance(left, Moment) and isinstance(right, Moment):
        return Duration(_held(ns)) if expr.op == "-" else expr
    return Moment(_held(ns)) if isinstance(left, Moment) or expr.op == "+" else expr


def _held(ns: int) -> int:
    if abs(ns) > LARGEST_NS:
        raise Unanswered("a time is beyond what 64-bit nanoseconds can tell")
    return ns


def split_time(where: Expr | None, now_ns: int, zone: tzinfo | None) -> tuple[Span, Expr | None]:
    """The span of time that a condition allows, and the rest of it; like InfluxDB, also out of an OR."""
    if where is None:
        return Span(), None
    if isinstance(where, Binary):
        if where.op in {"AND", "OR"}:
            left_span, left = split_time(where.left, now_ns, zone)
            right_span, right = split_time(where.right, now_ns, zone)
            span = left_span.within(right_span)
            if left is None or right is None:
                return span, left if right is None else right
            return span, Binary(where.op, left, right)
        for side, other, op in (
            (where.left, where.right, where.op),
            (where.right, where.left, _OPPOSITE.get(where.op, where.op)),
        ):
            if isinstance(side, Ref) and side.name.lower() == "time" and not side.kind:
                return _span(op, moment_of(with_now(other, now_ns, zone), zone)), None
        return Span(), with_now(where, now_ns, zone)
    if isinstance(where, Boolean):
        return Span(), where
    raise Unanswered(f"invalid condition expression: a {type(where).__name__.lower()} is neither true nor false")


def _span(op: str, moment_ns: int) -> Span:
    if op not in _TIME_OPS:
        raise Unanswered(f"invalid time comparison operator: {op}")
    if op == "=":
        return Span(moment_ns, moment_ns)
    if op in {">", ">="}:
        return Span(first_ns=moment_ns + (op == ">"))
    return Span(last_ns=moment_ns - (op == "<"))


def fields_in(expr: Expr | None, fields: Mapping[str, Kind]) -> frozenset[str]:
    """The fields that a condition asks about."""
    if expr is None:
        return frozenset()
    return frozenset(one.name for one in parts(expr) if isinstance(one, Ref) and is_field(one, fields))


def pinned(where: Expr | None, name: str) -> str | None:
    """The one value that a condition allows a tag: `= 'x'`, or Grafana's `=~ /^x$/` of a chosen value; else None."""
    if not isinstance(where, Binary):
        return None
    if where.op == "AND":
        return pinned(where.left, name) or pinned(where.right, name)
    if not isinstance(where.left, Ref) or where.left.name != name:
        return None
    if where.op == "=" and isinstance(where.right, Text):
        return where.right.value
    return _literal(where.right.pattern) if where.op == "=~" and isinstance(where.right, Regex) else None


def _literal(pattern: str) -> str | None:
    """What an anchored regular expression without anything special stands for."""
    if not (pattern.startswith("^") and pattern.endswith("$")):
        return None
    inner = pattern[1:-1]
    plain = re.sub(r"\\([^\w\s])", r"\1", inner)
    return plain if re.fullmatch(r"(\\[^\w\s]|[^\\^$*+?.()|\[\]{}])+", inner) else None


def asks_no_more_than_good(where: Expr | None, fields: Mapping[str, Kind]) -> bool:
    """Whether all that a condition asks of fields is that a row is not Bad, which the record's summaries know."""
    if where is None or not fields_in(where, fields):
        return True
    if isinstance(where, Binary) and where.op == "AND":
        return asks_no_more_than_good(where.left, fields) and asks_no_more_than_good(where.right, fields)
    return (
        isinstance(where, Binary)
        and where.op == "<"
        and isinstance(where.left, Ref)
        and where.left.name == STATUS
        and where.right == Number(status.BAD)
    )


def is_field(ref: Ref, fields: Mapping[str, Kind]) -> bool:
    """Tell a field from a tag: by what was written, else by whether there is such a field."""
    return ref.kind != "tag" and ref.name in fields


def holds(expr: Expr | None, series: Series, rows: Mapping[str, Column], fields: Mapping[str, Kind]) -> Mask | bool:
    """Whether a series meets a condition: one answer where no field is asked about, else one a row.

    `rows` has the columns of the fields that the condition names; without them their rows count as met, so that a
    series that cannot meet it is known before it is read.
    """
    if expr is None:
        return True
    if isinstance(expr, Boolean):
        return expr.value
    if not isinstance(expr, Binary):
        raise Unanswered(f"invalid condition expression: a {type(expr).__name__.lower()} is neither true nor false")
    if expr.op in {"AND", "OR"}:
        left, right = holds(expr.left, series, rows, fields), holds(expr.right, series, rows, fields)
        return _joined(expr.op, left, right)
    if fields_in(expr, fields):
        return _row_by_row(expr, series, rows, fields) if rows else True
    return _of_series(expr, series)


def looked_for(expr: Expr | None, many: Sequence[Series], look: Callable[[], None]) -> Expr | None:
    """The condition whose expressions are looked for in all tags at once: to read one costs more than a text does."""
    if not isinstance(expr, Binary):
        return expr
    if expr.op in {"AND", "OR"}:
        left, right = looked_for(expr.left, many, look), looked_for(expr.right, many, look)
        return expr if left is None or right is None else Binary(expr.op, left, right)
    if not (isinstance(expr.left, Ref) and isinstance(expr.right, Regex)):
        return expr
    look()
    texts = sorted({one.tags.get(expr.left.name, "") for one in many})
    found = dict(zip(texts, matches(expr.right.pattern, texts).tolist(), strict=True))
    return Binary(expr.op, expr.left, Regex(expr.right.pattern, found))


def _in_rows(pattern: str, texts: Sequence[str]) -> Mask:
    """Of a field's rows those in which it is found; few texts are many rows."""
    different = list(dict.fromkeys(texts))
    found = dict(zip(different, matches(pattern, different).tolist(), strict=True))
    return np.array([found[text] for text in texts], np.bool_)


def _joined(op: str, left: Mask | bool, right: Mask | bool) -> Mask | bool:  # noqa: FBT001 - answers
    if isinstance(left, bool) and isinstance(right, bool):
        return (left and right) if op == "AND" else (left or right)
    return np.logical_and(left, right) if op == "AND" else np.logical_or(left, right)


def _of_series(expr: Binary, series: Series) -> bool:
    """A comparison of a tag with a text or an expression; a tag that a series does not have is empty."""
    ref, value, op = (expr.left, expr.right, expr.op)
    if not isinstance(ref, Ref):
        ref, value = value, ref
    if not isinstance(ref, Ref):
        raise Unanswered("invalid condition expression: a comparison without a tag or a field")
    if isinstance(value, Ref):
        same = series.tags.get(ref.name, "") == series.tags.get(value.name, "")
        return same if op == "=" else not same if op == "!=" else False
    if ref.kind not in {"", "tag"}:
        return False
    text = series.tags.get(ref.name, "")
    if isinstance(value, Text) and op in {"=", "!="}:
        return (text == value.value) == (op == "=")
    if isinstance(value, Regex) and op in {"=~", "!~"}:
        is_found = value.found[text] if text in value.found else bool(matches(value.pattern, [text])[0])
        return is_found == (op == "=~")
    return False


def _row_by_row(expr: Binary, series: Series, rows: Mapping[str, Column], fields: Mapping[str, Kind]) -> Mask:
    length = len(next(iter(rows.values())))
    if isinstance(expr.right, Regex):
        column = value_of(expr.left, series, rows, fields)
        if column.kind is not Kind.STRING or expr.op not in {"=~", "!~"}:
            return np.zeros(length, np.bool_)
        found = _in_rows(expr.right.pattern, column.values.tolist())
        return (found if expr.op == "=~" else ~found) & column.mask()
    if expr.op in {"=~", "!~"}:
        raise Unanswered(f"{expr.op} needs a regular expression")
    left, right = (value_of(side, series, rows, fields) for side in (expr.left, expr.right))
    if expr.op in {"+", "-", "*", "/", "%"}:
        raise Unanswered("invalid condition expression: a number is neither true nor false")
    return np.broadcast_to(compared(expr.op, left, right), (length,))


def value_of(expr: Expr, series: Series | None, rows: Mapping[str, Column], fields: Mapping[str, Kind]) -> Column:
    """A side of a comparison, or what a selected column is made of. Unanswered if it has no value."""
    if isinstance(expr, Number | Text | Boolean):
        return constant(expr.value)
    if isinstance(expr, Ref):
        if is_field(expr, fields):
            length = len(next(iter(rows.values())))
            return rows.get(expr.name) or nothing(fields[expr.name], length)
        return constant("" if series is None else series.tags.get(expr.name, ""))
    if isinstance(expr, Binary) and expr.op in {"+", "-", "*", "/", "%"}:
        return arithmetic(
            expr.op, value_of(expr.left, series, rows, fields), value_of(expr.right, series, rows, fields)
        )
    if isinstance(expr, Call):
        raise Unanswered(f"invalid function call in condition: {expr.name}()")
    raise Unanswered(f"a {type(expr).__name__.lower()} cannot stand in this place")
