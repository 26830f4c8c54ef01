"""The measures of ISA-18.2 and EEMUA 191, each one SQL query over `transitions` that SQLite and PostgreSQL both speak.

`Asked` says from when to when, and of which operator position. What began before the window counts as far as it lies
in it; what is not over by its end is cut off there, so that a week's figures stay what they were. A flood is looked
for from a day before the window on.
"""

from sqlalchemy import Connection

from domain.performance import Asked, Performance
from records.measures.floods import floods_of
from records.measures.rates import chattering_of, frequent_of, load_of, priorities_of, response_of
from records.measures.times import fleeting_of, put_away_of, stale_of, standing_of


def performance_of(connection: Connection, asked: Asked) -> Performance:
    """Every measure of a window, in one consistent view."""
    return Performance(
        asked=asked,
        load=load_of(connection, asked),
        floods=floods_of(connection, asked),
        frequent=frequent_of(connection, asked),
        chattering=chattering_of(connection, asked),
        fleeting=fleeting_of(connection, asked),
        stale=stale_of(connection, asked),
        standing=standing_of(connection, asked),
        priorities=priorities_of(connection, asked),
        response=response_of(connection, asked),
        put_away=put_away_of(connection, asked),
    )
