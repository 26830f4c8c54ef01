"""The last answers to questions that are asked again and again although nothing was written since."""

from collections.abc import Callable, Hashable
from threading import Lock
from typing import Generic, TypeVar

Item = TypeVar("Item")
_KEPT = 8


class Memo(Generic[Item]):
    """Keeps a few lists, each as of the newest row that it was read at. Any thread may ask."""

    def __init__(self) -> None:
        self._answers: dict[Hashable, tuple[int, tuple[Item, ...]]] = {}
        self._lock = Lock()

    def answer(self, question: Hashable, newest: int, ask: Callable[[], list[Item]]) -> list[Item]:
        """The answer as of `newest`: the one that is kept, else `ask()`."""
        with self._lock:
            as_of, kept = self._answers.get(question, (-1, ()))
        if as_of == newest:
            return list(kept)
        answer = ask()
        with self._lock:
            self._answers.pop(question, None)
            self._answers[question] = (newest, tuple(answer))
            while len(self._answers) > _KEPT:
                del self._answers[next(iter(self._answers))]
        return answer
