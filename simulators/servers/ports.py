"""Ports on the loopback: free ones, and one's own."""

import errno
import socket
from typing import Final

_HOST: Final = "127.0.0.1"


def free_port() -> int:
    """A port that nobody listens on now; somebody else may take it before it is bound: try again then."""
    with socket.socket() as probe:
        probe.bind((_HOST, 0))
        port: int = probe.getsockname()[1]
        return port


def own_port(port: int) -> socket.socket:
    """A socket on a port that nobody else has (0: any), not listening yet; OSError says that it is taken."""
    made = socket.socket()
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # connections that ended a moment ago do not matter
        made.bind((_HOST, port))
    except OSError as error:
        made.close()
        if error.errno != errno.EADDRINUSE:
            raise
        raise OSError(f"port {port} is taken") from error
    made.setblocking(False)
    return made


def require_free(port: int) -> None:
    """OSError: somebody has the port already. For a server that binds it itself, and says less when it cannot."""
    own_port(port).close()
