"""Where the records of a configuration are, and opening them; waiting for the journal that the core makes."""

import asyncio
import os
import pwd

from domain.errors import ThermowellError
from historian.journal.reader import ReadOnlyJournal
from records.address import Address
from records.database import SqlRecords
from service.config.build import Configuration
from service.files import Files

_LOOK_EVERY_S = 0.2


def address_of(configuration: Configuration) -> Address:
    """The server that the configuration names, else the file in the data folder."""
    return Files(configuration.data).records if configuration.records is None else configuration.records


def open_records(configuration: Configuration) -> SqlRecords:
    """Open the records; `SqlRecords.open` says what may be wrong."""
    return SqlRecords.open(address_of(configuration))


def machine_user() -> str:
    """Who runs a command on this machine, as the audit trail names them where nobody logged in."""
    try:
        name = pwd.getpwuid(os.getuid()).pw_name
    except KeyError:  # a container may run as a number without a name
        name = f"user {os.getuid()}"
    return f"{name} on this machine"


async def journal_there(files: Files, stop: asyncio.Event) -> bool:
    """Wait for the core to make its files; False when told to stop before."""
    while not stop.is_set():
        try:
            ReadOnlyJournal(files.journal).close()
        except (ThermowellError, OSError):
            await asyncio.sleep(_LOOK_EVERY_S)
        else:
            return True
    return False
