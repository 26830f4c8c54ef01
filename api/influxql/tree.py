"""A query as a tree: what the parser makes and the evaluation walks. Times and durations are whole ns."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias, Union


@dataclass(frozen=True, slots=True)
class Number:
    """A number; what was written without a point is an integer."""

    value: int | float


@dataclass(frozen=True, slots=True)
class Text:
    """What stood in single quotes; beside `time` it is a date."""

    value: str


@dataclass(frozen=True, slots=True)
class Boolean:
    """`true` or `false`."""

    value: bool


@dataclass(frozen=True, slots=True)
class Duration:
    """`90m`, `1h30m`."""

    ns: int


@dataclass(frozen=True, slots=True)
class Moment:
    """A moment: a date that was read, or `now()` that was put in."""

    ns: int


@dataclass(frozen=True, slots=True)
class Regex:
    """A regular expression in RE2's syntax, without its slashes; `found` is where it was looked for already."""

    pattern: str
    found: Mapping[str, bool] = field(default_factory=dict, compare=False)


@dataclass(frozen=True, slots=True)
class Ref:
    """A field or a tag by name; `kind` is what was written after `::`, or nothing."""

    name: str
    kind: str = ""


@dataclass(frozen=True, slots=True)
class Wildcard:
    """`*`, `*::tag` or `*::field`."""

    kind: str = ""


@dataclass(frozen=True, slots=True)
class Call:
    """A function of its arguments; the name in lower case."""

    name: str
    args: tuple["Expr", ...]


@dataclass(frozen=True, slots=True)
class Binary:
    """Two operands; `op` as written, `AND` and `OR` in capitals."""

    op: str
    left: "Expr"
    right: "Expr"


Expr: TypeAlias = Union[Number, Text, Boolean, Duration, Moment, Regex, Ref, Wildcard, Call, Binary]  # noqa: UP007 - recursive


@dataclass(frozen=True, slots=True)
class Field:
    """One selected column."""

    expr: Expr
    alias: str | None = None


@dataclass(frozen=True, slots=True)
class Source:
    """A measurement by name or by regular expression; database and retention policy where they were written."""

    name: str | Regex
    database: str | None = None
    policy: str | None = None


@dataclass(frozen=True, slots=True)
class Cut:
    """How much of the rows and of the series is asked for; None: all."""

    limit: int | None = None
    offset: int = 0
    series_limit: int | None = None
    series_offset: int = 0


@dataclass(frozen=True, slots=True)
class Fill:
    """What stands in buckets without a value: `null`, `none`, `previous`, `linear` or `number`."""

    kind: str = "null"
    number: int | float = 0


@dataclass(frozen=True, slots=True)
class Select:
    """A SELECT statement."""

    fields: tuple[Field, ...]
    sources: tuple[Source, ...]
    where: Expr | None = None
    dimensions: tuple[Expr, ...] = ()
    fill: Fill = Fill()
    descending: bool = False
    cut: Cut = Cut()
    zone: str | None = None


@dataclass(frozen=True, slots=True)
class KeyFilter:
    """Which tag keys: `=`, `!=`, `=~`, `!~` or `IN`."""

    op: str
    keys: tuple[str, ...] = ()
    pattern: str = ""


@dataclass(frozen=True, slots=True)
class Show:
    """A SHOW statement.

    `what` is `databases`, `policies`, `measurements`, `tag_keys`, `tag_values`, `field_keys` or `series`.
    """

    what: str
    database: str | None = None
    sources: tuple[Source, ...] = ()
    with_measurement: Source | None = None
    with_key: KeyFilter | None = None
    where: Expr | None = None
    descending: bool = False
    cut: Cut = Cut()


Statement: TypeAlias = Select | Show


def parts(expr: Expr) -> Iterator[Expr]:
    """The expression and everything in it, outside first."""
    yield expr
    if isinstance(expr, Binary):
        yield from parts(expr.left)
        yield from parts(expr.right)
    elif isinstance(expr, Call):
        for argument in expr.args:
            yield from parts(argument)
