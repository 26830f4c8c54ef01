"""Ports for servers of tests that have to know their port before they start."""

import itertools
import os
import socket
from typing import Final

_FIRST: Final = 10_000
_COUNT: Final = 20_000
"""Below what the kernel gives to outgoing connections: none of them takes a port between the look and the server."""
_offered = itertools.count(os.getpid() * 97)  # processes that test at the same time begin at different places


def free_port() -> int:
    """A port of the loopback that nobody listens on, and that this process was not given before."""
    for number in itertools.islice(_offered, _COUNT):
        port = _FIRST + number % _COUNT
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # connections that ended do not matter
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise AssertionError("no port is free")
