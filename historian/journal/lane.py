"""Where the journal's writing happens: a thread of its own, or whatever else takes turns."""

import threading
import time
from collections.abc import Callable
from typing import Protocol

Turn = Callable[[], float | None]
"""Does what is due, and says for how many seconds nothing else will be unless it is nudged; None: it was the last."""


class Lane(Protocol):
    """Takes one turn after the other, never two at once."""

    def now_s(self) -> float:
        """The time in which the turns count, s; never set back."""
        ...

    def start(self, turn: Turn) -> None:
        """Take turns from now on."""
        ...

    def nudge(self) -> None:
        """There is news: take a turn soon. From any thread."""
        ...

    def join(self, limit_s: float) -> bool:
        """Wait until the last turn was taken; whether it was."""
        ...


class ThreadLane:
    """A thread, in the machine's time."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._news = threading.Event()
        self._thread: threading.Thread | None = None

    def now_s(self) -> float:
        """The machine's monotonic clock."""
        return time.monotonic()

    def start(self, turn: Turn) -> None:
        """Begin the thread; it does not keep the process alive."""
        self._thread = threading.Thread(target=self._live, args=(turn,), name=self._name, daemon=True)
        self._thread.start()

    def nudge(self) -> None:
        """Wake the thread."""
        self._news.set()

    def join(self, limit_s: float) -> bool:
        """Wait for the thread's end."""
        assert self._thread is not None
        self._thread.join(limit_s)
        return not self._thread.is_alive()

    def _live(self, turn: Turn) -> None:
        while (wait_s := turn()) is not None:
            self._news.wait(wait_s)
            self._news.clear()
