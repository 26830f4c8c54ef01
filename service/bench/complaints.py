"""Gathers what is wrong with a document, and reads quantities on the way."""

from collections.abc import Iterable

from domain.errors import Complaint, ConfigError
from service.bench import values
from service.config.document import Document


class Complaints:
    """Everything that is wrong with one document; its length is how many there are."""

    def __init__(self, document: Document) -> None:
        self._document = document
        self._found: list[Complaint] = []

    def __len__(self) -> int:
        """How many there are so far."""
        return len(self._found)

    def add(self, path: Iterable[str], message: str) -> None:
        """Complain about the value at a path, or at its nearest parent that has a place."""
        self._found.append(self._document.complain(tuple(path), message))

    def raise_any(self) -> None:
        """Raise ConfigError with all of them, each once, from the top of the file to its end; without any, nothing."""
        if self._found:
            in_order = sorted(dict.fromkeys(self._found), key=lambda each: (each.file, each.line, each.column))
            raise ConfigError(tuple(in_order))

    def point(self, path: Iterable[str], text: str | float, unit: str, bare: str | None = None) -> float | None:
        """A point in `unit`; a bare number is in `bare`, where that is another. None after a complaint."""
        try:
            return values.point(text if bare is None or isinstance(text, str) else f"{text!r} {bare}", unit)
        except ValueError as error:
            self.add(path, str(error))
            return None

    def amount(self, path: Iterable[str], text: str | float, unit: str) -> float | None:
        """A size or a difference in `unit`; None after a complaint."""
        try:
            return values.amount(text, unit)
        except ValueError as error:
            self.add(path, str(error))
            return None
