"""What has to be said of the store's state once it was copied apart from the sealed files and the journal."""

from pathlib import Path
from sqlite3 import connect

from domain.entries import START, Position
from historian.chunks.database import naming, open_reader
from historian.chunks.state import read_figures


def allow_for_rows_up_to(state: Path, last: Position) -> None:
    """Note in a copied `state.db` that the sealed files beside it may hold rows of entries up to `last` already.

    They were copied after it, as after a crash between a seal and the cursor's move: what comes again is known again.
    """
    with naming(state):
        connection = connect(state, isolation_level=None)
        try:
            connection.execute("UPDATE state SET sealing_through=max(sealing_through, ?)", (last,))
        finally:
            connection.close()


def format_and_cursor(state: Path) -> tuple[int, Position]:
    """The format of a store, and how far it has come; without a `state.db` it has taken nothing."""
    if not state.exists():
        return 0, START
    connection = open_reader(state)
    try:
        with naming(state):
            return int(connection.execute("PRAGMA user_version").fetchone()[0]), read_figures(connection).cursor
    finally:
        connection.close()
