"""Texts as PostgreSQL can hold them: it has no NUL character, and instruments send some."""

from sqlalchemy import Dialect, Text
from sqlalchemy.types import TypeDecorator

_ESCAPE, _NUL = "\x1a", "\x00"


class AnyText(TypeDecorator[str]):
    """Text in which NUL stands as SUB and `0`, and SUB as SUB and `1`: equal texts stay equal, and nothing is lost."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:  # noqa: ARG002  as SQLAlchemy calls
        """On its way into the database."""
        if value is None or (_NUL not in value and _ESCAPE not in value):
            return value
        return value.replace(_ESCAPE, _ESCAPE + "1").replace(_NUL, _ESCAPE + "0")

    def process_result_value(self, value: str | None, dialect: Dialect) -> str | None:  # noqa: ARG002  as SQLAlchemy calls
        """On its way out."""
        if value is None or _ESCAPE not in value:
            return value
        return value.replace(_ESCAPE + "0", _NUL).replace(_ESCAPE + "1", _ESCAPE)


def portable_text() -> Text:
    """Text that both databases keep to the character, and order by its code points."""
    return Text().with_variant(AnyText(collation="C"), "postgresql")
