"""From the parser's tree to ours."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from lark import Token, Tree

from api.influxql.faults import Unreadable, refused
from api.influxql.literals import bound_value, duration_ns, unquoted
from api.influxql.tree import (
    Binary,
    Boolean,
    Call,
    Cut,
    Duration,
    Expr,
    Field,
    Fill,
    KeyFilter,
    Number,
    Ref,
    Regex,
    Select,
    Show,
    Source,
    Statement,
    Text,
    Wildcard,
)

Node = Tree[Token] | Token | None
Values = dict[str, object]

_SHOWN = {
    "show_databases": "databases",
    "show_policies": "policies",
    "show_measurements": "measurements",
    "show_tag_keys": "tag_keys",
    "show_tag_values": "tag_values",
    "show_field_keys": "field_keys",
    "show_series": "series",
}


def build(parsed: Tree[Token], values: Values) -> list[Statement]:
    """The statements of a parsed query."""
    return [_statement(child, values) for child in parsed.children if isinstance(child, Tree)]


def _statement(tree: Tree[Token], values: Values) -> Statement:
    return _select(tree, values) if tree.data == "select" else _show(tree, values)


def _select(tree: Tree[Token], values: Values) -> Select:
    found = _named(tree)
    chosen = found["fields"]
    fields = tuple(_field(child, values) for child in _trees(chosen.children))
    group = found.get("group")
    zone = found.get("zone")
    return Select(
        fields,
        _sources(found["from"]),
        _where(found.get("where"), values),
        () if group is None else tuple(_expr(child, values) for child in group.children),
        _fill(found.get("fill")),
        _descends(found.get("order")),
        _cut(found["cut"]),
        None if zone is None else unquoted(str(zone.children[0])),
    )


def _show(tree: Tree[Token], values: Values) -> Show:
    found = _named(tree)
    on = found.get("on")
    shown = Show(_SHOWN[str(tree.data)], None if on is None else _name(on.children[0]))
    if "from" in found:
        shown = replace(shown, sources=_sources(found["from"]))
    if "cut" in found:
        shown = replace(shown, cut=_cut(found["cut"]), descending=_descends(found.get("order")))
    for name, child in found.items():
        if name.startswith("with_measurement"):
            op, value = child.children
            if str(op) not in {"=", "=~"}:
                raise refused(f"WITH MEASUREMENT {op}", "= and =~ are")
            source = _regex(value) if name.endswith("regex") else _name(value)
            shown = replace(shown, with_measurement=Source(source))
        elif name.startswith("with_key"):
            shown = replace(shown, with_key=_key_filter(child))
    return replace(shown, where=_where(found.get("where"), values))


def _key_filter(tree: Tree[Token]) -> KeyFilter:
    if tree.data == "with_key_in":
        return KeyFilter("IN", tuple(_name(child) for child in tree.children))
    op = str(tree.children[0]).replace("<>", "!=")
    if tree.data == "with_key_regex":
        return KeyFilter(op, pattern=_regex(tree.children[1]).pattern)
    return KeyFilter(op, (_name(tree.children[1]),))


def _named(tree: Tree[Token]) -> dict[str, Tree[Token]]:
    return {str(child.data): child for child in _trees(tree.children)}


def _trees(children: Sequence[Node]) -> list[Tree[Token]]:
    return [child for child in children if isinstance(child, Tree)]


def _name(node: Node) -> str:
    assert isinstance(node, Token)
    return unquoted(str(node)) if node.type == "QUOTED" else str(node)


def _regex(node: Node) -> Regex:
    assert isinstance(node, Token)
    return Regex(str(node)[1:-1].replace("\\/", "/"))


def _field(tree: Tree[Token], values: Values) -> Field:
    expr, alias = tree.children
    return Field(_expr(expr, values), None if alias is None else _name(alias))


def _sources(tree: Tree[Token]) -> tuple[Source, ...]:
    return tuple(_source(child) for child in _trees(tree.children))


def _source(tree: Tree[Token]) -> Source:
    *outer, last = tree.children
    name = _regex(last) if "regex" in str(tree.data) else _name(last)
    if tree.data == "source_default":
        return Source(name, database=_name(outer[0]))
    qualifiers = [_name(part) for part in outer]
    database = qualifiers[0] if len(qualifiers) == 2 else None
    return Source(name, database, qualifiers[-1] if qualifiers else None)


def _where(tree: Tree[Token] | None, values: Values) -> Expr | None:
    return None if tree is None else _expr(tree.children[0], values)


def _fill(tree: Tree[Token] | None) -> Fill:
    if tree is None:
        return Fill()
    *sign, value = tree.children
    assert isinstance(value, Token)
    if value.type == "FILL_WITH":
        return Fill(str(value).lower())
    return Fill("number", (-1 if sign and str(sign[0]) == "-" else 1) * _number(value))


def _number(token: Token) -> int | float:
    if token.type != "INTEGER":
        return float(token)
    number = int(token)
    if number >= 2**64:
        raise Unreadable("error parsing query: unable to parse integer")
    return number


def _descends(tree: Tree[Token] | None) -> bool:
    if tree is None:
        return False
    first = tree.children[0]
    assert isinstance(first, Token)
    direction = first if first.type == "DIRECTION" else tree.children[1]
    if first.type != "DIRECTION" and _name(first).lower() != "time":
        raise Unreadable("error parsing query: only ORDER BY time supported at this time")
    return direction is not None and str(direction).lower() == "desc"


def _cut(tree: Tree[Token]) -> Cut:
    limit, offset, series_limit, series_offset = (None if part is None else int(str(part)) for part in tree.children)
    # InfluxDB takes a limit of nothing as none.
    return Cut(limit or None, offset or 0, series_limit or None, series_offset or 0)


def _binary(children: Sequence[Node], values: Values) -> Expr:
    left, op, right = children
    told = {"AND": "AND", "OR": "OR", "<>": "!="}.get(str(op).upper(), str(op))
    return Binary(told, _expr(left, values), _expr(right, values))


def _signed(children: Sequence[Node], values: Values) -> Expr:
    sign, operand = children
    value = _expr(operand, values)
    if str(sign) == "+":
        return value
    if isinstance(value, Number):
        return Number(-value.value)
    if isinstance(value, Duration):
        return Duration(-value.ns)
    return Binary("*", Number(-1), value)


def _bound(children: Sequence[Node], values: Values) -> Expr:
    name = str(children[0])[1:]
    return bound_value(unquoted(name) if name.startswith('"') else name, values)


def _call(children: Sequence[Node], values: Values) -> Expr:
    name, *arguments = children
    return Call(str(name).lower(), tuple(_expr(argument, values) for argument in arguments if argument is not None))


_MADE: dict[str, Callable[[Sequence[Node], Values], Expr]] = {
    "binary": _binary,
    "signed": _signed,
    "bound": _bound,
    "call": _call,
    "integer": lambda children, _: Number(_number_of(children[0])),
    "number": lambda children, _: Number(_number_of(children[0])),
    "duration": lambda children, _: Duration(duration_ns(str(children[0]))),
    "string": lambda children, _: Text(unquoted(str(children[0]))),
    "truth": lambda children, _: Boolean(str(children[0]).lower() == "true"),
    "regex": lambda children, _: _regex(children[0]),
    "wildcard": lambda children, _: Wildcard(_kind(children[1])),
    "ref": lambda children, _: Ref(_name(children[0]), _kind(children[1])),
    "distinct": lambda children, values: Call("distinct", (_expr(children[0], values),)),
    "distinct_name": lambda children, _: Call("distinct", (Ref(_name(children[0])),)),
}


def _number_of(node: Node) -> int | float:
    assert isinstance(node, Token)
    return _number(node)


def _kind(node: Node) -> str:
    return "" if node is None else str(node).lower()


def _expr(node: Node, values: Values) -> Expr:
    assert isinstance(node, Tree)
    return _MADE[str(node.data)](node.children, values)
