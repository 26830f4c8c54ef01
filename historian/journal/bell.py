"""Wakes everybody who waits for the journal, on whatever event loop, from any thread."""

import asyncio
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial


class Bell:
    """Rung after each commit. A listener clears its event before it looks, so that no ring is missed."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._listeners: dict[asyncio.AbstractEventLoop, set[asyncio.Event]] = {}

    @contextmanager
    def listening(self) -> Iterator[asyncio.Event]:
        """An event of the running loop that every ring sets."""
        loop, event = asyncio.get_running_loop(), asyncio.Event()
        with self._lock:
            self._listeners.setdefault(loop, set()).add(event)
        try:
            yield event
        finally:
            with self._lock:
                self._listeners[loop].discard(event)
                if not self._listeners[loop]:
                    del self._listeners[loop]

    def ring(self) -> None:
        """Set every listener's event, soon: one wake-up for each loop."""
        with self._lock:
            loops = [(loop, tuple(events)) for loop, events in self._listeners.items()]
        for loop, events in loops:
            call_in(loop, partial(_set_all, events))


def _set_all(events: Iterable[asyncio.Event]) -> None:
    for event in events:
        event.set()


def call_in(loop: asyncio.AbstractEventLoop, call: Callable[[], object]) -> None:
    """Run something on a loop; a loop that has ended has nobody left to tell."""
    try:
        loop.call_soon_threadsafe(call)
    except RuntimeError:
        if not loop.is_closed():
            raise
