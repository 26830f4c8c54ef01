"""A SELECT before anything is read: what its columns are made of, and whether InfluxQL allows them together."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import tzinfo
from zoneinfo import ZoneInfo

from api.influxql.columns import Kind
from api.influxql.conditions import Span, is_field, split_time, with_now
from api.influxql.faults import Unanswered
from api.influxql.literals import date_ns, looks_like_a_date
from api.influxql.matching import matches
from api.influxql.schema import Measurement
from api.influxql.tree import (
    Binary,
    Call,
    Duration,
    Expr,
    Field,
    Moment,
    Number,
    Ref,
    Regex,
    Select,
    Text,
    Wildcard,
    parts,
)
from api.influxql.windows import Interval

AGGREGATES = frozenset({"count", "sum", "mean", "median", "mode", "stddev", "spread"})
SELECTORS = frozenset({"first", "last", "min", "max", "percentile"})
TRANSFORMS = frozenset(
    {
        "derivative",
        "non_negative_derivative",
        "difference",
        "non_negative_difference",
        "moving_average",
        "cumulative_sum",
        "elapsed",
    }
)
FUNCTIONS = AGGREGATES | SELECTORS | TRANSFORMS | {"distinct"}
_WITH_UNIT = frozenset({"derivative", "non_negative_derivative", "elapsed"})
_ALSO_TEXTS = frozenset({"count", "first", "last", "distinct", "elapsed", "mode"})
_ALSO_BOOLEANS = _ALSO_TEXTS | {"min", "max"}
MOST_COLUMNS = 200


@dataclass(frozen=True, slots=True)
class Plan:
    """One SELECT on one measurement; `calls` are the functions whose points make the rows, in the order of writing."""

    select: Select
    span: Span
    where: Expr | None
    interval: Interval | None
    zone: tzinfo | None
    names: tuple[str, ...]
    exprs: tuple[Expr, ...]
    calls: tuple[Call, ...]
    dimensions: tuple[str, ...]

    @property
    def selects_rows(self) -> bool:
        """Whether one selector chooses a row, whose time and other columns are told."""
        return len(self.calls) == 1 and self.calls[0].name in SELECTORS


def zone_of(name: str | None) -> tzinfo | None:
    """The time zone of `tz()`. Unanswered if nobody knows it."""
    if name is None:
        return None
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise Unanswered(f"unable to find time zone {name}") from None


def plan(select: Select, measurement: Measurement, now_ns: int) -> Plan:
    """What a SELECT asks of a measurement. Unanswered if its parts do not go together."""
    zone = zone_of(select.zone)
    span, where = split_time(select.where, now_ns, zone)
    interval = _interval(select, now_ns, zone)
    if interval is not None and span.last_ns is None:
        span = replace(span, last_ns=now_ns)
    dimensions = _dimensions(select, measurement)
    fields = _expanded(select, measurement, dimensions)
    asked = [field for field in fields if not _is_time(field.expr)]
    aliases = [field.alias for field in fields if _is_time(field.expr) and field.alias]
    if not asked:
        if any(not _is_time(field.expr) for field in select.fields):
            asked = []  # a wildcard that met nothing
        else:
            raise Unanswered("at least 1 non-time field must be queried")
    if len(asked) > MOST_COLUMNS:
        raise Unanswered(f"{len(asked)} columns are more than {MOST_COLUMNS}")
    exprs = tuple(with_now(field.expr, now_ns, zone) for field in asked)
    calls = _calls(exprs)
    for expr in exprs:
        _check(expr, interval)
    _check_together(select, exprs, calls, interval)
    names = (aliases[0] if aliases else "time", *_column_names(asked))
    return Plan(select, span, where, interval, zone, names, exprs, calls, dimensions)


def _is_time(expr: Expr) -> bool:
    return isinstance(expr, Ref) and expr.name == "time" and not expr.kind


def _interval(select: Select, now_ns: int, zone: tzinfo | None) -> Interval | None:
    found: Interval | None = None
    for dimension in select.dimensions:
        if isinstance(dimension, Ref) and dimension.name.lower() == "time":
            raise Unanswered("time() is a function and expects at least one argument")
        if not isinstance(dimension, Call):
            if not isinstance(dimension, Ref | Wildcard | Regex):
                raise Unanswered("only time and tag dimensions allowed")
            continue
        if dimension.name != "time":
            raise Unanswered("only time() calls allowed in dimensions")
        if found is not None:
            raise Unanswered("multiple time dimensions not allowed")
        if not 1 <= len(dimension.args) <= 2:
            raise Unanswered("time dimension expected 1 or 2 arguments")
        width, *offset = dimension.args
        if not isinstance(width, Duration) or width.ns <= 0:
            raise Unanswered("time dimension must have duration argument")
        found = Interval(width.ns, _offset(offset[0], width.ns, now_ns, zone) if offset else 0, zone)
    return found


def _offset(written: Expr, width_ns: int, now_ns: int, zone: tzinfo | None) -> int:
    offset = with_now(written, now_ns, zone)
    if isinstance(offset, Duration):
        # The sign stays, as in Go's remainder.
        return offset.ns % width_ns if offset.ns >= 0 else -(-offset.ns % width_ns)
    if isinstance(offset, Moment):
        return offset.ns % width_ns
    if isinstance(offset, Text) and looks_like_a_date(offset.value):
        return date_ns(offset.value, zone) % width_ns
    raise Unanswered("time dimension offset must be duration or now()")


def _dimensions(select: Select, measurement: Measurement) -> tuple[str, ...]:
    names: list[str] = []
    for dimension in select.dimensions:
        if isinstance(dimension, Ref):
            names.append(dimension.name)
        elif isinstance(dimension, Wildcard):
            names += measurement.tag_keys
        elif isinstance(dimension, Regex):
            keys = measurement.tag_keys
            names += [key for key, is_met in zip(keys, matches(dimension.pattern, keys), strict=True) if is_met]
    return tuple(dict.fromkeys(names))


def _expanded(select: Select, measurement: Measurement, dimensions: tuple[str, ...]) -> list[Field]:
    """The fields with `*` and regular expressions written out: fields and tags by name, less the grouped tags."""
    has_every_tag = any(isinstance(one, Wildcard | Regex) for one in select.dimensions)
    tags = [] if has_every_tag else [key for key in measurement.tag_keys if key not in dimensions]
    known = sorted([*((name, "field") for name in measurement.fields), *((key, "tag") for key in tags)])
    made: list[Field] = []
    for field in select.fields:
        expr = field.expr
        if isinstance(expr, Wildcard):
            made += [Field(Ref(name, kind)) for name, kind in known if expr.kind in {"", kind}]
        elif isinstance(expr, Regex):
            found = matches(expr.pattern, [name for name, _ in known])
            made += [Field(Ref(name, kind)) for (name, kind), is_met in zip(known, found, strict=True) if is_met]
        elif isinstance(expr, Call) and isinstance(_innermost(expr), Wildcard | Regex):
            made += _expanded_call(field, expr, measurement)
        elif any(isinstance(one, Wildcard) for one in parts(expr)):
            raise Unanswered("unable to use wildcard in a binary expression")
        elif any(isinstance(one, Regex) for one in parts(expr)):
            raise Unanswered("unable to use regex in a binary expression")
        else:
            made.append(field)
    return made


def _innermost(expr: Expr) -> Expr:
    while isinstance(expr, Call) and expr.args:
        expr = expr.args[0]
    return expr


def _expanded_call(field: Field, call: Call, measurement: Measurement) -> list[Field]:
    inner = _innermost(call)
    if isinstance(inner, Wildcard) and inner.kind == "tag":
        raise Unanswered(f"unable to use tag wildcard in {call.name}()")
    function = call
    while isinstance(function.args[0], Call):
        function = function.args[0]
    kinds = {Kind.FLOAT, Kind.INTEGER}
    kinds |= {Kind.STRING} if function.name in _ALSO_TEXTS else set()
    kinds |= {Kind.BOOLEAN} if function.name in _ALSO_BOOLEANS else set()
    names = sorted(name for name, kind in measurement.fields.items() if kind in kinds)
    if isinstance(inner, Regex):
        names = [name for name, is_met in zip(names, matches(inner.pattern, names), strict=True) if is_met]
    head = field.alias or call.name
    return [Field(_with_innermost(call, Ref(name, "field")), f"{head}_{name}") for name in names]


def _with_innermost(call: Call, ref: Ref) -> Call:
    first, *rest = call.args
    return Call(call.name, (_with_innermost(first, ref) if isinstance(first, Call) else ref, *rest))


def _calls(exprs: tuple[Expr, ...]) -> tuple[Call, ...]:
    """The outermost functions, each once."""
    found: dict[Call, None] = {}

    def look(expr: Expr) -> None:
        if isinstance(expr, Call):
            found[expr] = None
        elif isinstance(expr, Binary):
            look(expr.left)
            look(expr.right)

    for expr in exprs:
        look(expr)
    return tuple(found)


def _check(expr: Expr, interval: Interval | None) -> None:
    if isinstance(expr, Number | Text | Duration | Moment):
        raise Unanswered("field must contain at least one variable")
    if isinstance(expr, Call):
        _check_call(expr, interval)
    elif isinstance(expr, Binary):
        if expr.op not in {"+", "-", "*", "/", "%"}:
            raise Unanswered(f"invalid operator {expr.op} in SELECT")
        for side in (expr.left, expr.right):
            if not isinstance(side, Number):
                _check(side, interval)


def _check_call(call: Call, interval: Interval | None) -> None:
    name, arguments = call.name, call.args
    if name not in FUNCTIONS:
        raise Unanswered(f"undefined function {name}(): {_known_elsewhere(name)}")
    most = 2 if name in _WITH_UNIT | {"percentile", "moving_average"} else 1
    least = 2 if name in {"percentile", "moving_average"} else 1
    if not least <= len(arguments) <= most:
        expected = str(most) if least == most else f"at least {least} but no more than {most}"
        raise Unanswered(f"invalid number of arguments for {name}, expected {expected}, got {len(arguments)}")
    _check_second(name, arguments)
    inner = arguments[0]
    if name in TRANSFORMS:
        if isinstance(inner, Call):
            if interval is None:
                raise Unanswered(f"{name} aggregate requires a GROUP BY interval")
            if inner.name in TRANSFORMS:
                raise Unanswered(f"{name}({inner.name}(…)) is not answered by this service")
            _check_call(inner, interval)
            return
        if interval is not None:
            raise Unanswered(f"aggregate function required inside the call to {name}")
    elif name == "count" and isinstance(inner, Call) and inner.name == "distinct":
        _check_call(inner, interval)
        return
    if not isinstance(inner, Ref):
        raise Unanswered(f"expected field argument in {name}()")


def _known_elsewhere(name: str) -> str:
    return f"this service answers {', '.join(sorted(FUNCTIONS))}" if name else "a function has a name"


def _check_second(name: str, arguments: tuple[Expr, ...]) -> None:
    if len(arguments) < 2:
        return
    second = arguments[1]
    if name in _WITH_UNIT and (not isinstance(second, Duration) or second.ns <= 0):
        raise Unanswered(f"second argument to {name} must be a positive duration")
    if name == "percentile" and not isinstance(second, Number):
        raise Unanswered("expected float argument in percentile()")
    if name == "moving_average" and (not isinstance(second, Number) or not isinstance(second.value, int)):
        raise Unanswered("second argument for moving_average must be an integer")
    if name == "moving_average" and isinstance(second, Number) and second.value <= 1:
        raise Unanswered(f"moving_average window must be greater than 1, got {second.value}")


def _check_together(
    select: Select, exprs: tuple[Expr, ...], calls: tuple[Call, ...], interval: Interval | None
) -> None:
    has_refs = any(_bare_ref(expr) for expr in exprs)
    if not calls:
        if select.fill.kind in {"none", "linear"}:
            raise Unanswered(f"fill({select.fill.kind}) must be used with a function")
        if interval is not None:
            raise Unanswered("GROUP BY requires at least one aggregate function")
        return
    if any(call.name == "distinct" for call in calls) and (len(calls) != 1 or has_refs):
        raise Unanswered("aggregate function distinct() cannot be combined with other functions or fields")
    if has_refs and any(call.name not in SELECTORS for call in calls):
        raise Unanswered("mixing aggregate and non-aggregate queries is not supported")
    if has_refs and len(calls) > 1:
        raise Unanswered("mixing multiple selector functions with tags or fields is not supported")


def _bare_ref(expr: Expr) -> bool:
    """Whether a column has a field or a tag outside of any function."""
    if isinstance(expr, Binary):
        return _bare_ref(expr.left) or _bare_ref(expr.right)
    return isinstance(expr, Ref)


def _column_names(fields: list[Field]) -> list[str]:
    """Aliases first, then what each column is made of; a name that is taken gets a number."""
    taken = {field.alias: 1 for field in fields if field.alias}
    names: list[str] = []
    for field in fields:
        name = field.alias
        if not name:
            name = made = _name_of(field.expr)
            while name in taken:
                name = f"{made}_{taken[made]}"
                taken[made] += 1
            taken[name] = taken.get(name, 0) + 1
        names.append(name)
    return names


def _name_of(expr: Expr) -> str:
    if isinstance(expr, Binary):
        return "_".join(name for name in (_name_of(expr.left), _name_of(expr.right)) if name)
    return expr.name if isinstance(expr, Call | Ref) else ""


def fields_read(plan_: Plan, fields: Mapping[str, Kind]) -> frozenset[str]:
    """Every field that has to be read for the columns; those of the condition come on top."""
    return frozenset(
        one.name for expr in plan_.exprs for one in parts(expr) if isinstance(one, Ref) and is_field(one, fields)
    )
