"""From text to trees. What is InfluxQL and not answered here is refused by its name, with where it stood."""

import functools
import re
from collections.abc import Mapping
from pathlib import Path

from lark import Lark, Token, Tree
from lark.exceptions import UnexpectedCharacters, UnexpectedEOF, UnexpectedInput, UnexpectedToken

from api.influxql.building import build
from api.influxql.faults import Unreadable, refused
from api.influxql.matching import check_repeats
from api.influxql.tree import Statement

LONGEST_QUERY = 32_768
MOST_STATEMENTS = 100
DEEPEST = 250
"""Levels of a tree: it is walked by recursion."""

_GRAMMAR = Path(__file__).with_name("grammar.lark")
_REFUSED = re.compile(
    r"\s*(alter|create|delete|drop|explain|grant|insert|kill|revoke|set|use"
    r"|show\s+(?:continuous|diagnostics|grants|queries|shard|shards|stats|subscriptions|users"
    r"|(?:tag\s+key|tag\s+values|field\s+key|series|measurement)\s+(?:exact\s+)?cardinality"
    r"|(?:series|measurement)\s+exact))\b(?:\s+(\w+))?",
    re.IGNORECASE,
)
_PLAIN = {
    "LSQB": "[",
    "SEMICOLON": ";",
    "$END": "EOF",
    "EQUALS": "=",
    "MATCHES": "=~",
    "ORDERED": "<",
    "STAR": "*",
    "OVER": "/",
    "SIGN": "+",
    "NAME": "identifier",
    "QUOTED": "identifier",
    "COMMA": ",",
    "LPAR": "(",
    "RPAR": ")",
    "DOT": ".",
    "__ANON_0": "::",
}


@functools.cache
def _parser() -> Lark:
    return Lark(
        _GRAMMAR.read_text(encoding="utf-8"),
        parser="lalr",
        lexer="contextual",
        maybe_placeholders=True,
        propagate_positions=False,
    )


def parse(text: str, values: Mapping[str, object] | None = None) -> list[Statement]:
    """The statements of a query, with `values` in the place of `$names`. Unreadable tells what stood where."""
    if not text.strip():
        raise Unreadable('missing required parameter "q"')
    if len(text) > LONGEST_QUERY:
        raise Unreadable(f"error parsing query: {len(text):,} characters are more than {LONGEST_QUERY:,}")
    check_repeats(f"{text} {values}")
    try:
        parsed: Tree[Token] = _parser().parse(text)
    except UnexpectedInput as error:
        raise _fault(text, error) from None
    if _depth(parsed) > DEEPEST:
        raise Unreadable(f"error parsing query: more than {DEEPEST} operators within each other")
    statements = build(parsed, dict(values or {}))
    if not statements:
        raise Unreadable('missing required parameter "q"')
    if len(statements) > MOST_STATEMENTS:
        raise Unreadable(f"error parsing query: {len(statements)} statements are more than {MOST_STATEMENTS}")
    return statements


def _depth(parsed: Tree[Token]) -> int:
    """Levels of the tree, without recursion."""
    level: list[Tree[Token]] = [parsed]
    depth = 0
    while level:
        depth += 1
        level = [child for tree in level for child in tree.children if isinstance(child, Tree)]
    return depth


def _fault(text: str, error: UnexpectedInput) -> Unreadable:
    """In InfluxDB's words, but for what it knows and this service does not answer."""
    at = len(text) if isinstance(error, UnexpectedEOF) else _place(text, error)
    before = text[:at]
    statement = text[before.rfind(";") + 1 :]
    named = _REFUSED.match(statement)
    if named is not None:
        words = " ".join(part for part in (*named[1].split(), named[2]) if part)
        return refused(words.upper())
    rest = text[at:]
    if re.match(r"into\b", rest, re.IGNORECASE):
        return refused("SELECT INTO")
    if rest.startswith("(") and re.search(r"\bfrom\s*$|,\s*$", before, re.IGNORECASE) and _after_from(statement):
        return refused("a subquery", "a measurement is asked for by its name")
    if rest[:1] in {"&", "|", "^"}:
        return refused(f"the operator {rest[0]}", "fields are compared, added, subtracted, multiplied and divided")
    line = before.count("\n") + 1
    column = at - (before.rfind("\n") + 1) + 1
    found = _word(rest)
    return Unreadable(f"error parsing query: found {found}, expected {_expected(error)} at line {line}, char {column}")


def _place(text: str, error: UnexpectedInput) -> int:
    if isinstance(error, UnexpectedToken) and error.token.type == "$END":
        return len(text)
    place = error.pos_in_stream
    return len(text) if place is None else place


def _after_from(statement: str) -> bool:
    return re.search(r"\bfrom\b", statement, re.IGNORECASE) is not None


def _word(rest: str) -> str:
    found = re.match(r"\w+|\"[^\"]*\"|'[^']*'|\S", rest)
    return "EOF" if found is None else found[0][:40]


def _expected(error: UnexpectedInput) -> str:
    names: set[str] = set()
    if isinstance(error, UnexpectedToken):
        names = set(error.accepts or error.expected)
    elif isinstance(error, UnexpectedCharacters):
        names = set(error.allowed or ())
    told = {_PLAIN.get(name, name.lstrip("_")) for name in names} - {"COMMENT"}
    return ", ".join(sorted(told)) or "a statement"
