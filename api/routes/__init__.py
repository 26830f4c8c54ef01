"""The routes, one noun a file."""

from starlette.convertors import Convertor, register_url_convertor


class _AnyText(Convertor[str]):
    """Names as plants give them: starlette's own `path` ends at a line break, and nobody could open such a batch."""

    regex = r"(?s:.*)"

    def convert(self, value: str) -> str:
        """As it stands in the path."""
        return value

    def to_string(self, value: str) -> str:
        """As it stands in the path."""
        return value


register_url_convertor("path", _AnyText())  # before a route is made: modules beside this one make them
