"""Wakes another process of this service after a commit: one datagram, never waited for.

A lost datagram costs a second (everyone polls behind it), never data.
"""

import asyncio
import contextlib
import os
import socket
from collections.abc import Iterator
from pathlib import Path


class Waker:
    """Sends to some addresses; nobody listening is no error."""

    def __init__(self, folder: Path, *names: str) -> None:
        self._folder = os.open(folder, os.O_DIRECTORY)
        self._addresses = [_short_address(self._folder, name) for name in names]
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.setblocking(False)

    def wake(self, *_: object) -> None:
        """Tell the listeners that there is something new; any thread, never blocks."""
        for address in self._addresses:
            # A full or absent listener looks by itself within a second.
            with contextlib.suppress(OSError):
                self._socket.sendto(b"\1", address)

    def close(self) -> None:
        """Let go of the socket."""
        self._socket.close()
        os.close(self._folder)


@contextlib.contextmanager
def listening(folder: Path, name: str, event: asyncio.Event) -> Iterator[None]:
    """Set the event whenever a datagram comes; needs a running loop."""
    directory = os.open(folder, os.O_DIRECTORY)
    address = _short_address(directory, name)
    (folder / name).unlink(missing_ok=True)
    receiver = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    receiver.setblocking(False)
    receiver.bind(address)
    loop = asyncio.get_running_loop()

    def drain() -> None:
        with contextlib.suppress(BlockingIOError):
            while receiver.recv(64):
                pass
        event.set()

    loop.add_reader(receiver, drain)
    try:
        yield
    finally:
        loop.remove_reader(receiver)
        receiver.close()
        (folder / name).unlink(missing_ok=True)
        os.close(directory)


def _short_address(directory: int, name: str) -> str:
    """A path by descriptor: an AF_UNIX address holds 107 bytes, a data folder's path may be longer."""
    return f"/proc/self/fd/{directory}/{name}"
